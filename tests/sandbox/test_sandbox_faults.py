"""What goes wrong on demand, as boto3 sees it, and whether a contact exists afterwards."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from outbound_chat_worker.sandbox import MAGIC_DESTINATIONS, Fault, FaultKind, SandboxClient
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from types_boto3_connect import ConnectClient

_HOW_TO = Path(__file__).parents[2] / "docs" / "sandbox.md"

# kind, HTTP status, code as boto3 tells it, contacts that exist afterwards
_ERRORS = [
    (FaultKind.THROTTLING, 429, "ThrottlingException", 0),
    (FaultKind.TOO_MANY_REQUESTS, 429, "TooManyRequestsException", 0),
    (FaultKind.BARE_429, 429, "429", 0),
    (FaultKind.THROTTLING_400, 400, "ThrottlingException", 0),
    (FaultKind.LIMIT_EXCEEDED, 429, "LimitExceededException", 0),
    (FaultKind.CONFLICT, 409, "ConflictException", 0),
    (FaultKind.INTERNAL_ERROR, 500, "InternalServiceException", 0),
    (FaultKind.INTERNAL_ERROR_AFTER_ACCEPTING, 500, "InternalServiceException", 1),
    (FaultKind.UNAVAILABLE, 503, "ServiceUnavailableException", 0),
    (FaultKind.ACCESS_DENIED, 403, "AccessDeniedException", 0),
    (FaultKind.NOT_FOUND, 404, "ResourceNotFoundException", 0),
    (FaultKind.EXPIRED_TOKEN, 403, "ExpiredTokenException", 0),
    (FaultKind.INVALID_SIGNATURE, 403, "InvalidSignatureException", 0),
    (FaultKind.INVALID, 400, "InvalidRequestException", 0),
]
_NO_ERROR_CODE = {
    FaultKind.HANG_UP,
    FaultKind.HANG_UP_AFTER_ACCEPTING,
    FaultKind.LATE,
    FaultKind.GARBAGE,
    FaultKind.NO_CONTACT_ID,
    FaultKind.HALF_ANSWER,
}


def _fault(kind: FaultKind) -> Fault:
    return Fault(kind, delay=timedelta(milliseconds=20) if kind is FaultKind.LATE else None)


@pytest.mark.parametrize("row", _ERRORS, ids=[row[0] for row in _ERRORS])
def test_a_fault_reaches_boto3_as_its_error(
    connect: "ConnectClient",
    sandbox: SandboxClient,
    request_body: dict[str, Any],
    row: tuple[FaultKind, int, str, int],
) -> None:
    """A retry policy decides by code and status, so both must be the real ones."""
    kind, status, code, contacts = row
    sandbox.configure(faults=(Fault(kind, retry_after_ms=1500),))

    with pytest.raises(ClientError) as error:
        connect.start_outbound_chat_contact(**request_body)

    metadata = error.value.response["ResponseMetadata"]
    assert error.value.response["Error"]["Code"] == code
    assert metadata["HTTPStatusCode"] == status
    assert metadata["HTTPHeaders"]["x-amz-retry-after"] == "1500"
    assert metadata["HTTPHeaders"]["x-amzn-requestid"]
    assert sandbox.stats().accepted == contacts


def test_every_kind_of_fault_is_tested_and_documented() -> None:
    """A kind added later needs its row and its line."""
    assert {row[0] for row in _ERRORS} | _NO_ERROR_CODE == set(FaultKind)
    how_to = _HOW_TO.read_text()
    assert [kind for kind in FaultKind if f"`{kind}`" not in how_to] == []


@pytest.mark.parametrize(("kind", "contacts"), [(FaultKind.HANG_UP, 0), (FaultKind.HANG_UP_AFTER_ACCEPTING, 1)])
def test_a_cut_connection_says_nothing_about_the_contact(
    connect: "ConnectClient", sandbox: SandboxClient, request_body: dict[str, Any], kind: FaultKind, contacts: int
) -> None:
    """Both look the same to the caller: that is why a repeat needs the same token."""
    sandbox.configure(faults=(Fault(kind),))

    with pytest.raises(ConnectionClosedError):
        connect.start_outbound_chat_contact(**request_body)

    assert sandbox.stats().accepted == contacts
    assert sandbox.stats().by_code == {kind.value: 1}


def test_a_late_answer_has_started_its_contact_before_the_caller_gives_up(
    connect: "ConnectClient",
    sandbox: SandboxClient,
    make_connect: Callable[..., "ConnectClient"],
    request_body: dict[str, Any],
) -> None:
    """The case that texts a customer twice when the token changes."""
    sandbox.configure(faults=(Fault(FaultKind.LATE, times=1, delay=timedelta(hours=1)),))
    impatient = make_connect(sandbox.url, config=Config(read_timeout=0.2, retries={"total_max_attempts": 1}))

    with pytest.raises(ReadTimeoutError):
        impatient.start_outbound_chat_contact(**request_body, ClientToken="t")
    [contact] = wait_until(lambda: list(sandbox.contacts()), what="the contact")  # its answer is an hour away
    impatient.close()

    assert connect.start_outbound_chat_contact(**request_body, ClientToken="t")["ContactId"] == contact.contact_id


def test_a_late_answer_comes_in_the_end(
    connect: "ConnectClient", sandbox: SandboxClient, request_body: dict[str, Any]
) -> None:
    """Late is not lost."""
    sandbox.configure(faults=(_fault(FaultKind.LATE),), latency=timedelta(milliseconds=10))

    assert connect.start_outbound_chat_contact(**request_body)["ContactId"]


def test_half_an_answer_is_none(connect: "ConnectClient", sandbox: SandboxClient, request_body: dict[str, Any]) -> None:
    """The connection was cut while it came; the contact exists, and a repeat with the token tells which."""
    sandbox.configure(faults=(Fault(FaultKind.HALF_ANSWER, times=1),))
    request = {**request_body, "ClientToken": "token-1"}

    assert "ContactId" not in connect.start_outbound_chat_contact(**request)
    assert connect.start_outbound_chat_contact(**request)["ContactId"]
    assert sandbox.stats().accepted == 1


@pytest.mark.parametrize("kind", [FaultKind.GARBAGE, FaultKind.NO_CONTACT_ID])
def test_garbage_has_no_contact_id(
    connect: "ConnectClient", sandbox: SandboxClient, request_body: dict[str, Any], kind: FaultKind
) -> None:
    """botocore reads a 200 whose body is no JSON as an answer without members; the contact exists all the same."""
    sandbox.configure(faults=(Fault(kind),))

    assert "ContactId" not in connect.start_outbound_chat_contact(**request_body)
    assert sandbox.stats().accepted == 1


def test_a_fault_strikes_as_often_as_told_and_only_its_number(
    connect: "ConnectClient",
    sandbox: SandboxClient,
    request_to: Callable[..., dict[str, Any]],
    outcome: Callable[..., str],
) -> None:
    """To fail one message of a batch, twice."""
    sandbox.configure(faults=(Fault(FaultKind.CONFLICT, times=2, destination="+12025550111"),))

    assert outcome(connect, request_to("+12025550112")) == "accepted"
    assert [outcome(connect, request_to("+12025550111")) for _ in range(3)] == ["ConflictException"] * 2 + ["accepted"]


def test_a_share_of_the_calls_is_the_same_for_the_same_seed(
    connect: "ConnectClient", sandbox: SandboxClient, request_body: dict[str, Any], outcome: Callable[..., str]
) -> None:
    """A run that failed can be run again."""
    runs = []
    for _ in range(2):
        sandbox.configure(faults=(Fault(FaultKind.CONFLICT, share=0.5),))
        runs.append([outcome(connect, request_body) for _ in range(40)])

    assert runs[0] == runs[1]
    assert 10 <= runs[0].count("accepted") <= 30


def test_a_fault_hides_no_mistake_of_the_caller(
    connect: "ConnectClient",
    sandbox: SandboxClient,
    request_to: Callable[..., dict[str, Any]],
    outcome: Callable[..., str],
) -> None:
    """A bad request is bad also on a bad day."""
    sandbox.configure(faults=(Fault(FaultKind.INTERNAL_ERROR),))

    assert outcome(connect, request_to("no number")) == "InvalidRequestException"


@pytest.mark.parametrize("magic", [magic for magic in MAGIC_DESTINATIONS.values() if not magic.fault.delay])
def test_a_magic_destination_does_what_its_table_says(
    connect: "ConnectClient",
    sandbox: SandboxClient,
    request_to: Callable[..., dict[str, Any]],
    outcome: Callable[..., str],
    magic: Any,
) -> None:
    """Users write their tests against the table."""
    expected = {kind: code for kind, _, code, _ in _ERRORS}
    request = request_to(magic.number, ClientToken="t")

    results = []
    for _ in range(2):
        try:
            results.append(outcome(connect, request))
        except ConnectionClosedError:
            results.append("cut")

    first = expected.get(magic.fault.kind, "accepted" if magic.fault.kind is FaultKind.GARBAGE else "cut")
    assert results == [first, "accepted" if magic.first_call_only else first]
    after_accepting = magic.fault.kind in {
        FaultKind.INTERNAL_ERROR_AFTER_ACCEPTING,
        FaultKind.HANG_UP_AFTER_ACCEPTING,
        FaultKind.GARBAGE,
    }
    assert sandbox.stats().accepted == (1 if magic.first_call_only or after_accepting else 0)


def test_every_magic_destination_is_in_the_how_to_with_its_fault() -> None:
    """And lies in the range kept for fiction."""
    lines = _HOW_TO.read_text().splitlines()
    for magic in MAGIC_DESTINATIONS.values():
        [line] = [line for line in lines if line.startswith(f"| `{magic.number}`")]
        assert f"`{magic.fault.kind}`" in line
        assert ("first call" in line) == magic.first_call_only
        assert magic.number.startswith("+120255501")


def test_a_magic_destination_strikes_each_token_once(
    connect: "ConnectClient", request_to: Callable[..., dict[str, Any]], outcome: Callable[..., str]
) -> None:
    """Two messages to the same number each have their own first call."""
    calls = [request_to("+12025550151", ClientToken=token) for token in ("a", "b", "a", "b")]

    assert [outcome(connect, call) for call in calls] == ["InternalServiceException"] * 2 + ["accepted"] * 2


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("conflict", Fault(FaultKind.CONFLICT)),
        ("internal_error:0.1", Fault(FaultKind.INTERNAL_ERROR, share=0.1)),
        ("late:1.0:delay=2.5", Fault(FaultKind.LATE, delay=timedelta(seconds=2.5))),
        ("hang_up:times=3", Fault(FaultKind.HANG_UP, times=3)),
        (
            "throttling:0.5:times=1:destination=+12025550100:retry_after_ms=700",
            Fault(FaultKind.THROTTLING, 0.5, 1, destination="+12025550100", retry_after_ms=700),
        ),
    ],
)
def test_a_fault_is_read_from_the_command_line(text: str, fault: Fault) -> None:
    """KIND[:SHARE][:NAME=VALUE]..."""
    assert Fault.parse(text) == fault


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("boom", "there is no fault 'boom'"),
        ("conflict:much", "the share"),
        ("conflict:2", "from 0 to 1"),
        ("conflict:times=x", "the times of a fault must be a number, not 'x'"),
        ("late:delay=inf", "the delay of a fault must be a number, not 'inf'"),
        ("conflict:times=0", "at least 1"),
        ("conflict:0.5:colour=red", "'colour=red'"),
        ("conflict:times=1:times=2", "'times=2'"),
        ("conflict:0.5:0.6", "'0.6'"),
        ("late", "needs a delay"),
        ("conflict:delay=1", "the fault 'late', and no other, needs a delay"),
        ("late:delay=-1", "must not be negative"),
        ("conflict:retry_after_ms=-1", "must not be negative"),
    ],
)
def test_what_is_wrong_with_a_fault_is_named(text: str, says: str) -> None:
    """One sentence, not a stack trace."""
    with pytest.raises(ValueError, match=says):
        Fault.parse(text)
