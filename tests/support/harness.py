"""A stack for tests: a real Valkey, the sandbox, and real Celery workers, with settings that the test chooses."""

import atexit
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import tomlkit

from outbound_chat.children import spawn
from outbound_chat.client import OutboundChat
from outbound_chat.store import Store, inspection
from outbound_chat_config import Settings
from outbound_chat_worker.local.embedded import EmbeddedServer
from outbound_chat_worker.sandbox import (
    SANDBOX_ENVIRONMENT,
    SandboxClient,
    SandboxOptions,
)
from tests.support import warm
from tests.support.killing import kill_tree
from tests.support.proxy import Proxy, running_proxy

INSTANCE_ID = "0a1b2c3d-1111-4222-8333-444455556666"
FLOW_ID = "1b2c3d4e-1111-4222-8333-444455556666"
SOURCE = "arn:aws:connect:us-east-1:123456789012:phone-number/2c3d4e5f-1111-4222-8333-444455556666"
WHATSAPP_SOURCE = "arn:aws:connect:us-east-1:123456789012:phone-number/3d4e5f6a-1111-4222-8333-444455556666"
WORKER_OPTIONS = ("--loglevel", "INFO", "--without-gossip", "--without-mingle")
"""Those that `outbound-chat worker` gives; without the last, a worker begins with a second of waiting for others."""
UNLIMITED = SandboxOptions(rate=None, max_chats=1_000_000)


def sender(**values: Any) -> dict[str, Any]:
    """Values of a sender, complete but for what the test changes."""
    return {
        "region": "us-east-1",
        "instance_id": INSTANCE_ID,
        "contact_flow_id": FLOW_ID,
        "source": SOURCE,
        "channel": "sms",
        **values,
    }


def number(index: int) -> str:
    """A different possible phone number for each index below 8,000,000."""
    return f"+1212{2_000_000 + index}"


def free_port() -> int:
    """A port that no other program is given while these tests run, also while its server is down.

    A server can listen on it, since both sockets allow the reuse of their address; until then, it refuses connections.
    """
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    atexit.register(holder.close)
    port: int = holder.getsockname()[1]
    return port


def data_of(printed: str | bytes) -> Any:
    """The data of the one document that a command printed with `--json`."""
    return json.loads(printed)["data"]


class Harness:
    """What a test starts; all of it ends with the test, by its own process ids."""

    def __init__(
        self,
        folder: Path,
        sandbox: SandboxOptions = UNLIMITED,
        *,
        fsync: str = "everysec",
        server: tuple[str, ...] = (),
    ) -> None:
        """`fsync` and `server`, more options of its command line, are the Valkey's."""
        self._stack = ExitStack()
        self.folder = folder
        self.server = EmbeddedServer(folder / "valkey", fsync=fsync, options=server)
        self._stack.callback(self.server.stop)
        self.sandbox: SandboxClient = self._stack.enter_context(warm.running_sandbox(sandbox))
        self.settings_file = folder / "outbound-chat.toml"
        self.values: dict[str, Any] = {}
        self.configure()
        self.workers: list[subprocess.Popen[bytes]] = []
        self._logs = 0
        self.broken = False
        """The test has edited keys behind the scripts' back: the reconciler is to find something."""

    def configure(self, **changes: Any) -> None:
        """Writes the settings: a fast budget, one sender a channel, and the test's own values on top."""
        endpoint = {"endpoint_url": self.sandbox.url}
        self.values = {
            "redis_url": self.server.url,
            "budgets": {"main": {"rate": 5_000.0, "burst": 500}},
            "senders": {
                "support": sender(**endpoint),
                "chat": sender(channel="whatsapp", source=WHATSAPP_SOURCE, **endpoint),
            },
            "retry": {"base": 0.05, "cap": 1.0},
            "opt_outs": {"rate": 1_000.0},
            # What a busy machine may need for a call.
            "redis_timeout": 60,
            **changes,
        }
        self.settings_file.write_text(tomlkit.dumps(self.values), encoding="utf-8")

    @contextlib.contextmanager
    def line(self, **worker: Any) -> Iterator[Proxy]:
        """Configures senders that call through a proxy: a call takes as long as the test holds its answer there.

        `worker`: values of its settings.
        """
        with running_proxy(int(self.sandbox.url.rpartition(":")[2])) as proxy:
            senders = {"support": sender(endpoint_url=f"http://127.0.0.1:{proxy.port}")}
            self.configure(senders=senders, worker={"read_timeout": 60, "lease": 90, **worker})
            yield proxy

    @property
    def settings(self) -> Settings:
        """The same settings for this process."""
        return Settings.from_values(**self.values)

    def chat(self) -> OutboundChat:
        """A client of the stack."""
        return self._stack.enter_context(OutboundChat.from_settings(self.settings))

    @property
    def environment(self) -> dict[str, str]:
        """Environment of the stack's processes: the caller's settings and AWS credentials play no part."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("OUTBOUND_CHAT_", "AWS_"))}
        return {
            **kept,
            "OUTBOUND_CHAT_CONFIG": str(self.settings_file),
            **SANDBOX_ENVIRONMENT,
        }

    def start_worker(
        self, *options: str, environment: Mapping[str, str] | None = None, wrapper: Sequence[str] = ()
    ) -> subprocess.Popen[bytes]:
        """Starts a worker with the options of `outbound-chat worker`; its log is in `self.logs()`.

        `wrapper`: begins the command, and ends by running the rest of it in its own place.
        """
        command = [*wrapper, sys.executable, "-m", "outbound_chat_worker"]
        process = self.start([*command, *WORKER_OPTIONS, *options], environment)
        self.workers.append(process)
        return process

    def start(self, command: list[str], environment: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Starts a program in the stack's environment."""
        self._logs += 1
        with (self.folder / f"process-{self._logs}.log").open("wb") as log:
            whole = {**self.environment, **(environment or {})}
            with Path(os.devnull).open("rb") as nothing:
                standard = (nothing.fileno(), log.fileno(), log.fileno())
                warm_process = warm.start(command, environment=whole, folder=self.folder, descriptors=standard)
            process = warm_process or spawn(command, environment=whole, folder=self.folder, output=log)
        self._stack.callback(kill_tree, process)
        return process

    def run(
        self, *command: str, timeout: float = 60.0, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Runs the command line to its end."""
        return warm.run(
            [sys.executable, "-m", "outbound_chat.cli", *command],
            environment={**self.environment, **(environment or {})},
            folder=self.folder,
            timeout=timeout,
        )

    def logs(self) -> str:
        """Everything that the processes wrote."""
        return "\n".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("process-*.log")))

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """kill -9, by process id."""
        os.kill(process.pid, signal.SIGKILL)
        process.wait(60)

    def counts_add_up(self) -> bool:
        """Whether every job that the budget accepted is in exactly one place."""
        with Store(self.server.url) as store:
            counts = inspection.counts(store, store.keys("main"))
        places = ("waiting", "leased", "sent", "failed", "expired", "cancelled", "uncertain", "unreadable")
        return counts.get("accepted", 0) == sum(counts.get(place, 0) for place in places)

    def findings(self) -> dict[str, int]:
        """What the wakers told of or put right; nothing, unless a test breaks the ledger."""
        with Store(self.server.url) as store:
            keys = store.keys("main")
            repaired = inspection.counts(store, keys).get("repaired", 0)
            return {**inspection.faults(store, keys), **({"repaired": repaired} if repaired else {})}

    def close(self) -> None:
        """Ends everything, the last started first."""
        self._stack.close()


@contextlib.contextmanager
def running_harness(folder: Path, sandbox: SandboxOptions = UNLIMITED) -> Iterator[Harness]:
    """A harness for the length of a block."""
    harness = Harness(folder, sandbox)
    try:
        yield harness
    finally:
        harness.close()
