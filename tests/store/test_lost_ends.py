"""Chats whose end no event reported are found, without asking AWS too much."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from outbound_chat.model.jobs import JobState
from outbound_chat.store import scripts
from outbound_chat_config import ContactEventSettings, Settings
from outbound_chat_worker.contact_events.lost_ends import TURN_MS, LostEnds, heard_until
from outbound_chat_worker.contact_events.questions import Question
from outbound_chat_worker.runtime import Runtime
from outbound_chat_worker.sandbox import SANDBOX_ENVIRONMENT
from tests.support.contacts import Contacts, ContactServer
from tests.support.harness import sender
from tests.support.waiting import wait_until

from .clocked import START_MS, ClockedLedger
from .conftest import PREFIX
from .ledger import HOUR_MS
from .test_contact_events import ended, ingest, moved

INSTANCE, MINUTE_MS = "i-1", 60_000
CHATS = 4


@dataclass
class World:
    """An instance with room for four chats, what AWS knows of them, and workers that look for lost ends."""

    ledger: ClockedLedger
    url: str
    contacts: Contacts
    values: dict[str, Any]

    def worker(self, **wanted: Any) -> tuple[Runtime, ContactEventSettings]:
        settings = Settings.from_values(**self.values, contact_events=wanted)
        runtime = Runtime(settings)
        runtime.store.close()
        runtime.store = self.ledger.store
        assert settings.contact_events
        return runtime, settings.contact_events

    def watch(self, **wanted: Any) -> LostEnds:
        """A worker. The pace of its questions follows the clock of the ledger."""
        return LostEnds(*self.worker(**wanted), now=lambda: self.ledger.clock.now_ms / 1000)

    def send(self, *contacts: str, chat_ms: int = 20 * HOUR_MS) -> list[str]:
        found = []
        for contact in contacts:
            self.ledger.add(1)
            found.append(self.ledger.attempt("sent", contact_id=contact, chat_ms=chat_ms)[0])
            self.contacts.begin(contact, self.ledger.clock.now_ms)
        return found

    def fill(self) -> list[str]:
        """Opens all chats that may be open, a minute apart; one more job waits."""
        found = []
        for place in range(CHATS):
            found += self.send(f"c-{place}")
            self.ledger.clock.now_ms += MINUTE_MS
        self.ledger.add(1)
        self.ledger.claim()
        return found

    def open(self) -> set[str]:
        return set(self.ledger.redis.zrange(self.ledger.key(f"chats:{INSTANCE}"), 0, -1))

    def pass_time(self, ms: int, watch: LostEnds, steps: int = 1) -> None:
        for _ in range(steps):
            self.ledger.clock.now_ms += ms
            watch.step()

    def field(self, name: str) -> str | None:
        value: str | None = self.ledger.redis.hget(self.ledger.key("contact_events"), name)
        return value


@pytest.fixture
def world(bare_clocked: ClockedLedger, url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    bare_clocked.configure(contacts=True, senders={"sms": {"max_chats": CHATS}})
    for name, value in SANDBOX_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with ContactServer() as server:
        of_sender = sender(instance_id=INSTANCE, max_open_chats=CHATS, endpoint_url=server.url)
        values = {"redis_url": url, "key_prefix": PREFIX, "senders": {"sms": of_sender}}
        if url.startswith("redis+cluster"):
            values["broker_url"] = "redis://127.0.0.1:9"
        yield World(bare_clocked, url, server.contacts, values)


def test_the_end_that_was_lost_makes_room_while_jobs_wait(world: World) -> None:
    """The same facts as an event would have brought; the second oldest had ended."""
    _, second, *_ = world.fill()
    watch = world.watch()
    end_ms = world.ledger.clock.now_ms
    reply = {"CustomerMetrics": {"MessagesSent": 2, "LastMessageTimestamp": end_ms / 1000}}
    world.contacts.end("c-1", end_ms, DisconnectReason="CUSTOMER_DISCONNECT", ChatMetrics=reply)

    world.pass_time(1_000, watch, steps=2)

    assert world.contacts.asked == ["c-0", "c-1"]
    assert world.open() == {"c-0", "c-2", "c-3"}
    facts = world.ledger.head(second)[22]
    assert facts["legs"] == {"c-1": [end_ms, "CUSTOMER_DISCONNECT"]}
    assert facts["delivery"] == ["answered", end_ms, "contact", ""]
    assert world.ledger.redis.lrange(world.ledger.key(f"lifetimes:{INSTANCE}"), 0, -1) == [str(3 * 60)]
    assert isinstance(world.ledger.claim(), scripts.Claimed)
    assert world.field(f"last:{INSTANCE}") is None, "it was no event"


def test_while_there_is_room_chats_are_asked_about_more_seldom(world: World) -> None:
    """Nothing waits for the place of a lost end then, but it must not stay until its assumed end a day later."""
    world.send("c-0", "c-1")
    watch = world.watch()
    world.pass_time(MINUTE_MS, watch, steps=60)
    assert set(world.contacts.asked) == {"c-0", "c-1"}
    assert len(world.contacts.asked) <= 2 * 9

    world.contacts.end("c-1", world.ledger.clock.now_ms)
    world.pass_time(MINUTE_MS, watch, steps=90)
    assert world.open() == {"c-0"}


def test_chats_that_stay_open_do_not_hide_the_others(world: World) -> None:
    """A chat of ten hours is asked about again hours later, not each second; one that just began goes first."""
    world.fill()
    watch = world.watch()
    world.pass_time(1_000, watch, steps=10)
    assert world.contacts.asked == ["c-0", "c-1", "c-2", "c-3"]

    world.ledger.clock.now_ms += 10 * HOUR_MS
    world.pass_time(1_000, watch, steps=CHATS)
    world.contacts.asked.clear()
    world.pass_time(MINUTE_MS, watch, steps=120)
    assert world.contacts.asked == []

    ingest(world.ledger, ended("c-3"))
    world.ledger.attempt("sent", contact_id="c-9", chat_ms=20 * HOUR_MS)
    world.contacts.begin("c-9", world.ledger.clock.now_ms)
    world.ledger.add(1)
    world.ledger.claim()
    world.pass_time(30_000, watch, steps=2)
    assert world.contacts.asked == ["c-9"]


@pytest.mark.parametrize(("rate", "calls"), [(1.0, 4), (0.25, 2), (0.0, 0)])
def test_all_workers_together_keep_the_rate(world: World, rate: float, calls: int) -> None:
    """One worker at a time asks, at its pace; with 0 nobody does."""
    world.fill()
    first, second = world.watch(describe_rate=rate), world.watch(describe_rate=rate)
    for _ in range(8):
        world.pass_time(1_000, first)
        second.step()
    assert len(world.contacts.asked) == calls


def test_another_worker_goes_on_where_one_has_died(world: World) -> None:
    world.fill()
    world.pass_time(1_000, world.watch())
    assert world.ledger.redis.pttl(world.ledger.key("chat_watcher")) > 0
    world.contacts.end("c-0", world.ledger.clock.now_ms)
    world.pass_time(TURN_MS, world.watch())
    assert world.open() == {"c-1", "c-2", "c-3"}


def test_a_contact_that_aws_does_not_know_has_ended_unless_it_is_young(world: World) -> None:
    """AWS may not find a contact in the first moments; later it means that there is none."""
    world.fill()
    world.contacts.known.clear()
    watch = world.watch()

    world.pass_time(1_000, watch, steps=10)
    assert len(world.open()) == CHATS
    assert set(world.contacts.asked) == world.open()

    world.pass_time(MINUTE_MS, watch)
    (gone,) = {f"c-{place}" for place in range(CHATS)} - world.open()
    assert world.ledger.job(world.ledger.redis.get(world.ledger.key(f"contact:{gone}"))).state is JobState.SENT


def test_the_place_of_a_contact_that_was_transferred_moves(world: World) -> None:
    """Else the instance would get a chat too many."""
    first, *_ = world.fill()
    now_ms = world.ledger.clock.now_ms
    later = {"QuickConnectContactData": {"ContactId": "c-9", "InitiationTimestamp": now_ms / 1000}}
    world.contacts.end("c-0", now_ms, NextContacts=[{"Type": "QUICK_CONNECT", "NextContactMetadata": later}])
    world.contacts.begin("c-9", now_ms)
    watch = world.watch()

    world.pass_time(1_000, watch)
    assert world.open() == {"c-9", "c-1", "c-2", "c-3"}
    assert world.ledger.head(first)[22]["legs"] == {"c-0": [now_ms, ""], "c-9": [0, ""]}
    assert ingest(world.ledger, moved("c-0", "c-9", first="c-0")) == ["same"]


def test_a_lack_of_permission_is_said_once_and_names_the_action(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.fill()
    world.contacts.refusal = (403, "AccessDeniedException")
    watch = world.watch()
    world.pass_time(600_000, watch, steps=10)

    lines = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    (line,) = [line for line in lines if "DescribeContact" in line]
    assert line == (
        f"DescribeContact {INSTANCE} fails, so ends of chats that no event reports are found late or not at all: "
        "AccessDeniedException: no; allow connect:DescribeContact; trying again"
    )
    assert len(world.open()) == CHATS


def test_throttled_questions_pause_without_a_word(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """They share their quota with everything else in the account."""
    world.fill()
    watch = world.watch()
    world.contacts.refusal = (429, "TooManyRequestsException")
    world.pass_time(1_000, watch)
    world.contacts.refusal = None

    world.pass_time(900, watch, steps=2)
    assert world.contacts.asked == []
    world.pass_time(300, watch)
    assert len(world.contacts.asked) == 1
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize(
    ("is_open", "last", "swept", "heard"),
    [
        (0, 0, 0, 100),  # nothing to look for
        (3, 0, 0, 100),  # no event ever came: nobody sends any
        (3, 80, 0, 80),
        (3, 80, 75, 80),
        (3, 95, 40, 40),  # events came again after a gap
        (3, 20, 90, 90),  # searched since
    ],
)
def test_what_was_heard_ends_where_a_gap_begins(is_open: int, last: int, swept: int, heard: int) -> None:
    one = scripts.WatchedInstance(now_ms=100, open=is_open, last_ms=last, swept_ms=swept)
    assert heard_until(one, 10) == heard


def test_a_search_finds_what_ended_while_no_events_came(world: World) -> None:
    """Only what is ours is applied; pages follow each other at the pace that AWS allows."""
    _, second, *_ = world.fill()
    ingest(world.ledger, ended("c-0"))
    watch = world.watch(sweep_after=600)
    world.pass_time(MINUTE_MS, watch)
    assert world.contacts.searched == []
    heard_ms = world.ledger.clock.now_ms
    for contact in ("c-1", "c-2"):
        world.contacts.end(contact, world.ledger.clock.now_ms, DisconnectReason="")
        world.ledger.clock.now_ms += MINUTE_MS
    for foreign in range(4):
        world.contacts.begin(f"x-{foreign}", START_MS)
        world.contacts.end(f"x-{foreign}", world.ledger.clock.now_ms)
    world.contacts.page = 3

    world.pass_time(10 * MINUTE_MS, watch)
    assert (len(world.contacts.searched), world.open()) == (1, {"c-3"})
    times = world.contacts.searched[0]["TimeRange"]
    assert times["Type"] == "DISCONNECT_TIMESTAMP"
    assert times["EndTime"] == world.ledger.clock.now_ms // 1000
    assert times["StartTime"] < heard_ms / 1000 - 200
    world.pass_time(1_000, watch)
    assert len(world.contacts.searched) == 1
    world.pass_time(1_000, watch, steps=3)
    assert [request.get("NextToken") for request in world.contacts.searched] == [None, "3"]
    assert world.contacts.searched[1]["TimeRange"] == times, "a token is only good for the same request"
    assert world.ledger.head(second)[22]["legs"]["c-1"][0] == heard_ms
    assert world.ledger.redis.exists(world.ledger.key("contact:x-0")) == 0

    world.pass_time(5 * MINUTE_MS, watch)
    assert len(world.contacts.searched) == 2, "it has looked until then"


def test_a_search_continues_where_a_worker_has_died(world: World) -> None:
    """It begins again at the last page that was applied."""
    world.fill()
    ingest(world.ledger, ended("x-1"))
    for place in range(3):
        world.ledger.clock.now_ms += 10 * MINUTE_MS
        world.contacts.end(f"c-{place}", world.ledger.clock.now_ms)
    world.contacts.page = 2
    world.ledger.clock.now_ms += 15 * MINUTE_MS
    world.watch(describe_rate=0).step()
    assert world.open() == {"c-2", "c-3"}
    assert world.field(f"swept:{INSTANCE}") == str(world.ledger.clock.now_ms - 25 * MINUTE_MS)

    world.ledger.redis.delete(world.ledger.key("chat_watcher"))
    world.watch(describe_rate=0).step()
    assert world.open() == {"c-3"}
    first, second = (request["TimeRange"]["StartTime"] for request in world.contacts.searched)
    assert second > first


def test_another_worker_ends_a_search_although_events_come_again(world: World) -> None:
    """What is left may be shorter than a gap, and is no less missed."""
    world.fill()
    ingest(world.ledger, ended("x-1"))
    for place, minutes in enumerate((30, 25, 5)):
        world.ledger.clock.now_ms += minutes * MINUTE_MS
        world.contacts.end(f"c-{place}", world.ledger.clock.now_ms)
    world.contacts.page = 2
    world.ledger.clock.now_ms += 2 * MINUTE_MS
    world.watch(describe_rate=0).step()
    assert world.open() == {"c-2", "c-3"}

    ingest(world.ledger, ended("x-2"))
    world.ledger.redis.delete(world.ledger.key("chat_watcher"))
    world.watch(describe_rate=0).step()
    assert world.open() == {"c-3"}


def test_instances_of_a_budget_take_turns(world: World) -> None:
    """They share the rate of the questions."""
    one = world.values["senders"]["sms"]
    world.values["senders"] = {"sms": one, "other": {**one, "instance_id": "i-2"}}
    world.fill()
    name = world.ledger.key("chats:i-2")
    world.ledger.redis.zadd(name, {f"o-{place}": START_MS + 9 * HOUR_MS for place in range(CHATS)})
    world.ledger.redis.expire(name, 3_600)
    watch = world.watch()
    world.pass_time(1_000, watch, steps=4)
    assert {contact[0] for contact in world.contacts.asked} == {"c", "o"}


def test_a_contact_for_which_aws_has_no_answer_does_not_hide_the_others(world: World) -> None:
    world.fill()
    world.contacts.fails_for = "c-0"
    world.contacts.end("c-2", world.ledger.clock.now_ms)
    world.pass_time(10_000, world.watch(), steps=4)
    assert world.open() == {"c-0", "c-1", "c-3"}


def test_credentials_are_looked_for_again_while_nothing_is_sent(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full instance gets no other call that would notice that they have expired."""
    monkeypatch.setattr("outbound_chat_worker.connect._YOUNG_SECONDS", -1.0)
    world.fill()
    watch = world.watch()
    world.contacts.refusal = (403, "ExpiredTokenException")
    world.pass_time(1_000, watch)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "renewed")
    world.contacts.refusal = None
    world.pass_time(MINUTE_MS, watch)
    assert "Credential=renewed/" in world.contacts.authorization


def test_what_a_search_finds_of_others_leaves_nothing(world: World) -> None:
    """Neither facts that wait for a job, nor a count of events: none came."""
    world.fill()
    ingest(world.ledger, ended("c-0"))
    unmatched = world.field("unmatched")
    world.contacts.begin("x-0", START_MS)
    world.contacts.end("x-0", world.ledger.clock.now_ms)
    world.pass_time(20 * MINUTE_MS, world.watch(describe_rate=0))
    assert len(world.contacts.searched) == 1
    assert world.ledger.redis.exists(world.ledger.key("contact:x-0")) == 0
    assert world.field("unmatched") == unmatched


def test_a_question_that_fails_for_days_stays_patient(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in SANDBOX_ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    now = 0.0
    runtime, _ = world.worker()
    question = Question(runtime, "DescribeContact", lambda client: client.describe_contact, 1.0, lambda: now)
    of_sender = runtime.settings.senders["sms"]
    for _ in range(1_100):
        assert question.ask(of_sender, ContactId="c-0") is None
        now += 3_600
    now -= 3_590
    assert not question.is_due
    now += 60
    assert question.is_due
    assert "AWS" in caplog.text


def test_the_thread_of_a_worker_looks_and_stops_at_once(world: World) -> None:
    """A worker that ends does not wait for AWS: what was asked is asked again by another one."""
    world.fill()
    world.contacts.end("c-0", world.ledger.clock.now_ms)
    thread = LostEnds(*world.worker(describe_rate=10))
    thread.start()
    try:
        wait_until(lambda: world.open() == {"c-1", "c-2", "c-3"})
        world.contacts.answers.clear()
        world.contacts.arrived.clear()
        world.ledger.clock.now_ms += HOUR_MS
        world.ledger.add(2)
        world.ledger.claim()
        assert world.contacts.arrived.wait(60)
    finally:
        thread.stop()
        stopped_first = not world.contacts.answers.is_set()
        world.contacts.answers.set()
    assert stopped_first
