"""Runs several Celery workers and restarts those that die. A process uses one core, so run one for each core.

Not for more than one machine: run the command on each.
"""

import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from outbound_chat.children import Supervisor, spawn


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
    name = name or f"outbound-chat-{secrets.token_hex(3)}"
    command = [sys.executable, "-m", "outbound_chat_worker", "--loglevel", log_level]
    command += ["--without-gossip", "--without-mingle", "--hostname"]
    return Supervisor(
        processes,
        lambda number: spawn([*command, f"{name}-{number}@%h"], environment=environment, folder=folder, output=output),
    )
