"""Tokens, rates and open chats: what Amazon Connect counts."""

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from outbound_chat_worker.sandbox import Fault, FaultKind, SandboxClient, SandboxOptions

if TYPE_CHECKING:
    from types_boto3_connect import ConnectClient

TimedSandbox = Callable[[SandboxOptions], tuple[SandboxClient, Callable[[timedelta], None]]]
MakeConnect = Callable[..., "ConnectClient"]
Outcome = Callable[..., str]
OTHER_INSTANCE = "99999999-2222-3333-4444-555555555555"


def test_a_token_seen_again_gives_the_same_contact_and_starts_nothing(
    connect: "ConnectClient",
    sandbox: SandboxClient,
    request_body: dict[str, Any],
    request_to: Callable[..., dict[str, Any]],
) -> None:
    """The promise that makes a repeat safe; other parameters under the same token change nothing."""
    first = connect.start_outbound_chat_contact(**request_body, ClientToken="t")["ContactId"]
    again = connect.start_outbound_chat_contact(**request_to("+12025550101", ClientToken="t"))["ContactId"]
    other = connect.start_outbound_chat_contact(**request_body, ClientToken="u")["ContactId"]

    assert first == again != other
    stats = sandbox.stats()
    assert (stats.calls, stats.accepted, stats.repeated) == (3, 2, 1)


def test_a_token_belongs_to_an_account_and_region(
    timed_sandbox: TimedSandbox, make_connect: MakeConnect, request_body: dict[str, Any]
) -> None:
    """Two accounts that use the same token must not get each other's contacts."""
    sandbox, _ = timed_sandbox(SandboxOptions(verify_signatures=False))
    clients = [
        make_connect(sandbox.url),
        make_connect(sandbox.url, region_name="eu-west-2"),
        make_connect(sandbox.url, aws_access_key_id="another"),
    ]
    ids = {client.start_outbound_chat_contact(**request_body, ClientToken="t")["ContactId"] for client in clients}
    for client in clients:
        client.close()

    assert len(ids) == 3


def test_a_token_is_forgotten_after_seven_days(
    timed_sandbox: TimedSandbox, make_connect: MakeConnect, request_body: dict[str, Any]
) -> None:
    """And not a minute earlier."""
    sandbox, advance = timed_sandbox(SandboxOptions(verify_signatures=False))
    connect = make_connect(sandbox.url)

    def start() -> str:
        return connect.start_outbound_chat_contact(**request_body, ClientToken="t")["ContactId"]

    first = start()
    advance(timedelta(days=7, minutes=-1))
    assert start() == first
    advance(timedelta(minutes=1))
    assert start() != first
    connect.close()


def test_the_rate_allows_a_burst_then_its_calls_a_second(
    timed_sandbox: TimedSandbox, make_connect: MakeConnect, request_body: dict[str, Any], outcome: Outcome
) -> None:
    """The defaults of a new account: 2 a second, burst 5. A throttled call costs nothing."""
    sandbox, advance = timed_sandbox(SandboxOptions(verify_signatures=False))
    connect = make_connect(sandbox.url)

    def accepted_of(calls: int) -> int:
        return [outcome(connect, request_body) for _ in range(calls)].count("accepted")

    assert accepted_of(8) == 5
    advance(timedelta(seconds=0.5))
    assert accepted_of(8) == 1
    advance(timedelta(hours=1))
    assert accepted_of(8) == 5
    stats = sandbox.stats()
    assert stats.throttled == stats.refused == stats.by_code["ThrottlingException"] == 24 - 11
    connect.close()


def test_each_account_and_region_has_its_own_rate(
    timed_sandbox: TimedSandbox, make_connect: MakeConnect, request_body: dict[str, Any], outcome: Outcome
) -> None:
    """All instances of one account share it, and nobody else does."""
    sandbox, _ = timed_sandbox(SandboxOptions(burst=1, verify_signatures=False))
    for parameters in ({}, {"region_name": "eu-west-2"}, {"aws_access_key_id": "another"}):
        connect = make_connect(sandbox.url, **parameters)
        other_instance = {**request_body, "InstanceId": OTHER_INSTANCE}
        assert [outcome(connect, body) for body in (request_body, other_instance)] == [
            "accepted",
            "ThrottlingException",
        ]
        connect.close()


def test_a_bad_request_uses_up_the_rate(
    timed_sandbox: TimedSandbox, make_connect: MakeConnect, request_to: Callable[..., dict[str, Any]], outcome: Outcome
) -> None:
    """AWS throttles before it looks into the request, so a sender cannot send garbage for free."""
    sandbox, _ = timed_sandbox(SandboxOptions(burst=1))
    connect = make_connect(sandbox.url)

    calls = [request_to(number) for number in ("bad", "+12025550100")]
    assert [outcome(connect, call) for call in calls] == ["InvalidRequestException", "ThrottlingException"]
    assert [arrival.destination for arrival in sandbox.arrivals()] == ["bad", "+12025550100"]
    connect.close()


def test_an_instance_holds_only_so_many_open_chats(
    connect: "ConnectClient", sandbox: SandboxClient, request_body: dict[str, Any], outcome: Outcome
) -> None:
    """A chat that is closed makes room; a repeat with a known token needs none; other instances are not touched."""
    sandbox.configure(max_chats=1)
    first = connect.start_outbound_chat_contact(**request_body, ClientToken="t")["ContactId"]

    assert outcome(connect, request_body) == "LimitExceededException"
    assert outcome(connect, {**request_body, "ClientToken": "t"}) == "accepted"
    assert outcome(connect, {**request_body, "InstanceId": OTHER_INSTANCE}) == "accepted"
    sandbox.close_chat(first)
    assert outcome(connect, request_body) == "accepted"
    assert sandbox.stats().open_chats == 2


@pytest.mark.parametrize(
    "chat", [({}, timedelta(hours=25)), ({"ChatDurationInMinutes": 60}, timedelta(hours=1))], ids=["default", "an hour"]
)
def test_a_chat_ends_with_its_duration(
    timed_sandbox: TimedSandbox,
    make_connect: MakeConnect,
    request_body: dict[str, Any],
    outcome: Outcome,
    chat: tuple[dict[str, Any], timedelta],
) -> None:
    """25 hours when nothing else is asked for: 500 places are soon gone."""
    parameters, lasts = chat
    sandbox, advance = timed_sandbox(SandboxOptions(max_chats=1, verify_signatures=False))
    connect = make_connect(sandbox.url)
    request = {**request_body, **parameters}

    assert outcome(connect, request) == "accepted"
    advance(lasts - timedelta(minutes=1))
    assert outcome(connect, request) == "LimitExceededException"
    advance(timedelta(minutes=1))
    assert sandbox.stats().open_chats == 0
    assert outcome(connect, request) == "accepted"
    connect.close()


@pytest.mark.parametrize(
    "options", [{"rate": 0.0}, {"burst": 0}, {"max_chats": -1}, {"latency": timedelta(seconds=-1)}]
)
def test_impossible_options_are_refused(options: dict[str, Any]) -> None:
    """No rate at all is None, not 0."""
    [name] = options
    with pytest.raises(ValueError, match=name):
        SandboxOptions(**options)


def test_faults_of_the_options_are_there_from_the_start(
    timed_sandbox: TimedSandbox, make_connect: MakeConnect, request_body: dict[str, Any], outcome: Outcome
) -> None:
    """And come back with a reset."""
    sandbox, _ = timed_sandbox(SandboxOptions(faults=(Fault(FaultKind.CONFLICT, times=1),)))
    connect = make_connect(sandbox.url)
    for _ in range(2):
        assert [outcome(connect, request_body) for _ in range(2)] == ["ConflictException", "accepted"]
        sandbox.reset()
    connect.close()
