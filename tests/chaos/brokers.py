"""Brokers that are no part of the store: another Valkey, or RabbitMQ."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import redis

from outbound_chat_worker.local.embedded import EmbeddedServer
from tests.support.rabbitmq import RabbitMQ

QUEUE_KEY = "oc:celery:outbound-chat"


class Broker(Protocol):
    """A running broker."""

    url: str
    """For `broker_url`."""

    def kill(self) -> None:
        """kill -9."""

    def restart(self) -> None:
        """Starts it again on the same port and data; returns when it answers."""

    def purge(self) -> None:
        """Throws away every message that waits for a worker."""

    def frozen(self) -> contextlib.AbstractContextManager[None]:
        """SIGSTOP for the length of a block."""

    def stop(self) -> None:
        """Ends it."""


@contextlib.contextmanager
def frozen(pid: int) -> Iterator[None]:
    """SIGSTOP for the length of a block."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


class RedisBroker:
    """A Valkey of its own, or the store's."""

    url: str

    def __init__(self, server: EmbeddedServer) -> None:
        self._server = server
        self.url = server.url
        self._redis = redis.Redis(port=server.port)

    def kill(self) -> None:
        self._server.process.kill()
        self._server.process.wait(10)

    def restart(self) -> None:
        self._server.restart()

    def purge(self) -> None:
        self._redis.delete(QUEUE_KEY)

    def frozen(self) -> contextlib.AbstractContextManager[None]:
        return frozen(self._server.process.pid)

    def stop(self) -> None:
        self._redis.close()
        self._server.stop()


def start_broker(kind: str, folder: Path) -> Broker:
    """Starts a broker of its own: `other` or `rabbitmq`."""
    return RabbitMQ(folder) if kind == "rabbitmq" else RedisBroker(EmbeddedServer(folder))
