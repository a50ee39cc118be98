"""The suppression list of one sender in one budget, with plain or encrypted numbers.

After encryption was switched on or off, a sender has two lists until `rewrite` merges them. This class hides that.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from outbound_chat.client.steps.base import Steps, ask
from outbound_chat.encryption import Damaged, RequestCipher
from outbound_chat.model.errors import MissingEncryptionKey, StoreError
from outbound_chat.model.operations import SuppressedNumber
from outbound_chat.model.times import from_ms, to_ms
from outbound_chat.store import Keys, scripts
from outbound_chat.store.scripts import FIRST_PAGE, Listed, OtherKey

T = TypeVar("T")

MARKED = "m"
"""First character of the cursor of a page of blind indexes."""
SYNC_REASON = re.compile(r"opt-out list [\w-]+ of \d{12} in [a-z0-9-]+", re.ASCII)
"""The reason of entries that come from an opt-out list of AWS. A person can't give it."""


def sync_reason(list_arn: str) -> str:
    """Returns the reason of entries that come from the opt-out list with this ARN."""
    *_, region, account, name = list_arn.split(":")
    return f"opt-out list {name.removeprefix('opt-out-list/')} of {account} in {region}"


@dataclass(frozen=True, slots=True)
class NumberList:
    """The numbers that a sender must not contact."""

    keys: Keys
    sender: str
    cipher: RequestCipher = field(repr=False)

    def add(self, entries: Sequence[tuple[str, int, str]]) -> Steps[int]:
        """Adds numbers, each with a reason and its time in ms. 0: now, unless it is already listed."""
        cipher, key_id = self.cipher, ""
        # Of an encrypted reason, the scripts see only this mark.
        marked = [(number, f"0{ms}" if SYNC_REASON.fullmatch(why) else ms, why) for number, ms, why in entries]
        if cipher.encrypts:
            key_id = cipher.number_key_id
            marked = [
                (cipher.blind_index(number), ms, cipher.encrypt(json.dumps([number, why])))
                for number, ms, why in marked
            ]
        call = scripts.suppress(self.keys, sender=self.sender, key_id=key_id, entries=marked)
        return self._of_our_key((yield from ask(call)))

    def rewrite(self, on_progress: Callable[[int], None] | None = None) -> Steps[int]:
        """Rewrites it, encrypted with the newest key or plain, according to the settings; returns its length.

        Each entry is written in its new place before it is removed from the old one, so the list remains in effect.
        """
        cursor, written = "", 0
        while cursor != FIRST_PAGE:
            marked = cursor.startswith(MARKED)
            cursor, page = yield from self.page(cursor or FIRST_PAGE)
            numbers = [entry.number for entry in page]
            yield from self.add([(entry.number, to_ms(entry.since), entry.reason) for entry in page])
            if marked != self.cipher.encrypts:
                key_id = self.cipher.number_key_id if marked else ""
                names = [self.cipher.blind_index(number) for number in numbers] if marked else numbers
                yield from self._remove(key_id, names)
            written += len(page)
            if on_progress:
                on_progress(written)
        return written

    def remove(self, numbers: Sequence[str], *, of_sync: bool = False) -> Steps[int]:
        """Removes numbers; returns how many were on the list. `of_sync`: only those that a sync added."""
        indexes = [self.cipher.blind_index(number) for number in numbers] if self.cipher.number_key_id else []
        if not indexes:
            # Raises before anything is done: encrypted entries can't be removed without their key.
            yield from self.among(numbers)
        # First by blind indexes: a number is sent to the server only if the server has it.
        removed, other = yield from self._remove(self.cipher.number_key_id, indexes or numbers, of_sync)
        if indexes and other:
            plain, _ = yield from self._remove("", numbers, of_sync)
            removed = [one or two for one, two in zip(removed, plain, strict=True)]
        return sum(removed)

    def _remove(self, key_id: str, names: Sequence[str], of_sync: bool = False) -> Steps[tuple[Sequence[bool], bool]]:
        call = scripts.unsuppress(self.keys, sender=self.sender, key_id=key_id, of_sync=of_sync, names=names)
        answer = self._of_our_key((yield from ask(call)))
        return answer.removed, answer.other

    def among(self, numbers: Sequence[str]) -> Steps[list[SuppressedNumber]]:
        """Returns the given numbers that are on the list, in the same order."""
        if not numbers:
            return []
        key_id = self.cipher.number_key_id
        names = [self.cipher.blind_index(number) for number in numbers] if key_id else numbers
        call = scripts.read_suppressed(self.keys, sender=self.sender, key_id=key_id, names=names)
        answer = self._of_our_key((yield from ask(call)))
        found = self._shown(answer)
        if answer.other:
            self._need_number_key()
            call = scripts.read_suppressed(self.keys, sender=self.sender, names=numbers)
            found = {**self._shown(self._of_our_key((yield from ask(call)))), **found}
        return [found[number] for number in dict.fromkeys(numbers) if number in found]

    def page(self, cursor: str) -> Steps[tuple[str, list[SuppressedNumber]]]:
        """Returns where the next page begins, and this page; `FIRST_PAGE` again after the last page."""
        return (yield from self.counted_page(cursor))[:2]

    def counted_page(self, cursor: str) -> Steps[tuple[str, list[SuppressedNumber], int]]:
        """Returns the same, and how many entries there are."""
        marked = cursor.startswith(MARKED)
        if marked:
            # Its reader had a key. Without it the other list would be read, and this one silently left out.
            self._need_number_key()
        key_id = self.cipher.number_key_id if marked else ""
        answer = yield from ask(
            scripts.read_suppressed(self.keys, sender=self.sender, key_id=key_id, cursor=cursor.removeprefix(MARKED))
        )
        listed = self._of_our_key(answer)
        following = (MARKED if marked else "") + listed.cursor
        if listed.cursor == FIRST_PAGE:
            following = MARKED + FIRST_PAGE if listed.other and not marked else FIRST_PAGE
        if following.startswith(MARKED):
            self._need_number_key()
        return following, list(self._shown(listed).values()), listed.total

    def _shown(self, listed: Listed) -> dict[str, SuppressedNumber]:
        entries = [self._entry(*entry) for entry in listed.entries]
        return {entry.number: entry for entry in entries}

    def _entry(self, name: str, since_ms: int, note: str) -> SuppressedNumber:
        number, reason = name, note
        if not name.startswith("+"):
            try:
                number, reason = json.loads(self.cipher.decrypt(note))
            except Damaged as error:
                raise MissingEncryptionKey(
                    f"an entry of the suppression list of {self.sender} can't be read: {error}"
                ) from error
            except ValueError:
                # Not kept as the cause: it holds what was stored.
                raise StoreError(
                    f"the suppression list of {self.sender} has an entry that another program wrote; remove that entry"
                ) from None
        return SuppressedNumber(number=number, since=from_ms(since_ms), reason=reason)

    def _need_number_key(self) -> None:
        if not self.cipher.number_key_id:
            raise MissingEncryptionKey(
                f"the suppression list of {self.sender} is encrypted; add encryption.number_key to the settings"
            )

    def _of_our_key(self, answer: OtherKey | T) -> T:
        if isinstance(answer, OtherKey):
            raise MissingEncryptionKey(
                f"the suppression list of {self.sender} was written with another encryption.number_key; use that key"
            )
        return answer
