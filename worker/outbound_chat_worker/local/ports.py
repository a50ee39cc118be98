"""The ports of `dev`, and the errors if one is in use."""

import socket
from contextlib import suppress
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from outbound_chat.listening import CannotListen

# Below those that systems hand out for connections, and known for nothing else.
VALKEY_PORT = 6399
SANDBOX_PORT = 8399
HTTP_PORT = 8499
_ONCE = Retry(NoBackoff(), 0)


def cannot_listen(error: OSError, port: int, option: str, host: str = "127.0.0.1") -> CannotListen:
    """Returns the error for a port. If another `dev` listens there, the error says so."""
    found = CannotListen(host, port, error, option)
    if folder := _dev_at(port):
        found.add_note(
            f"outbound-chat dev already runs in {folder}; to run another one, add --port 0 --sandbox-port 0 --http-port 0"
        )
    return found


def check_port(port: int, option: str) -> None:
    """Raises `CannotListen` if another program listens on the port of this machine. 0 means a free port."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError as error:
        raise cannot_listen(error, port, option) from error


def _dev_at(port: int) -> Path | None:
    with suppress(redis.RedisError, KeyError, OSError), redis.Redis(port=port, socket_timeout=1, retry=_ONCE) as client:
        folder = Path(client.config_get("dir")["dir"]).parent
        return folder if (folder / "outbound-chat.toml").exists() else None
    return None
