"""Signs calls to Connect like botocore's `SigV4Auth`, which costs three times as much: it builds header objects twice.

It does not choose credentials: botocore refreshes them and passes them for each call. The main idea: a signing key is
valid for a day, and all URLs of a client are the same, so both are computed only once.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hmac
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any
from urllib.parse import quote, urlsplit

from botocore.auth import AUTH_TYPE_MAPS, SIGNED_HEADERS_BLACKLIST, SIGV4_TIMESTAMP, SigV4Auth
from botocore.exceptions import NoCredentialsError
from botocore.utils import normalize_url_path

_ALGORITHM, _END = "AWS4-HMAC-SHA256", "aws4_request"
_NAME = "outbound-chat-v4"
_UNSIGNED = frozenset(SIGNED_HEADERS_BLACKLIST)


class QuickSigV4Auth(SigV4Auth):
    """Signs the requests of one operation, whose URL has no query and whose body is bytes."""

    def __init__(self, credentials: Any, service_name: str, region_name: str) -> None:
        """Takes the same arguments as `SigV4Auth`, since botocore creates one for each call."""
        super().__init__(credentials, service_name, region_name)
        self._region, self._service = region_name, service_name

    def add_auth(self, request: Any) -> None:
        """Adds the headers of the signature to an `AWSRequest`.

        Raises:
            botocore.exceptions.NoCredentialsError: there are no credentials.
        """
        if self.credentials is None:
            raise NoCredentialsError
        stamp = request.context["timestamp"] = datetime.now(UTC).strftime(SIGV4_TIMESTAMP)
        request.headers["X-Amz-Date"] = stamp
        if self.credentials.token:
            request.headers["X-Amz-Security-Token"] = self.credentials.token
        path, host = _path_and_host(request.url)
        headers = _signed_headers(request.headers.raw_items(), host)
        names = ";".join(headers)
        lines = "".join([f"{name}:{value}\n" for name, value in headers.items()])
        canonical = f"{request.method}\n{path}\n\n{lines}\n{names}\n{sha256(request.data).hexdigest()}"
        scope = f"{stamp[:8]}/{self._region}/{self._service}/{_END}"
        text = f"{_ALGORITHM}\n{stamp}\n{scope}\n{sha256(canonical.encode()).hexdigest()}"
        key = _signing_key(self.credentials.secret_key, stamp[:8], self._region, self._service)
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        credential = f"{self.credentials.access_key}/{scope}"
        request.headers["Authorization"] = (
            f"{_ALGORITHM} Credential={credential}, SignedHeaders={names}, Signature={signature}"
        )


AUTH_TYPE_MAPS[_NAME] = QuickSigV4Auth


def choose_signer(signature_version: object, **_: object) -> Any:
    """Replaces Signature Version 4, but no other method, with the quick signer. A handler of `choose-signer`."""
    return _NAME if signature_version == "v4" else None


def _signed_headers(items: Iterable[tuple[str, str]], host: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in items:
        key, text = name.lower(), " ".join(value.split())
        if key not in _UNSIGNED:
            found[key] = f"{found[key]},{text}" if key in found else text
    found.setdefault("host", host)
    return dict(sorted(found.items()))


@lru_cache(maxsize=64)
def _path_and_host(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    if parts.port not in {None, {"http": 80, "https": 443}[parts.scheme]}:
        host = f"{host}:{parts.port}"
    return quote(normalize_url_path(parts.path), safe="/~"), host


@lru_cache(maxsize=64)
def _signing_key(secret: str, day: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, _END):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
