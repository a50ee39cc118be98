"""Copies opt-out lists into suppression lists, page by page. A sync that breaks off can be repeated.

A list that several senders of a budget share is read once. Only entries that a sync wrote before are ever removed.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from outbound_chat.client.steps.base import Steps, run
from outbound_chat.client.steps.context import Context
from outbound_chat.client.steps.moved_senders import SenderList
from outbound_chat.client.steps.suppression_list import sync_reason
from outbound_chat.model.errors import MissingEncryptionKey
from outbound_chat.request import number_fault
from outbound_chat.store import Store
from outbound_chat.store.opt_outs import SyncLease, note_sync
from outbound_chat.store.scripts import FIRST_PAGE, MOST_JOBS
from outbound_chat_config import Channel, Sender
from outbound_chat_worker.connect import UNANSWERED, identity_of
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
    """What a sync did for one sender. `error`: why its opt-outs were not read, or not all."""

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


@dataclass
class OptOutSync:
    """Syncs senders of a budget. `on_page` receives the numbers of each page that was stored."""

    store: Store
    context: Context
    reader: OptOutReader
    budget: str
    mirror: bool = False
    dry_run: bool = False
    on_page: Callable[[int], None] = lambda _numbers: None

    def __post_init__(self) -> None:
        self._keys = self.context.keys(self.budget)
        self._lease = SyncLease(self.store, self._keys)

    def run(self, senders: Sequence[str]) -> list[Synced]:
        """Returns what was done for each sender. Raises `StoreError`."""
        found, lists = [Synced(name) for name in senders], dict[Any, list[Synced]]()
        try:
            for one in found:
                with self._explained([one]):
                    self._find_list(one)
                if one.opt_out_list:
                    # One account may read a list, and another may not.
                    identity = identity_of(self._sender(one))
                    lists.setdefault((identity, one.opt_out_list), []).append(one)
            for (_, arn), sharing in lists.items():
                with self._explained(sharing):
                    self._copy(arn, sharing)
        finally:
            self._lease.give_back()
        return found

    def _sender(self, one: Synced) -> Sender:
        return self.context.settings.sender(one.sender)

    @contextmanager
    def _explained(self, sharing: Sequence[Synced]) -> Iterator[None]:
        try:
            yield
        except (*UNANSWERED, KeyError, MissingEncryptionKey) as error:
            for one in sharing:
                one.error = explain(error)
                self._note(one)

    def _note(self, one: Synced) -> None:
        if not self.dry_run and one.error != BUSY:
            note_sync(self.store, self._keys, one.sender, one.error)

    def _find_list(self, one: Synced) -> None:
        if self._sender(one).channel is Channel.WHATSAPP:
            one.notes["whatsapp"] = NOTES["whatsapp"]
            return
        self._keep_turn()
        number = self.reader.number_of(self._sender(one))
        name, one.number_type = number["OptOutListName"], number["NumberType"]
        if one.number_type == "TOLL_FREE":
            one.notes["toll_free"] = NOTES["toll_free"]
        if number["SelfManagedOptOutsEnabled"]:
            channel = number.get("TwoWayChannelArn") or "nobody, since two-way SMS is off"
            one.notes["self_managed"] = NOTES["self_managed"].format(channel=channel)
        # A list that another account shares has its ARN as its name.
        own = f"{number['PhoneNumberArn'].rpartition(':')[0]}:opt-out-list/{name}"
        one.opt_out_list = name if name.startswith("arn:") else own

    def _copy(self, arn: str, sharing: Sequence[Synced]) -> None:
        reason, targets = sync_reason(arn), list[tuple[Synced, SenderList, set[str]]]()
        for one in sharing:
            own = SenderList(self.context, one.sender)
            # Only what was there before: what another sync adds meanwhile may be on a page that was read already.
            targets.append((one, own, self._written(own, reason) if self.mirror else set()))
        for page in self.reader.numbers(self._sender(sharing[0]), arn):
            self._keep_turn()
            numbers = [number for number in page if not number_fault(number)]
            for one, own, gone in targets:
                known = self._do(own.own.among(numbers)) if self.dry_run else ()
                one.added += len(numbers) - len(known) if self.dry_run else self._do(own.add(reason, numbers))
                one.read += len(numbers)
                gone.difference_update(numbers)
                if len(numbers) < len(page):
                    one.notes["invalid"] = NOTES["invalid"]
            self.on_page(len(numbers))
        for one, own, gone in targets:
            while gone:
                chunk = [gone.pop() for _ in range(min(MOST_JOBS, len(gone)))]
                one.removed += len(chunk) if self.dry_run else self._do(own.remove(chunk, of_sync=True))
            self._note(one)

    def _keep_turn(self) -> None:
        if not (self.dry_run or self._lease.take()):
            raise ValueError(BUSY)

    def _written(self, own: SenderList, reason: str) -> set[str]:
        cursor, found = "", set[str]()
        while cursor != FIRST_PAGE:
            cursor, page = self._do(own.own.page(cursor or FIRST_PAGE))
            found.update(entry.number for entry in page if entry.reason == reason)
        return found

    def _do(self, steps: Steps[T]) -> T:
        return run(steps, self.store)
