"""Remembers SIGTERM and SIGINT from the first moment of a long-running program.

A signal that comes while the program starts, before anything in it listens for signals, would otherwise be lost, and
the program would run until somebody kills it.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Ending:
    """Handles both signals for the rest of the process. Create it in the main thread, before anything is started."""

    def __init__(self) -> None:
        # A plain attribute: a handler may interrupt an Event that holds its own lock, and would wait for ever.
        self.signal: signal.Signals | None = None
        """The first signal that came; None: the program may continue."""
        self._at_once = False
        for number in SIGNALS:
            signal.signal(number, self._note)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.signal = self.signal or signal.Signals(number)
        if self._at_once:
            self.leave()

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Lets a signal leave the block at once, as `leave` does: for blocks that start nothing to end in order."""
        self._at_once = True
        try:
            yield
        finally:
            self._at_once = False
        # If the handler interrupted a finalizer, Python only printed its exception.
        self.leave()

    def leave(self) -> None:
        """Ends the program if a signal came: with exit code 0 after SIGTERM, as Ctrl-C does after SIGINT."""
        if self.signal is signal.SIGINT:
            raise KeyboardInterrupt
        if self.signal:
            raise SystemExit(0)
