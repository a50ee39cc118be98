"""Remembers SIGTERM and SIGINT from the very start of a long-running program.

A signal during the start, before anything else handles signals, would otherwise be lost, and the program would run
until it is killed.
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
        """The first signal; None: the program may continue."""
        self._at_once = False
        for number in SIGNALS:
            signal.signal(number, self._note)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.signal = self.signal or signal.Signals(number)
        if self._at_once:
            self.leave()

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Makes a signal leave the block immediately, as `leave` does, for blocks without anything to shut down."""
        self._at_once = True
        try:
            yield
        finally:
            self._at_once = False
        # If the handler interrupted a finalizer, Python only printed its exception.
        self.leave()

    def leave(self) -> None:
        """Ends the program with exit code 0 if there was a signal, since that is its regular end."""
        if self.signal:
            raise SystemExit(0)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Delays Ctrl-C until the end of the block, so that what was done is also counted."""
    pressed: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: pressed.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if pressed:
            signal.raise_signal(signal.SIGINT)


@contextmanager
def until_stopped() -> Iterator[None]:
    """Ends the program with exit code 0 at Ctrl-C or SIGTERM in the block, which never ends otherwise."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        raise SystemExit(0) from None
