"""The supervisor ends when it is told to, at whatever moment that is."""

import subprocess
import sys
from pathlib import Path

import pytest

from outbound_chat_worker.local.supervisor import supervised_workers

# Sends SIGTERM at the n-th call that is made from the start on: with an Event, one of them held its lock just then.
STOPPED_IN_THE_MIDDLE = """
import signal, sys
from outbound_chat.ending import Ending
from outbound_chat_worker.local.supervisor import supervised_workers

left = {calls}
def count(frame, event, argument):
    global left
    if event in ("call", "c_call"):
        left -= 1
        if left == 0:
            signal.raise_signal(signal.SIGTERM)

ending = Ending()
sys.setprofile(count)
supervised_workers(0).run(ending)
"""

# Sends a signal while the command line makes way for the supervisor; the last event is that of the exec itself.
STOPPED_IN_BETWEEN = """
import signal, sys
from outbound_chat.ending import Ending
from outbound_chat_worker.local.supervisor import become_supervisor

def notice(event, _):
    if event == {event!r}:
        signal.raise_signal(signal.{name})

ending = Ending()
sys.addaudithook(notice)
sys.audit("begin")
become_supervisor(0, name=None, log_level="INFO", ending=ending)
"""


@pytest.mark.parametrize("calls", range(3, 31, 3))
def test_a_signal_at_any_moment_ends_it(calls: int) -> None:
    """A process that hangs in its own signal handler is killed later, and its workers with it."""
    script = STOPPED_IN_THE_MIDDLE.format(calls=calls)

    assert subprocess.run([sys.executable, "-c", script], timeout=300, check=False).returncode == 0


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
@pytest.mark.parametrize("event", ["begin", "os.exec"])
def test_a_signal_while_the_program_changes_ends_it_as_any_other(event: str, name: str) -> None:
    """A new program knows no handlers: the signal would kill it, and its exit code would report a failure."""
    script = STOPPED_IN_BETWEEN.format(event=event, name=name)

    done = subprocess.run([sys.executable, "-c", script], timeout=300, check=False, capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")


def test_workers_of_two_commands_have_names_of_their_own() -> None:
    """Machines are cloned with their host name, and a second command is typed beside the first."""
    supervisors = [supervised_workers(2, output=subprocess.DEVNULL) for _ in range(2)]
    try:
        commands = [Path(f"/proc/{pid}/cmdline").read_text() for one in supervisors for pid in one.pids]
    finally:
        for one in supervisors:
            one.end()

    names = {command.split("\0--hostname\0")[1] for command in commands}
    assert len(names) == 4
    assert all(name.startswith("outbound-chat-") for name in names)
