"""Debian's Chromium, driven from Python, on a real stack; `make ui` runs these tests."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from .pages import PAGES
from .stack import Seed, running_seed
from .watched import PATIENCE_MS, running_browser, sign_in, watched_tab

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, StorageState

# Only `make ui` installs what they import.
collect_ignore_glob = [] if find_spec("playwright") else ["test_*.py"]

Session: TypeAlias = "Callable[[str], StorageState]"
Visit: TypeAlias = "Callable[..., Page]"
"""`visit(path, key="all", **options of the context)`: a watched tab at that page. Without `key`, it is signed out."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A page in a watched tab; `path` as in `pages`."""

    path: str
    tab: "Page"


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
    """Signs in with a key, by its name, once."""
    return cache(lambda key: sign_in(browser, seed.service.url, seed.tokens[key]))


@pytest.fixture
def visit(browser: "Browser", seed: Seed, session: Session) -> Iterator[Visit]:
    with ExitStack() as tabs:

        def opened(path: str, key: str | None = "all", **options: Any) -> "Page":
            state = session(key) if key else None
            return tabs.enter_context(_opened(browser, seed, path, storage_state=state, **options))

        yield opened


@pytest.fixture(scope="module", params=PAGES)
def shown(request: pytest.FixtureRequest, browser: "Browser", seed: Seed, session: Session) -> Iterator[Shown]:
    """Each page in turn, opened once for all tests of a module."""
    with _opened(browser, seed, request.param, storage_state=session("all")) as tab:
        yield Shown(request.param, tab)


@contextmanager
def _opened(browser: "Browser", seed: Seed, path: str, **options: Any) -> "Iterator[Page]":
    with watched_tab(browser, seed.service.url, **options) as tab:
        answer = tab.goto(seed.url(path))
        assert answer
        assert answer.ok, answer.status
        yield tab
