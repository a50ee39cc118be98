"""Who may call: signatures are checked as AWS checks them."""

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.credentials import Credentials

from outbound_chat_worker.sandbox import (
    SANDBOX_ACCESS_KEY_ID,
    SANDBOX_SECRET_ACCESS_KEY,
    SandboxClient,
    SandboxOptions,
)

if TYPE_CHECKING:
    from types_boto3_connect import ConnectClient

SignedCall = Callable[..., tuple[int, str | None, str]]
_OWN_KEY = Credentials(SANDBOX_ACCESS_KEY_ID, SANDBOX_SECRET_ACCESS_KEY)


def test_an_unsigned_request_is_refused(signed_call: SignedCall, request_body: dict[str, Any]) -> None:
    """A flow that forgets its credentials must not pass."""
    assert signed_call(request_body, unsigned=True)[:2] == (403, "MissingAuthenticationTokenException")


@pytest.mark.parametrize("header", ["Basic abc", "AWS4-HMAC-SHA256 Credential=x", ""])
def test_an_authorization_that_is_no_aws_signature_is_refused(
    signed_call: SignedCall, request_body: dict[str, Any], header: str
) -> None:
    """Any shape but the one AWS documents."""
    assert signed_call(request_body, afterwards={"Authorization": header})[:2] == (400, "IncompleteSignatureException")


def test_a_signature_made_with_another_secret_is_refused(signed_call: SignedCall, request_body: dict[str, Any]) -> None:
    """The sandbox knows the secret of its own key."""
    wrong = Credentials(SANDBOX_ACCESS_KEY_ID, "another secret")

    assert signed_call(request_body, credentials=wrong)[:2] == (403, "InvalidSignatureException")


def test_a_session_token_is_part_of_the_signature(signed_call: SignedCall, request_body: dict[str, Any]) -> None:
    """Role credentials carry one; changed on the way, the signature no longer fits."""
    session = Credentials(SANDBOX_ACCESS_KEY_ID, SANDBOX_SECRET_ACCESS_KEY, "session-token")

    assert signed_call(request_body, credentials=session)[0] == 200
    tampered = signed_call(request_body, credentials=session, afterwards={"X-Amz-Security-Token": "other"})
    added = signed_call(request_body, afterwards={"X-Amz-Security-Token": "other"})
    assert tampered[:2] == added[:2] == (403, "InvalidSignatureException")


@pytest.mark.parametrize(
    "afterwards",
    [
        {"Content-Type": "application/json; charset=utf-8"},
        {"X-Amz-Content-SHA256": "0" * 64},
        {"Host": "connect.us-east-1.amazonaws.com"},
    ],
)
def test_a_header_changed_after_signing_is_refused(
    signed_call: SignedCall, request_body: dict[str, Any], afterwards: dict[str, str]
) -> None:
    """Signed is signed."""
    headers = {"Content-Type": "application/json"}

    assert signed_call(request_body, headers=headers, afterwards=afterwards)[:2] == (403, "InvalidSignatureException")


def test_a_signed_header_that_was_lost_on_the_way_is_refused(
    signed_call: SignedCall, request_body: dict[str, Any]
) -> None:
    """A proxy that strips headers breaks signatures."""
    answer = signed_call(request_body, headers={"X-Own": "1"}, afterwards={"X-Own": None})

    assert answer[:2] == (403, "InvalidSignatureException")


def test_headers_are_compared_with_their_spaces_folded(signed_call: SignedCall, request_body: dict[str, Any]) -> None:
    """As the signing rules want it."""
    assert signed_call(request_body, headers={"X-Own": "a   b"}, path="/contact/outbound-chat?b=2&a=1&c=")[0] == 200


def test_a_signature_for_another_service_is_refused(signed_call: SignedCall, request_body: dict[str, Any]) -> None:
    """Credentials are scoped."""
    assert signed_call(request_body, service="sns")[:2] == (403, "InvalidSignatureException")


def test_a_date_that_is_none_or_not_the_scope_s_is_refused(
    signed_call: SignedCall, request_body: dict[str, Any]
) -> None:
    """The date is part of what is signed."""
    codes = [signed_call(request_body, afterwards={"X-Amz-Date": date})[1] for date in (None, "x", "20200101T000000Z")]

    assert codes == ["IncompleteSignatureException"] * 2 + ["InvalidSignatureException"]


def test_other_operations_are_unknown(signed_call: SignedCall, request_body: dict[str, Any]) -> None:
    """A client that is told the wrong endpoint for another operation notices."""
    assert signed_call(request_body, path="/contact/chat")[:2] == (404, "UnknownOperationException")
    assert signed_call(request_body, method="POST")[:2] == (404, "UnknownOperationException")


@pytest.mark.parametrize("secret", [SANDBOX_SECRET_ACCESS_KEY, "another"])
def test_another_access_key_is_refused_as_aws_refuses_it(
    signed_call: SignedCall, request_body: dict[str, Any], secret: str
) -> None:
    """Who forgot to set the credentials of the sandbox learns it here, and not in production."""
    status, code, body = signed_call(request_body, credentials=Credentials("AKIAWRONG", secret))

    assert (status, code) == (403, "UnrecognizedClientException")
    assert "The security token included in the request is invalid." in body


@pytest.mark.parametrize("skew", [timedelta(minutes=6), timedelta(minutes=-6)])
def test_a_clock_more_than_five_minutes_off_is_named(
    timed_sandbox: Callable[..., tuple[SandboxClient, Callable[[timedelta], None]]],
    make_connect: Callable[..., "ConnectClient"],
    request_body: dict[str, Any],
    skew: timedelta,
) -> None:
    """botocore does not correct its clock, so an operator has to read why every call fails."""
    sandbox, advance = timed_sandbox(SandboxOptions())
    connect = make_connect(sandbox.url)
    connect.start_outbound_chat_contact(**request_body)
    advance(skew)

    with pytest.raises(connect.exceptions.ClientError, match="Clock skew") as refused:
        connect.start_outbound_chat_contact(**request_body)

    assert refused.value.response["Error"]["Code"] == "InvalidSignatureException"
    connect.close()


def test_without_verifying_only_the_shape_is_checked(
    timed_sandbox: Callable[..., tuple[SandboxClient, Callable[[timedelta], None]]],
    make_connect: Callable[..., "ConnectClient"],
    request_body: dict[str, Any],
) -> None:
    """For recorded requests and for clocks that a test moves."""
    sandbox, advance = timed_sandbox(SandboxOptions(verify_signatures=False))
    advance(timedelta(days=400))
    connect = make_connect(sandbox.url, aws_access_key_id="another", aws_secret_access_key="wrong")

    assert connect.start_outbound_chat_contact(**request_body)["ContactId"]
    connect.close()
