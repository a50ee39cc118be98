"""AWS Signature Version 4, as a server checks it.

This does not use botocore's signer: that one chooses the headers to sign itself, while a server must use the caller's
list, and it costs more than the rest of a call. Rules:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import functools
import hashlib
import hmac
import re
from datetime import datetime, timedelta
from typing import NamedTuple
from urllib.parse import quote

from outbound_chat_worker.sandbox._http import HttpRequest
from outbound_chat_worker.sandbox._refusal import Refusal

SANDBOX_ACCESS_KEY_ID = "SANDBOXACCESSKEYID00"
SANDBOX_SECRET_ACCESS_KEY = "sandbox/not-a-secret/0000000000000000000"  # noqa: S105  # published, opens only a sandbox
SANDBOX_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": SANDBOX_ACCESS_KEY_ID,
    "AWS_SECRET_ACCESS_KEY": SANDBOX_SECRET_ACCESS_KEY,
    # Without it boto3 would look for the role of an instance over the network.
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""Environment variables of programs that call a sandbox."""

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 +Credential=(?P<key>[\w-]{1,128})/(?P<date>[0-9]{8})/(?P<region>[a-z0-9-]+)/(?P<service>[\w-]+)"
    r"/aws4_request, *SignedHeaders=(?P<headers>[a-z0-9-]+(?:;[a-z0-9-]+)*), *Signature=(?P<signature>[0-9a-f]{64})",
    re.ASCII,
)
_DATE = re.compile(r"[0-9]{8}T[0-9]{6}Z")
_MAX_SKEW = timedelta(minutes=5)


class Account(NamedTuple):
    """The owner of a rate and of ClientTokens: an access key id represents its AWS account."""

    access_key_id: str
    region: str


def check_signature(call: HttpRequest, *, now: datetime, verify: bool, service: str = "connect") -> Account:
    """Returns who signed `call` for `service`; raises `Refusal` if the key is unknown or the signature is invalid.

    `SANDBOX_ACCESS_KEY_ID` is the only key. Without `verify`, the key, the signature and the date are not checked.
    """
    header = call.headers.get("authorization")
    if header is None:
        raise Refusal("MissingAuthenticationTokenException", "The request is not signed.")
    parts = _AUTHORIZATION.fullmatch(header)
    if parts is None:
        raise Refusal("IncompleteSignatureException", "The Authorization header is not a complete AWS signature V4.")
    if parts["service"] != service:
        raise _mismatch(f"Credential should be scoped to correct service: '{service}'.")
    if verify:
        if parts["key"] != SANDBOX_ACCESS_KEY_ID:
            raise Refusal("UnrecognizedClientException", "The security token included in the request is invalid.")
        _check_date(call, parts["date"], now)
        signed = parts["headers"].split(";")
        _check_signed_headers(call, signed)
        if not hmac.compare_digest(_signature(call, signed, parts), parts["signature"]):
            raise _mismatch("The signature does not match: check the secret access key and the signing method.")
    return Account(parts["key"], parts["region"])


def _mismatch(message: str) -> Refusal:
    return Refusal("InvalidSignatureException", message)


def _check_date(call: HttpRequest, scope_date: str, now: datetime) -> None:
    text = call.headers.get("x-amz-date", "")
    signed_at = _instant(text)
    if signed_at is None:
        raise Refusal("IncompleteSignatureException", "The header X-Amz-Date is missing or not like 20300131T235959Z.")
    if not text.startswith(scope_date):
        raise _mismatch("The date in the credential scope is not the date in X-Amz-Date.")
    if abs(now - signed_at) > _MAX_SKEW:
        raise _mismatch(f"Clock skew: signed at {text}, and here it is {now:%Y%m%dT%H%M%SZ}; 5 minutes are allowed.")


@functools.lru_cache(maxsize=64)  # calls of one second share their date
def _instant(text: str) -> datetime | None:
    if not _DATE.fullmatch(text):
        return None
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%S%z")
    except ValueError:
        return None


def _check_signed_headers(call: HttpRequest, signed: list[str]) -> None:
    if "host" not in signed:
        raise _mismatch("The header host must be signed.")
    for name in call.headers:
        if name.startswith("x-amz-") and name not in signed:
            raise _mismatch(f"The header {name} must be signed.")
    for name in signed:
        if name not in call.headers:
            raise _mismatch(f"The header {name} is signed but was not sent.")
    stated = call.headers.get("x-amz-content-sha256")
    if stated is not None and stated != hashlib.sha256(call.body).hexdigest():
        raise _mismatch("X-Amz-Content-SHA256 is not the digest of the body.")


def _signature(call: HttpRequest, signed: list[str], parts: re.Match[str]) -> str:
    values = (" ".join(call.headers[name].split()) for name in signed)
    canonical = "\n".join(
        (
            call.method,
            # A path is encoded twice: as it was sent, and for the signature.
            quote(call.path, safe="/~"),
            "&".join(sorted(pair if "=" in pair else f"{pair}=" for pair in call.query.split("&") if pair)),
            *map("{}:{}".format, signed, values),
            "",
            ";".join(signed),
            hashlib.sha256(call.body).hexdigest(),
        )
    )
    scope = f"{parts['date']}/{parts['region']}/{parts['service']}/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = f"AWS4-HMAC-SHA256\n{call.headers['x-amz-date']}\n{scope}\n{digest}"
    return hmac.digest(_signing_key(parts["date"], parts["region"], parts["service"]), to_sign.encode(), "sha256").hex()


@functools.lru_cache(maxsize=64)
def _signing_key(date: str, region: str, service: str) -> bytes:
    key = f"AWS4{SANDBOX_SECRET_ACCESS_KEY}".encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
