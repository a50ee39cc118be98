"""Several processes behind one address: they share the socket, and one that dies is started again.

A process that this one started ends with it, even where this one is killed: it watches a pipe that only this one holds.
"""

import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from outbound_chat.ending import Ending
from outbound_chat.http.metrics import FOLDER_VARIABLE

RESTART_SECONDS = 1.0
"""Pause before a process that died is started again, so that one which can't start does not burn the machine."""
LOOK_SECONDS = 0.1
_log = logging.getLogger("outbound_chat.http")


class Processes:
    """The processes of one service."""

    def __init__(self, listener: socket.socket, number: int, grace_seconds: float) -> None:
        self._listener = listener
        self._number = number
        self._grace_seconds = grace_seconds
        self._alive, self._held = os.pipe()
        self._running: list[subprocess.Popen[bytes]] = []

    def run(self, ending: Ending) -> None:
        """Keeps them running until a signal comes, and returns when all have ended."""
        with tempfile.TemporaryDirectory(prefix="outbound-chat-metrics-") as folder:
            try:
                self._keep_running(ending, {**os.environ, FOLDER_VARIABLE: folder})
            finally:
                self._stop()

    def _keep_running(self, ending: Ending, environment: dict[str, str]) -> None:
        self._running = [self._start(environment) for _ in range(self._number)]
        while not ending.signal:
            time.sleep(LOOK_SECONDS)
            for place, process in enumerate(self._running):
                if process.poll() is not None and not ending.signal:
                    _log.error("process %d ended with %d; starting another", process.pid, process.returncode)
                    time.sleep(RESTART_SECONDS)
                    self._running[place] = self._start(environment)

    def _start(self, environment: dict[str, str]) -> subprocess.Popen[bytes]:
        descriptors = (self._listener.fileno(), self._alive)
        command = [sys.executable, "-m", "outbound_chat.http", *map(str, descriptors)]
        # The terminal's Ctrl-C comes to this process, which tells the others.
        return subprocess.Popen(command, env=environment, pass_fds=descriptors, start_new_session=True)  # noqa: S603  # our own module

    def _stop(self) -> None:
        for process in self._running:
            process.terminate()
        deadline = time.monotonic() + self._grace_seconds + 5
        for process in self._running:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        os.close(self._alive)
        os.close(self._held)


def end_with_parent(alive: int) -> None:
    """Ends this process in order when the one that holds the other end of the pipe is gone."""

    def watch() -> None:
        while os.read(alive, 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
