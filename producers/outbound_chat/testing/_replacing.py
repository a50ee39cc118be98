"""Moves the clients of an application into memory, whenever and wherever they were created.

Many applications create their client when a module is imported, long before a test starts. So the class itself behaves
differently for a while, as with responses and moto: no client stays connected to a real Redis, where a worker might
send.
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
    """Keeps the jobs of every client of this process in memory during a block.

    This includes clients that were created earlier, for threads and for asyncio. Each client keeps its settings; if
    those name no sender, it uses the given ones. By default they are loaded like in `OutboundChat.from_settings`.

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
