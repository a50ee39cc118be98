"""Steps: a method yields calls and receives their answers."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from outbound_chat.store import ScriptCall, Store

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ahead(Generic[T]):
    """A call whose answer is needed later. The steps receive a `Later` and continue while the store works."""

    call: ScriptCall[T]


@dataclass(frozen=True, slots=True)
class Later(Generic[T]):
    """The answer to a call in progress. It must be requested."""

    answer: Any
    """As the client has it."""


Steps: TypeAlias = Generator[Any, Any, T]
"""They yield calls, `Ahead` and `Later`. A client runs them on its store, whose errors are raised at the `yield`."""


def ask(call: ScriptCall[T]) -> Steps[T]:
    """Yields one call and returns its answer, typed."""
    answer: T = yield call
    return answer


def run(steps: Steps[T], store: Store) -> T:
    """Runs steps that wait for each answer; an error of the store ends them. Returns their result."""
    answer = None
    try:
        while True:
            answer = store.run(steps.send(answer))
    except StopIteration as end:
        result: T = end.value
        return result


def begin(call: ScriptCall[T]) -> Steps[Later[T]]:
    """Yields a call that runs while the steps continue; `answer_of` returns its answer."""
    later: Later[T] = yield Ahead(call)
    return later


def answer_of(later: Later[T]) -> Steps[T]:
    """Returns the answer to a call that `begin` started."""
    answer: T = yield later
    return answer
