"""Runs a whole stack on this machine for `demo` and `dev`: Valkey, sandbox, workers, and their settings.

A part that dies is restarted at the same address. Don't use it in production.
"""

import json
import os
import socket
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from outbound_chat.children import Supervisor, death, spawn
from outbound_chat.cli.dev_settings import MARK
from outbound_chat_config import Settings
from outbound_chat_worker.local.embedded import EmbeddedServer, EmbeddedServerError, embedded_server, writing_to
from outbound_chat_worker.local.supervisor import supervised_workers
from outbound_chat_worker.sandbox import (
    QUEUE_PATH,
    SANDBOX_ENVIRONMENT,
    SandboxClient,
    SandboxOptions,
    running_sandbox,
)

BROKEN = "demo-broken"
"""For magic numbers that put their sender or its instance, which no other sender shares, on hold."""
SENDERS = {"demo": "sms", "demo-whatsapp": "whatsapp", BROKEN: "sms"}
INSTANCES = ("0a1b2c3d-1111-4222-8333-444455556666", "0a1b2c3d-1111-4222-8333-444455556667")

_SETTINGS = """\
{mark} or 'demo', which write them at each start.
redis_url = {redis}

[budgets.main]
rate = {rate}
burst = {burst}
"""
_SENDER = """
[senders.{name}]
region = "us-east-1"
instance_id = "{instance}"
contact_flow_id = "1b2c3d4e-1111-4222-8333-444455556666"
source = "arn:aws:connect:us-east-1:123456789012:phone-number/2c3d4e5f-1111-4222-8333-{number:012}"
channel = "{channel}"
endpoint_url = {sandbox}
"""
_EVENTS = """
[contact_events]
queue_url = {queue}
region = "us-east-1"
endpoint_url = {sandbox}
"""


@dataclass(slots=True)
class Stack:
    """The parts of a running stack, with their addresses."""

    settings: Settings
    settings_file: Path
    log_file: Path
    server: EmbeddedServer
    sandbox: SandboxClient
    supervisors: list[Supervisor]
    _restart_sandbox: Callable[[], SandboxClient]

    def look(self, say: Callable[[str], None]) -> None:
        """Restarts parts that died, and prints a warning.

        Raises:
            OutboundChatError: Valkey or the sandbox can't be restarted.
        """
        if (code := self.server.process.poll()) is not None:
            say(f"Valkey {death(code)}; restarting it with its data")
            self.server.restart()
        if self.sandbox.process and (code := self.sandbox.process.poll()) is not None:
            say(f"the sandbox {death(code)}; restarting it without its messages")
            self.sandbox = self._restart_sandbox()
        for supervisor in self.supervisors:
            supervisor.look()


class _Sandboxes(ExitStack):
    """A sequence of sandboxes at the same address."""

    def __init__(self, options: SandboxOptions, log: IO[bytes]) -> None:
        super().__init__()
        self._options, self._log = options, log

    def start(self) -> SandboxClient:
        self.close()
        started = self.enter_context(running_sandbox(self._options, errors=self._log))
        self._options = replace(self._options, port=int(started.url.rpartition(":")[2]))
        return started


@contextmanager
def running_stack(
    folder: Path,
    *,
    sandbox: SandboxOptions,
    processes: int,
    log_level: str,
    port: int | None = None,
    pages: socket.socket | None = None,
) -> Iterator[Stack]:
    """Starts everything, and stops it at the end of the block, workers first.

    Data, logs and settings are in `folder`. The budget of the workers is the allowance of the sandbox. Settings and AWS
    credentials in the caller's environment are ignored. `pages`: what the HTTP service listens on; None: there is none.
    """
    settings_file = folder / "outbound-chat.toml"
    with writing_to(folder):
        if settings_file.exists() and MARK not in settings_file.read_text(encoding="utf-8", errors="replace"):
            raise EmbeddedServerError(
                f"{settings_file} has settings of your own, which would be lost; name another folder"
            )
    with ExitStack() as stack:
        server = stack.enter_context(embedded_server(folder / "valkey", port))
        with writing_to(folder):
            calls = stack.enter_context((folder / "sandbox.log").open("ab"))
        sandboxes = stack.enter_context(_Sandboxes(replace(sandbox, log_calls=True), calls))
        connect = sandboxes.start()
        text = _settings_text(server.url, connect.url, sandbox)
        if pages:
            text += f"\n[http]\nport = {pages.getsockname()[1]}\n"
        log_file = folder / "workers.log"
        with writing_to(folder):
            settings_file.write_text(text, encoding="utf-8")
            log = stack.enter_context(log_file.open("ab"))
        # They run in the folder, where they do not read a `.env` of the caller.
        own: Any = {"environment": _environment(settings_file), "folder": folder, "output": log}
        supervisors = [_served(pages, **own)] if pages else []
        supervisors.append(supervised_workers(processes, log_level=log_level, **own))
        for supervisor in supervisors:
            stack.callback(supervisor.end)
        settings = Settings.from_values(**tomllib.loads(text))
        yield Stack(settings, settings_file, log_file, server, connect, supervisors, sandboxes.start)


def _served(pages: socket.socket, **own: Any) -> Supervisor:
    """Starts the HTTP service on an open socket, where callers wait while it starts."""
    files = (pages.fileno(), os.pipe()[0])  # it ends when this process, which has the other end, has ended
    command = [sys.executable, "-m", "outbound_chat.http", *map(str, files)]
    return Supervisor(1, lambda _: spawn(command, pass_fds=files, **own), what="HTTP service")


def _settings_text(redis_url: str, sandbox_url: str, sandbox: SandboxOptions) -> str:
    head = _SETTINGS.format(mark=MARK, redis=json.dumps(redis_url), rate=sandbox.rate or 10_000, burst=sandbox.burst)
    senders = (
        _SENDER.format(
            name=name,
            channel=channel,
            sandbox=json.dumps(sandbox_url),
            number=number,
            instance=INSTANCES[name == BROKEN],
        )
        for number, (name, channel) in enumerate(SENDERS.items(), start=1)
    )
    if not sandbox.events:
        return head + "".join(senders)
    limit = f"max_open_chats = {sandbox.max_chats}\n"
    events = _EVENTS.format(queue=json.dumps(sandbox_url + QUEUE_PATH), sandbox=json.dumps(sandbox_url))
    return head + "".join(sender + limit for sender in senders) + events


def _environment(settings_file: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OUTBOUND_CHAT_", "AWS_"))}
    return {
        **kept,
        "OUTBOUND_CHAT_CONFIG": str(settings_file.absolute()),
        **SANDBOX_ENVIRONMENT,
    }
