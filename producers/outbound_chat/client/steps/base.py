"""What a verb is made of: calls that it yields, and their answers that come back."""

from collections.abc import Generator
from typing import Any, TypeAlias, TypeVar

from outbound_chat.store import ScriptCall

T = TypeVar("T")

Steps: TypeAlias = Generator[ScriptCall[Any], Any, T]
"""Run by a client on its store; what the store raises comes out at the `yield`."""


def ask(call: ScriptCall[T]) -> Steps[T]:
    """One call and its answer, typed."""
    answer: T = yield call
    return answer
