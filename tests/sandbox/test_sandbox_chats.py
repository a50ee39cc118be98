"""Chats that end, and what Amazon Connect says of their contacts afterwards."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from outbound_chat_worker.sandbox import SandboxClient, SandboxOptions

if TYPE_CHECKING:
    from types_boto3_connect import ConnectClient

RequestTo = Callable[..., dict[str, Any]]
Timed = Callable[[SandboxOptions], tuple[SandboxClient, Callable[[timedelta], None]]]
MakeConnect = Callable[..., "ConnectClient"]
INSTANCE = "11111111-2222-3333-4444-555555555555"
ARN = f"arn:aws:connect:us-east-1:123456789012:instance/{INSTANCE}"
NUMBER = "+12025550100"


def _code(call: Callable[..., Any], **parameters: Any) -> str:
    try:
        call(**parameters)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "ok"


def test_chats_end_after_a_drawn_time_and_make_room_for_others(
    timed_sandbox: Timed, make_connect: MakeConnect, request_body: dict[str, Any]
) -> None:
    """With the same seed, the same chats live as long."""
    lives = []
    for _ in range(2):
        sandbox, advance = timed_sandbox(SandboxOptions(rate=None, max_chats=20, chat_seconds=(5, 30), seed=7))
        connect = make_connect(sandbox.url)
        for _ in range(20):
            connect.start_outbound_chat_contact(**request_body)
        assert _code(connect.start_outbound_chat_contact, **request_body) == "LimitExceededException"
        open_chats = []
        for _ in range(31):
            open_chats.append(sandbox.stats().open_chats)
            advance(timedelta(seconds=1))
        lives.append(open_chats)
        assert _code(connect.start_outbound_chat_contact, **request_body) == "ok"
        connect.close()

    assert lives[0] == lives[1]
    assert (lives[0][4], lives[0][30]) == (20, 0)
    assert 0 < lives[0][15] < 20


def test_a_contact_is_described_while_it_is_open_and_after_its_end(
    timed_sandbox: Timed, make_connect: MakeConnect, request_to: RequestTo
) -> None:
    sandbox, advance = timed_sandbox(SandboxOptions(rate=None, chat_seconds=(5, 5), answered=1.0))
    connect = make_connect(sandbox.url)
    request = request_to(NUMBER, Attributes={"order": "A-17"}, RelatedContactId="r")
    id_ = connect.start_outbound_chat_contact(**request)["ContactId"]

    alive = connect.describe_contact(InstanceId=INSTANCE, ContactId=id_)["Contact"]
    advance(timedelta(seconds=60))
    ended = connect.describe_contact(InstanceId=ARN, ContactId=id_)["Contact"]
    connect.close()

    assert "DisconnectTimestamp" not in alive
    assert "DisconnectReason" not in alive
    assert (ended["Id"], ended["Arn"], ended["Channel"], ended["InitiationMethod"]) == (
        id_,
        f"{ARN}/contact/{id_}",
        "CHAT",
        "API",
    )
    assert (ended["CustomerEndpoint"]["Address"], ended["Attributes"]) == (NUMBER, {"order": "A-17"})
    assert ended["SystemEndpoint"] == request["SourceEndpoint"]
    assert (ended["RelatedContactId"], ended["DisconnectReason"]) == ("r", "CUSTOMER_DISCONNECT")
    assert ended["DisconnectTimestamp"] - ended["InitiationTimestamp"] == timedelta(seconds=5)
    assert ended["ChatMetrics"]["CustomerMetrics"]["MessagesSent"] == 1


@pytest.mark.parametrize(
    ("options", "ends", "reason"),
    [
        ({"chat_seconds": (5, 5)}, None, "CONTACT_FLOW_DISCONNECT"),
        ({"chat_seconds": (9_000, 9_000)}, None, "EXPIRED"),
        ({}, SandboxClient.close_chat, "CONTACT_FLOW_DISCONNECT"),
    ],
)
def test_the_reason_says_how_a_chat_ended(  # noqa: PLR0917  # three fixtures
    timed_sandbox: Timed,
    make_connect: MakeConnect,
    request_to: RequestTo,
    options: dict[str, Any],
    ends: Callable[[SandboxClient, str], None] | None,
    reason: str,
) -> None:
    sandbox, advance = timed_sandbox(SandboxOptions(rate=None, **options, verify_signatures=False))
    connect = make_connect(sandbox.url)
    id_ = connect.start_outbound_chat_contact(**request_to(NUMBER, ChatDurationInMinutes=60))["ContactId"]
    if ends:
        ends(sandbox, id_)
    else:
        advance(timedelta(hours=1))

    contact = connect.describe_contact(InstanceId=INSTANCE, ContactId=id_)["Contact"]
    connect.close()
    assert contact["DisconnectReason"] == reason


def test_a_contact_of_another_instance_or_of_none_is_not_found(
    sandbox: SandboxClient, connect: "ConnectClient", request_body: dict[str, Any]
) -> None:
    id_ = connect.start_outbound_chat_contact(**request_body)["ContactId"]
    for instance, contact in ((INSTANCE, "unknown"), ("22222222-2222-3333-4444-555555555555", id_)):
        with pytest.raises(connect.exceptions.ResourceNotFoundException):
            connect.describe_contact(InstanceId=instance, ContactId=contact)
    assert sandbox.stats().others == {"DescribeContact ResourceNotFoundException": 2}
    assert sandbox.stats().calls == 1, "the others are no calls of the sender"


def test_each_operation_has_the_rate_that_aws_gives(
    timed_sandbox: Timed, make_connect: MakeConnect, request_body: dict[str, Any]
) -> None:
    """10 a second with bursts of 15, and one in two seconds."""
    sandbox, advance = timed_sandbox(SandboxOptions())
    connect = make_connect(sandbox.url)
    id_ = connect.start_outbound_chat_contact(**request_body)["ContactId"]
    now = {"Type": "DISCONNECT_TIMESTAMP", "StartTime": 0, "EndTime": 4_000_000_000}

    def counts(call: Callable[..., Any], times: int, **parameters: Any) -> dict[str, int]:
        return Counter(_code(call, **parameters) for _ in range(times))

    described = [counts(connect.describe_contact, 16, InstanceId=INSTANCE, ContactId=id_)]
    searched = [counts(connect.search_contacts, 2, InstanceId=INSTANCE, TimeRange=now)]
    advance(timedelta(seconds=1))
    described.append(counts(connect.describe_contact, 11, InstanceId=INSTANCE, ContactId=id_))
    searched.append(counts(connect.search_contacts, 1, InstanceId=INSTANCE, TimeRange=now))
    advance(timedelta(seconds=1))
    searched.append(counts(connect.search_contacts, 1, InstanceId=INSTANCE, TimeRange=now))
    connect.close()

    throttled = "ThrottlingException"
    assert described == [{"ok": 15, throttled: 1}, {"ok": 10, throttled: 1}]
    assert searched == [{"ok": 1, throttled: 1}, {throttled: 1}, {"ok": 1}]
    assert sandbox.stats().others[f"SearchContacts {throttled}"] == 2
    assert sandbox.stats().throttled == 0


def test_a_sweep_finds_all_that_ended_in_a_time_page_by_page(
    timed_sandbox: Timed, make_connect: MakeConnect, request_body: dict[str, Any]
) -> None:
    """250 chats that end one a second."""
    sandbox, advance = timed_sandbox(SandboxOptions(rate=None, max_chats=1_000))
    connect = make_connect(sandbox.url)
    ids = [connect.start_outbound_chat_contact(**request_body)["ContactId"] for _ in range(260)]
    started = connect.describe_contact(InstanceId=INSTANCE, ContactId=ids[0])["Contact"]["InitiationTimestamp"]
    for id_ in ids[:250]:
        advance(timedelta(seconds=1))
        sandbox.close_chat(id_)

    def sweep(**parameters: Any) -> tuple[list[int], list[str]]:
        sizes, found = list[int](), list[str]()
        token: dict[str, Any] = {}
        while True:
            page = connect.search_contacts(InstanceId=INSTANCE, **parameters, **token)
            sizes.append(len(page["Contacts"]))
            found += [contact["Id"] for contact in page["Contacts"]]
            if "NextToken" not in page:
                return sizes, found
            token = {"NextToken": page["NextToken"]}

    whole = {"Type": "DISCONNECT_TIMESTAMP", "StartTime": started, "EndTime": started + timedelta(days=1)}
    part = {**whole, "StartTime": started + timedelta(seconds=10.5), "EndTime": started + timedelta(seconds=20.5)}
    oldest_first = {"FieldName": "DISCONNECT_TIMESTAMP", "Order": "ASCENDING"}

    assert sweep(TimeRange=whole, MaxResults=100) == ([100, 100, 50], ids[249::-1])
    assert sweep(TimeRange=part, Sort=oldest_first) == ([10], ids[10:20])
    assert sweep(TimeRange=whole, SearchCriteria={"Channels": ["VOICE"]}) == ([0], [])
    assert sweep(TimeRange=part, SearchCriteria={"Channels": ["CHAT"]}) == ([10], ids[19:9:-1])
    connect.close()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"body": {}}, "InvalidRequestException"),
        ({"body": b"no"}, "SerializationException"),
        ({"unsigned": True}, "MissingAuthenticationTokenException"),
        ({"service": "sqs"}, "InvalidSignatureException"),
        ({"MaxResults": 101}, "InvalidRequestException"),
        ({"NextToken": "elsewhere"}, "InvalidRequestException"),
        ({"SearchCriteria": {"QueueIds": ["q"]}}, "InvalidRequestException"),
        ({"TimeRange": {"Type": "ENQUEUE_TIMESTAMP", "StartTime": 0, "EndTime": 1}}, "InvalidRequestException"),
        ({"TimeRange": {"Type": "DISCONNECT_TIMESTAMP", "StartTime": 2, "EndTime": 1}}, "InvalidRequestException"),
        ({"TimeRange": {"Type": "DISCONNECT_TIMESTAMP", "StartTime": 1e300, "EndTime": 1}}, "InvalidRequestException"),
        ({"TimeRange": {"Type": "DISCONNECT_TIMESTAMP", "StartTime": "now", "EndTime": 1}}, "InvalidRequestException"),
    ],
)
def test_a_wrong_search_is_told_what_is_wrong(
    sandbox: SandboxClient, signed_call: Callable[..., tuple[int, str | None, str]], changes: dict[str, Any], code: str
) -> None:
    sandbox.reset()
    span = {"Type": "DISCONNECT_TIMESTAMP", "StartTime": 0, "EndTime": 1}
    sent = {name: value for name, value in changes.items() if name[0].isupper()}
    rest = {name: value for name, value in changes.items() if name[0].islower()}
    whole = {"body": {"InstanceId": INSTANCE, "TimeRange": span, **sent}, "method": "POST", "path": "/search-contacts"}

    assert signed_call(**{**whole, **rest})[1] == code
