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
        """Ends the program with exit code 0 if a signal came: that is how it is meant to end."""
        if self.signal:
            raise SystemExit(0)


@contextmanager
def until_stopped() -> Iterator[None]:
    """Ends the program with exit code 0 at Ctrl-C or SIGTERM in the block, which ends in no other way."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        raise SystemExit(0) from None
