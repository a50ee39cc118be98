"""A RabbitMQ of the tests' own: own ports, own folder, own name; ended by process id. Debian's `rabbitmq-server`."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from kombu import Connection, Queue

from outbound_chat.children import end, spawn
from outbound_chat_worker.celery import QUEUE
from tests.support.harness import free_port
from tests.support.waiting import wait_until

# The command in /usr/sbin changes to another user when it is run by root.
_PROGRAM = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
_EPMD = Path("/usr/bin/epmd")
READY_SECONDS = 120.0


def missing() -> str:
    """Why RabbitMQ can't be run here; empty: it can."""
    absent = [str(path) for path in (_PROGRAM, _EPMD) if not path.exists()]
    return f"{absent[0]} is missing; run: apt-get install rabbitmq-server" if absent else ""


class RabbitMQ:
    """A running server. `url` is its address."""

    def __init__(self, folder: Path) -> None:
        """Starts it and returns when it answers."""
        if reason := missing():
            raise FileNotFoundError(reason)
        folder.mkdir(parents=True)
        self._folder = folder
        self._port, epmd_port, distribution = (free_port() for _ in range(3))
        self.url = f"amqp://guest:guest@127.0.0.1:{self._port}//"
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("RABBITMQ_")},
            "HOME": str(folder),  # of Erlang's cookie
            "ERL_EPMD_PORT": str(epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"chaos-{self._port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self._port),
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "none.conf"),
            "RABBITMQ_CONFIG_FILE": str(folder / "none"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "no-plugins"),
            # Then the script becomes the server, whose process id is the one that can be killed.
            "RUNNING_UNDER_SYSTEMD": "true",
        }
        # The server would start one that outlives it.
        self._epmd = spawn(
            [str(_EPMD), "-port", str(epmd_port), "-address", "127.0.0.1"],
            environment=self._environment,
            folder=folder,
            output=subprocess.DEVNULL,
        )
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        with (self._folder / "server.log").open("ab") as log:
            process = spawn([str(_PROGRAM)], environment=self._environment, folder=self._folder, output=log)
        wait_until(lambda: self._answers() or process.poll() is not None, timeout=READY_SECONDS, what="RabbitMQ")
        if process.poll() is not None:
            tail = (self._folder / "server.log").read_text(errors="replace")[-500:]
            raise RuntimeError(f"RabbitMQ ended with {process.returncode}: {tail}")
        return process

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), Connection(self.url, connect_timeout=2) as connection:
            connection.connect()
            return True
        return False

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait(60)

    def restart(self) -> None:
        """Starts it again on the same port and data; returns when it answers."""
        end(self.process)
        self.process = self._start()

    def purge(self) -> None:
        """Throws away every message that waits for a worker."""
        with Connection(self.url, connect_timeout=5) as connection:
            Queue(QUEUE).bind(connection.default_channel).purge()

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """SIGSTOP for the length of a block."""
        os.kill(self.process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.process.pid, signal.SIGCONT)

    def stop(self) -> None:
        """Ends it."""
        end(self.process)
        end(self._epmd)
