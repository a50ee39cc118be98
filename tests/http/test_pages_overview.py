"""The overview and the workers, as an operator sees them over HTTP."""

import time

import pytest
import redis

from tests.support.harness import Harness, number, sender
from tests.support.waiting import wait_until

from .conftest import Service, start_service
from .keyring import make_key

HOSTILE = "<script>alert('reason')</script>"


@pytest.fixture
def two_budgets(stack: Harness) -> Service:
    """A service of two budgets, with a sender for each and without workers."""
    budgets = {"main": {"rate": 8.0}, "other": {"rate": 2.0}}
    senders = {
        "support": sender(),
        "narrow": sender(budget="other", instance_id="0a1b2c3d-1111-4222-8333-000000000009"),
    }
    stack.configure(budgets=budgets, senders=senders)
    return start_service(stack)


def text_of(service: Service, path: str, **headers: str) -> str:
    with service.client() as http:
        answer = http.get(path, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_the_overview_says_what_is_wrong_with_each_budget(two_budgets: Service) -> None:
    two_budgets.stack.chat().hold(sender="support", reason=HOSTILE)
    with redis.Redis.from_url(two_budgets.stack.server.url) as server:
        server.hset("oc:{other}:bucket", mapping={"rate": "1.5", "ceiling": "2"})

    page = text_of(two_budgets, "/ui")

    for finding in (
        "sender support</strong>: held by a person since", "workers of other</strong>: none is running; 0 jobs queued",
        "pace of other</strong>: sends 1.5/s of the 2/s configured: AWS throttled",
    ):  # fmt: skip
        assert finding in page
    assert "1.5 of 2 calls/s" in page
    assert "consistency of main" not in page
    assert "&lt;script&gt;alert(&#39;reason&#39;)&lt;/script&gt;" in page
    assert HOSTILE not in page
    assert "All in order" not in page


def test_the_charts_are_tables_of_one_budget(two_budgets: Service) -> None:
    """A poll, which renews the rest, gets no charts."""
    minute = int(time.time()) // 60 - 3
    with redis.Redis.from_url(two_budgets.stack.server.url) as server:
        for passed, sent in ((0, 10), (1, 1_244)):
            numbers = (minute + passed, 2_000 * passed, 1_300 * passed, sent, 0, 0, 0)
            server.lpush("oc:{other}:history", " ".join(map(str, numbers)))

    of_other, of_main = (text_of(two_budgets, f"/ui?budget={name}") for name in ("other", "main"))

    assert [page.count("<figure") for page in (of_other, of_main)] == [2, 2]
    assert '<td class="n">1</td><td class="n">2,000</td><td class="n">1,234</td>' in of_other
    assert "1,234" not in of_main
    assert "<figure" not in text_of(two_budgets, "/ui", **{"HX-Request": "true"})


def test_it_is_all_in_order_once_a_worker_runs(stack: Harness) -> None:
    service = start_service(stack)
    assert "No worker runs" in text_of(service, "/ui/workers")
    assert "Send a first message" in text_of(service, "/ui")
    stack.start_worker()
    chat = stack.chat()
    chat.wait(chat.enqueue(sender="support", to=number(1), text="Hello").id, timeout=120)

    wait_until(lambda: "All in order" in text_of(service, "/ui"), what="order")
    workers = text_of(service, "/ui/workers")

    assert "AWS accepts the configured rate" in text_of(service, "/ui")
    assert "same as the others" in workers
    assert "consistency of main" in workers


def test_pages_of_the_whole_service_are_not_for_a_tenants_key(stack: Harness) -> None:
    service = start_service(stack)
    tenants, reader = make_key(stack, "--tenant", "acme").headers, make_key(stack, scopes=("read",)).headers
    with service.client() as http:
        assert [http.get(f"/ui/{path}", headers=tenants).status_code for path in ("workers", "keys", "audit")] == [
            403
        ] * 3
        away = http.get("/ui", headers=tenants)
        assert (away.status_code, away.headers["location"]) == (303, "ui/batches")
        seen = {
            path: http.get(path, headers=reader).status_code for path in ("/ui", "/ui/workers", "/ui/audit", "/ui/keys")
        }
    assert seen == {"/ui": 200, "/ui/workers": 200, "/ui/audit": 200, "/ui/keys": 403}
