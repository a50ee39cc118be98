"""Suppression lists: numbers are checked one by one and stored in chunks of hundreds, in one round trip per chunk.

Only one chunk is in memory, regardless of how many numbers there are.
"""

import re
from collections.abc import Callable, Sequence
from functools import partial

from outbound_chat.client.steps.base import Steps
from outbound_chat.client.steps.context import Context
from outbound_chat.client.steps.moved_senders import SenderList
from outbound_chat.client.steps.rejections import OnProgress, OnRejected, Rejections
from outbound_chat.client.steps.suppression_list import MARKED, SYNC_REASON
from outbound_chat.client.steps.validation import INVALID_CURSOR, Errors, check_label
from outbound_chat.model.batches import Rejection
from outbound_chat.model.errors import FieldError, InvalidJob, InvalidNumbers
from outbound_chat.model.operations import SuppressedPage
from outbound_chat.request import FieldCode, number_fault
from outbound_chat.store import scripts
from outbound_chat.store.scripts import FIRST_PAGE

KEPT_FAULTS = 100
"""Errors that an exception lists; a wrong file would have one on each line."""

LONGEST_REASON = 200
_CURSOR = re.compile(rf"{MARKED}?[0-9]{{1,20}}")


class Chunk:
    """The numbers of the next round trip."""

    def __init__(self, on_rejected: OnRejected | None = None) -> None:
        self.rejections = Rejections(on_rejected or self._keep_fault)
        self._numbers: list[str] = []
        self._given = self.taken = 0
        self._faults: list[FieldError] = []

    def add(self, number: object) -> bool:
        """Adds a number if it is valid; returns whether the chunk is full."""
        self._given += 1
        if fault := number_fault(number):
            field = f"numbers.#{self._given}"
            self.rejections.add(self._given, (FieldError(field, fault[0].value, fault[1]),))
            return False
        self._numbers.append(str(number))
        return len(self._numbers) >= scripts.MOST_JOBS

    def take(self) -> list[str]:
        """Empties the chunk and returns its numbers."""
        numbers, self._numbers = self._numbers, []
        self.taken += len(numbers)
        return numbers

    def check(self) -> None:
        """Raises `InvalidNumbers` if some were invalid and `on_rejected` did not receive them."""
        if self._faults:
            raise InvalidNumbers(self._faults, rejected=self.rejections.count)

    def _keep_fault(self, rejection: Rejection) -> None:
        if len(self._faults) < KEPT_FAULTS:
            self._faults += rejection.errors


class NumberWriter:
    """Adds numbers to a list or removes them, in chunks. A client runs the steps."""

    def __init__(
        self,
        write: Callable[[Sequence[str]], Steps[int]],
        on_rejected: OnRejected | None,
        on_progress: OnProgress | None,
    ) -> None:
        """`write`: takes the numbers of a chunk, and returns how many it added or removed."""
        self._write = write
        self._chunk = Chunk(on_rejected)
        self._on_progress = on_progress
        self._changed = 0

    def add(self, number: object) -> bool:
        """Checks one number; returns whether a chunk is full and `flush` is due."""
        return self._chunk.add(number)

    def flush(self) -> Steps[None]:
        """Stores the numbers checked so far."""
        if numbers := self._chunk.take():
            self._changed += yield from self._write(numbers)
        if self._on_progress:
            self._on_progress(self._chunk.taken, self._chunk.rejections.count)

    def close(self) -> Steps[int]:
        """Stores the rest; returns how many numbers were added or removed."""
        yield from self.flush()
        self._chunk.check()
        return self._changed


def suppress(
    context: Context, sender: str, reason: str, on_rejected: OnRejected | None, on_progress: OnProgress | None
) -> NumberWriter:
    """Returns a writer that adds numbers to a sender's list."""
    errors: Errors = []
    check_label("reason", reason, LONGEST_REASON, errors)
    if not errors and SYNC_REASON.fullmatch(reason):
        text = "is the one of numbers that optouts sync adds, and may remove again; give another reason"
        errors.append(FieldError("reason", FieldCode.NOT_ALLOWED, text))
    if errors:
        context.find_sender(sender, errors)
        raise InvalidJob(errors)
    return NumberWriter(partial(SenderList(context, sender).add, reason), on_rejected, on_progress)


def unsuppress(
    context: Context, sender: str, on_rejected: OnRejected | None, on_progress: OnProgress | None
) -> NumberWriter:
    """Returns a writer that removes numbers from a sender's list."""
    return NumberWriter(SenderList(context, sender).remove, on_rejected, on_progress)


def suppressed_page(context: Context, sender: str, cursor: str | None) -> Steps[SuppressedPage]:
    """Reads a page of a sender's list."""
    if cursor is not None and not _CURSOR.fullmatch(cursor):
        raise InvalidJob([INVALID_CURSOR])
    following, numbers, total = yield from SenderList(context, sender).own.counted_page(cursor or FIRST_PAGE)
    return SuppressedPage(numbers=tuple(numbers), cursor=None if following == FIRST_PAGE else following, total=total)
