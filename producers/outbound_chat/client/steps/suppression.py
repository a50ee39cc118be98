"""Suppression lists: numbers are checked one by one, and brought to the ledger hundreds a round trip.

Steps that a client runs, as those of `_verbs`. Holds one chunk of numbers at a time, however many there are.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from outbound_chat.client.steps.base import Steps
from outbound_chat.client.steps.moved_senders import SenderList
from outbound_chat.client.steps.rejections import OnProgress, OnRejected, Rejections
from outbound_chat.model.errors import FieldError, InvalidNumbers
from outbound_chat.model.jobs import Rejection
from outbound_chat.request import number_fault
from outbound_chat.store import scripts

KEPT_FAULTS = 100
"""Faults that an exception names; a file of another kind would have one a line."""

Given = TypeVar("Given", bound=Iterable[object])


def not_text(numbers: Given) -> Given:
    """The numbers as they are given; a single one would be taken for many, a character each."""
    if isinstance(numbers, str):
        raise TypeError("numbers must be several; put a single one in a list")
    return numbers


class Chunk:
    """The numbers of the next round trip."""

    def __init__(self, on_rejected: OnRejected | None = None) -> None:
        self.rejections = Rejections(on_rejected or self._keep_fault)
        self._numbers: list[str] = []
        self._given = self.taken = 0
        self._faults: list[FieldError] = []

    def add(self, number: object) -> bool:
        """Takes a number if it is one; True: the chunk is full."""
        self._given += 1
        if fault := number_fault(number):
            field = f"numbers.#{self._given}"
            self.rejections.add(self._given, (FieldError(field, fault[0].value, fault[1]),))
            return False
        self._numbers.append(str(number))
        return len(self._numbers) >= scripts.MOST_JOBS

    def take(self) -> list[str]:
        """Empties the chunk."""
        numbers, self._numbers = self._numbers, []
        self.taken += len(numbers)
        return numbers

    def check(self) -> None:
        """Raises `InvalidNumbers` when some were none and nobody was told."""
        if self._faults:
            raise InvalidNumbers(self._faults, rejected=self.rejections.count)

    def _keep_fault(self, rejection: Rejection) -> None:
        if len(self._faults) < KEPT_FAULTS:
            self._faults += rejection.errors


class NumberWriter:
    """Numbers on their way to a list, or off it; `steps` are run by a client."""

    def __init__(
        self,
        write: Callable[[Sequence[str]], Steps[int]],
        on_rejected: OnRejected | None,
        on_progress: OnProgress | None,
    ) -> None:
        """`write`: takes the numbers of a chunk, and says how many the list has gained or lost."""
        self._write = write
        self._chunk = Chunk(on_rejected)
        self._on_progress = on_progress
        self._changed = 0

    def add(self, number: object) -> bool:
        """Checks one number; True: a chunk is full and `flush` is due."""
        return self._chunk.add(number)

    def flush(self) -> Steps[None]:
        """Brings the numbers checked so far to the ledger."""
        if numbers := self._chunk.take():
            self._changed += yield from self._write(numbers)
        if self._on_progress:
            self._on_progress(self._chunk.taken, self._chunk.rejections.count)

    def close(self) -> Steps[int]:
        """Brings the rest; how many numbers the list has gained or lost."""
        yield from self.flush()
        self._chunk.check()
        return self._changed


def adding(
    listed: SenderList, reason: str, on_rejected: OnRejected | None, on_progress: OnProgress | None
) -> NumberWriter:
    """Puts numbers on a list."""
    return NumberWriter(listed.adding(reason), on_rejected, on_progress)


def removing(listed: SenderList, on_rejected: OnRejected | None, on_progress: OnProgress | None) -> NumberWriter:
    """Takes numbers off a list."""
    return NumberWriter(listed.remove, on_rejected, on_progress)
