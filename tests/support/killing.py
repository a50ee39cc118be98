"""The quick end of what a test started: it is over, so nothing of it needs to be finished."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

from outbound_chat.children import end


def kill_tree(process: subprocess.Popen[bytes]) -> None:
    """Kills a child and all that it started, and waits for its end; a test of an orderly end comes before."""
    if sys.platform != "linux":
        end(process)
        return
    if process.poll() is None:
        for pid in _stopped_tree(process.pid):
            _signal(pid, signal.SIGKILL)
    process.wait()


def _stopped_tree(pid: int) -> list[int]:
    """The process and its descendants, each stopped before it is asked for its children, so that none is missed."""
    _signal(pid, signal.SIGSTOP)
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        threads = [path.read_text().split() for path in Path(f"/proc/{pid}/task").glob("*/children")]
        return [pid, *(each for children in threads for child in children for each in _stopped_tree(int(child)))]
    return [pid]


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
