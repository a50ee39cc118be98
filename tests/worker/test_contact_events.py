"""The queue of contact events: real boto3 against moto's server, a real Valkey, and the poller of a worker."""

import json
import logging
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import redis as redis_py

from outbound_chat.client import OutboundChat
from outbound_chat.model.contact_events import ContactEventStatus, Outcome
from outbound_chat.store import Store
from outbound_chat_config import Settings
from outbound_chat_worker.contact_events.poller import QueuePoller
from outbound_chat_worker.local.embedded import EmbeddedServer
from outbound_chat_worker.runtime import Runtime
from tests.store.ledger import Ledger
from tests.support.contact_events import contact_event, ended
from tests.support.harness import INSTANCE_ID, Harness, number, sender
from tests.support.proxy import Proxy, running_proxy
from tests.support.sqs import CREDENTIALS, Queue, running_sqs
from tests.support.waiting import wait_until

HOUR_MS = 3_600_000


@pytest.fixture(scope="session")
def sqs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_sqs(tmp_path_factory.mktemp("sqs")) as url:
        yield url


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    server = EmbeddedServer(tmp_path_factory.mktemp("valkey"), fsync="no")
    try:
        yield server
    finally:
        server.stop()


class Door:
    """A queue, a budget with jobs that were sent, and pollers of this process."""

    def __init__(self, sqs: str, valkey: EmbeddedServer, **attributes: str) -> None:
        self.queue = Queue(sqs, f"events-{uuid.uuid4().hex}", **attributes)
        self.valkey = valkey
        self.redis: Any = redis_py.Redis(port=valkey.port, decode_responses=True)
        self.redis.flushall()
        self.store = Store(valkey.url)
        self.ledger = Ledger(self.store, self.redis)
        self.ledger.configure(contacts=True, senders={"sms": {"instance": INSTANCE_ID, "max_chats": 100}})

    def settings(self, **changes: Any) -> Settings:
        values = {"redis_url": self.valkey.url, "senders": {"sms": sender()}, "contact_events": self.queue.settings}
        return Settings.from_values(**{**values, **changes})

    def poller(self, *, waits: Sequence[int] = (0, 0, 0, 0), poll_seconds: int = 0, **changes: Any) -> QueuePoller:
        settings = self.settings(**changes)
        assert settings.contact_events
        return QueuePoller(Runtime(settings), settings.contact_events, waits=waits, poll_seconds=poll_seconds)

    def send(self, contact: str) -> str:
        """Sends a job, whose chat is open then."""
        (local_id,) = self.ledger.add(1)
        assert self.ledger.attempt("sent", contact_id=contact, chat_ms=HOUR_MS)[1] == "sent"
        return local_id

    def chats(self) -> set[str]:
        return set(self.redis.zrange(self.ledger.key(f"chats:{INSTANCE_ID}"), 0, -1))

    def status(self) -> ContactEventStatus:
        with OutboundChat.from_settings(self.settings()) as chat:
            (found,) = chat.contact_event_status()
            return found


@pytest.fixture
def make_door(sqs: str, valkey: EmbeddedServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Door]]:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    made: list[Door] = []

    def make(**attributes: str) -> Door:
        made.append(Door(sqs, valkey, **attributes))
        return made[-1]

    yield make
    for door in made:
        door.store.close()
        door.redis.close()


@pytest.fixture
def door(make_door: Callable[..., Door]) -> Door:
    return make_door()


def test_an_event_frees_its_place_and_is_deleted(door: Door) -> None:
    for contact in ("c-1", "c-2"):
        door.send(contact)
    door.queue.send([ended("c-1")])

    assert door.poller().turn() == 1

    assert door.chats() == {"c-2"}
    assert door.queue.count() == 0
    assert door.status().outcomes[Outcome.CHANGED] == 1


def test_a_receive_takes_ten_and_repeats_change_nothing(door: Door) -> None:
    """SQS delivers at least once."""
    for place in range(12):
        door.send(f"c-{place}")
    door.queue.send([ended(f"c-{place % 12}") for place in range(24)])
    poller = door.poller()

    assert [poller.turn() for _ in range(3)] == [10, 10, 4]

    assert door.chats() == set()
    found = door.status().outcomes
    assert (found[Outcome.CHANGED], found[Outcome.SAME]) == (12, 12)


def test_poison_stops_nothing_and_is_counted(door: Door) -> None:
    """Whatever the account puts into the queue: it is passed over, counted and deleted."""
    door.send("c-1")
    foreign = ended("c-9").replace("123456789012", "999999999999")
    unknown = json.dumps({"source": "aws.ec2", "detail-type": "x", "detail": {}})
    other = ended("c-1").replace("DISCONNECTED", "RESUMED")
    bodies = ["no JSON", "[1]", '{"a":' * 2_000, "\U0001f600", foreign, unknown, other]
    door.queue.send([*bodies, ended("c-1")])

    assert door.poller().turn() == len(bodies) + 1

    assert door.queue.count() == 0
    assert door.chats() == set()
    found = door.status().outcomes
    assert (found[Outcome.UNREADABLE], found[Outcome.FOREIGN], found[Outcome.CHANGED]) == (4, 1, 1)
    assert found[Outcome.UNKNOWN] == 2


def test_an_unmatched_event_comes_back_and_is_given_up_in_the_end(door: Door) -> None:
    """Other programs start contacts on the same instance, of which no job will ever be known."""
    door.queue.send([ended("c-1")])
    poller = door.poller(waits=(0, 0))

    assert [poller.turn() for _ in range(2)] == [1, 1]
    assert door.queue.count() == 1
    assert [poller.turn() for _ in range(2)] == [1, 0]

    assert door.queue.count() == 0
    assert door.poller().turn() == 0
    assert door.status().outcomes[Outcome.UNMATCHED] == 1


def test_an_unmatched_event_finds_its_job_when_it_comes_back(door: Door) -> None:
    door.queue.send([ended("c-1")])
    poller = door.poller()
    assert poller.turn() == 1

    door.send("c-1")

    assert door.chats() == set()  # the end waited for it
    assert [poller.turn(), door.queue.count()] == [1, 0]


def test_an_unmatched_event_waits_as_long_as_its_count_says(door: Door) -> None:
    door.queue.send([ended("c-1")])

    assert door.poller(waits=(600,)).turn() == 1

    assert door.queue.count() == 1
    assert door.poller(waits=(600,)).turn() == 0


def test_a_role_may_read_the_queue(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for senders: a queue may be another account's."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", door.queue.endpoint)
    door.send("c-1")
    door.queue.send([ended("c-1")])
    role = {"role_arn": "arn:aws:iam::123456789012:role/reader", "external_id": "theirs"}

    assert door.poller(contact_events={**door.queue.settings, **role}).turn() == 1

    assert door.queue.count() == 0


def proxied(door: Door, proxy: Proxy, **changes: Any) -> QueuePoller:
    return door.poller(redis_url=f"redis://127.0.0.1:{proxy.port}/0", worker={"redis_timeout": 1}, **changes)


def test_an_outage_of_redis_loses_nothing_and_fills_no_dead_letter_queue(
    make_door: Callable[..., Door], sqs: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Messages at hand come back by themselves. Nothing more is received meanwhile, since each receive counts."""
    dead = Queue(sqs, f"dead-{uuid.uuid4().hex}")
    door = make_door(RedrivePolicy=json.dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": "2"}))
    door.send("c-1")
    with running_proxy(door.valkey.port) as proxy:
        poller = proxied(door, proxy)
        assert poller.turn() == 0
        door.queue.send([ended("c-1")])
        proxy.refuse()
        proxy.cut()

        assert [poller.turn() for _ in range(3)] == [None] * 3
        assert (door.queue.count(), dead.count()) == (1, 0)
        proxy.listen()
        wait_until(lambda: poller.turn() == 1, what="Redis")

    assert (door.queue.count(), dead.count()) == (0, 0)
    assert door.chats() == set()
    assert 1 <= sum("jobs wait until Redis works" in text for text in caplog.messages) < len(caplog.messages)


def test_a_fault_of_ours_at_one_event_keeps_the_others(
    make_door: Callable[..., Door], sqs: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It ends in the dead-letter queue, where a person finds it."""
    dead = Queue(sqs, f"dead-{uuid.uuid4().hex}")
    door = make_door(RedrivePolicy=json.dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": "2"}))
    door.send("c-1")
    ingest = OutboundChat.ingest_contact_events

    def faulty(chat: OutboundChat, events: Any) -> list[Outcome]:
        if any("poison" in event for event in events):
            raise ZeroDivisionError
        return ingest(chat, events)

    monkeypatch.setattr(OutboundChat, "ingest_contact_events", faulty)
    door.queue.send(["poison", ended("c-1")])
    poller = door.poller()

    assert [poller.turn() for _ in range(3)] == [None, None, 0]

    assert door.chats() == set()
    assert (door.queue.count(), dead.count()) == (0, 1)
    assert "a contact event can't be applied and stays in the queue: ZeroDivisionError" in caplog.text
    assert sum("Traceback" in str(record.exc_text) for record in caplog.records) <= 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"queue_url": "http://127.0.0.1:1/123456789012/none", "endpoint_url": "http://127.0.0.1:1"},
            "Could not connect",
        ),
        ({"profile": "nobody"}, "profile (nobody) could not be found"),
        ({"queue_url": "https://sqs.us-east-1.amazonaws.com/123456789012/none"}, "queue does not exist"),
    ],
)
def test_a_queue_that_can_not_be_read_is_one_notice_until_it_works(
    door: Door, caplog: pytest.LogCaptureFixture, changes: dict[str, str], said: str
) -> None:
    poller = door.poller(contact_events={**door.queue.settings, **changes})

    assert [poller.turn() for _ in range(3)] == [None] * 3

    # A problem that lasts is logged again, but less and less often.
    (line,) = {record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING}
    assert line.startswith("contact events can't be read from the queue: ")
    assert said in line
    assert line.endswith("; trying again")
    assert "Traceback" not in caplog.text


def test_a_notice_ends_when_the_queue_works_again(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    port = int(door.queue.endpoint.rpartition(":")[2])
    with running_proxy(port) as proxy:
        at_proxy = {**door.queue.settings, "endpoint_url": f"http://127.0.0.1:{proxy.port}"}
        poller = door.poller(contact_events=at_proxy)
        proxy.refuse()
        assert poller.turn() is None
        proxy.listen()
        assert poller.turn() == 0

    assert caplog.messages[-1] == "contact events are read from the queue again"


def test_messages_that_can_not_be_deleted_are_reported_and_come_again(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    """A batch call answers each entry: here the receipts are no longer those of the messages."""
    door.send("c-1")
    door.queue.send([ended("c-1")])
    (message,) = door.queue.client.receive_message(QueueUrl=door.queue.url)["Messages"]
    stale = {**message, "ReceiptHandle": "gone"}

    assert not door.poller().apply([stale])

    assert door.chats() == set()
    assert "contact events stay in the queue: 1 could not be deleted or deferred" in caplog.text
    assert [door.poller().turn(), door.queue.count()] == [1, 0]


def test_a_stop_does_not_wait_for_a_long_poll(door: Door) -> None:
    """A worker has seconds to end; a receive may wait for 20."""
    port = int(door.queue.endpoint.rpartition(":")[2])
    with running_proxy(port) as proxy:
        at_proxy = {**door.queue.settings, "endpoint_url": f"http://127.0.0.1:{proxy.port}"}
        poller = door.poller(contact_events=at_proxy)
        proxy.hold("answers")
        poller.start()
        wait_until(lambda: proxy.held("answers"), what="a receive that waits")
        stopped = threading.Thread(target=poller.stop)
        stopped.start()
        stopped.join(60)
        assert not stopped.is_alive()


def test_each_budget_counts_its_own_events(door: Door) -> None:
    """An event that comes back is not counted as unmatched, whichever budget the instance belongs to."""
    other = sender(instance_id="i-2", budget="zoned")
    two: dict[str, Any] = {
        "senders": {"sms": sender(), "other": other},
        "budgets": {"main": {"rate": 1}, "zoned": {"rate": 1}},
    }
    door.queue.send([ended("c-1").replace(INSTANCE_ID, "i-2")])
    poller = door.poller(waits=(600,), **two)

    assert poller.turn() == 1

    with OutboundChat.from_settings(door.settings(**two)) as chat:
        found = {one.budget: one for one in chat.contact_event_status()}
    assert {name: one.outcomes[Outcome.UNMATCHED] for name, one in found.items()} == {"main": 0, "zoned": 0}


def test_a_worker_reads_the_queue(stack: Harness, sqs: str) -> None:
    """The whole path: a message is sent, its chat ends, and the place is free. No log has a number of the event."""
    queue = Queue(sqs, f"events-{uuid.uuid4().hex}")
    own = sender(endpoint_url=stack.sandbox.url, max_open_chats=1)
    stack.configure(senders={"support": own}, contact_events=queue.settings)
    worker = stack.start_worker("--loglevel", "DEBUG")
    chat = stack.chat()
    first = chat.wait(chat.enqueue(sender="support", to=number(1), text="Hello").id, 120)
    second = chat.enqueue(sender="support", to=number(2), text="Hello")
    event = contact_event("DISCONNECTED", first.contact_id or "", systemEndpoint={"address": number(3)})
    queue.send([json.dumps(event)])

    assert chat.wait(second.id, 120).state == "sent"

    wait_until(lambda: queue.count() == 0, what="an empty queue")
    (found,) = chat.contact_event_status()
    assert found.outcomes[Outcome.CHANGED] == 1
    worker.terminate()
    assert worker.wait(60) == 0
    assert number(3)[1:] not in stack.logs()
