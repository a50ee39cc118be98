"""Reports and counts rejected rows and numbers."""

import re
from collections.abc import Callable, Iterable

from outbound_chat.model.batches import FaultCount, Rejection
from outbound_chat.model.errors import FieldError

OnRejected = Callable[[Rejection], None]
OnProgress = Callable[[int, int], None]
"""Called with the numbers accepted and rejected so far."""


MOST_FAULTS = 100
"""Groups of faults: rows of JSON may have any names, so there may be as many as rows."""
MOST_MESSAGES = 10
"""Groups of one field and code; rows with other messages are counted with the first of them."""
FIRST_ROWS = 5

_VALUES = re.compile(r"\"[^\"]*\"|'[^']*'|\S*\d\S*")
"""What may differ from row to row in a message: quoted values and numbers."""


class FaultCounter:
    """Groups the faults of rows by field, code and message; values inside messages make no difference."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, str], tuple[str, int, list[int]]] = {}

    def add(self, row: int, errors: Iterable[FieldError]) -> None:
        """Adds the faults of a row."""
        for error in errors:
            kind = error.field, error.code, _VALUES.sub("", error.message)
            if kind not in self._found:
                same = [one for one in self._found if one[:2] == kind[:2]]
                if len(same) == MOST_MESSAGES or (same and len(self._found) == MOST_FAULTS):
                    kind = same[0]
                elif len(self._found) == MOST_FAULTS:
                    continue
            message, count, rows = self._found.setdefault(kind, (error.message, 0, []))
            if len(rows) < FIRST_ROWS and row not in rows:
                rows.append(row)
            self._found[kind] = message, count + 1, rows

    @property
    def faults(self) -> tuple[FaultCount, ...]:
        """The groups, the most frequent first."""
        found = [
            FaultCount(field, code, message, count, tuple(rows))
            for (field, code, _), (message, count, rows) in self._found.items()
        ]
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
