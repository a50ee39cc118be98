"""Runs several Celery workers and restarts those that die. A process uses one core, so run one process per core.

It is for one machine: run the command on each machine.
"""

from __future__ import annotations

import logging
import os
import signal
import sys

from outbound_chat.children import Supervisor, spawn
from outbound_chat.ending import SIGNALS, Ending

TYPE_CHECKING = False  # as that of `typing`
if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import IO


def supervised_workers(
    processes: int,
    *,
    name: str | None = None,
    log_level: str = "INFO",
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    output: int | IO[bytes] | None = None,
) -> Supervisor:
    """Starts the workers as Celery nodes `name-1@host` and so on; `name` is unique by default.

    `environment`, `folder` and `output` are as in `spawn`. When stopped, each worker finishes its calls.
    """
    # Random, since cloned machines have the same host name.
    name = name or f"outbound-chat-{os.urandom(3).hex()}"
    command = [sys.executable, "-m", "outbound_chat_worker", "--loglevel", log_level]
    command += ["--without-gossip", "--without-mingle", "--hostname"]
    # Else each thread gets memory of its own from the C library, 1.5 MB a process and more on machines of many cores.
    environment = {"MALLOC_ARENA_MAX": "2", **(os.environ if environment is None else environment)}
    return Supervisor(
        processes,
        lambda number: spawn([*command, f"{name}-{number}@%h"], environment=environment, folder=folder, output=output),
        what="worker process",
    )


def become_supervisor(
    processes: int, *, name: str | None, log_level: str, log_format: str = "text", ending: Ending
) -> None:
    """Replaces this program with one that only supervises: the command line would occupy 30 MB while workers run.

    Returns only after an earlier signal. A new signal waits until the new program can handle it.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    if not ending.signal:
        sys.stdout.flush()
        arguments = [str(processes), log_level, log_format, name or ""]
        os.execv(sys.executable, [sys.executable, "-m", __name__, *arguments])  # noqa: S606


def log_to_stderr(level: str, log_format: str) -> None:
    """Logs in the format of the workers, whose lines are in the same stream."""
    if log_format == "json":
        from outbound_chat.logs import log_to_stderr as log_json  # noqa: PLC0415  # costs nothing while it is off

        log_json(log_format, level)
    else:
        logging.basicConfig(level=level, format="[%(asctime)s: %(levelname)s/supervisor] %(message)s")


def main() -> None:
    """Supervises until SIGTERM or SIGINT, after `become_supervisor`."""
    ending = Ending()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    processes, log_level, log_format, name = sys.argv[1:]
    log_to_stderr(log_level, log_format)
    supervised_workers(int(processes), name=name, log_level=log_level).run(ending)


if __name__ == "__main__":
    main()
