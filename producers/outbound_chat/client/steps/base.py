"""Steps: a method yields calls and receives their answers."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from outbound_chat.model.errors import StoreError
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
    """Runs the steps on a store; returns their result."""
    try:
        call = next(steps)
        while True:
            try:
                answer = _answer(call, store)
            except StoreError as error:
                call = steps.throw(error)
            else:
                call = steps.send(answer)
    except StopIteration as end:
        result: T = end.value
        return result


def _answer(call: ScriptCall[Any] | Ahead[Any] | Later[Any], store: Store) -> Any:
    match call:
        case Ahead(ahead):
            return Later(store.begin(ahead))
        case Later(answer):
            return answer()
        case _:
            return store.run(call)


def begin(call: ScriptCall[T]) -> Steps[Later[T]]:
    """Yields a call that runs while the steps continue; `answer_of` returns its answer."""
    later: Later[T] = yield Ahead(call)
    return later


def answer_of(later: Later[T]) -> Steps[T]:
    """Returns the answer to a call that `begin` started."""
    answer: T = yield later
    return answer
