"""The quick signer beside botocore's: the same headers for any request."""

from typing import Any

import pytest
import time_machine
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import NoCredentialsError
from hypothesis import given, settings, strategies as st

from outbound_chat_worker.signing import QuickSigV4Auth, choose_signer

_visible = st.text(st.characters(codec="ascii", min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)
_values = st.text(st.characters(codec="ascii", min_codepoint=32, max_codepoint=126), max_size=30)
_names = st.sampled_from(["Content-Type", "User-Agent", "Expect", "X-Amzn-Trace-Id", "amz-sdk-request", "X-Other"])
_hosts = st.sampled_from(
    ["connect.us-east-1.amazonaws.com", "Example.com:443", "127.0.0.1:8500", "[::1]:80", "[::1]:8"]
)
_paths = st.sampled_from(["/contact/outbound-chat", "/", "", "/base//contact/./outbound-chat", "/ü%20 ~"])


def _signed(signer: type[SigV4Auth], credentials: ReadOnlyCredentials, url: str, headers: Any, body: bytes) -> Any:
    request: Any = AWSRequest("PUT", url, headers, body)
    signer(credentials, "connect", "eu-central-1").add_auth(request)
    return sorted(request.headers.items()), request.context


@settings(max_examples=200, deadline=None)
@given(
    key=_visible,
    secret=_visible,
    token=st.none() | _visible,
    scheme=st.sampled_from(["http", "https"]),
    host=_hosts,
    path=_paths,
    headers=st.dictionaries(_names, _values),
    body=st.binary(max_size=100),
    day=st.integers(0, 4 * 10**9),
)
def test_a_request_is_signed_as_botocore_signs_it(
    *, key: str, secret: str, token: str | None, scheme: str, host: str, path: str, headers: Any, body: bytes, day: int
) -> None:
    """AWS refuses every call whose signature differs in one character."""
    credentials = ReadOnlyCredentials(key, secret, token)
    url = f"{scheme}://{host}{path}"
    with time_machine.travel(day, tick=False):
        theirs = _signed(SigV4Auth, credentials, url, headers, body)
        assert _signed(QuickSigV4Auth, credentials, url, headers, body) == theirs


def test_nothing_is_signed_without_credentials() -> None:
    """They may be gone since the client was made."""
    nobody: Any = None
    with pytest.raises(NoCredentialsError):
        _signed(QuickSigV4Auth, nobody, "https://example.com/", {}, b"")


def test_other_ways_to_sign_stay_as_they_are() -> None:
    """A profile may choose one."""
    assert choose_signer("v4a") is None
    assert choose_signer("v4") is not None
