"""A script to run, and the limits that all keep to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from outbound_chat.store.keys import Keys

T = TypeVar("T")

MOST_JOBS = 500
"""Jobs that one script may handle, so that none holds the server for long."""
MOST_BYTES = 1_000_000
"""Bytes of requests that one script may be given."""


@dataclass(frozen=True, slots=True)
class ScriptCall(Generic[T]):
    """A script to run, its arguments, and how to read what it answers."""

    script: str
    keys: Keys
    args: Sequence[str | int | float] = field(repr=False)
    read: Callable[[Any], T] = field(repr=False)
    then: Sequence[tuple[str | int, ...]] = ()
    """Commands that follow on the connection of the script, at once. `read` gets the replies of all, errors too.

    Each ends with the time in milliseconds after which it gives up waiting.
    """

    @property
    def script_args(self) -> list[str]:
        """What follows the script in EVAL and EVALSHA.

        All of it is text: of a number hiredis 3.5.0 asks Python for the text, and when Ctrl-C comes just then it uses
        what it did not get, by which the process dies.
        """
        return ["2", *self.keys.declared, *map(str, self.args)]

    @property
    def block_seconds(self) -> float:
        """How long the commands of `then` may wait together."""
        return sum(float(command[-1]) for command in self.then) / 1000 if self.then else 0.0
