"""What the harness forks is like what it would start: else tests of workers and commands would prove little."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import warm
from tests.support.harness import Harness
from tests.support.waiting import wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere all starts are cold")
CLI = [sys.executable, "-m", "outbound_chat.cli"]
ENDS_AT_ONCE = """
import os, sys
from pathlib import Path
from tests.support import warm
environment = {**os.environ, "OUTBOUND_CHAT_REDIS_URL": "redis://127.0.0.1:1/0"}
command = [sys.executable, "-m", "outbound_chat_worker"]
print(warm.start(command, environment=environment, folder=Path.cwd(), descriptors=(0, 2, 2)).pid, flush=True)
os._exit(0)
"""


def started(folder: Path, *arguments: str, **variables: str) -> tuple[subprocess.Popen[bytes] | None, Path]:
    """A command that was started warm, if it may be, and the file of what it writes."""
    output = folder / "output"
    with output.open("wb") as file, Path(os.devnull).open("rb") as nothing:
        standard = (nothing.fileno(), file.fileno(), file.fileno())
        environment = {**os.environ, **variables}
        process = warm.start([*CLI, *arguments], environment=environment, folder=folder, descriptors=standard)
    return process, output


def test_it_has_its_own_environment_folder_output_and_end(tmp_path: Path) -> None:
    """Settings are found by the folder and the environment, and commands speak by their exit codes."""
    (tmp_path / "outbound-chat.toml").write_text("nonsense = 1\n", encoding="utf-8")
    process, output = started(tmp_path, "holds")
    assert process is not None
    assert process.wait(60) == 2
    assert "nonsense" in output.read_text()

    (tmp_path / "outbound-chat.toml").unlink()
    process, output = started(tmp_path, "holds", OUTBOUND_CHAT_REDIS_URL="redis://127.0.0.1:1/0")
    assert process is not None
    assert process.wait(60) == 3
    assert process.poll() == 3
    assert "127.0.0.1:1" in output.read_text()


def test_a_signal_ends_it_and_it_leaves_nothing(stack: Harness) -> None:
    """`kill -9` of a worker is what many tests are about."""
    worker = stack.start_worker()
    assert isinstance(worker, warm.WarmProcess)
    with pytest.raises(subprocess.TimeoutExpired):
        worker.wait(0)
    assert worker.poll() is None
    stack.kill(worker)
    assert worker.returncode == -signal.SIGKILL
    assert not Path(f"/proc/{worker.pid}").exists()


@pytest.mark.parametrize("variables", [{"PYTHONFAULTHANDLER": "1"}, {"COLUMNS": "40"}], ids=["PYTHON", "COLUMNS"])
def test_what_is_read_before_the_fork_is_not_overlooked(tmp_path: Path, variables: dict[str, str]) -> None:
    """A test that sets such a variable would see no effect."""
    assert started(tmp_path, "holds", **variables)[0] is None


def test_what_a_shell_asks_to_complete_is_read_behind_the_fork(tmp_path: Path) -> None:
    """Each press of the tab key is a start of its own."""
    asked = {"_OUTBOUND_CHAT_COMPLETE": "complete_bash", "COMP_WORDS": "outbound-chat hol", "COMP_CWORD": "1"}
    process, output = started(tmp_path, **asked)
    assert process is not None
    assert process.wait(60) == 0
    assert output.read_text().split() == ["hold", "holds"]


def test_a_command_that_starts_programs_is_started_cold(tmp_path: Path) -> None:
    assert started(tmp_path, "demo")[0] is None


def test_it_does_not_outlive_the_tests() -> None:
    """A worker that is left behind by a killed pytest would take the jobs of the next one's tests."""
    done = subprocess.run([sys.executable, "-c", ENDS_AT_ONCE], capture_output=True, text=True, check=True, timeout=120)

    wait_until(lambda: not Path(f"/proc/{int(done.stdout)}").exists(), timeout=60, what="its end")
