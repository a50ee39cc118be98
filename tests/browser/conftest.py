"""Debian's Chromium, driven from Python, on a real stack; `make ui` runs these tests."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from .stack import Seed, running_seed
from .watched import PATIENCE_MS, running_browser, sign_in, watched_tab

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, StorageState

# Only `make ui` installs what they import.
collect_ignore_glob = [] if find_spec("playwright") else ["test_*.py"]

Session: TypeAlias = "Callable[[str], StorageState]"
Visit: TypeAlias = "Callable[..., Page]"
"""`visit(path, key="all", **options of the context)`: a watched tab at that page. Without `key`, it is signed out."""


@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    from playwright.sync_api import expect  # noqa: PLC0415  # only `make ui` installs it

    expect.set_options(timeout=PATIENCE_MS)
    with running_browser() as one:
        yield one


@pytest.fixture(scope="session")
def seed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seed]:
    with running_seed(tmp_path_factory.mktemp("browser")) as one:
        yield one
        assert "Traceback" not in one.service.stack.logs()


@pytest.fixture(scope="session")
def session(browser: "Browser", seed: Seed) -> Session:
    """The session of a key, by its name; each key signs in once."""
    return cache(lambda key: sign_in(browser, seed.service.url, seed.tokens[key]))


@pytest.fixture
def visit(browser: "Browser", seed: Seed, session: Session) -> Iterator[Visit]:
    with ExitStack() as tabs:

        def opened(path: str, key: str | None = "all", **options: Any) -> "Page":
            state = session(key) if key else None
            tab = tabs.enter_context(watched_tab(browser, seed.service.url, storage_state=state, **options))
            answer = tab.goto(seed.url(path))
            assert answer
            assert answer.ok
            return tab

        yield opened
