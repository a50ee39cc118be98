"""How a program that runs for long is asked to end: SIGTERM and SIGINT are remembered from its first moment on.

A signal that comes while a program starts, before whatever it runs listens for signals, would otherwise be lost, and
the program would run until somebody kills it.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Ending:
    """Takes both signals over, for the rest of the process. Make it in the main thread, before anything is started."""

    def __init__(self) -> None:
        # A plain attribute: a handler may interrupt an Event while that holds its own lock, and would wait for ever.
        self.signal: signal.Signals | None = None
        """The first signal that came; None: the program may go on."""
        self._at_once = False
        for number in SIGNALS:
            signal.signal(number, self._note)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.signal = self.signal or signal.Signals(number)
        if self._at_once:
            self.leave()

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """For a block that starts nothing which has to be ended in order: a signal leaves it, as `leave` does."""
        self._at_once = True
        try:
            yield
        finally:
            self._at_once = False
        # Raised in a finalizer of Python's, an exception of the handler is only printed.
        self.leave()

    def leave(self) -> None:
        """Ends the program if a signal came: with exit code 0 after SIGTERM, as Ctrl-C does after SIGINT."""
        if self.signal is signal.SIGINT:
            raise KeyboardInterrupt
        if self.signal:
            raise SystemExit(0)
