"""Finds chats whose end no event reported, in a thread of a worker's main process.

Events may be lost, and each lost end would keep a place of its instance until the assumed end of the chat. Old open
chats are asked about one by one, more often while no other may begin (`suspects`). Redis knows until when nothing was
missed: if that is too long ago, such as after an outage of the queue, all ends since then are searched, page by page,
and each page moves that time on, so that another worker continues there. For each budget, one worker at a time does
both.
"""

import logging
import secrets
import threading
import time
from collections import deque
from collections.abc import Iterator
from datetime import datetime, timedelta

from outbound_chat.contact_events import KnownSources
from outbound_chat.model.contact_events import Outcome
from outbound_chat.model.errors import StoreError
from outbound_chat.model.times import from_ms, in_ms, to_ms
from outbound_chat.store import scripts
from outbound_chat.store.scripts import WatchedInstance
from outbound_chat_config import ContactEventSettings, Sender
from outbound_chat_worker.contact_events.questions import Clock, Question
from outbound_chat_worker.contact_events.suspects import WHILE_FULL, WHILE_ROOM, Suspects, changes_of
from outbound_chat_worker.runtime import Runtime

logger = logging.getLogger(__name__)

TURN_MS = 10_000
LOOK_SECONDS = 1.0
SEARCHES_A_SECOND = 0.5
"""What AWS allows an account in a Region.
https://docs.aws.amazon.com/connect/latest/adminguide/amazon-connect-service-limits.html"""
YOUNG_MS = 60_000
"""AWS may not find a contact that is younger."""
MOST_CHATS = 1_000
"""How many of the oldest open chats are known at a time."""
FULL = 0.9
"""The part of its places from which on an instance counts as full: a free one is often taken within a second."""
OVERLAP_MS = 300_000
"""A search begins so much earlier: contacts can be found a while after they ended."""
# No chat lasts longer than 7 days.
FARTHEST_MS = in_ms(timedelta(days=7))
NOTE_MS = 30_000
"""The time until which nothing was missed is written again when it has moved by so much."""


def heard_until(one: WatchedInstance, silence_ms: int) -> int:
    """Returns until when no event can have been missed, in ms. `silence_ms`: the longest time without events."""
    if not one.open or not one.last_ms:
        return one.now_ms
    if not one.swept_ms or one.last_ms - one.swept_ms <= silence_ms:
        return max(one.last_ms, one.swept_ms)
    return one.swept_ms


class ChatWatch:
    """Looks for lost ends of the chats of one instance. For one thread."""

    def __init__(
        self, runtime: Runtime, sender: Sender, silence: timedelta, describe: Question, search: Question, *, worker: str
    ) -> None:
        """`silence`: how long no event may come before a search. `worker`: a name that no other one has."""
        self._runtime, self.sender, self._worker = runtime, sender, worker
        self._keys, self._known = runtime.keys(sender.budget), KnownSources.of(runtime.settings)
        self._describe, self._search, self._suspects = describe, search, Suspects()
        self._silence_ms = in_ms(silence)
        self._begins_ms = self._until_ms = self._ends = 0
        """Of the search in progress; `_until_ms` is 0 if there is none."""
        self._token: dict[str, str] = {}

    def step(self) -> bool:
        """Asks at most one question of each kind; returns whether it asked about a chat. Raises `StoreError`."""
        instance = self.sender.instance_id
        call = scripts.watch_chats(self._keys, instance=instance, worker=self._worker, turn_ms=TURN_MS)
        one = self._runtime.store.run(call)
        if one is None:
            return False
        if not self._until_ms:
            self._begin_search(one)
        if self._until_ms and self._search.is_due:
            self._search_page(one)
        return one.open > 0 and self._describe.is_due and self._ask(one)

    def _ask(self, one: WatchedInstance) -> bool:
        sender, name = self.sender, self._keys.chats(self.sender.instance_id)
        chats = self._runtime.store.ask(
            lambda redis: redis.zrangebyscore(name, one.now_ms, "+inf", start=0, num=MOST_CHATS, withscores=True)
        )
        is_full = one.open >= FULL * (sender.max_open_chats or 0)
        contact = self._suspects.next(chats, one.now_ms, WHILE_FULL if is_full else WHILE_ROOM)
        if contact is None:
            return False
        answer = self._describe.ask(sender, ContactId=contact)
        if answer is None:
            return True
        found = answer.get("Contact", {})
        age_ms = self._suspects.age_ms(contact, one.now_ms, found.get("InitiationTimestamp"))
        if changes := changes_of({"Id": contact, **found}, sender, self._known):
            self._runtime.store.run(scripts.record_contacts(self._keys, changes))
        elif not answer and age_ms >= YOUNG_MS:
            self._runtime.store.run(scripts.close_chat(self._keys, contact=contact, instances=[sender.instance_id]))
        return True

    def _begin_search(self, one: WatchedInstance) -> None:
        """Begins a search if events may have been missed."""
        heard_ms = heard_until(one, self._silence_ms)
        if one.now_ms - heard_ms > self._silence_ms:
            self._begins_ms = max(heard_ms - OVERLAP_MS, one.now_ms - FARTHEST_MS)
            self._until_ms, self._token, self._ends = one.now_ms, {}, 0
        elif one.last_ms and heard_ms - one.swept_ms >= NOTE_MS:
            self._note(one, heard_ms)

    def _search_page(self, one: WatchedInstance) -> None:
        times = {"StartTime": from_ms(self._begins_ms), "EndTime": from_ms(self._until_ms)}
        answer = self._search.ask(
            self.sender,
            TimeRange={"Type": "DISCONNECT_TIMESTAMP", **times},
            SearchCriteria={"Channels": ["CHAT"]},
            Sort={"FieldName": "DISCONNECT_TIMESTAMP", "Order": "ASCENDING"},
            MaxResults=scripts.MOST_CHANGES,
            **self._token,
        )
        if answer is None:
            # The token may be the reason. The next search begins where the last page ended.
            self._until_ms = 0
            return
        found = answer.get("Contacts", ())
        changes = [change for contact in found for change in changes_of(contact, self.sender, self._known)]
        outcomes = self._runtime.store.run(scripts.record_contacts(self._keys, changes)) if changes else []
        self._ends += outcomes.count(Outcome.CHANGED)
        if token := answer.get("NextToken"):
            self._token = {"NextToken": token}
            ends = [ended for contact in found if isinstance(ended := contact.get("DisconnectTimestamp"), datetime)]
            # Short of the end by a gap, so that another worker searches the rest even if events come again.
            reached_ms = min([self._until_ms - self._silence_ms - 1, *map(to_ms, ends[-1:])])
            self._note(one, max(self._begins_ms, reached_ms))
            return
        self._note(one, self._until_ms)
        self._until_ms = 0
        text = "instance %s: no contact events came for a while; ends of chats that a search found: %d"
        logger.warning(text, self.sender.instance_id, self._ends)

    def _note(self, one: WatchedInstance, swept_ms: int) -> None:
        """Notes until when nothing was missed; never less than another worker did."""
        field = f"swept:{self.sender.instance_id}"
        self._runtime.store.ask(lambda redis: redis.hset(self._keys.contact_events, field, max(swept_ms, one.swept_ms)))


class LostEnds:
    """Looks for lost ends in all instances with a limit of open chats until it is stopped."""

    def __init__(self, runtime: Runtime, wanted: ContactEventSettings, now: Clock = time.monotonic) -> None:
        """`now`: a clock, in seconds, for the pace of the questions."""
        self._runtime = runtime
        self._pause = min(LOOK_SECONDS, 1 / wanted.describe_rate) if wanted.describe_rate else LOOK_SECONDS
        self._watches = deque(_watches_of(runtime, wanted, now))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lost-ends", daemon=True)
        self.start = self._thread.start

    def stop(self) -> None:
        """Stops; returns within about a second. It does not wait for AWS: another worker asks again."""
        self._stop.set()
        self._thread.join(LOOK_SECONDS)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._stop.wait(self._pause if self.step() else LOOK_SECONDS)

    def step(self) -> bool:
        """Looks once at each instance; returns whether it asked about a chat. It never raises."""
        # The next instance is first next time, since a question may be due once for all of a budget.
        self._watches.rotate(-1)
        return sum(map(self._look, self._watches)) > 0

    def _look(self, watch: ChatWatch) -> bool:
        budget, asked = watch.sender.budget, False
        subject = f"lost ends {budget} {watch.sender.instance_id}"
        try:
            asked = watch.step()
        except StoreError as error:
            self._runtime.store_failed(budget, error)
        except Exception as error:  # noqa: BLE001  # logged
            # The thread must survive an unexpected error, or lost ends would never be found.
            text = f"unexpected error ({type(error).__name__}) while looking for ends of chats; retrying"
            self._runtime.notices.note(subject, text, error=error)
        else:
            if self._runtime.notices.open:
                self._runtime.notices.over(subject, "looking for ends of chats again")
        return asked


def _watches_of(runtime: Runtime, wanted: ContactEventSettings, now: Clock) -> Iterator[ChatWatch]:
    worker, senders = secrets.token_hex(8), runtime.settings.senders.values()
    for budget in runtime.settings.budgets:
        describe = Question(
            runtime, "DescribeContact", lambda client: client.describe_contact, wanted.describe_rate, now
        )
        search = Question(runtime, "SearchContacts", lambda client: client.search_contacts, SEARCHES_A_SECOND, now)
        instances = {one.instance_id: one for one in senders if one.budget == budget and one.max_open_chats}
        for sender in instances.values():
            yield ChatWatch(runtime, sender, wanted.sweep_after, describe, search, worker=worker)
