"""A script to run, and the limits of all scripts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from outbound_chat.store.keys import Keys

T = TypeVar("T")

MOST_JOBS = 500
"""Jobs that one script may handle, so that no script blocks the server for long."""
MOST_BYTES = 1_000_000
"""Bytes of requests that one script may be given."""


@dataclass(frozen=True, slots=True)
class ScriptCall(Generic[T]):
    """A script to run, its arguments, and how to read its reply."""

    script: str
    keys: Keys
    args: Sequence[str | int | float] = field(repr=False)
    read: Callable[[Any], T] = field(repr=False)
    then: Sequence[tuple[str | int, ...]] = ()
    """Commands that follow the script on its connection. `read` gets all replies, which may be errors.

    The last argument of each is the time in milliseconds after which it stops waiting.
    """

    @property
    def script_args(self) -> list[str]:
        """What follows the script in EVAL and EVALSHA.

        All of it is text: hiredis 3.5.0 asks Python for the text of a number, and if Ctrl-C comes just then, it uses
        the missing result and the process crashes.
        """
        return ["2", *self.keys.declared, *map(str, self.args)]

    @property
    def block_seconds(self) -> float:
        """The seconds that the commands of `then` may wait in all."""
        return sum(float(command[-1]) for command in self.then) / 1000 if self.then else 0.0
