"""Docstrings that two clients share: written at the one for threads."""

from collections.abc import Callable
from typing import Any, TypeVar

Method = TypeVar("Method", bound=Callable[..., Any])


def documented_by(twin: Callable[..., Any]) -> Callable[[Method], Method]:
    """Gives a method the docstring of its twin."""

    def copy(method: Method) -> Method:
        method.__doc__ = twin.__doc__
        return method

    return copy
