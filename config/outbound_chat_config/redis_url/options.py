"""Checks the options of a Redis URL, which libraries would only refuse at the first command, or ignore."""

import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

from outbound_chat_config.redis_url.tls import TLS_OPTIONS, check_tls

_LOGIN = ("username", "password")
_SENTINEL_LOGIN = ("sentinel_username", "sentinel_password")
_SOCKET = ("virtual_host",)
"""The option for the database, with which Celery's transport names it after the path of a socket."""
_TIMES = frozenset({"timeout", "socket_timeout", "socket_connect_timeout", "retry_on_timeout", "health_check_interval"})
_SHOWN = re.compile(r"[a-z_]{1,40}")


def check_options(url: str) -> None:
    """Checks that the options of the URL can be used.

    Raises:
        ValueError: one of them can't. The message continues a sentence, without secrets.
    """
    scheme = url.partition(":")[0]
    # Servers are not checked here, and the standard library does not accept several of them.
    _, _, query = url.partition("?")
    pairs = parse_qsl(query.partition("#")[0], keep_blank_values=True)
    options = dict(pairs)
    _check_names(scheme, query, [name for name, _ in pairs])
    if "db" in options and not (options["db"].isascii() and options["db"].isdigit()):
        raise ValueError("has the option db, which must be the number of a database")
    if scheme in {"redis", "rediss"}:
        _check_database(urlsplit(url).path, options)
    check_tls({name: value for name, value in options.items() if name in TLS_OPTIONS})


def _check_names(scheme: str, query: str, names: list[str]) -> None:
    known = set(_known(scheme))
    for name in names:
        if name in known:
            continue
        if "@" in query or not _SHOWN.fullmatch(name):
            # It may be the rest of a password, which must not be shown.
            raise ValueError(
                f"has an option after the ? that is not one of {', '.join(_known(scheme))}; correct or remove it, and "
                "write a ? in a password as %3F"
            )
        if name in TLS_OPTIONS:
            fix = "remove it" if scheme == "unix" else f"begin it with {scheme.replace('redis', 'rediss')}://"
            raise ValueError(f"has the option {name}, but no TLS; {fix}")
        fix = "set redis_timeout instead" if name in _TIMES else f"use one of {', '.join(_known(scheme))}"
        raise ValueError(f"has the option {name}, which is unknown; {fix}")
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise ValueError(f"has the option {twice} twice; remove one of them")


def _known(scheme: str) -> Iterator[str]:
    if scheme.endswith("+sentinel"):
        yield from _SENTINEL_LOGIN
    elif scheme.endswith("+socket"):
        yield from _SOCKET
    else:
        yield from _LOGIN
        if not scheme.endswith("+cluster"):
            yield "db"
    if scheme.startswith("rediss"):
        yield from TLS_OPTIONS


def _check_database(path: str, options: dict[str, str]) -> None:
    database = path.strip("/")
    if database and not (database.isascii() and database.isdigit()):
        raise ValueError("must end with the number of a database after the host: redis://host:6379/2")
    if database and "db" in options:
        raise ValueError("names its database twice, in the path and in the option db; remove one of them")
