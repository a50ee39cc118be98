"""Interprets the errors of redis-py: which of them are temporary, and which messages callers get."""

import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import (
    AskError,
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    ClusterDownError,
    ClusterError,
    ConnectionError as RedisConnectionError,
    InvalidResponse,
    MasterDownError,
    MaxConnectionsError,
    MovedError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    ResponseError,
    TimeoutError as RedisTimeoutError,
    TryAgainError,
)

from outbound_chat.model.errors import StoreError, StoreUnavailable
from outbound_chat.store.deadline import UNSENT

FAULTS = (RedisError, RedisClusterException)
"""All errors of redis-py: the error of clusters has its own base class."""
RECONNECTED = (RedisConnectionError, RedisTimeoutError, ReadOnlyError, MasterDownError)
"""After a failover a connection stays with the old primary, which refuses every write: it must be made again."""

_AWAY = (RedisConnectionError, RedisTimeoutError, BusyLoadingError, ClusterDownError, RedisClusterException)
_MOVED = (ReadOnlyError, MasterDownError, TryAgainError, AskError, MovedError, ClusterError)
_HOPELESS = (AuthenticationError, AuthorizationError, MaxConnectionsError)
_NO_CLUSTER = "Cluster mode is not enabled"
_MAY_NOT_RUN = re.compile(r"(?:User (\S+)|this user) has no permissions to run the '([^']+)' command")
"""https://github.com/valkey-io/valkey/blob/unstable/src/acl.c"""
_NON_LOCAL = "non local key"
"""A script used a key that has already moved to another node with its slot."""
_CLIENT_CERTIFICATE = ("CERTIFICATE_REQUIRED", "UNKNOWN_CA", "BAD_CERTIFICATE", "HANDSHAKE_FAILURE")
"""Alerts with which a server refuses the client's certificate, or a client without one."""
_CUT = (ConnectionResetError, ConnectionAbortedError, BrokenPipeError, ssl.SSLEOFError, ssl.SSLZeroReturnError)
_CUT_WORDS = ("closed by server", "EOF occurred", "reset by peer", "Broken pipe", "writing to socket")
"""Words of a lost connection, which do not give the reason. redis-py does not always keep the cause of its error."""
_TLS_RECORDS = ('got "\\x15"', 'got "\\x16"')
"""An alert or a handshake of TLS, read as a reply of Redis. https://www.rfc-editor.org/rfc/rfc8446#section-5.1"""


class Forbidden(StoreError):
    """This user of Redis lacks a permission."""


def passes(error: Exception) -> bool:
    """Whether the same command may succeed soon: after a lost connection, a start of the server, a failover, a move."""
    chain = list(_chain(error))
    if any(isinstance(one, _HOPELESS) for one in chain) or _tls_fault(error) or _NO_CLUSTER in str(error):
        return False
    return isinstance(error, (*_AWAY, *_MOVED)) or _NON_LOCAL in str(error)


def is_refusal(error: Exception) -> bool:
    """Whether no server listens at the address, or the address does not exist."""
    nobody = (ConnectionRefusedError, FileNotFoundError, socket.gaierror)
    return any(isinstance(one, nobody) or "Connect call failed" in str(one) for one in _chain(error))


def no_node(error: Exception) -> bool:
    """Whether none of the known nodes of a cluster answered when asked for the other nodes."""
    return "Redis Cluster cannot be connected" in str(error)


def may_have_run(error: Exception) -> bool:
    """Whether a command may have reached the server before this error."""
    # The cause does not count: the client of a cluster may have sent the command before it looked for the nodes again.
    unsent = UNSENT in getattr(error, "__notes__", ())
    return not (unsent or is_refusal(error) or "No master found" in str(error))


def says(error: Exception) -> int:
    """Returns how much the error reveals: 0, a timeout; 1, a lost connection; 2, more than that."""
    if isinstance(error, RedisTimeoutError):
        return 0
    return 1 if _was_cut(error) else 2


def _was_cut(error: Exception) -> bool:
    led_to_it = error.__cause__ or error.__context__
    return isinstance(led_to_it, _CUT) or any(words in str(error) for words in _CUT_WORDS)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yields the error and its causes."""
    one: BaseException | None = error
    while one:
        yield one
        one = one.__cause__ or one.__context__


def _tls_fault(error: BaseException) -> ssl.SSLError | None:
    """Returns why TLS failed; None: that is not the reason, or the connection was lost meanwhile."""
    found = (one for one in _chain(error) if isinstance(one, ssl.SSLError) and not isinstance(one, _CUT))
    return next(found, None)


@contextmanager
def translated() -> Iterator[None]:
    """Raises the errors of Redis as ours, with their cause. None contains a password or what was sent."""
    try:
        yield
    except FAULTS as error:
        raise in_our_words(error) from error


def in_our_words(error: Exception, *, tls: bool | None = None) -> StoreError:
    """Returns the error for callers. `tls`: whether the address asks for TLS; None: it is not known."""
    if isinstance(error, _AWAY):
        return StoreUnavailable(_unreachable(error, tls=tls))
    text = str(error)
    if isinstance(error, _MOVED) or _NON_LOCAL in text:
        return StoreUnavailable(
            f"Redis accepts no writes now: {text}; a failover or the move of a slot may be in progress, or redis_url "
            "names a replica"
        )
    if isinstance(error, OutOfMemoryError):
        return StoreError("Redis is full (maxmemory) and accepted nothing; give it more memory or wait for jobs to end")
    if isinstance(error, ResponseError) and "WRONGTYPE" in text:
        return StoreError(
            "a key of outbound-chat has a value of another type, so another program wrote it; "
            "outbound-chat doctor names it"
        )
    if isinstance(error, InvalidResponse):
        speaks_tls = any(record in text for record in _TLS_RECORDS)
        fix = "it speaks TLS: begin redis_url with rediss://" if speaks_tls else "check host and port in redis_url"
        return StoreError(f"the server is not Redis ({text}); {fix}")
    lacks = lacking(error)
    return (Forbidden if lacks else StoreError)(f"Redis refused the command: {lacks or text}")


def lacking(error: Exception) -> str:
    """Returns the permission that this user of Redis lacks, and the fix; empty if that is not the reason."""
    text = str(error)
    if not (isinstance(error, NoPermissionError) or "ACL failure in script" in text):
        return ""
    if found := _MAY_NOT_RUN.search(text):
        who, command = f"user {found[1]}" if found[1] else "this user", found[2]
        lack = f"{who} has no permission for {command.upper()}; give it +{command}, or name another user in redis_url"
    else:
        # Redis does not name the key.
        what = "channels" if "channel" in text else "keys"
        lack = f"this user has no permission for {what} of outbound-chat; give it their patterns"
    return f"{lack} (docs/deployment.md, Users of Redis)"


def _unreachable(error: Exception, *, tls: bool | None) -> str:
    text = str(error).rstrip(".")
    if "max number of clients" in text:
        return "Redis refuses more connections: maxclients is reached; raise it on the server, or close other clients"
    if isinstance(error, AuthenticationError | AuthorizationError):
        return f"Redis refuses the login: {text}; correct user and password in redis_url"
    return f"Redis can't be reached: {text}; {_advice(error, tls=tls)}"


def _advice(error: Exception, *, tls: bool | None) -> str:
    """Returns what to do about the likely cause, as far as the error names one."""
    fault, text = _tls_fault(error), str(error)
    reason = (fault.reason or "") if fault else ""
    closed = _was_cut(error)
    rows = (
        (
            "CERTIFICATE_VERIFY_FAILED" in reason + text,
            (
                "its certificate is not trusted; name the file of the authority that signed it, and the host that "
                "it is for: rediss://HOST:PORT/0?ssl_ca_certs=/path/ca.pem"
            ),
        ),
        (
            any(alert in reason for alert in _CLIENT_CERTIFICATE),
            (
                "the server requires a client certificate that it trusts; name one in redis_url: "
                "ssl_certfile=/path/client.pem&ssl_keyfile=/path/client.key"
            ),
        ),
        (
            fault or (tls and "Timeout connecting" in text),
            "check that the server runs, and that it speaks TLS at this port; if it does not, begin with redis://",
        ),
        (
            tls and (closed or "Error connecting" in text),
            "check that the server runs, that it speaks TLS at this port, and whether it requires a client certificate",
        ),
        (
            tls is False and closed,
            "check that the server runs; if it speaks TLS at this port, begin redis_url with rediss://",
        ),
        (_NO_CLUSTER in text, "name nodes of a cluster, or begin redis_url with redis:// for a single server"),
        (True, "check redis_url and that the server runs"),
    )
    return next(advice for applies, advice in rows if applies)
