"""Puts the clients of an application into memory, whenever and wherever they were made.

Many applications make their client when a module is imported, long before a test begins. So for a while the class does
something else, as with responses and moto: no client keeps its connection to a real Redis, where a worker might send.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from outbound_chat.client import AsyncOutboundChat, OutboundChat
from outbound_chat.testing._chat import InMemoryOutboundChat, calls_of_asyncio, calls_of_threads
from outbound_chat_config import Settings


@contextmanager
def in_memory(settings: Settings | None = None, **values: Any) -> Iterator[InMemoryOutboundChat]:
    """Keeps the jobs of every client of this process in memory, for the length of a block.

    That goes for clients that were made before, too, for threads and for asyncio. Each has its own settings, or those
    given here if its own name no sender. Without any given, they are loaded as `OutboundChat.from_settings` does.

    Raises:
        SettingsError: the settings can't be read or a value is invalid.
        ModuleNotFoundError: the extra `testing` is not installed.
    """
    chat = InMemoryOutboundChat(**values) if values else InMemoryOutboundChat.from_settings(settings)
    with chat, ExitStack() as replaced:
        for kind, calls in ((OutboundChat, calls_of_threads(chat)), (AsyncOutboundChat, calls_of_asyncio(chat))):
            for name, call in calls.items():
                replaced.enter_context(patch.object(kind, name, call, create=True))
        yield chat
