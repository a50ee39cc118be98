"""What `doctor` says of contact events: whether somebody listens, and whether they come and find their jobs."""

import json
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from outbound_chat.doctor.contact_events import contact_event_checks
from outbound_chat.model.diagnostics import Check, Level
from outbound_chat.store import Keys, Store, scripts
from outbound_chat_config import Settings
from outbound_chat_worker.cli.contact_queue import contact_queue_checks
from outbound_chat_worker.connect import Connect
from outbound_chat_worker.sandbox import QUEUE_PATH, SANDBOX_ENVIRONMENT
from tests.support.contact_events import contact_event
from tests.support.harness import INSTANCE_ID, Harness, data_of, sender

HOW_TO = "docs/howto/contact-events.md"
QUEUE = "https://sqs.us-east-1.amazonaws.com/123456789012/events"
DEAD = "arn:aws:sqs:us-east-1:123456789012:dead"


def checks(settings: Settings) -> list[Check]:
    with Store.from_settings(settings) as store:
        status = store.run(scripts.read_contact_events(Keys(settings.key_prefix, "main"), [INSTANCE_ID]))
        return list(contact_event_checks(settings, status))


def test_a_limit_of_open_chats_that_nobody_reports_the_ends_for(stack: Harness) -> None:
    """500 chats of 25 hours are 20 contacts an hour: what to do is one page away. A sandbox is no campaign."""
    stack.configure(senders={"support": sender(max_open_chats=500)})

    found = data_of(stack.run("doctor", "--json").stdout)

    (check,) = [one for one in found if one["subject"] == "contact events of main"]
    assert check == {
        "subject": "contact events of main",
        "level": "warning",
        "finding": "max_open_chats is set, but none came: each chat counts as open for its whole duration",
        "advice": f"tell workers when chats end: {HOW_TO}",
    }
    stack.configure(senders={"support": sender(max_open_chats=500, endpoint_url=stack.sandbox.url)})
    assert checks(stack.settings) == []
    stack.configure(senders={"support": sender()})
    assert checks(stack.settings) == []


def test_events_that_come_are_counted_by_what_they_found(stack: Harness) -> None:
    stack.configure(senders={"support": sender(max_open_chats=500)})
    chat = stack.chat()
    chat.ingest_contact_events([contact_event("DISCONNECTED", f"c-{place}") for place in range(4)])

    matched, last = checks(stack.settings)
    assert (matched.subject, matched.level) == ("contact events of main", Level.OK)
    assert matched.finding == "0% of 4 that name a contact or job found the job"
    assert (last.subject, last.level) == (f"contact events of {INSTANCE_ID}", Level.OK)
    assert last.finding.startswith("the last one came ")

    base = f"{stack.settings.key_prefix}:{{main}}:"
    with Store.from_settings(stack.settings) as store:
        fields = {"changed": 95, "same": 200, "matched:contact": 90, "matched:context": 5}
        store.ask(lambda redis: redis.hset(f"{base}contact_events", mapping=fields))
        matched, _ = checks(stack.settings)
        assert matched.finding == "96% of 99 that name a contact or job found the job (contact 90, context 5)"

        store.ask(lambda redis: redis.hdel(f"{base}bucket", "contacts_until"))
        not_recorded, *_ = checks(stack.settings)
    assert not_recorded.level is Level.WARNING
    assert not_recorded.finding == "calls are not recorded with their contacts, so events find no jobs"


def test_silence_while_chats_are_open_is_a_warning(stack: Harness) -> None:
    """A rule that somebody removed looks like customers who never end their chats."""
    stack.configure(senders={"support": sender(max_open_chats=500)}, contact_events={})
    with Store.from_settings(stack.settings) as store:
        keys, until_ms = Keys(stack.settings.key_prefix, "main"), 10**13
        limits = {"instance": INSTANCE_ID, "number": "n", "max_chats": 500, "peers": ["support"]}
        call = scripts.configure(
            keys,
            version="v",
            rate=1,
            burst=1,
            max_pumps=1,
            keep_ms=1,
            keep_requests_ms=1,
            senders={"support": limits},
            weights={},
            contacts=True,
        )
        store.run(call)
        store.ask(lambda redis: redis.zadd(keys.chats(INSTANCE_ID), {"c-1": until_ms}))

        _, never = checks(stack.settings)
        assert (never.level, never.finding) == (Level.WARNING, "none ever came, though 1 chat is open")
        assert HOW_TO in never.advice
        store.ask(lambda redis: redis.hset(f"{keys.base}contact_events", f"last:{INSTANCE_ID}", 1_700_000_000_000))
        _, old = checks(stack.settings)
        assert old.level is Level.WARNING
        assert old.finding.endswith(" ago, though 1 chat is open")
        store.ask(lambda redis: redis.delete(keys.chats(INSTANCE_ID), f"{keys.base}contact_events", keys.settings))


class _Queues(ThreadingHTTPServer):
    """Answers by operation, in the JSON protocol of SQS."""

    daemon_threads = True
    answers: Mapping[str, Any]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Queues

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        operation = self.headers["X-Amz-Target"].partition(".")[2]
        of_queue = request.get("QueueUrl", "").rpartition("/")[2]
        answer = self.server.answers.get(f"{operation} {of_queue}".strip())
        body = json.dumps(answer or {"__type": "AccessDenied", "message": "no"}).encode()
        self.send_response(200 if answer else 403)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: it would go to standard error."""


@pytest.fixture
def queues() -> Iterator[_Queues]:
    server = _Queues(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def attributes(waiting: int, *, dead: str = "") -> dict[str, Any]:
    policy = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 5})} if dead else {}
    return {"Attributes": {"ApproximateNumberOfMessages": str(waiting), **policy}}


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({}, [(Level.FAULT, f"{QUEUE} can't be read: ")]),
        (
            {"GetQueueAttributes events": attributes(1)},
            [(Level.OK, f"{QUEUE}: 1 message waits"), (Level.WARNING, "the queue has no dead-letter queue")],
        ),
        (
            {"GetQueueAttributes events": attributes(0, dead=DEAD)},
            [(Level.OK, f"{QUEUE}: 0 messages wait"), (Level.OK, "unknown: dead can't be read: ")],
        ),
        (
            {
                "GetQueueAttributes events": attributes(0, dead=DEAD),
                "GetQueueAttributes dead": attributes(0),
            },
            [(Level.OK, f"{QUEUE}: 0 messages wait"), (Level.OK, "dead is empty")],
        ),
        (
            {
                "GetQueueAttributes events": attributes(0, dead=DEAD),
                "GetQueueAttributes dead": attributes(3),
            },
            [(Level.OK, f"{QUEUE}: 0 messages wait"), (Level.WARNING, "3 messages are in dead")],
        ),
    ],
)
def test_the_queue_is_read_and_its_dead_letters_are_counted(
    monkeypatch: pytest.MonkeyPatch, queues: _Queues, answers: dict[str, Any], said: list[tuple[Level, str]]
) -> None:
    for name, value in SANDBOX_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    queues.answers = answers
    of_events = {"queue_url": QUEUE, "endpoint_url": f"http://127.0.0.1:{queues.server_port}"}
    settings = Settings.from_values(senders={"support": sender()}, contact_events=of_events)

    found = list(contact_queue_checks(settings, Connect(settings.worker)))

    assert [(check.level, check.finding[: len(start)]) for check, (_, start) in zip(found, said, strict=True)] == said


def test_without_a_queue_none_is_checked() -> None:
    """Events may come by HTTP, or from the command line."""
    each: tuple[dict[str, Any], ...] = ({}, {"contact_events": {}})
    for values in each:
        settings = Settings.from_values(senders={"support": sender()}, **values)
        assert list(contact_queue_checks(settings, Connect(settings.worker))) == []


def test_a_queue_of_a_stand_in_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a terminal beside `dev` there are no credentials, or those of a real account, which a sandbox refuses."""
    for name in [*SANDBOX_ENVIRONMENT, "AWS_PROFILE"]:
        monkeypatch.delenv(name, raising=False)
    url = "http://127.0.0.1:9"
    of_events = {"queue_url": f"{url}{QUEUE_PATH}", "region": "us-east-1", "endpoint_url": url}
    settings = Settings.from_values(senders={"support": sender()}, contact_events=of_events)

    (check,) = contact_queue_checks(settings, Connect(settings.worker))

    assert (check.level, check.finding) == (Level.OK, f"not asked: it is at {url}")
