"""Looks with SearchContacts for chats that ended while no events came, such as after an outage of the queue.

The main idea: Redis knows until when nothing was missed. If that is too long ago, all ends since then are searched,
page by page, and each page moves that time on, so that a worker that starts again continues there.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from outbound_chat.contact_events import KnownSources
from outbound_chat.model.contact_events import Outcome
from outbound_chat.model.times import from_ms, in_ms, to_ms
from outbound_chat.store import Keys, scripts
from outbound_chat.store.scripts import WatchedInstance
from outbound_chat_config import Sender
from outbound_chat_worker.contact_events.questions import Question
from outbound_chat_worker.contact_events.suspects import changes_of
from outbound_chat_worker.runtime import Runtime

logger = logging.getLogger(__name__)

OVERLAP_MS = 300_000
"""A search begins so much earlier: contacts can be found a while after they ended."""
# No chat lasts longer than 7 days.
FARTHEST_MS = in_ms(timedelta(days=7))
MOST_PAGES = 1_000
NOTE_MS = 30_000
"""The time until which nothing was missed is written again when it has moved by so much."""


def heard_until(one: WatchedInstance, silence_ms: int) -> int:
    """Returns until when no event can have been missed, in ms. `silence_ms`: the longest time without events."""
    if not one.open or not one.last_ms:
        return one.now_ms
    if not one.swept_ms or one.last_ms - one.swept_ms <= silence_ms:
        return max(one.last_ms, one.swept_ms)
    return one.swept_ms


@dataclass(slots=True)
class _Sweep:
    begins_ms: int
    until_ms: int
    token: str = ""
    pages: int = 0
    ends: int = 0


class Sweeps:
    """The searches of a budget's instances. For one thread."""

    def __init__(
        self, runtime: Runtime, keys: Keys, known: KnownSources, question: Question, *, silence: timedelta
    ) -> None:
        """`silence`: how long no event may come before a search."""
        self._runtime, self._keys, self._known, self._question = runtime, keys, known, question
        self._silence_ms = in_ms(silence)
        self._sweeps: dict[str, _Sweep] = {}

    def step(self, sender: Sender, one: WatchedInstance) -> None:
        """Begins a search if one is due, or searches the next page. Raises `StoreError`."""
        instance = sender.instance_id
        if instance not in self._sweeps:
            heard_ms = heard_until(one, self._silence_ms)
            if one.now_ms - heard_ms <= self._silence_ms:
                if one.last_ms and heard_ms - one.swept_ms >= NOTE_MS:
                    self._runtime.store.run(scripts.note_swept(self._keys, instance=instance, swept_ms=heard_ms))
                return
            self._sweeps[instance] = _Sweep(max(heard_ms - OVERLAP_MS, one.now_ms - FARTHEST_MS), one.now_ms)
        if self._question.may_ask(sender):
            self._search(sender, self._sweeps[instance])

    def _search(self, sender: Sender, sweep: _Sweep) -> None:
        times = {"StartTime": from_ms(sweep.begins_ms), "EndTime": from_ms(sweep.until_ms)}
        answer = self._question.ask(
            sender,
            TimeRange={"Type": "DISCONNECT_TIMESTAMP", **times},
            SearchCriteria={"Channels": ["CHAT"]},
            Sort={"FieldName": "DISCONNECT_TIMESTAMP", "Order": "ASCENDING"},
            MaxResults=scripts.MOST_CHANGES,
            **({"NextToken": sweep.token} if sweep.token else {}),
        )
        if answer is None:
            # The token may be the reason.
            sweep.token = ""
            return
        contacts = [contact for contact in answer.get("Contacts", ()) if contact.get("DisconnectTimestamp")]
        self._apply(sender, sweep, contacts)
        sweep.pages += 1
        sweep.token = answer.get("NextToken", "")
        is_over = not sweep.token or sweep.pages >= MOST_PAGES
        if contacts:
            sweep.begins_ms = max(sweep.begins_ms, to_ms(contacts[-1]["DisconnectTimestamp"]))
        reached_ms = sweep.until_ms if is_over else sweep.begins_ms
        self._runtime.store.run(scripts.note_swept(self._keys, instance=sender.instance_id, swept_ms=reached_ms))
        if is_over:
            del self._sweeps[sender.instance_id]
            text = "instance %s: no contact events came for a while; ends of chats that a search found: %d"
            logger.warning(text, sender.instance_id, sweep.ends)

    def _apply(self, sender: Sender, sweep: _Sweep, contacts: list[Mapping[str, Any]]) -> None:
        """Applies the ends of contacts that are ours."""
        ids = [contact["Id"] for contact in contacts]
        call = scripts.note_swept(self._keys, instance=sender.instance_id, swept_ms=0, contacts=ids)
        is_ours = self._runtime.store.run(call)
        ours = [contact for contact, own in zip(contacts, is_ours, strict=True) if own]
        changes = [change for contact in ours for change in changes_of(contact, sender, self._known)]
        if changes:
            outcomes = self._runtime.store.run(scripts.record_contacts(self._keys, changes))
            sweep.ends += outcomes.count(Outcome.CHANGED)
