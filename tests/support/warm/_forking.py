"""The process that is forked from, as pytest's sees it, and its children."""

import atexit
import json
import os
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .server import MOST_BYTES

_READ_LATER = ("OUTBOUND_CHAT_", "_OUTBOUND_CHAT_COMPLETE", "COMP_", "_TYPER_COMPLETE_", "AWS_", "PYTEST_")
"""How the variables begin that no module reads as it is imported."""


def read_on_import(environment: Mapping[str, str]) -> dict[str, str]:
    """What an interpreter or a module may have read of the environment before it serves."""
    return {name: value for name, value in environment.items() if not name.startswith(_READ_LATER)}


class Server:
    """The process that is forked from, as this one sees it."""

    def __init__(self) -> None:
        self.environment = read_on_import(os.environ)
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MOST_BYTES)
        self._lock = threading.Lock()
        with theirs:
            script = [sys.executable, "-P", str(Path(__file__).with_name("server.py")), str(theirs.fileno())]
            # A session of its own: a Ctrl-C in the terminal is for pytest, which then ends what it started.
            options: dict[str, Any] = {"pass_fds": [theirs.fileno()], "start_new_session": True}
            self._process = subprocess.Popen(script, stdin=subprocess.DEVNULL, **options)
        self.pid = self._process.pid
        atexit.register(self._stop)

    def start(self, request: dict[str, Any], descriptors: tuple[int, int, int]) -> "WarmProcess":
        """Forks a child that becomes what the request says."""
        return WarmProcess(self, [request["module"], *request["arguments"]], self._ask(request, descriptors))

    def reap(self, pid: int, *, block: bool) -> int | None:
        """The return code of a child that has ended, else None; with `block` it is known to have ended."""
        code: int | None = self._ask({"reap": pid, "block": block})
        return code

    def _ask(self, request: dict[str, Any], descriptors: tuple[int, ...] = ()) -> Any:
        with self._lock:
            socket.send_fds(self._control, [json.dumps(request).encode()], list(descriptors))
            answer = self._control.recv(MOST_BYTES)
        assert answer, "the process that is forked from has ended; its reason is on standard error"
        return json.loads(answer)

    def _stop(self) -> None:
        self._control.close()
        self._process.wait()


class WarmProcess(subprocess.Popen[bytes]):
    """A child of the server, with the ways of a child of our own."""

    def __init__(self, server: Server, args: list[str], pid: int) -> None:
        # Not that of Popen, which would start a program; what it keeps and its other methods use is set here.
        self._server, self.args, self.pid = server, args, pid
        self.stdin = self.stdout = self.stderr = None
        self.returncode: int | None = None
        self._child_created = False  # it is not for Popen to reap

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self._server.reap(self.pid, block=False)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            descriptor = os.pidfd_open(self.pid)
            try:
                ended, _, _ = select.select([descriptor], [], [], timeout)
            finally:
                os.close(descriptor)
            if not ended:
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            self.returncode = self._server.reap(self.pid, block=True)
        assert self.returncode is not None
        return self.returncode
