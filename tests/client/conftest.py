"""The client on fakeredis: fast, for what the client itself does. What Redis does is tested on real servers."""

from collections.abc import Iterator
from typing import Any

import fakeredis
import pytest

from outbound_chat import OutboundChat
from outbound_chat.store import Store
from tests.support.harness import WHATSAPP_SOURCE, sender

VALUES: dict[str, Any] = {
    "senders": {"support": sender(), "chat": sender(channel="whatsapp", source=WHATSAPP_SOURCE)},
}


@pytest.fixture
def redis() -> Iterator[fakeredis.FakeRedis]:
    with fakeredis.FakeRedis(decode_responses=True) as client:
        yield client


@pytest.fixture
def chat(redis: fakeredis.FakeRedis) -> Iterator[OutboundChat]:
    with OutboundChat(store=Store("redis://", client=redis), **VALUES) as client:
        yield client
