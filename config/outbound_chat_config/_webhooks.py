"""Settings of webhooks, and checks of the URLs that they are posted to.

Only the URL itself is checked here. The addresses of its host are checked when a webhook is posted.
"""

import base64
import binascii
import ipaddress
import re
from datetime import timedelta
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator

from outbound_chat_config._model import Model
from outbound_chat_config._public_address import is_public
from outbound_chat_config._values import Duration

LONGEST_URL = 2_000
SECRET_PREFIX = "whsec_"  # noqa: S105  # not a secret
# https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
LEAST_SECRET_BYTES, MOST_SECRET_BYTES = 24, 64

_FIRST_FREE_PORT = 1_024
_LAST_PORT = 65_535
_USUAL_PORT = {"https": 443, "http": 80}
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_LONGEST_NAME = 253


def check_callback_url(url: str, *, allow_private: bool) -> str:
    """Returns the URL if webhooks may be posted to it.

    Raises:
        ValueError: they may not. The message continues a sentence, without the URL, which may be secret.
    """
    if len(url) > LONGEST_URL:
        raise ValueError(f"must be at most {LONGEST_URL:,} characters; shorten it")
    if not (url.isascii() and url.isprintable()) or any(mark in url for mark in ' "<>\\^`{|}'):
        raise ValueError("must be ASCII without spaces; percent-encode the rest, and write the host as xn--…")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("can't be read as a URL; write it as https://host/path") from None
    if parts.scheme == "http" and not allow_private:
        raise ValueError("must begin with https://; http:// is only for tests (webhooks.allow_private)")
    if parts.scheme not in _USUAL_PORT or not url.startswith(("https://", "http://")):
        raise ValueError("must begin with https://")
    if "@" in parts.netloc:
        raise ValueError("must not contain a user or password; put secrets into the path")
    if "#" in url:
        raise ValueError("must not have a part after #, since that is never sent")
    _check_port(port, parts.scheme, allow_private=allow_private)
    _check_host(host, allow_private=allow_private)
    return url


def _check_port(port: int | None, scheme: str, *, allow_private: bool) -> None:
    if port is None or port == _USUAL_PORT[scheme] or _FIRST_FREE_PORT <= port <= _LAST_PORT:
        return
    if not allow_private or not port:
        raise ValueError(
            f"must have port 443, or a port from {_FIRST_FREE_PORT:,} up; lower ports belong to other services"
        )


def _check_host(host: str, *, allow_private: bool) -> None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        _check_name(host, allow_private=allow_private)
        return
    if not allow_private and not is_public(address):
        raise ValueError("must have a public host; private hosts are only for tests (webhooks.allow_private)")
    # One spelling, since the limits of hosts would count each as another host. https://www.rfc-editor.org/rfc/rfc5952
    if host != str(address) or getattr(address, "ipv4_mapped", None):
        raise ValueError("must have an IP address in its shortest form, such as [2001:db8::1]; write IPv4 as 192.0.2.1")


def _check_name(host: str, *, allow_private: bool) -> None:
    labels = host.removesuffix(".").split(".")
    if len(host) > _LONGEST_NAME or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError("must have a host, such as hooks.example.com")
    if not allow_private and (len(labels) == 1 or labels[-1] in {"localhost", "local", "internal"}):
        raise ValueError("must have a public host, such as hooks.example.com; this one is only known inside a network")
    if labels[-1].isdigit() or labels[-1].startswith("0x"):
        raise ValueError("must have a host name, or an IP address in its usual form")


def callback_host(url: str) -> str:
    """Returns the host of a checked URL in a canonical form, for the limits of each host.

    The name is in lower case, without a dot at its end. The port has no leading zeros, and is omitted if it is the
    default of the scheme. The script library `webhooks` does the same.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").removesuffix(".")
    name = f"[{host}]" if ":" in host else host
    return name if parts.port in {None, _USUAL_PORT[parts.scheme]} else f"{name}:{parts.port}"


def secret_bytes(secret: str) -> bytes:
    """Returns the key in a secret.

    Raises:
        ValueError: the secret is invalid. The message continues a sentence.
    """
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(SECRET_PREFIX) or not LEAST_SECRET_BYTES <= len(key) <= MOST_SECRET_BYTES:
        raise ValueError(
            f"must be {SECRET_PREFIX} and {LEAST_SECRET_BYTES} to {MOST_SECRET_BYTES} bytes in base64; "
            "create one with 'outbound-chat webhooks secret'"
        )
    return key


def _check_secret(secret: SecretStr) -> SecretStr:
    secret_bytes(secret.get_secret_value())
    return secret


class WebhookSettings(Model):
    """How webhooks are posted. Without a secret, workers post none."""

    secrets: tuple[Annotated[SecretStr, AfterValidator(_check_secret)], ...] = Field(default=(), max_length=5)
    """Signing secrets, newest first. Each webhook is signed with all of them, so that receivers can change them."""
    timeout: Duration = Field(default=timedelta(seconds=10), ge=timedelta(milliseconds=100), le=timedelta(minutes=1))
    """Timeout of a post, from the connection to the status of the response."""
    retry_for: Duration = Field(default=timedelta(hours=24), ge=timedelta(0), le=timedelta(days=7))
    """How long after its first post a webhook is retried."""
    base: Duration = Field(default=timedelta(seconds=5), gt=timedelta(0), le=timedelta(days=1))
    """Longest wait before the second post; doubles with each post. The actual wait is random, up to this."""
    cap: Duration = Field(default=timedelta(hours=2), gt=timedelta(0), le=timedelta(days=1))
    """Upper limit of that wait."""
    concurrency: int = Field(default=32, ge=1, le=256)
    """Posts of a budget that may run at the same time."""
    per_host: int = Field(default=4, ge=1, le=256)
    """Posts to a host that may run at the same time."""
    allow_private: bool = False
    """Allows `http://`, private addresses and any port, for tests and development."""
    ca_file: str | None = Field(default=None, min_length=1)
    """PEM file of a certificate authority to trust, in addition to those of the machine."""

    @model_validator(mode="after")
    def _hosts_leave_each_other_room(self) -> Self:
        if self.per_host > self.concurrency:
            raise ValueError(f"has per_host = {self.per_host} above concurrency = {self.concurrency}; lower per_host")
        return self
