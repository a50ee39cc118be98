"""Runs several Celery workers and starts one again that dies. One process uses one core, so one a core is right.

Not for more than one machine: there, start this command on each.
"""

import logging
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from outbound_chat.ending import Ending
from outbound_chat_worker.local.processes import STOP_SECONDS, end, spawn

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.2
STEADY_SECONDS = 60.0
"""A worker that ran this long was healthy: its next death is followed by a quick start again."""
LONGEST_PAUSE_SECONDS = 30.0


@dataclass(slots=True)
class _Worker:
    process: subprocess.Popen[bytes]
    started: float
    deaths: int = 0
    start_at: float = 0.0


class Supervisor:
    """Keeps a number of workers running until it is told to end."""

    def __init__(
        self,
        processes: int,
        *,
        name: str | None = None,
        log_level: str = "INFO",
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        output: int | IO[bytes] | None = None,
    ) -> None:
        """Starts the workers, Celery nodes `name-1@host` and so on; `name` is one that no other has, if none is given.

        `environment`, `folder` and `output` are theirs, as `processes.spawn` takes them.
        """
        # By chance: cloned machines have the same host name.
        self._name = name or f"outbound-chat-{secrets.token_hex(3)}"
        self._environment = environment
        self._folder = folder
        self._output = output
        self._log_level = log_level
        self._workers = [_Worker(self._spawn(number), time.monotonic()) for number in range(1, processes + 1)]

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers that run."""
        return [worker.process.pid for worker in self._workers if worker.process.poll() is None]

    def _spawn(self, number: int) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "outbound_chat_worker"]
        options = ["--loglevel", self._log_level, "--without-gossip", "--without-mingle"]
        hostname = ["--hostname", f"{self._name}-{number}@%h"]
        return spawn(
            [*command, *options, *hostname], environment=self._environment, folder=self._folder, output=self._output
        )

    def run(self, ending: Ending) -> None:
        """Watches the workers until a signal comes, then ends them warmly. Call it from the main thread."""
        try:
            while not ending.signal:
                self.look()
                time.sleep(LOOK_SECONDS)
        finally:
            self.end()

    def look(self) -> None:
        """Starts workers again that died: at once, then after 1, 2, 4 … 30 s if they die soon."""
        now = time.monotonic()
        for number, worker in enumerate(self._workers, start=1):
            if worker.process.poll() is None:
                continue
            if not worker.start_at:
                worker.deaths = 1 if now - worker.started > STEADY_SECONDS else worker.deaths + 1
                pause = 0.0 if worker.deaths == 1 else min(LONGEST_PAUSE_SECONDS, 2.0 ** (worker.deaths - 2))
                worker.start_at = now + pause
                code = worker.process.returncode
                logger.warning("worker %d ended with %d; it starts again in %g s", number, code, pause)
            if now >= worker.start_at:
                worker.process, worker.started, worker.start_at = self._spawn(number), now, 0.0

    def end(self) -> None:
        """Ends all workers: each finishes its calls in flight; after 30 s it is killed."""
        for worker in self._workers:
            if worker.process.poll() is None:
                worker.process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for worker in self._workers:
            end(worker.process, max(0.1, deadline - time.monotonic()))
