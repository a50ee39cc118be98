"""What the HTTP service does for a request: calls of Python functions, without those of its server, and round trips."""

import json
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from outbound_chat.client.api_keys import ApiKeys
from outbound_chat.model.api_keys import NewApiKey, RateLimit, Scope
from outbound_chat.store import Store
from tests.guards.counting import Commands, fewest_python_calls
from tests.support.asgi import App, running_app
from tests.support.harness import FLOW_ID, Harness, number

AT_ONCE = 50
_rows = count()


def _body() -> bytes:
    """A request with every parameter of StartOutboundChatContact, of another customer each time."""
    row = next(_rows)
    whole = {
        "sender": "support",
        "to": number(row),
        "text": f"Hello customer {row}, your appointment is tomorrow at ten o'clock.",
        "contact_flow_id": FLOW_ID,
        "segment_attributes": {"campaign": {"ValueString": "autumn"}, "order_number": {"ValueString": f"A{row}"}},
        "attributes": {"customerId": f"c-{row}", "orderId": f"o-{row}", "language": "en"},
        "chat_duration_in_minutes": 1500,
        "participant_details": {"DisplayName": f"Customer {row}"},
        "initial_templated_system_message": {
            "KnowledgeBaseId": FLOW_ID,
            "MessageTemplateId": FLOW_ID,
            "TemplateAttributes": {"CustomAttributes": {"name": f"Customer {row}"}},
        },
        "related_contact_id": FLOW_ID,
        "supported_messaging_content_types": ["text/plain"],
        "client_token": f"token-{row:030d}",
    }
    return json.dumps(whole).encode()


def _key(stack: Harness, rate: RateLimit | None = None) -> str:
    with Store(stack.server.url) as store:
        token, _ = ApiKeys(store).create(NewApiKey(name="guard", scopes=tuple(Scope), rate=rate))
    return token


@pytest.fixture
def app(stack: Harness) -> Iterator[App]:
    """The service, and one with a key who asks it."""
    with running_app(stack.settings, token=_key(stack)) as app:
        assert app.ask("POST", "/v1/jobs", _body()).status == 201
        yield app


def test_a_post_and_a_get_take_few_calls(app: App) -> None:
    """1,540 and 908 with those of redis-py and asyncio: a tenth more is a twentieth less of what a process serves."""
    bodies = [_body() for _ in range(9)]
    assert fewest_python_calls(lambda: app.ask("POST", "/v1/jobs", bodies.pop()), rounds=9) <= 1_690
    path = app.ask("POST", "/v1/jobs", _body()).headers["location"]
    assert fewest_python_calls(lambda: app.ask("GET", path), rounds=9) <= 1_000


def test_a_request_with_a_key_is_one_script(app: App, server: Any) -> None:
    """The key itself is read once a second."""
    path = app.ask("POST", "/v1/jobs", _body()).headers["location"]
    counted = Commands(server)
    for _ in range(20):
        assert app.ask("POST", "/v1/jobs", _body()).status == 201
        assert app.ask("GET", path).status == 200
    assert counted.scripts() <= 40 + 5


def test_requests_that_come_at_once_share_what_is_asked_for_each(stack: Harness, server: Any) -> None:
    """Whether anybody needs a key, and what is left of a rate, is asked before each request, but only once for all."""
    path = f"/v1/jobs/{stack.chat().enqueue(sender='support', to=number(1), text='Hello').id}"
    with running_app(stack.settings) as app:
        app.ask("GET", path)
        counted = Commands(server)
        assert {answer.status for answer in app.ask_at_once(AT_ONCE, "GET", path)} == {200}
        assert counted.scripts() == AT_ONCE + 1
    rate = RateLimit(AT_ONCE + 3, timedelta(days=1))
    with running_app(stack.settings, token=_key(stack, rate)) as app:
        app.ask("GET", path)
        counted = Commands(server)
        assert {answer.status for answer in app.ask_at_once(AT_ONCE, "GET", path)} == {200}
        assert counted.scripts() <= AT_ONCE + 2  # the key may be due to be read again
        # Two are left of the rate, and each is told for itself.
        statuses = sorted(answer.status for answer in app.ask_at_once(5, "GET", path))
        assert statuses == [200, 200, 429, 429, 429]


def test_what_is_asked_at_once_is_written_at_once(app: App, server: Any) -> None:
    """A connection, a write and a read each would cost more than all the rest."""
    path = app.ask("POST", "/v1/jobs", _body()).headers["location"]
    before = server.info("stats")["total_connections_received"]
    assert {answer.status for answer in app.ask_at_once(10 * AT_ONCE, "GET", path)} == {200}
    # As many writes go at once as there are hundreds of them.
    assert server.info("stats")["total_connections_received"] - before <= 10 * AT_ONCE // 100 + 1
