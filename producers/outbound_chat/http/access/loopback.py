"""Protects a service without API keys, which only this machine can reach, against pages of other sites.

A web page that is open on this machine can reach the service too, with a form or with a name that was made to point
here (DNS rebinding). Browsers reveal both in `Sec-Fetch-Site` (https://www.w3.org/TR/fetch-metadata/), `Origin` and
`Host`.
"""

import ipaddress
from functools import lru_cache
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request

from outbound_chat.http.wire.codes import ProblemCode
from outbound_chat.http.wire.problems import Problem

_OWN_SITE = frozenset({"same-origin", "none"})
_SAFE = frozenset({"GET", "HEAD"})


def is_loopback(host: str) -> bool:
    """Returns whether a host name or address always means this machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@lru_cache(64)  # asked for each request, and mostly for the same name
def is_here(host: str) -> bool:
    """Returns whether a host with its port, as in `Host` and `Origin`, always means this machine."""
    try:
        return is_loopback(urlsplit(f"//{host}").hostname or "")
    except ValueError:
        return False


def refuse_foreign_pages(headers: Headers) -> None:
    """Refuses requests from pages of other sites, and requests whose Host is not a name of this machine."""
    if not all(is_here(given) for given in headers.getlist("host")):
        raise _refused("This service has no API keys, and the name in Host is not that of this machine")
    sites = headers.getlist("sec-fetch-site")
    # Forms of our own pages have the origin "null", since these pages send no referrer.
    if not all(site in _OWN_SITE for site in sites) or (_is_foreign(headers) and "same-origin" not in sites):
        raise _refused("This service has no API keys, so it accepts no requests from pages of other sites")


def refuse_cross_site(request: Request) -> None:
    """Refuses a form that a page of another site has sent, where the browser would add the cookie of a session.

    A proxy may change Host, but not `Sec-Fetch-Site`. Browsers send that over HTTPS, and to their own machine.
    """
    headers = request.headers
    sites = headers.getlist("sec-fetch-site")
    is_own = set(sites) == {"same-origin"} if sites else not _is_foreign(headers)
    is_known = sites or "origin" in headers or "cookie" not in headers
    if request.method not in _SAFE and not (is_own and is_known):
        detail = "This was not sent by a page of this service. Open the page again; on other machines, use HTTPS."
        raise Problem(ProblemCode.FORBIDDEN, detail)


def _is_foreign(headers: Headers) -> bool:
    hosts = {given.lower() for given in headers.getlist("host")}
    return any(origin.lower().partition("://")[2] not in hosts for origin in headers.getlist("origin"))


def _refused(reason: str) -> Problem:
    return Problem(
        ProblemCode.FORBIDDEN, f"{reason}; `outbound-chat keys create` creates a key that works from anywhere."
    )
