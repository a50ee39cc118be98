"""The audit log: who changed what over HTTP, and nothing about whom was written to or what."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import redis

from outbound_chat.http.access.audit import MOST
from outbound_chat.store import ACCESS, Keys, Store, scripts
from tests.support.harness import Harness, number, running_harness
from tests.support.privacy import Markers, assert_private
from tests.support.waiting import wait_until

from .conftest import Service, start_service
from .keyring import Key, make_key
from .problems import problem
from .test_sessions import OWN

TEXT, NUMBER, REASON = "Zwiebelkuchen für Änne", "+13475551301", "because of <b>Änne</b>"
REFUSED = "+12025550140"
LOG = "oc:{@access}:audit_log"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with a worker, whose jobs can fail."""
    with running_harness(tmp_path_factory.mktemp("audit")) as stack:
        stack.start_worker()
        yield start_service(stack)


@pytest.fixture
def stack(service: Service) -> Harness:
    """Its stack, with an empty log."""
    with redis.Redis(port=service.stack.server.port) as server:
        server.delete(LOG)
    return service.stack


@pytest.fixture(scope="module")
def key(service: Service) -> Key:
    """A key that may do all."""
    return make_key(service.stack)


@pytest.fixture
def http(stack: Harness, service: Service, key: Key) -> Iterator[httpx.Client]:
    """A client with this key."""
    assert stack is service.stack
    with service.client() as client:
        client.headers.update(key.headers)
        yield client


def logged(http: httpx.Client, **params: Any) -> list[tuple[str, str, str]]:
    """Action, target and outcome of each entry, oldest first."""
    entries = http.get("/v1/audit", params=params).json()["entries"]
    return [(one["action"], one["target"], one["outcome"]) for one in reversed(entries)]


def enqueued(http: httpx.Client, **more: Any) -> str:
    job = http.post("/v1/jobs", json={"sender": "support", "to": NUMBER, "text": TEXT, **more})
    return str(job.json()["id"])


def failed(http: httpx.Client) -> str:
    job = enqueued(http, to=REFUSED)
    assert http.get(f"/v1/jobs/{job}", params={"wait": 60}).json()["state"] == "failed"
    return job


def test_each_change_is_one_entry_with_who_and_when(http: httpx.Client, key: Key) -> None:
    held = {"scope": "sender", "name": "support", "reason": REASON}
    of_support = "/v1/senders/support/suppressed"
    http.post("/v1/holds", json=held)
    job, second = enqueued(http), enqueued(http)
    rows = [{"to": number(1)}, {"to": number(2)}]
    batch = http.post("/v1/batches", json={"sender": "support", "text": TEXT, "rows": rows}).json()["id"]
    http.post(f"/v1/jobs/{job}/cancel")
    http.post("/v1/cancellations", json={"ids": [job, second]})
    http.post(f"/v1/batches/{batch}/hold", json={"reason": REASON})
    http.post(f"/v1/batches/{batch}/release")
    http.post(f"/v1/batches/{batch}/cancel", json={"rows": "1"})
    http.post(f"/v1/batches/{batch}/cancel")
    http.delete("/v1/holds", params={"scope": "sender", "name": "support"})
    http.post(of_support, json={"numbers": [NUMBER], "reason": REASON})
    http.request("DELETE", of_support, json={"numbers": [NUMBER]})
    http.post("/v1/webhooks/replay", json={"ids": [f"{job}.cancelled"]})
    http.post("/v1/webhooks/replay", json={"all": True})
    dead = failed(http)
    http.post(f"/v1/jobs/{dead}/replay", json={"force": True})
    begun = http.post("/v1/actions", json={"kind": "replay", "code": "refused"}).json()["id"]

    entries = http.get("/v1/audit").json()["entries"]
    assert {(one["key_id"], one["key_name"]) for one in entries} == {(key.id, "test")}
    times = [datetime.fromisoformat(one["at"]) for one in entries]
    assert times == sorted(times, reverse=True)
    assert datetime.now(UTC) - times[-1] < timedelta(minutes=5)
    assert logged(http) == [
        (action, target, "done")
        for action, target in (
            ("hold", "sender support"),
            ("send_batch", f"batch {batch}"),
            ("cancel", f"job {job}"),
            ("cancel", "2 jobs"),
            ("hold", f"batch {batch}"),
            ("release", f"batch {batch}"),
            ("cancel", f"batch {batch}"),
            ("cancel", f"batch {batch}"),
            ("release", "sender support"),
            ("suppress", "sender support"),
            ("unsuppress", "sender support"),
            ("replay_webhooks", "1 webhooks"),
            ("replay_webhooks", "budget main"),
            ("replay", f"job {dead}"),
            ("replay", f"action {begun}"),
        )
    ]


def test_a_refused_change_has_the_code_and_no_more_of_what_was_sent(stack: Harness, http: httpx.Client) -> None:
    """A caller may send a number where an id belongs."""
    job = enqueued(http)
    http.post(f"/v1/jobs/{NUMBER}/cancel")
    http.post(f"/v1/jobs/{job}/replay")
    http.post(f"/v1/actions/{NUMBER}/stop")
    http.post("/v1/holds", json={"scope": "sender", "name": NUMBER, "reason": REASON})
    http.post(f"/v1/senders/{NUMBER}/suppressed", json={"numbers": ["12", NUMBER], "reason": REASON})
    http.post("/v1/batches", json={"sender": NUMBER, "text": TEXT, "rows": []})
    http.post("/v1/batches", params={"sender": "support"}, content=TEXT.encode(), headers={"Content-Type": "text/csv"})
    http.post(f"/v1/batches/main.{'0' * 26}/hold", json={"reason": REASON})
    http.post(f"/v1/actions/{NUMBER}/stop")
    http.delete("/v1/holds", params={"scope": "tenant", "name": NUMBER})

    assert logged(http) == [
        ("cancel", "job", "unknown_job"),
        ("replay", f"job {job}", "not_replayable"),
        ("stop_action", "action", "not_found"),
        ("hold", "sender", "unknown_sender"),
        ("suppress", "sender", "unknown_sender"),
        ("send_batch", "batch", "invalid_request"),
        ("send_batch", "batch", "unusable_file"),
        ("hold", f"batch main.{'0' * 26}", "unknown_batch"),
        ("stop_action", "action", "not_found"),
        ("release", "tenant", "invalid_request"),
    ]
    with redis.Redis(port=stack.server.port, decode_responses=True) as server:
        assert_private(json.dumps(server.xrange(LOG), ensure_ascii=False), Markers([NUMBER], [TEXT, REASON]))


def test_what_sends_no_batch_is_no_entry(http: httpx.Client) -> None:
    """Jobs are in lists of their own; to log each would double what one costs."""
    http.get(f"/v1/jobs/{enqueued(http)}")
    http.post("/v1/jobs", json=[{"sender": "support", "to": NUMBER, "text": TEXT}])

    assert logged(http) == []


def test_sessions_begin_and_end_in_it(http: httpx.Client, service: Service, key: Key) -> None:
    with service.client() as browser:
        browser.post("/ui/login", data={"key": "oc_wrong"}, headers=OWN)
        browser.post("/ui/login", data={"key": key.token}, headers=OWN)
        browser.post("/ui/logout", headers=OWN)
        browser.post("/ui/logout", headers=OWN)

    assert logged(http) == [("sign_in", "", "done"), ("sign_out", "", "done")]


def test_without_a_key_it_says_so(tmp_path_factory: pytest.TempPathFactory) -> None:
    with running_harness(tmp_path_factory.mktemp("open")) as stack, start_service(stack).client() as http:
        http.post("/v1/holds", json={"scope": "tenant", "name": "acme", "reason": REASON})
        (entry,) = http.get("/v1/audit").json()["entries"]

    assert (entry["key_id"], entry["key_name"]) == ("", "")
    assert entry["target"] == "tenant acme"


def test_a_limited_key_does_not_see_it(stack: Harness, service: Service) -> None:
    with service.client() as http:
        problem(http.get("/v1/audit", headers=make_key(stack, "--tenant", "mine").headers), 403, "forbidden")
        problem(http.get("/v1/audit", headers=make_key(stack, scopes=("operate",)).headers), 403, "forbidden")


def test_it_is_read_page_by_page(http: httpx.Client) -> None:
    for tenant in "abcde":
        http.post("/v1/holds", json={"scope": "tenant", "name": tenant, "reason": "r"})
    cursor, found = None, list[str]()
    while cursor is not None or not found:
        page = http.get("/v1/audit", params={"limit": 2, **({"cursor": cursor} if cursor else {})}).json()
        found += [one["target"] for one in page["entries"]]
        cursor = page["cursor"]

    assert found == [f"tenant {name}" for name in "edcba"]
    for wrong in ("x", "5", "main.1", "1-2-3", "open 5 A"):
        problem(http.get("/v1/audit", params={"cursor": wrong}), 400, "invalid_request")


def test_it_is_bounded_in_number_and_time(stack: Harness) -> None:
    keys, keep, entry = Keys("oc", ACCESS), timedelta(days=30), {"key_id": "k"}
    with Store(stack.server.url) as store, redis.Redis(port=stack.server.port) as server:
        now = int(datetime.now(UTC).timestamp() * 1000)
        server.xadd(LOG, {"entry": "[]"}, id=f"{now - 31 * 86_400_000}-0")
        pipeline = server.pipeline(transaction=False)
        for row in range(MOST):
            pipeline.xadd(LOG, {"entry": "[]"}, id=f"{now - 86_400_000}-{row}")
        pipeline.execute()
        store.run(scripts.log_change(keys, entry, most=MOST, keep=keep))

        assert server.xlen(LOG) == MOST
        store.run(scripts.log_change(keys, entry, most=5, keep=keep))
        assert server.xlen(LOG) == 5
        assert 0 < server.pttl(LOG) <= 30 * 86_400_000


def test_a_change_stays_done_if_its_entry_can_not_be_stored(stack: Harness, http: httpx.Client, key: Key) -> None:
    """The log of the service then has the same facts."""
    with redis.Redis(port=stack.server.port) as server:
        server.set(LOG, "of another program")
        try:
            answer = http.post("/v1/holds", json={"scope": "tenant", "name": "acme", "reason": REASON})
        finally:
            server.delete(LOG)

    assert answer.status_code == 201
    line = f"the audit log lacks: key {key.id} ('test'), hold 'tenant acme': done; "
    wait_until(lambda: line in stack.logs(), what="the line")
    assert REASON not in stack.logs()
