"""Finds chats whose end no event reported, in a thread of a worker's main process.

Events may be lost, and each lost end would keep a place of its instance until the assumed end of the chat. Old open
chats are asked about one by one, more often while jobs wait for a place (`suspects`); after a time without events, all
ends since then are searched (`sweeps`). For each budget, one worker at a time does both.
"""

import os
import secrets
import socket
import threading
import time

from outbound_chat.contact_events import KnownSources
from outbound_chat.model.errors import StoreError
from outbound_chat.store import scripts
from outbound_chat.store.scripts import WatchedInstance
from outbound_chat_config import ContactEventSettings, Sender
from outbound_chat_worker.contact_events.questions import Clock, Question
from outbound_chat_worker.contact_events.suspects import WHILE_FULL, WHILE_ROOM, Suspects, changes_of
from outbound_chat_worker.contact_events.sweeps import Sweeps
from outbound_chat_worker.runtime import Runtime

TURN_MS = 10_000
LOOK_SECONDS = 1.0
SEARCHES_A_SECOND = 0.5
"""What AWS allows an account in a Region.
https://docs.aws.amazon.com/connect/latest/adminguide/amazon-connect-service-limits.html"""
YOUNG_MS = 60_000
"""AWS may not find a contact that is younger."""
MOST_CHATS = 5_000
"""How many of the oldest open chats are known at a time."""


class BudgetWatch:
    """Looks for lost ends of the chats of one budget. For one thread."""

    def __init__(
        self, runtime: Runtime, budget: str, wanted: ContactEventSettings, *, worker: str, now: Clock = time.monotonic
    ) -> None:
        """`worker`: a name that no other one has. `now`: a clock, in seconds, for the pace of the questions."""
        self._runtime, self._keys, self._worker = runtime, runtime.keys(budget), worker
        self._known = KnownSources.of(runtime.settings)
        own = [sender for sender in runtime.settings.senders.values() if sender.budget == budget]
        self._senders: dict[str, Sender] = {one.instance_id: one for one in own if one.max_open_chats}
        rate = wanted.describe_rate
        self._describe = Question(runtime, "DescribeContact", lambda client: client.describe_contact, rate, now)
        search = Question(runtime, "SearchContacts", lambda client: client.search_contacts, SEARCHES_A_SECOND, now)
        self._sweeps = Sweeps(runtime, self._keys, self._known, search, silence=wanted.sweep_after)
        self._suspects = {instance: Suspects() for instance in self._senders}
        self._read_ms = dict.fromkeys(self._senders, 0)
        self._pause = min(LOOK_SECONDS, 1 / rate) if rate else LOOK_SECONDS

    def step(self) -> float:
        """Asks at most one question of each kind; returns the seconds until the next step. Raises `StoreError`."""
        if not self._senders:
            return LOOK_SECONDS
        call = scripts.watch_chats(self._keys, worker=self._worker, turn_ms=TURN_MS, instances=list(self._senders))
        watched = self._runtime.store.run(call)
        if watched is None:
            return LOOK_SECONDS
        asked = False
        for instance, one in watched.items():
            sender = self._senders[instance]
            if one.open and self._describe.may_ask(sender):
                asked = self._ask(sender, one) or asked
            self._sweeps.step(sender, one)
        # The next instance is first next time, since a question may be due once for all of them.
        instance, sender = next(iter(self._senders.items()))
        self._senders[instance] = self._senders.pop(instance, sender)
        return self._pause if asked else LOOK_SECONDS

    def _ask(self, sender: Sender, one: WatchedInstance) -> bool:
        """Asks about a chat, and applies the answer; returns whether there was a chat to ask about."""
        instance, now_ms = sender.instance_id, one.now_ms
        suspects = self._suspects[instance]
        contact = self._next(instance, one)
        answer = self._describe.ask(sender, ContactId=contact) if contact else None
        if contact is None or answer is None:
            return contact is not None
        found = answer.get("Contact", {})
        if changes := changes_of({"Id": contact, **found}, sender, self._known):
            self._runtime.store.run(scripts.record_contacts(self._keys, changes))
        elif not answer and suspects.known_for_ms(contact, now_ms) >= YOUNG_MS:
            self._runtime.store.run(scripts.close_chat(self._keys, contact=contact, instances=[instance]))
        else:
            suspects.note_open(contact, now_ms, found.get("InitiationTimestamp"))
            return True
        suspects.forget(contact)
        return True

    def _next(self, instance: str, one: WatchedInstance) -> str | None:
        """Returns the contact to ask about. It reads the open chats anew, but not each second if they are many."""
        suspects, now_ms = self._suspects[instance], one.now_ms
        if now_ms >= self._read_ms[instance]:
            name = self._keys.chats(instance)
            chats = self._runtime.store.ask(
                lambda redis: redis.zrangebyscore(name, now_ms, "+inf", start=0, num=MOST_CHATS, withscores=True)
            )
            suspects.update(chats, now_ms)
            self._read_ms[instance] = now_ms + 2 * len(chats)
        return suspects.next(now_ms, WHILE_FULL if one.full else WHILE_ROOM)


class LostEnds:
    """Looks for lost ends of all budgets until it is stopped."""

    def __init__(self, runtime: Runtime, wanted: ContactEventSettings) -> None:
        worker = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"
        self._runtime = runtime
        self._watches = {
            budget: BudgetWatch(runtime, budget, wanted, worker=worker) for budget in runtime.settings.budgets
        }
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lost-ends", daemon=True)

    def start(self) -> None:
        """Starts the thread; returns immediately."""
        self._thread.start()

    def stop(self) -> None:
        """Stops; returns within about a second. It does not wait for AWS: another worker asks again."""
        self._stop.set()
        self._thread.join(LOOK_SECONDS)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._stop.wait(min(self._step(budget, watch) for budget, watch in self._watches.items()))

    def _step(self, budget: str, watch: BudgetWatch) -> float:
        subject = f"lost ends {budget}"
        try:
            pause = watch.step()
        except StoreError as error:
            self._runtime.store_failed(budget, error)
            return LOOK_SECONDS
        except Exception as error:  # noqa: BLE001  # logged
            # The thread must survive an unexpected error, or lost ends would never be found.
            text = f"unexpected error ({type(error).__name__}) while looking for ends of chats; retrying"
            self._runtime.notices.note(subject, text, error=error)
            return LOOK_SECONDS
        if self._runtime.notices.open:
            self._runtime.notices.over(subject, "looking for ends of chats again")
        return pause
