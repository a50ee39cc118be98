"""The client in memory: fast, for what the client itself does. What Redis does is tested on real servers.

It is the one that applications test with, so it does what this suite asks of any client. Waits, forks and what goes
through several servers are tested on real ones: in memory nothing happens by itself, and no other process has a part.
"""

from collections.abc import Iterator
from typing import Any

import fakeredis
import pytest

from outbound_chat.testing import InMemoryOutboundChat
from tests.support.harness import FLOW_ID, INSTANCE_ID, SOURCE, WHATSAPP_SOURCE, number, sender

VALUES: dict[str, Any] = {
    "senders": {"support": sender(), "chat": sender(channel="whatsapp", source=WHATSAPP_SOURCE)},
}

REQUEST: dict[str, Any] = {
    "SourceEndpoint": {"Type": "CONNECT_PHONENUMBER_ARN", "Address": SOURCE},
    "DestinationEndpoint": {"Type": "TELEPHONE_NUMBER", "Address": number(1)},
    "InstanceId": INSTANCE_ID,
    "ContactFlowId": FLOW_ID,
    "SegmentAttributes": {"connect:Subtype": {"ValueString": "connect:SMS"}},
    "InitialSystemMessage": {"ContentType": "text/plain", "Content": "Hello"},
}


@pytest.fixture
def chat() -> Iterator[InMemoryOutboundChat]:
    with InMemoryOutboundChat(**VALUES) as client:
        yield client


@pytest.fixture
def redis(chat: InMemoryOutboundChat) -> fakeredis.FakeRedis:
    """A look at what it keeps, from outside."""
    server: fakeredis.FakeRedis = chat._memory.redis
    return server
