"""Reports and counts rejected rows and numbers."""

from collections.abc import Callable, Iterable

from outbound_chat.model.batches import FaultCount, Rejection
from outbound_chat.model.errors import FieldError

OnRejected = Callable[[Rejection], None]
OnProgress = Callable[[int, int], None]
"""Called with the numbers accepted and rejected so far."""


MOST_FAULTS = 100
"""Groups of faults: rows of JSON may have any names, so there may be as many as rows."""
FIRST_ROWS = 5


class FaultCounter:
    """Groups the faults of rows by field and code."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], tuple[str, int, list[int]]] = {}

    def add(self, row: int, errors: Iterable[FieldError]) -> None:
        """Adds the faults of a row."""
        for error in errors:
            kind = error.field, error.code
            if kind not in self._found and len(self._found) == MOST_FAULTS:
                continue
            message, count, rows = self._found.setdefault(kind, (error.message, 0, []))
            if len(rows) < FIRST_ROWS and row not in rows:
                rows.append(row)
            self._found[kind] = message, count + 1, rows

    @property
    def faults(self) -> tuple[FaultCount, ...]:
        """The groups, the most frequent first."""
        found = [FaultCount(*kind, message, count, tuple(rows)) for kind, (message, count, rows) in self._found.items()]
        return tuple(sorted(found, key=lambda one: -one.count))


class Rejections:
    """Counts rejections, and keeps them if there is no `on_rejected`."""

    def __init__(self, on_rejected: OnRejected | None) -> None:
        self.count = 0
        self.kept: list[Rejection] = []
        self._report = on_rejected or self.kept.append

    def add(self, row: int, errors: tuple[FieldError, ...]) -> None:
        """Reports a row by its position, from 1."""
        self.count += 1
        self._report(Rejection(row, errors))
