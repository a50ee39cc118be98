"""A list that may forget its oldest rows; the others keep their numbers."""

from typing import TypeVar

Row = TypeVar("Row")


class Kept(list[Row]):
    """The last rows of all that were added, numbered from 1."""

    forgotten = 0

    @property
    def total(self) -> int:
        """How many were added."""
        return self.forgotten + len(self)

    def add(self, row: Row, keep: int | None) -> None:
        """Adds a row. `keep`: of so many and more the oldest are forgotten, half of them at a time; None: of none."""
        self.append(row)
        if keep and len(self) >= 2 * keep:
            self.forgotten += len(self) - keep
            del self[:-keep]

    def after(self, number: int, count: int) -> tuple[list[Row], int]:
        """Returns up to `count` rows behind `number`, and the number of the last. One above `total` counts as 0."""
        start = max(0, (0 if number > self.total else number) - self.forgotten)
        found = self[start : start + count]
        return found, self.forgotten + start + len(found)
