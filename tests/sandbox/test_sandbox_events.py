"""Contact events: as AWS sends them, and as badly as its guarantees allow."""

import itertools
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from outbound_chat_worker.sandbox import EventOptions, SandboxClient, SandboxError, SandboxOptions
from tests.support.receiver import Received, Receiver
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from types_boto3_connect import ConnectClient

Timed = Callable[[SandboxOptions], tuple[SandboxClient, Callable[[timedelta], None]]]
MakeConnect = Callable[..., "ConnectClient"]
INSTANCE = "11111111-2222-3333-4444-555555555555"
ARN = f"arn:aws:connect:eu-west-2:210987654321:instance/{INSTANCE}"
KINDS = ["INITIATED", "CONNECTED_TO_SYSTEM", "DISCONNECTED", "COMPLETED"]
UNSET = "1970-01-01T00:00:00.001Z"


@pytest.fixture
def run(
    timed_sandbox: Timed, make_connect: MakeConnect, request_body: dict[str, Any]
) -> Iterator[Callable[..., tuple[SandboxClient, Callable[[timedelta], None]]]]:
    """Start a sandbox whose chats live for 10 s, and so many chats; answers the sandbox and what moves its clock."""
    clients = []

    def start(chats: int, **events: Any) -> tuple[SandboxClient, Callable[[timedelta], None]]:
        options = SandboxOptions(rate=None, chat_seconds=(10, 10), events=EventOptions(**events))
        sandbox, advance = timed_sandbox(options)
        clients.append(make_connect(sandbox.url))
        source = {"Type": "CONNECT_PHONENUMBER_ARN", "Address": f"{ARN.partition(':instance')[0]}:phone-number/a"}
        for _ in range(chats):
            clients[-1].start_outbound_chat_contact(**{**request_body, "SourceEndpoint": source})
        return sandbox, advance

    yield start
    for client in clients:
        client.close()


def _kinds(sandbox: SandboxClient, after: int = 0) -> list[str]:
    return [one.event["detail"]["eventType"] for one in sandbox.events(after=after)]


def test_a_chat_is_four_events_in_the_envelope_of_eventbridge(run: Callable[..., Any]) -> None:
    """Every member that a parser may look at, and the times that AWS leaves unset."""
    sandbox, advance = run(1)
    (contact,) = sandbox.contacts()
    assert _kinds(sandbox) == KINDS[:2]

    advance(timedelta(seconds=20))
    first, second, end, last = (dict(one.event) for one in sandbox.events())

    assert [one.number for one in sandbox.events()] == [1, 2, 3, 4]
    assert [one["detail"]["eventType"] for one in (first, second, end, last)] == KINDS
    detail = end.pop("detail")
    assert re.fullmatch(r"[0-9a-f-]{36}", end.pop("id"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", end.pop("time"))
    assert end == {
        "version": "0",
        "detail-type": "Amazon Connect Contact Event",
        "source": "aws.connect",
        "account": "210987654321",
        "region": "eu-west-2",
        "resources": [f"{ARN}/contact/{contact.contact_id}", ARN],
    }
    begun, ended = detail["initiationTimestamp"], detail["disconnectTimestamp"]
    assert datetime.fromisoformat(ended) - datetime.fromisoformat(begun) == timedelta(seconds=10)
    assert detail == {
        "eventType": "DISCONNECTED",
        "contactId": contact.contact_id,
        "initialContactId": contact.contact_id,
        "channel": "CHAT",
        "instanceArn": ARN,
        "initiationMethod": "API",
        "initiationTimestamp": begun,
        "connectedToSystemTimestamp": begun,
        "disconnectTimestamp": ended,
        "disconnectReason": "CONTACT_FLOW_DISCONNECT",
        "tags": {"aws:connect:instanceId": INSTANCE},
        "segmentAttributes": {"connect:Subtype": {"valueString": "connect:SMS"}},
        "chatMetrics": {
            "chatContactMetrics": {"totalMessages": 1, "totalBotMessages": 0},
            "customerMetrics": {"messagesSent": 0},
            "agentMetrics": {"messagesSent": 0},
        },
    }
    assert last["detail"] == {**detail, "eventType": "COMPLETED"}
    assert first["detail"]["connectedToSystemTimestamp"] == first["detail"]["disconnectTimestamp"] == UNSET
    assert (second["detail"]["connectedToSystemTimestamp"], second["detail"]["disconnectTimestamp"]) == (begun, UNSET)
    assert "chatMetrics" not in first["detail"]
    assert "+1202" not in json.dumps([first, second, end, last]), "AWS sends no number of a customer either"


def test_a_customer_who_answers_is_in_the_metrics(run: Callable[..., Any]) -> None:
    sandbox, advance = run(0)
    sandbox.configure(answered=1.0)
    assert _kinds(sandbox) == []
    sandbox, advance = run(1)
    sandbox.configure(answered=0.0)
    advance(timedelta(seconds=20))
    ends = [one.event["detail"] for one in sandbox.events(after=2)]
    assert {end["chatMetrics"]["customerMetrics"]["messagesSent"] for end in ends} == {0}


def test_late_events_come_later_and_doubled_ones_again(run: Callable[..., Any]) -> None:
    late, advance_late = run(1, late=1.0, delay=timedelta(seconds=3))
    doubled, advance_doubled = run(1, doubled=1.0, delay=timedelta(seconds=3))
    assert (_kinds(late), _kinds(doubled)) == ([], KINDS[:2])

    for advance in (advance_late, advance_doubled):
        advance(timedelta(seconds=4))
    assert (_kinds(late), _kinds(doubled)) == (KINDS[:2], KINDS[:2] * 2)
    ids = [one.event["id"] for one in doubled.events()]
    assert ids[:2] == ids[2:], "the same event"
    for advance in (advance_late, advance_doubled):
        advance(timedelta(seconds=7))
    assert (_kinds(late, 2), _kinds(doubled, 4)) == ([], KINDS[2:])
    for advance in (advance_late, advance_doubled):
        advance(timedelta(seconds=10))
    assert (_kinds(late, 2), _kinds(doubled, 4)) == (KINDS[2:], KINDS[2:] * 2)


def test_swapped_events_come_in_the_opposite_order_and_lost_ones_never(run: Callable[..., Any]) -> None:
    swapped, advance_swapped = run(2, swapped=1.0)
    lost, advance_lost = run(2, lost=1.0)
    for advance in (advance_swapped, advance_lost):
        advance(timedelta(seconds=20))

    assert _kinds(swapped) == KINDS[::-1] * 2
    assert _kinds(lost) == []
    assert (swapped.stats().events, lost.stats().events, lost.stats().open_chats) == (8, 0, 0)


def test_shares_are_drawn_and_the_same_with_the_same_seed(run: Callable[..., Any]) -> None:
    """A benchmark with 2 % of the ends lost is the same benchmark each time."""
    seen = []
    for _ in range(2):
        sandbox, advance = run(200, lost=0.1, doubled=0.2, swapped=0.3)
        for _ in range(3):
            advance(timedelta(seconds=10))
            sandbox.stats()
        kinds = defaultdict(list)
        for one in sandbox.events():
            kinds[one.event["detail"]["contactId"]].append(one.event["detail"]["eventType"])
        seen.append([kinds[contact.contact_id] for contact in sandbox.contacts()])

    assert seen[0] == seen[1]
    count = Counter(tuple(one for one, _ in itertools.groupby(chat)) for chat in seen[0])
    assert 10 < sum("DISCONNECTED" not in chat for chat in seen[0]) < 40
    assert 10 < sum(chat.count("DISCONNECTED") > 1 for chat in seen[0]) < 60
    assert 30 < sum(number for kinds, number in count.items() if kinds[:1] == ("COMPLETED",)) < 90


def test_without_the_option_there_are_no_events(
    connect: "ConnectClient", sandbox: SandboxClient, request_body: Any
) -> None:
    """Benchmarks of other things pay nothing."""
    sandbox.close_chat(connect.start_outbound_chat_contact(**request_body)["ContactId"])

    assert (list(sandbox.events()), sandbox.stats().events) == ([], 0)
    sandbox.configure(events=EventOptions())
    sandbox.close_chat(connect.start_outbound_chat_contact(**request_body)["ContactId"])
    assert _kinds(sandbox) == KINDS


def test_a_shut_door_delays_events_and_loses_none(run: Callable[..., Any]) -> None:
    sandbox, advance = run(1)
    assert _kinds(sandbox) == KINDS[:2]
    sandbox.configure(events_shut=True)
    advance(timedelta(seconds=19))
    assert (_kinds(sandbox), sandbox.stats().open_chats) == (KINDS[:2], 0)
    sandbox.configure(events_shut=False)
    assert _kinds(sandbox) == KINDS


def test_each_event_is_posted_until_it_is_accepted(run: Callable[..., Any]) -> None:
    """As an API destination does it; what no other try would change is not tried again."""
    answers = iter([503, 429, 401, 400])

    def respond(_: Received) -> tuple[int, dict[str, str]]:
        return next(answers, 204), {}

    with Receiver() as receiver:
        receiver.respond = respond
        sandbox, advance = run(1, url=receiver.url, header="X-Api-Key: secret")

        def all_came() -> bool:
            advance(timedelta(seconds=1))
            return len(receiver.received) >= 7

        wait_until(all_came, what="four requests, and three again")
        advance(timedelta(seconds=60))
        sandbox.stats()
        received = list(receiver.received)

    posted = [one.said for one in received]
    assert all(one.headers["x-api-key"] == "secret" for one in received)
    assert {one.headers["content-type"] for one in received} == {"application/json; charset=utf-8"}
    assert {one["id"] for one in posted} == {one.event["id"] for one in sandbox.events()}
    assert all(one in [event.event for event in sandbox.events()] for one in posted)
    assert len(posted) == 7


def test_a_url_gets_nothing_while_the_door_is_shut_or_while_it_is_away(run: Callable[..., Any]) -> None:
    with Receiver() as receiver:
        away = receiver.url
    sandbox, advance = run(1)
    assert _kinds(sandbox) == KINDS[:2]
    with Receiver() as receiver:
        sandbox.configure(events=EventOptions(url=receiver.url), events_shut=True)
        advance(timedelta(seconds=12))
        assert sandbox.stats().open_chats == 0
        assert receiver.received == []
        sandbox.configure(events=EventOptions(url=away), events_shut=False)
        wait_until(lambda: sandbox.stats().others.get("event url URLError", 0) >= 2, what="posts that failed")
        sandbox.configure(events=EventOptions(url=receiver.url))
        wait_until(lambda: len(receiver.received) == 2, what="the events of the end")
    assert sandbox.stats().others["event url"] == 2


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"events": {"late": 2}}, "late must be from 0 to 1"),
        ({"events": {"url": "file:///etc/passwd"}}, "url must begin with http"),
        ({"events": {"header": "secret"}}, "header must be like"),
        ({"events": {"header": "X-Api-Key: a\r\nX: b"}}, "header must be like"),
        ({"events": {"lots": 1}}, "lots"),
        ({"faults": [{"kind": "conflict", "shares": 0.1}]}, "shares"),
        ({"chat_seconds": [3, 2]}, "the smaller one first"),
        ({"answered": -1}, "answered must be from 0 to 1"),
    ],
)
def test_invalid_options_are_refused_with_a_sentence(sandbox: SandboxClient, changes: Any, said: str) -> None:
    with pytest.raises(SandboxError, match=said):
        sandbox.configure(**changes)
