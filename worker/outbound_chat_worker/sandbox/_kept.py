"""A list that can forget its oldest rows. The others keep their numbers."""

from typing import TypeVar

Row = TypeVar("Row")


class Kept(list[Row]):
    """The last of all added rows, numbered from 1."""

    forgotten = 0

    @property
    def total(self) -> int:
        """How many were added."""
        return self.forgotten + len(self)

    def add(self, row: Row, keep: int | None) -> None:
        """Adds a row. `keep`: how many rows to keep at least; the oldest are forgotten in bulk. None: all."""
        self.append(row)
        if keep and len(self) >= 2 * keep:
            self.forgotten += len(self) - keep
            del self[:-keep]

    def after(self, number: int, count: int) -> tuple[list[Row], int]:
        """Returns up to `count` rows after `number`, and the number of the last. A number above `total` counts as 0."""
        start = max(0, (0 if number > self.total else number) - self.forgotten)
        found = self[start : start + count]
        return found, self.forgotten + start + len(found)
