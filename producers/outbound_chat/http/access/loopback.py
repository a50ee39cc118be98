"""Protects a service without API keys, which only this machine can reach, against pages of other sites.

A web page that is open on this machine can reach the service too, with a form or with a name that was made to point
here (DNS rebinding). Browsers reveal both in `Sec-Fetch-Site` (https://www.w3.org/TR/fetch-metadata/), `Origin` and
`Host`.
"""

import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from outbound_chat.http.wire.codes import ProblemCode
from outbound_chat.http.wire.problems import Problem

_OWN_SITE = frozenset({"same-origin", "none"})


def is_loopback(host: str) -> bool:
    """Returns whether a host name or address always means this machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def refuse_foreign_pages(headers: Headers) -> None:
    """Refuses requests from pages of other sites, and requests whose Host is not a name of this machine."""
    if not all(is_loopback(_host_of(given)) for given in headers.getlist("host")):
        raise _refused("This service has no API keys, and the name in Host is not that of this machine")
    sites = headers.getlist("sec-fetch-site")
    # Forms of our own pages have the origin "null", since these pages send no referrer.
    if not all(site in _OWN_SITE for site in sites) or (_is_foreign(headers) and "same-origin" not in sites):
        raise _refused("This service has no API keys, so it accepts no requests from pages of other sites")


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
        ProblemCode.FORBIDDEN, f"{reason}; `outbound-chat keys create` creates a key that works from anywhere."
    )
