"""Verifies and signs webhooks, for programs in Python that receive them.

Webhooks follow the Standard Webhooks specification, so its libraries for other languages work too.
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hashlib
import hmac
import json
import re
import time
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from outbound_chat.model.errors import InvalidWebhook
from outbound_chat_config import secret_bytes

__all__ = ["TOLERANCE", "sign", "verify"]

TOLERANCE = timedelta(minutes=5)
_VERSION = "v1"
_LONGEST_HEADER = 4_096
"""In characters: a signature has 47, and a change of secrets needs two."""
_is_time = re.compile(r"[0-9]{1,12}").fullmatch


def verify(
    headers: Mapping[str, str], body: bytes, secrets: str | Iterable[str], tolerance: timedelta = TOLERANCE
) -> dict[str, Any]:
    """Verifies a webhook and returns its content.

    `headers`: those of the request, with names in upper or lower case. `body`: the unchanged bytes of the body.
    `secrets`: one or more secrets, `whsec_…`, that may have signed it. `tolerance`: how far its time may be from the
    clock of this machine.

    A webhook may arrive more than once. It then has the same `webhook-id`.

    Raises:
        InvalidWebhook: it has no valid signature, was changed, or is too old.
        ValueError: a secret is invalid.
    """
    given = {name.lower(): value for name, value in headers.items()}
    id_, sent_at, signatures = (_plain(given.get(f"webhook-{part}")) for part in ("id", "timestamp", "signature"))
    if not (id_ and signatures and _is_time(sent_at)):
        raise InvalidWebhook(
            "it lacks webhook-id, webhook-timestamp or webhook-signature, so outbound-chat did not send it"
        )
    if abs(time.time() - int(sent_at)) > tolerance.total_seconds():
        raise InvalidWebhook(
            "its webhook-timestamp is too far from now; check this machine's clock, or ignore the request"
        )
    known = [sign(secret, id_, int(sent_at), body) for secret in ([secrets] if isinstance(secrets, str) else secrets)]
    # A list, not a generator: how long this takes must not show which secret matched.
    matches = [hmac.compare_digest(one.encode(), ours.encode()) for one in signatures.split() for ours in known]
    if not any(matches):
        raise InvalidWebhook("no signature matches: the webhook was changed, or signed with another secret")
    content: dict[str, Any] = json.loads(body)
    return content


def _plain(value: object) -> str:
    """Returns a header of a possible webhook; empty for any other, since anybody can send requests."""
    return value if isinstance(value, str) and value.isascii() and len(value) <= _LONGEST_HEADER else ""


def sign(secret: str, id_: str, sent_at: int, body: bytes) -> str:
    """Returns a signature for the header `webhook-signature`. `sent_at`: seconds since 1970.

    Raises:
        ValueError: the secret is invalid.
    """
    content = b".".join((id_.encode(), str(sent_at).encode(), body))
    digest = hmac.new(secret_bytes(secret), content, hashlib.sha256).digest()
    return f"{_VERSION},{base64.b64encode(digest).decode()}"
