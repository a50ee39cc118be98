"""Copies opt-out lists into suppression lists, page by page. A sync that breaks off can be repeated.

A list that several senders of a budget share is read once. Only entries that a sync wrote are ever removed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from outbound_chat.client.steps.base import Steps
from outbound_chat.client.steps.context import Context
from outbound_chat.client.steps.moved_senders import SenderList
from outbound_chat.client.steps.suppression_list import sync_reason
from outbound_chat.model.errors import MissingEncryptionKey
from outbound_chat.request import number_fault
from outbound_chat.store import Store
from outbound_chat.store.opt_outs import SyncLease, note_sync
from outbound_chat.store.scripts import FIRST_PAGE
from outbound_chat_config import Channel
from outbound_chat_worker.connect import UNANSWERED
from outbound_chat_worker.opt_outs.lists import OptOutReader, explain

T = TypeVar("T")

BUSY = "another sync of its budget is in progress; run the command again when it has ended"
NOTES = {
    "whatsapp": "WhatsApp numbers have no opt-out list: your flow has to call suppress when somebody asks for it",
    "toll_free": "carriers handle STOP to a toll-free number, so the list may not have all opt-outs",
    "self_managed": "its opt-outs are self-managed, so AWS adds nobody to the list; replies go to {channel}: call "
    "suppress there for each STOP",
    "invalid": "some entries of the list are not phone numbers, and were left out",
}
"""What a list can't know, or does not have."""


@dataclass(slots=True)
class Synced:
    """What a sync did for one sender."""

    sender: str
    opt_out_list: str | None = None
    """ARN of the list."""
    number_type: str | None = None
    read: int = 0
    added: int = 0
    removed: int = 0
    notes: dict[str, str] = field(default_factory=dict)
    """Those of `NOTES` that apply."""
    error: str | None = None
    """Why its opt-outs were not read, or not all."""


@dataclass(frozen=True, slots=True)
class OptOutSync:
    """Syncs senders of a budget."""

    store: Store
    context: Context
    reader: OptOutReader
    mirror: bool = False
    dry_run: bool = False
    on_page: Callable[[int], None] = lambda _numbers: None
    """Receives the numbers of each page that was stored."""

    def run(self, budget: str, senders: Callable[[], Sequence[str]]) -> list[Synced]:
        """Returns what was done for each sender. Raises `StoreError`. `senders` is called once the turn has come."""
        keys = self.context.keys(budget)
        lease = SyncLease(self.store, keys)
        if self.dry_run:
            return self._read(senders(), lambda: None)
        if not lease.take():
            return [Synced(name, error=BUSY) for name in senders()]
        try:
            found = self._read(senders(), lease.renew)
            for one in found:
                if one.opt_out_list or one.error:
                    note_sync(self.store, keys, one.sender, one.error or "")
            return found
        finally:
            lease.give_back()

    def _read(self, senders: Sequence[str], keep_on: Callable[[], None]) -> list[Synced]:
        """`keep_on` is called before each call to AWS, or each few."""
        found, lists = [Synced(name) for name in senders], dict[str, list[Synced]]()
        for one in found:
            keep_on()
            self._find_list(one)
            if one.opt_out_list:
                lists.setdefault(one.opt_out_list, []).append(one)
        for arn, sharing in lists.items():
            try:
                self._copy(arn, sharing, keep_on)
            except (*UNANSWERED, MissingEncryptionKey) as error:
                for one in sharing:
                    one.error = explain(error)
        return found

    def _find_list(self, one: Synced) -> None:
        sender = self.context.settings.sender(one.sender)
        if sender.channel is Channel.WHATSAPP:
            one.notes = {"whatsapp": NOTES["whatsapp"]}
            return
        try:
            number = self.reader.number_of(sender)
        except UNANSWERED as error:
            one.error = explain(error)
            return
        name, one.number_type = number["OptOutListName"], number["NumberType"]
        # A list that another account shares has its ARN as its name.
        own = f"{number['PhoneNumberArn'].rpartition(':')[0]}:opt-out-list/{name}"
        one.opt_out_list = name if name.startswith("arn:") else own
        apply = {"toll_free": one.number_type == "TOLL_FREE", "self_managed": number["SelfManagedOptOutsEnabled"]}
        channel = number.get("TwoWayChannelArn") or "nobody, since two-way SMS is off"
        one.notes = {code: NOTES[code].format(channel=channel) for code, applies in apply.items() if applies}

    def _copy(self, arn: str, sharing: Sequence[Synced], keep_on: Callable[[], None]) -> None:
        reason, seen = sync_reason(arn), set[int]()
        lists = [(one, SenderList(self.context, one.sender)) for one in sharing]
        for page in self.reader.numbers(self.context.settings.sender(sharing[0].sender), arn):
            numbers = [number for number in page if not number_fault(number)]
            for one, own in lists:
                one.added += self._add(own, reason, numbers)
                one.read += len(numbers)
                if len(numbers) < len(page):
                    one.notes["invalid"] = NOTES["invalid"]
            if self.mirror:
                seen.update(map(int, numbers))
            keep_on()
            self.on_page(len(numbers))
        for one, own in lists if self.mirror else ():
            one.removed = self._remove(own, reason, seen)

    def _add(self, own: SenderList, reason: str, numbers: Sequence[str]) -> int:
        if self.dry_run:
            return len(numbers) - len(self._do(own.own.among(numbers)))
        return self._do(own.add(reason, numbers))

    def _remove(self, own: SenderList, reason: str, seen: set[int]) -> int:
        cursor, removed = "", 0
        while cursor != FIRST_PAGE:
            cursor, page = self._do(own.own.page(cursor or FIRST_PAGE))
            left = [entry.number for entry in page if entry.reason == reason and int(entry.number) not in seen]
            removed += len(left) if self.dry_run else self._do(own.remove(left, of_sync=True))
        return removed

    def _do(self, steps: Steps[T]) -> T:
        answer = None
        try:
            while True:
                answer = self.store.run(steps.send(answer))
        except StopIteration as end:
            result: T = end.value
            return result
