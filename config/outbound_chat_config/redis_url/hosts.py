"""Parses URLs with several servers, which the standard library does not support."""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_URL = re.compile(r"(?P<scheme>[^:/?#]+)://(?P<place>[^/?#]*)(?P<path>[^?#]*)(\?(?P<query>[^#]*))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class HostList:
    """The parts of such a URL, still percent-encoded."""

    scheme: str
    login: str = field(repr=False)
    """The part before the `@`."""
    hosts: tuple[tuple[str, int], ...]
    path: str
    query: str = field(repr=False)


def parse_hosts(url: str, default_port: int) -> HostList | None:
    """Returns the parts of `scheme://[user:password@]host[:port],host[:port]…/path?query`; None if it is invalid."""
    found = _URL.match(url)
    if not found:
        return None
    login, _, listed = found["place"].rpartition("@")
    hosts = [_host(one, default_port) for one in listed.split(",")]
    known = tuple(one for one in hosts if one)
    if len(known) < len(hosts):
        return None
    return HostList(found["scheme"], login, known, found["path"], found["query"] or "")


def _host(text: str, default_port: int) -> tuple[str, int] | None:
    try:
        one = urlsplit(f"//{text}")
        host, port = one.hostname, one.port
    except ValueError:
        return None
    return (host, default_port if port is None else port) if host else None


def bracketed(host: str) -> str:
    """Returns the host as it is written in a URL."""
    return f"[{host}]" if ":" in host else host
