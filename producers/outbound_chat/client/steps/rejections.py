"""Reports and counts rejected rows and numbers."""

from collections.abc import Callable

from outbound_chat.model.batches import Rejection
from outbound_chat.model.errors import FieldError

OnRejected = Callable[[Rejection], None]
OnProgress = Callable[[int, int], None]
"""Called with the numbers accepted and rejected so far."""


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
