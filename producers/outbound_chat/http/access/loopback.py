"""This machine alone: which addresses mean it, and who on it a service without API keys does not serve.

A web page that somebody on this machine looks at can reach the service too, by a form or by a name that was made to
point here (DNS rebinding). Browsers tell on both: in `Sec-Fetch-Site` (https://www.w3.org/TR/fetch-metadata/), `Origin`
and `Host`.
"""

import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from outbound_chat.http.wire.codes import ProblemCode
from outbound_chat.http.wire.problems import Problem

_OWN_SITE = frozenset({"same-origin", "none"})


def is_loopback(host: str) -> bool:
    """Whether a host name or address is only ever this machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def refuse_foreign_pages(headers: Headers) -> None:
    """Refuses what a page of another site had a browser send, and what came under a name that is not this machine's."""
    if not all(is_loopback(_host_of(given)) for given in headers.getlist("host")):
        raise _refused("This service has no API keys, and is not called by the name in Host")
    if not all(site in _OWN_SITE for site in headers.getlist("sec-fetch-site")) or _is_foreign(headers):
        raise _refused("This service has no API keys, and takes nothing from pages of other sites")


def _is_foreign(headers: Headers) -> bool:
    hosts = {given.lower() for given in headers.getlist("host")}
    return any(origin.lower().partition("://")[2] not in hosts for origin in headers.getlist("origin"))


def _host_of(given: str) -> str:
    try:
        return urlsplit(f"//{given}").hostname or ""
    except ValueError:
        return ""


def _refused(reason: str) -> Problem:
    return Problem(
        ProblemCode.FORBIDDEN, f"{reason}; `outbound-chat keys create` makes a key that is served from anywhere."
    )
