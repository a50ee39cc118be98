"""What guards count on: a server, and one worker process's parts in this process."""

from collections.abc import Iterator

import pytest
import redis

from outbound_chat.client import OutboundChat
from outbound_chat_worker.runtime import Runtime
from outbound_chat_worker.sandbox import SANDBOX_ENVIRONMENT
from tests.support.harness import Harness


@pytest.fixture
def server(stack: Harness) -> Iterator[redis.Redis]:
    """A look at the stack's server from outside."""
    with redis.Redis.from_url(stack.server.url, decode_responses=True) as client:
        yield client


@pytest.fixture
def chat(stack: Harness) -> OutboundChat:
    """A client that is connected, to a server that knows its scripts."""
    made = stack.chat()
    receipt = made.enqueue_batch([], sender="support")
    made.batch(receipt.id)
    return made


@pytest.fixture
def runtime(stack: Harness, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runtime]:
    """What a worker process has, with its budget configured and its clients made."""
    for name, value in SANDBOX_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    made = Runtime(stack.settings)
    made.configure("main")
    made.prepare_clients("main")
    yield made
    made.store.close()
