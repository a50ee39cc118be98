"""Reads the parts of a script's reply."""

from collections.abc import Iterator, Sequence
from typing import Any


def rows(reply: Sequence[Any], start: int, width: int) -> Iterator[Any]:
    """Yields tuples of `width` values from `start` to the end of the reply. ValueError: the last tuple is short."""
    return zip(*[iter(reply[start:])] * width, strict=True)
