"""What commands say on a terminal while they wait: nothing at first, then what they wait for, until it is over."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Self, TypeVar

from rich.errors import LiveError
from rich.status import Status
from rich.text import Text

from outbound_chat.cli.output import talk, until_option
from outbound_chat.model.batches import Batch
from outbound_chat.model.errors import WaitTimeout
from outbound_chat.model.jobs import Job
from outbound_chat.store import persist
from outbound_chat.store.deadline import Deadline

T = TypeVar("T")

SILENT_SECONDS = 3.0
"""A wait that ends sooner needs no words."""
AGAIN_SECONDS = 2.0
"""How often it is asked what a job waits for."""


class StatusLine:
    """A line on standard error that changes and disappears; where that is no terminal, there is none."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._status: Status | None = None
        self._closed = False

    def show(self, words: str) -> None:
        """Shows other words, or none."""
        with self._lock:
            if self._status:
                self._status.update(Text(words))
            elif words and talk.is_terminal and not self._closed:
                self._status = Status(Text(words), console=talk)
                with suppress(LiveError):  # before Rich 14.1 a bar leaves no room for another line
                    self._status.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._closed = True
            if self._status:
                self._status.stop()


class Notice(StatusLine):
    """Shows a line once its block takes longer than so many seconds."""

    def __init__(self, words: Callable[[], str], seconds: float = SILENT_SECONDS) -> None:
        super().__init__()
        self._timer = threading.Timer(seconds, lambda: self.show(words()))
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._timer.cancel()
        super().__exit__(*error)


def wait_for_end(wait: Callable[[float], T], timeout: float) -> T:
    """Returns what `wait(timeout)` returns, and says meanwhile on a terminal what is waited for.

    Raises:
        WaitTimeout: it was not final after `timeout` seconds.
    """
    ends, seconds = time.monotonic() + timeout, SILENT_SECONDS
    with StatusLine() as line:
        while talk.is_terminal and ends - time.monotonic() > seconds:
            try:
                return wait(seconds)
            except WaitTimeout as error:
                line.show(error.explanation)
                seconds = AGAIN_SECONDS
        return wait(max(0.0, ends - time.monotonic()))


@contextmanager
def resumable(*waited: Job | Batch, until: str = "final") -> Iterator[None]:
    """Prints after Ctrl-C how to wait again: what is waited for continues."""
    try:
        yield
    except KeyboardInterrupt:
        kinds = [f"{'job' if isinstance(one, Job) else 'batch'} {one.id}" for one in waited]
        who = f"{kinds[0]} continues" if len(kinds) == 1 else f"{len(kinds):,} jobs and batches continue"
        # The commands have lines of their own, so that a narrow terminal does not break them.
        ids, it = " ".join(one.id for one in waited), "it" if len(kinds) == 1 else "them"
        again = f"{ids}{until_option(until)}"
        talk.print(f"{who}; to wait again:\n  outbound-chat wait {again}\nto stop {it}:\n  outbound-chat cancel {ids}")
        raise


class _SpokenDeadline(Deadline):
    """The deadline of a call of a command, which says when Redis is silent."""

    __slots__ = ("_notice",)

    def __init__(self, seconds: float, block: float = 0.0, where: str = "") -> None:
        super().__init__(seconds, block)
        words = f"Redis does not answer at {where}; waiting up to {seconds:g} s (redis_timeout)"
        self._notice = Notice(lambda: words, SILENT_SECONDS + block)

    def __enter__(self) -> Self:
        self._notice.__enter__()
        return super().__enter__()

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        self._notice.__exit__(*error)


def say_when_redis_is_silent(*, wanted: bool = True) -> None:
    """Lets all calls of this process do that, or none, where a command has a place of its own for it."""
    persist.deadline_of_call = _SpokenDeadline if wanted else Deadline
