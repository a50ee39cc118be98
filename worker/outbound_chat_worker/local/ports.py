"""The ports of `dev`, and what to say when one is in use."""

import socket
from contextlib import suppress
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from outbound_chat.model.errors import OutboundChatError

# Below those that systems hand out for connections, and known for nothing else.
VALKEY_PORT = 6399
SANDBOX_PORT = 8399
_ONCE = Retry(NoBackoff(), 0)


class PortInUse(OutboundChatError):
    """Another program listens on the port; the text says which option names another."""


def in_use(port: int, option: str) -> PortInUse:
    """The error for a port, with who listens there if it is another `dev`."""
    if folder := _dev_at(port):
        more = "to run another, add --port 0 --sandbox-port 0"
        return PortInUse(f"port {port} is in use: outbound-chat dev runs already, in {folder}; {more}")
    return PortInUse(f"port {port} is in use; name another with {option}, or use {option} 0 for a free one")


def check_port(port: int, option: str) -> None:
    """Raises `PortInUse` if another program listens on the port of this machine; 0 stands for a free port."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        raise in_use(port, option) from None


def _dev_at(port: int) -> Path | None:
    with suppress(redis.RedisError, KeyError), redis.Redis(port=port, socket_timeout=1, retry=_ONCE) as client:
        folder = Path(client.config_get("dir")["dir"]).parent
        return folder if (folder / "outbound-chat.toml").exists() else None
    return None
