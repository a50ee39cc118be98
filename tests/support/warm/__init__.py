"""Our programs without the second of imports that each would begin with: forked from a process that has made them.

The suite starts some hundreds of workers, services, sandboxes and commands, and most of its time went into importing
the same modules again. Each is still a process of its own, with its own environment, folder, descriptors and end. What
an interpreter reads as it starts, or a module as it is imported, is read before the fork: where such a variable is
another, and for what `_IMPORTS` does not name, there is no warm start. A test whose point is the start itself calls
`spawn`, or `subprocess`.
"""

import contextlib
import functools
import json
import os
import pkgutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from pydantic import TypeAdapter

from outbound_chat.cli import commands
from outbound_chat_worker import sandbox
from outbound_chat_worker.sandbox import SandboxClient, SandboxOptions
from tests.support.killing import kill_tree

from ._forking import Server, WarmProcess, read_on_import

__all__ = ["WarmProcess", "run", "running_sandbox", "server", "start"]

_CLI = (
    *("outbound_chat.cli.app", "outbound_chat.cli.commands.doctor", "outbound_chat_worker.cli.checks"),
    *(f"{commands.__name__}.{module.name}" for module in pkgutil.iter_modules(commands.__path__)),
)
_IMPORTS: Mapping[str, tuple[str, ...]] = {
    "outbound_chat.cli": _CLI,
    "celery": ("celery.bin.celery", "outbound_chat_worker.tasks"),
    "outbound_chat_worker": (
        *("celery.apps.worker", "celery.bin.worker", "celery.concurrency.thread", "celery.worker.components"),
        *("celery.worker.consumer", "kombu.transport.redis", "outbound_chat_worker.tasks"),
        "outbound_chat_worker.webhooks.courier",
    ),
    "outbound_chat_worker.sandbox": ("outbound_chat_worker.sandbox",),
}
_HTTP = ("outbound_chat.http", "outbound_chat.http.server", "uvicorn")
_COLD_COMMANDS = {"demo", "dev", "sandbox", "worker"}
"""They start programs themselves; a test may look for these by an environment that a fork does not show."""


def start(
    command: Sequence[str], *, environment: Mapping[str, str], folder: Path, descriptors: tuple[int, int, int]
) -> subprocess.Popen[bytes] | None:
    """Starts a program, unless it must have an interpreter of its own; then None.

    `environment`: all of the program's. `descriptors`: its standard input, output and error.
    """
    forked_from = server()
    if forked_from is None or tuple(command[:2]) != (sys.executable, "-m") or command[2] not in _IMPORTS:
        return None
    module, *arguments = command[2:]
    if read_on_import(environment) != forked_from.environment or set(arguments[:1]) & _COLD_COMMANDS:
        return None
    imports = (*_IMPORTS[module], *(_HTTP if arguments[:1] == ["http"] else ()))
    request = {"module": module, "arguments": arguments, "environment": dict(environment), "folder": str(folder)}
    return forked_from.start({**request, "imports": imports}, descriptors)


def run(
    command: Sequence[str], *, environment: Mapping[str, str], folder: Path, timeout: float
) -> subprocess.CompletedProcess[str]:
    """Runs a program to its end, warm where that makes no difference, and answers what it wrote."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors, Path(os.devnull).open("rb") as nothing:
        standard = (nothing.fileno(), output.fileno(), errors.fileno())
        process = start(command, environment=environment, folder=folder, descriptors=standard)
        if process is None:
            process = subprocess.Popen(
                command, env=environment, cwd=folder, stdin=nothing, stdout=output, stderr=errors
            )
        try:
            code = process.wait(timeout)
        finally:
            kill_tree(process)
        written = [_content(file) for file in (output, errors)]
    return subprocess.CompletedProcess(list(command), code, *written)


def _content(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode().replace("\r\n", "\n")


@contextlib.contextmanager
def running_sandbox(options: SandboxOptions) -> Iterator[SandboxClient]:
    """A sandbox in a process of its own for the length of a block, as the product's function of this name."""
    read, write = os.pipe()
    own = TypeAdapter(SandboxOptions).dump_json(options).decode()
    with os.fdopen(read, "rb") as answers:
        forked_from = server()
        parent = str(forked_from.pid if forked_from else 0)
        command = [sys.executable, "-m", "outbound_chat_worker.sandbox", parent, own]
        try:
            process = start(command, environment=os.environ, folder=Path.cwd(), descriptors=(0, write, 2))
        finally:
            os.close(write)
        if process is None:
            with sandbox.running_sandbox(options) as client:
                yield client
            return
        try:
            yield SandboxClient(json.loads(answers.readline())["url"])
        finally:
            kill_tree(process)


@functools.cache
def server() -> Server | None:
    """The process that is forked from, started at the first call; None where there is none to be."""
    return Server() if sys.platform == "linux" else None
