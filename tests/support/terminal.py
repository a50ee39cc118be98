"""A command on a terminal of 80 by 24: what a person in front of it sees."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.harness import Harness
from tests.support.killing import kill_tree
from tests.support.waiting import wait_until

ERASED = "\x1b[2K"
_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")


class Terminal:
    """A terminal and the command that runs on it."""

    def __init__(self, stack: Harness, command: tuple[str, ...]) -> None:
        self._own, its = pty.openpty()
        fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        environment = {**stack.environment, "TERM": "xterm-256color"}
        for name in ("COLUMNS", "LINES", "NO_COLOR"):
            environment.pop(name, None)
        whole = [sys.executable, "-m", "outbound_chat.cli", *command]
        self.process = subprocess.Popen(whole, stdin=its, stdout=its, stderr=its, env=environment, cwd=stack.folder)
        os.close(its)
        self.written = ""
        """All that it wrote, with the codes that move and erase."""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        try:
            while more := os.read(self._own, 4096):
                self.written += more.decode(errors="replace")
        except OSError:  # so Linux reports the end
            pass

    @property
    def words(self) -> str:
        """The same in one line, without codes: lines are broken where the terminal ends."""
        return " ".join(_CODES.sub(" ", self.written).split())

    def until(self, words: str) -> None:
        """Waits until it has written this."""
        wait_until(lambda: words in self.words or self.process.poll() is not None, what=words)
        assert words in self.words, self.words

    def type(self, text: str) -> None:
        """Types something."""
        os.write(self._own, text.encode())

    def end(self) -> int:
        """Waits for its end, and returns its code."""
        code = self.process.wait(120)
        self._reader.join(120)
        return code

    def close(self) -> None:
        """Ends it, if it runs."""
        kill_tree(self.process)
        self._reader.join(120)
        os.close(self._own)


@contextmanager
def on_terminal(stack: Harness, *command: str) -> Iterator[Terminal]:
    """Runs a command on a terminal for the length of a block."""
    terminal = Terminal(stack, command)
    try:
        yield terminal
    finally:
        terminal.close()
