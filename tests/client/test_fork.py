"""A process that forks while its threads use a client: the children's client works, whatever lock was held."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from outbound_chat_worker.local.embedded import embedded_server

PROGRAM = """
import os, signal, sys, threading
from outbound_chat import OutboundChat
from tests.client.conftest import VALUES

chat = OutboundChat(redis_url=sys.argv[1], **VALUES)
job = chat.enqueue(sender="support", to="+12025550123")
stop = threading.Event()

def hammer():
    while not stop.is_set():
        chat.status(job.id)

threads = [threading.Thread(target=hammer) for _ in range(8)]
for thread in threads:
    thread.start()
ends = []
for _ in range(20):
    child = os.fork()
    if not child:
        signal.alarm(120)  # a child that hangs is ended by its own alarm
        mine = chat.enqueue(sender="support", to="+12025550124")
        os._exit(0 if chat.status(mine.id).id == mine.id else 1)
    ends.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
stop.set()
for thread in threads:
    thread.join()
print(*ends)
"""


def test_children_of_a_process_whose_threads_use_the_client_can_use_it(tmp_path: Path) -> None:
    """uWSGI, gunicorn with `preload` and Celery's prefork pool all fork with what the application has made."""
    with embedded_server(tmp_path / "valkey") as server:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, server.url],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            timeout=560,
            check=False,
        )

    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["0"] * 20, f"children that hung end with {-signal.SIGALRM}"
