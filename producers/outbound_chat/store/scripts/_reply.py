"""How the replies of scripts are taken apart."""

from collections.abc import Iterator, Sequence
from typing import Any


def rows(reply: Sequence[Any], start: int, width: int) -> Iterator[Any]:
    """The tuples of `width` values that the reply has from `start` to its end. ValueError: the last one is short."""
    return zip(*[iter(reply[start:])] * width, strict=True)
