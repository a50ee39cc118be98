"""The supervisor ends when it is told to, at whatever moment that is."""

import subprocess
import sys
from pathlib import Path

import pytest

from outbound_chat.children import Supervisor, spawn
from outbound_chat_worker.local.supervisor import supervised_workers
from tests.support.waiting import wait_until

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


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("os.kill(os.getpid(), 9)", "process 1 was killed (SIGKILL); it is started again\n"),
        ("os.kill(os.getpid(), 40)", "process 1 was killed (signal 40); it is started again\n"),
        ("sys.exit(3)", "process 1 ended with exit code 3; it is started again\n"),
    ],
)
def test_how_a_process_ended_is_told_in_words(caplog: pytest.LogCaptureFixture, end: str, said: str) -> None:
    """The first thing that an operator looks for is who killed it."""
    supervisor = Supervisor(1, lambda _: spawn([sys.executable, "-c", f"import os, sys; {end}"]))
    try:
        for times in (1, 2):
            wait_until(lambda: not supervisor.pids, what="its end")
            supervisor.look()
            assert len(caplog.messages) == times
    finally:
        supervisor.end()

    assert caplog.messages == [said.strip(), f"{said.strip()} in 1 s"]


@pytest.mark.parametrize("package", ["celery", "boto3"])
def test_without_the_extra_the_command_ends_with_what_to_install(tmp_path: Path, package: str) -> None:
    """Its processes would end at their imports, and be started again for ever."""
    code = (
        "import importlib.util, sys, outbound_chat.cli; found = importlib.util.find_spec; "
        f"importlib.util.find_spec = lambda name, *rest: None if name == {package!r} else found(name, *rest); "
        "sys.argv[1:] = ['worker']; outbound_chat.cli.main()"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], timeout=300, check=False, capture_output=True, text=True, cwd=tmp_path
    )

    assert done.returncode == 2
    assert done.stderr == f"error: 'worker' needs {package}; run: pip install 'outbound-chat[all]'\n"


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
