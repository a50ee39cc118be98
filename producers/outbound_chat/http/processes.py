"""Runs several processes behind one address: they share the socket, and a process that dies is restarted.

Each ends with this process, even if this one is killed: they watch a pipe whose other end only this process has open.
"""

import os
import signal
import socket
import sys
import tempfile
import threading

from outbound_chat.children import Supervisor, spawn
from outbound_chat.ending import Ending
from outbound_chat.http.metrics import FOLDER_VARIABLE

LONGEST_PAUSE_SECONDS = 1.0
"""Short, since a request that kills one process may kill all of them, and then nobody is served."""


def run_processes(listener: socket.socket, number: int, grace_seconds: float, ending: Ending) -> None:
    """Keeps the processes of a service running until a signal, and returns when all of them have ended."""
    alive, held = os.pipe()
    descriptors = (listener.fileno(), alive)
    command = [sys.executable, "-m", "outbound_chat.http", *map(str, descriptors)]
    try:
        with tempfile.TemporaryDirectory(prefix="outbound-chat-metrics-") as folder:
            environment = {**os.environ, FOLDER_VARIABLE: folder}
            Supervisor(
                number,
                lambda _: spawn(command, environment=environment, pass_fds=descriptors),
                stop_seconds=grace_seconds + 5,
                longest_pause=LONGEST_PAUSE_SECONDS,
            ).run(ending)
    finally:
        os.close(alive)
        os.close(held)


def end_with_parent(alive: int) -> None:
    """Shuts this process down when the process at the other end of the pipe has ended."""

    def watch() -> None:
        while os.read(alive, 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
