"""Child processes that end with their parent, and a supervisor that restarts those that die.

A supervisor does little and runs as long as its children, so this module imports little: tests count its modules.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import signal
import subprocess
import sys
import time

TYPE_CHECKING = False  # as that of `typing`
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from typing import IO

    from outbound_chat.ending import Ending

logger = logging.getLogger(__name__)

STOP_SECONDS = 30.0
LOOK_SECONDS = 0.1
STEADY_SECONDS = 60.0
"""A child that ran this long was healthy: after its next death it is restarted immediately."""
LONGEST_PAUSE_SECONDS = 30.0

_PR_SET_PDEATHSIG = 1  # https://man7.org/linux/man-pages/man2/prctl.2.html


def _dies_with_parent() -> Callable[[], None]:
    # Loaded here, in the parent: between fork and exec a child may only call what is already loaded.
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    parent = os.getpid()

    def in_child() -> None:
        # Ctrl-C in the terminal then reaches only the command, which ends its children in the right order.
        os.setsid()
        # A handler of the parent would get the signal here, and lose it when the new program starts.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if libc:
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:
                # The parent was killed before this was set.
                os._exit(1)

    return in_child


def spawn(
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    output: int | IO[bytes] | None = None,
    pass_fds: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Starts a child that ends with this process, on Linux even if this one is killed. Call it from the main thread.

    `environment`: the child's whole environment, by default that of this process. `folder`: its working directory.
    `output` receives the child's standard output and error. `pass_fds`: files that stay open in it.
    """
    return subprocess.Popen(  # noqa: S603  # the callers name their own programs
        list(command),
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT if output is not None else None,
        pass_fds=pass_fds,
        preexec_fn=_dies_with_parent(),  # noqa: PLW1509  # see `in_child`: it only calls into libc
    )


def end(process: subprocess.Popen[bytes], patience: float = STOP_SECONDS) -> int:
    """Ends a child with SIGTERM, or with SIGKILL if it still runs after `patience` seconds. Returns its return code."""
    if process.poll() is None:
        process.terminate()
    try:
        return process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def death(code: int) -> str:
    """Returns in words how a process ended. Negative return codes are signals."""
    if code >= 0:
        return f"ended with exit code {code}"
    with contextlib.suppress(ValueError):
        return f"was killed ({signal.Signals(-code).name})"
    return f"was killed (signal {-code})"


class _Child:
    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.started = time.monotonic()
        self.deaths = 0
        self.start_at = 0.0


class Supervisor:
    """Keeps a number of children running until a signal ends it."""

    def __init__(
        self,
        processes: int,
        start: Callable[[int], subprocess.Popen[bytes]],
        *,
        what: str = "process",
        stop_seconds: float = STOP_SECONDS,
        longest_pause: float = LONGEST_PAUSE_SECONDS,
    ) -> None:
        """Starts children 1 to `processes`. `what`: what the log calls a child.

        `stop_seconds`: how long a child may take to end before it is killed. `longest_pause`: longest wait, in seconds,
        before a child that keeps dying is restarted.
        """
        self._what = what
        self._start = start
        self._stop_seconds = stop_seconds
        self._longest_pause = longest_pause
        self._children = [_Child(start(number)) for number in range(1, processes + 1)]

    @property
    def pids(self) -> list[int]:
        """Process ids of the running children."""
        return [child.process.pid for child in self._children if child.process.poll() is None]

    def run(self, ending: Ending) -> None:
        """Watches the children until a signal comes, then ends them in order. Call it from the main thread."""
        try:
            while not ending.signal:
                self.look()
                time.sleep(LOOK_SECONDS)
        finally:
            self.end()

    def look(self) -> None:
        """Restarts dead children: immediately, or after 1, 2, 4 … seconds if they die soon."""
        now = time.monotonic()
        for number, child in enumerate(self._children, start=1):
            if child.process.poll() is None:
                continue
            if not child.start_at:
                child.deaths = 1 if now - child.started > STEADY_SECONDS else child.deaths + 1
                pause = 0.0 if child.deaths == 1 else min(self._longest_pause, 2.0 ** (child.deaths - 2))
                child.start_at = now + pause
                when = f"again in {pause:g} s" if pause else "again"
                logger.warning("%s %d %s; it is started %s", self._what, number, death(child.process.returncode), when)
            if now >= child.start_at:
                child.process, child.started, child.start_at = self._start(number), now, 0.0

    def end(self) -> None:
        """Ends all children. Each finishes its work, but is killed after `stop_seconds`."""
        for child in self._children:
            if child.process.poll() is None:
                child.process.terminate()
        deadline = time.monotonic() + self._stop_seconds
        for child in self._children:
            end(child.process, max(0.1, deadline - time.monotonic()))
