"""What receivers in Python verify webhooks with."""

import base64
import hashlib
import hmac
import json
import time
from datetime import timedelta
from typing import Any

import pytest

from outbound_chat import InvalidWebhook
from outbound_chat.webhooks import sign, verify

SECRET, OTHER = "whsec_" + "A" * 32, "whsec_" + "B" * 32
BODY = b'{"type":"job.sent"}'


def signed(*secrets: str, ago: float = 0.0) -> dict[str, str]:
    at = int(time.time() - ago)
    signatures = " ".join(sign(secret, "main.1.sent", at, BODY) for secret in secrets)
    return {"Webhook-Id": "main.1.sent", "WEBHOOK-TIMESTAMP": str(at), "webhook-signature": signatures}


def test_a_signature_is_that_of_the_specification() -> None:
    """Any library for Standard Webhooks must be able to verify it; the key and text are those of its own tests."""
    secret, id_, at = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330
    body = b'{"test": 2432232314}'
    digest = hmac.new(base64.b64decode(secret[6:]), f"{id_}.{at}.".encode() + body, hashlib.sha256).digest()

    assert sign(secret, id_, at, body) == f"v1,{base64.b64encode(digest).decode()}"
    assert sign(secret, id_, at, body) == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_webhook_that_is_ours_is_read() -> None:
    assert verify(signed(SECRET), BODY, SECRET) == {"type": "job.sent"}


def test_during_a_change_of_secrets_either_side_may_be_first() -> None:
    assert verify(signed(SECRET), BODY, [OTHER, SECRET])
    assert verify(signed(OTHER, SECRET), BODY, SECRET)
    assert verify({**signed(SECRET), "webhook-signature": "v2,x " + signed(SECRET)["webhook-signature"]}, BODY, SECRET)


@pytest.mark.parametrize("ago", [600, -600])
def test_one_that_is_too_old_or_from_the_future_is_refused(ago: float) -> None:
    """What was recorded once must not be played again."""
    with pytest.raises(InvalidWebhook, match="too far from now"):
        verify(signed(SECRET, ago=ago), BODY, SECRET)
    assert verify(signed(SECRET, ago=ago), BODY, SECRET, timedelta(hours=1))


def test_what_was_changed_is_refused() -> None:
    with pytest.raises(InvalidWebhook, match="no signature matches"):
        verify(signed(SECRET), BODY + b" ", SECRET)
    with pytest.raises(InvalidWebhook, match="no signature matches"):
        verify({**signed(SECRET), "webhook-id": "main.2.sent"}, BODY, SECRET)
    with pytest.raises(InvalidWebhook, match="no signature matches"):
        verify(signed(OTHER), BODY, SECRET)


@pytest.mark.parametrize("name", ["Webhook-Id", "WEBHOOK-TIMESTAMP", "webhook-signature"])
def test_a_header_that_is_missing_is_refused(name: str) -> None:
    headers = {key: value for key, value in signed(SECRET).items() if key != name}
    with pytest.raises(InvalidWebhook, match="outbound-chat did not send it"):
        verify(headers, BODY, SECRET)


@pytest.mark.parametrize("at", ["", "-1", "1e9", "²", "9" * 400, "0" * 5_000, "9" * 5_000, " 1", "1\n"])
def test_a_time_that_is_none_is_refused(at: str) -> None:
    with pytest.raises(InvalidWebhook):
        verify({**signed(SECRET), "WEBHOOK-TIMESTAMP": at}, BODY, SECRET)


@pytest.mark.parametrize("signature", ["v1,é", "v1,", "x" * 10_000, "v1,\udcff", "v1,a " * 100_000])
def test_a_signature_that_is_none_is_refused(signature: str) -> None:
    with pytest.raises(InvalidWebhook):
        verify({**signed(SECRET), "webhook-signature": signature}, BODY, SECRET)


@pytest.mark.parametrize("value", ["é", "\udcff", "", "x" * 100_000, "\0", None, 7, b"x"])
@pytest.mark.parametrize("name", ["Webhook-Id", "WEBHOOK-TIMESTAMP", "webhook-signature"])
def test_nobody_unknown_makes_a_receiver_fail(name: str, value: Any) -> None:
    """Whatever an unsigned caller sends, the receiver answers that it is not ours, and not with a fault of its own."""
    with pytest.raises(InvalidWebhook):
        verify({**signed(SECRET), name: value}, BODY, SECRET)


def test_a_body_that_is_signed_is_json() -> None:
    assert json.loads(BODY) == verify(signed(SECRET), BODY, [SECRET])
