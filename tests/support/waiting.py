"""Waiting for a condition, with a deadline: the tests' only way to wait."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

POLL_SECONDS = 0.02


def wait_until(condition: Callable[[], T], *, timeout: float = 120.0, what: str = "the condition") -> T:
    """Returns the first true value of `condition`; fails the test after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {timeout:g} s; last value: {value!r}")
        time.sleep(POLL_SECONDS)
