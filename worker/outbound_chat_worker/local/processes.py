"""Child processes that never outlive their parent: the embedded server, the sandbox and the workers of a command."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

STOP_SECONDS = 30.0

_PR_SET_PDEATHSIG = 1  # https://man7.org/linux/man-pages/man2/prctl.2.html


def _dies_with_parent() -> Callable[[], None]:
    # Looked up here, in the parent: between fork and exec a child may only call what is already loaded.
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    parent = os.getpid()

    def in_child() -> None:
        # Ctrl-C in the terminal reaches the command alone, which then ends its children in the right order.
        os.setsid()
        # A handler of the parent's would take the signal here and lose it with the new program.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if libc:
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:
                # It was killed before this was asked for.
                os._exit(1)

    return in_child


def spawn(
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    output: int | IO[bytes] | None = None,
) -> subprocess.Popen[bytes]:
    """Starts a child that ends with this process, also when that is killed. Call it from the main thread.

    `environment`: all of the child's; this process's own by default. `folder`: where it works. `output` takes the
    child's standard output and error.
    """
    return subprocess.Popen(  # noqa: S603  # the callers name their own programs
        list(command),
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT if output is not None else None,
        preexec_fn=_dies_with_parent(),  # noqa: PLW1509  # see `in_child`: it only calls into libc
    )


def end(process: subprocess.Popen[bytes], patience: float = STOP_SECONDS) -> int:
    """Ends a child: SIGTERM, and SIGKILL if it is still there after `patience` seconds. Its return code."""
    if process.poll() is None:
        process.terminate()
    try:
        return process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()
