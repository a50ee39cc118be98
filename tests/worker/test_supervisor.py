"""The supervisor ends when it is told to, at whatever moment that is."""

import subprocess
import sys

import pytest

# Sends SIGTERM at the n-th call that is made from the start on: with an Event, one of them held its lock just then.
STOPPED_IN_THE_MIDDLE = """
import signal, sys
from outbound_chat.ending import Ending
from outbound_chat_worker.supervisor import Supervisor

left = {calls}
def count(frame, event, argument):
    global left
    if event in ("call", "c_call"):
        left -= 1
        if left == 0:
            signal.raise_signal(signal.SIGTERM)

ending = Ending()
sys.setprofile(count)
Supervisor(0).run(ending)
"""


@pytest.mark.parametrize("calls", range(3, 31, 3))
def test_a_signal_at_any_moment_ends_it(calls: int) -> None:
    """A process that hangs in its own signal handler is killed later, and its workers with it."""
    script = STOPPED_IN_THE_MIDDLE.format(calls=calls)

    assert subprocess.run([sys.executable, "-c", script], timeout=30, check=False).returncode == 0
