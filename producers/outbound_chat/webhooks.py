"""Verifies and signs webhooks, for programs in Python that receive them.

The scheme is that of Standard Webhooks, so its libraries for other languages work as well.
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
    """Verifies that a webhook is ours, and returns what it says.

    `headers`: of the request, with names in any case. `body`: its bytes, unchanged. `secrets`: those that may have
    signed it, `whsec_…`. `tolerance`: how far its time may be from this machine's clock.

    The same webhook may arrive more than once, with the same `webhook-id`.

    Raises:
        InvalidWebhook: it is not ours, was changed, or is too old.
        ValueError: a secret is invalid.
    """
    given = {name.lower(): value for name, value in headers.items()}
    id_, sent_at, signatures = (_plain(given.get(f"webhook-{part}")) for part in ("id", "timestamp", "signature"))
    if not (id_ and signatures and _is_time(sent_at)):
        raise InvalidWebhook("it has no webhook-id, webhook-timestamp and webhook-signature, so it is not ours")
    if abs(time.time() - int(sent_at)) > tolerance.total_seconds():
        raise InvalidWebhook("its webhook-timestamp is too far from now; check this machine's clock, or drop it")
    known = [sign(secret, id_, int(sent_at), body) for secret in ([secrets] if isinstance(secrets, str) else secrets)]
    # No `any` over a generator: the time that this takes must not show which secret matched.
    matches = [hmac.compare_digest(one.encode(), ours.encode()) for one in signatures.split() for ours in known]
    if not any(matches):
        raise InvalidWebhook("no signature matches: it was changed, or signed with a secret that is not among these")
    said: dict[str, Any] = json.loads(body)
    return said


def _plain(value: object) -> str:
    """Returns a header that may be ours; empty for any other, because an unknown sender may send anything."""
    return value if isinstance(value, str) and value.isascii() and len(value) <= _LONGEST_HEADER else ""


def sign(secret: str, id_: str, sent_at: int, body: bytes) -> str:
    """Returns a signature for `webhook-signature`. `sent_at`: seconds since 1970.

    Raises:
        ValueError: the secret is invalid.
    """
    content = b".".join((id_.encode(), str(sent_at).encode(), body))
    digest = hmac.new(secret_bytes(secret), content, hashlib.sha256).digest()
    return f"{_VERSION},{base64.b64encode(digest).decode()}"
