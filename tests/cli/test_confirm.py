"""The question before a command does what can't be taken back, on a real terminal."""

import os
import pty
import select
import subprocess
import sys

import pytest

QUESTION = "Send 20,000 messages?"
ASK = f"""
import sys, typer
from outbound_chat.cli.confirm import confirm
try:
    confirm({QUESTION!r}, yes="--yes" in sys.argv)
except typer.Exit as end:
    sys.exit(end.exit_code)
print("they go out")
"""
TIMEOUT = 120.0


def _answered(answer: bytes, *options: str) -> tuple[int, str]:
    own, its = pty.openpty()
    # A session with this terminal, so that Ctrl-C is a signal.
    code = f"import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n{ASK}"
    command = [sys.executable, "-c", code, *options]
    process = subprocess.Popen(command, stdin=its, stdout=its, stderr=its, start_new_session=True)
    os.close(its)
    written, pressed = b"", False
    try:
        while process.poll() is None or select.select([own], [], [], 0)[0]:
            more = select.select([own], [], [], 1)[0]
            written += os.read(own, 4096) if more else b""
            # Ctrl-C in the moment before Python waits for a line changes nothing; a person presses it again.
            if answer and b"[y/N]: " in written and not (more and pressed):
                os.write(own, answer)
                pressed = True
    except OSError:  # so Linux reports the end
        pass
    os.close(own)
    return process.wait(TIMEOUT), written.decode()


def test_yes_goes_on() -> None:
    code, shown = _answered(b"y\n")
    assert (code, QUESTION in shown, "they go out" in shown) == (0, True, True)


@pytest.mark.parametrize("answer", [b"n\n", b"\n", b"\x03", b"\x04"], ids=["no", "Enter", "Ctrl-C", "Ctrl-D"])
def test_anything_else_ends_the_command_with_one_line(answer: bytes) -> None:
    code, shown = _answered(answer)
    assert code == 130
    assert shown.endswith("nothing was done\r\n")
    assert "Traceback" not in shown
    assert "they go out" not in shown


def test_with_yes_nothing_is_asked() -> None:
    code, shown = _answered(b"", "--yes")
    assert (code, shown) == (0, "they go out\r\n")


def test_without_a_terminal_nothing_is_asked() -> None:
    """A script would wait for ever."""
    command = [sys.executable, "-c", ASK]
    done = subprocess.run(command, check=False, input="", capture_output=True, text=True, timeout=TIMEOUT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "they go out\n", "")
