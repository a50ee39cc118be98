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
            f"outbound-chat dev already runs in {folder}; for another one, add --port 0 --sandbox-port 0 --http-port 0"
        )
    return found


def listen(port: int, option: str) -> socket.socket:
    """Listens on the port of this machine; 0 means a free one. Raises `CannotListen` if another program has it."""
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError as error:
        raise cannot_listen(error, port, option) from error


def _dev_at(port: int) -> Path | None:
    with suppress(redis.RedisError, KeyError, OSError), redis.Redis(port=port, socket_timeout=1, retry=_ONCE) as client:
        folder = Path(client.config_get("dir")["dir"]).parent
        return folder if (folder / "outbound-chat.toml").exists() else None
    return None
