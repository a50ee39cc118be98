"""Runs several Celery workers and starts one again that dies. One process uses one core, so one a core is right.

Not for more than one machine: there, start this command on each.
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
    """Starts the workers, Celery nodes `name-1@host` and so on; `name` is one that no other has, if none is given.

    `environment`, `folder` and `output` are theirs, as `spawn` takes them. At the end each finishes its calls.
    """
    # By chance: cloned machines have the same host name.
    name = name or f"outbound-chat-{secrets.token_hex(3)}"
    command = [sys.executable, "-m", "outbound_chat_worker", "--loglevel", log_level]
    command += ["--without-gossip", "--without-mingle", "--hostname"]
    return Supervisor(
        processes,
        lambda number: spawn([*command, f"{name}-{number}@%h"], environment=environment, folder=folder, output=output),
    )
