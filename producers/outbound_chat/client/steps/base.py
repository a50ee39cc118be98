"""Steps: a verb yields calls, and gets their answers back."""

from collections.abc import Generator
from typing import Any, TypeAlias, TypeVar

from outbound_chat.store import ScriptCall

T = TypeVar("T")

Steps: TypeAlias = Generator[ScriptCall[Any], Any, T]
"""A client runs them on its store; what the store raises is raised at the `yield`."""


def ask(call: ScriptCall[T]) -> Steps[T]:
    """Yields one call and returns its answer, typed."""
    answer: T = yield call
    return answer
