"""What operators do over HTTP."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from outbound_chat.store import Store
from tests.support.contact_events import SMS_NUMBER, receipt_event
from tests.support.harness import Harness, number
from tests.support.waiting import wait_until

from .conftest import TIMEOUT, Service, ended_action, start_service
from .problems import fields, problem

JOB = {"sender": "support", "text": "Your parcel arrives today"}


def test_failed_jobs_are_listed_and_replayed(service: Service, http: httpx.Client) -> None:
    service.stack.start_worker()
    http.post("/v1/senders/support/suppressed", json={"numbers": [number(1), number(2)]})
    ids = [http.post("/v1/jobs", json={**JOB, "to": number(row)}).json()["id"] for row in (1, 2)]
    ends = [http.get(f"/v1/jobs/{id_}", params={"wait": 60}).json() for id_ in ids]
    assert [(job["state"], job["error"]["code"]) for job in ends] == [("failed", "suppressed")] * 2
    listed = http.get("/v1/dead-letters", params={"code": "suppressed"}).json()["jobs"]
    assert {job["id"] for job in listed} == set(ids)

    http.request("DELETE", "/v1/senders/support/suppressed", json={"numbers": [number(1), number(2)]})
    one = http.post(f"/v1/jobs/{ids[0]}/replay")
    assert (one.status_code, one.json()["replay_of"]) == (201, ids[0])
    begun = http.post("/v1/actions", json={"kind": "replay", "code": "suppressed"})
    assert (begun.status_code, begun.json()["total"]) == (201, 1)
    ended = ended_action(http, begun)
    assert (ended["done"], ended["refused"]) == (1, {})
    for job in (one.json()["id"], http.get(f"/v1/jobs/{ids[1]}").json()["replayed_by"]):
        assert http.get(f"/v1/jobs/{job}", params={"wait": 60}).json()["state"] == "sent"
    problem(http.post(f"/v1/jobs/{one.json()['id']}/replay"), 409, "not_replayable")


def test_a_suppression_list_is_kept(http: httpx.Client) -> None:
    path = "/v1/senders/chat/suppressed"
    added = http.post(path, json={"numbers": [number(5), number(6)], "reason": "answered STOP"})
    assert added.json() == {"changed": 2}
    page = http.get(path).json()
    assert ({entry["number"] for entry in page["numbers"]}, page["cursor"]) == ({number(5), number(6)}, None)
    assert http.request("DELETE", path, json={"numbers": [number(5)]}).json() == {"changed": 1}
    wrong = http.post(path, json={"numbers": ["12", 7]})
    assert fields(problem(wrong, 400, "invalid_request")) == [
        ("numbers.#1", "invalid_number"),
        ("numbers.#2", "wrong_type"),
    ]
    problem(http.get("/v1/senders/nobody/suppressed"), 404, "unknown_sender")


def test_holds_are_made_listed_and_ended(http: httpx.Client) -> None:
    made = http.post("/v1/holds", json={"scope": "sender", "name": "chat", "reason": "being ported"})
    assert made.status_code == 201
    assert [(hold["scope"], hold["name"], hold["owner"]) for hold in made.json()["holds"]] == [
        ("sender", "chat", "person")
    ]
    assert made.json()["holds"] == http.get("/v1/holds").json()["holds"]
    target = {"scope": "sender", "name": "chat"}
    assert http.request("DELETE", "/v1/holds", params=target).json() == {"released": True}
    assert http.request("DELETE", "/v1/holds", params=target).json() == {"released": False}
    wrong = http.post("/v1/holds", json={"scope": "world", "name": "x", "reason": "y"})
    assert fields(problem(wrong, 400, "invalid_request")) == [("scope", "not_allowed")]
    missing = problem(http.post("/v1/holds", json={}), 400, "invalid_request")
    assert {field for field, _ in fields(missing)} == {"scope", "name", "reason"}
    unknown = http.post("/v1/holds", json={"scope": "sender", "name": "nobody", "reason": "r"})
    problem(unknown, 404, "unknown_sender")


def test_budgets_and_senders_are_listed(http: httpx.Client) -> None:
    (budget,) = http.get("/v1/budgets").json()["budgets"]
    assert budget["name"] == "main"
    assert budget["accepted"] == sum(budget["counts"].values())
    listed = http.get("/v1/senders").json()["senders"]
    assert listed == [
        {"name": "chat", "channel": "whatsapp", "budget": "main"},
        {"name": "support", "channel": "sms", "budget": "main"},
    ]


def test_workers_lanes_and_the_doctor_tell_what_stops_jobs(service: Service, http: httpx.Client) -> None:
    stack = service.stack
    stack.start_worker()
    worker = wait_until(lambda: http.get("/v1/workers").json()["workers"], timeout=TIMEOUT, what="a worker")[0]
    assert (worker["budget"], worker["settings_agree"], worker["skew_seconds"]) == ("main", True, 0.0)
    assert worker["name"].count(":") == 2

    http.post("/v1/holds", json={"scope": "tenant", "name": "late", "reason": "<b>&"})
    job = http.post("/v1/jobs", json={**JOB, "to": number(31), "tenant": "late", "priority": "urgent"}).json()
    lanes = http.get("/v1/lanes", params={"limit": 50}).json()
    (lane,) = (lane for lane in lanes["lanes"] if lane["tenant"] == "late")
    assert (lane["priority"], lane["waiting"], lane["stopped_by"]) == ("urgent", 1, "held_by_person")
    assert (lane["stop_reason"], lanes["total"] >= 1) == ("<b>&", True)
    for limit in ("0", "51", "x"):
        problem(http.get("/v1/lanes", params={"limit": limit}), 400, "invalid_request")

    checks = http.get("/v1/doctor").json()["checks"]
    assert {"settings", "redis", "workers of main"} <= {check["subject"] for check in checks}
    (held,) = (check for check in checks if check["subject"] == "tenant late")
    assert (held["level"], "outbound-chat release --tenant late" in held["advice"]) == ("warning", True)
    by_command = {check["subject"] for check in json.loads(stack.run("doctor", "--json").stdout)["data"]}
    assert {check["subject"] for check in checks} - by_command <= {"pace of main"}, "which comes and goes"
    http.request("DELETE", "/v1/holds", params={"scope": "tenant", "name": "late"})
    assert http.get(f"/v1/jobs/{job['id']}", params={"wait": 60}).json()["state"] == "sent"


def test_one_doctor_serves_all_who_ask_within_seconds(stack: Harness) -> None:
    """Were there one for each of them, a Redis that hangs would fill the process with threads that wait for it."""
    service = start_service(stack)

    def made() -> int:
        with Store(stack.server.url) as store:
            return int(store.redis.info("commandstats").get("cmdstat_config|get", {}).get("calls", 0))

    before = made()
    with service.client() as http, ThreadPoolExecutor(8) as callers:
        found = list(callers.map(lambda _: http.get("/v1/doctor").json(), range(24)))

    assert all(one == found[0] for one in found)
    assert 1 <= made() - before <= 3


def _events(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    event: dict[str, Any] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        if name == "data":
            event["data"] = json.loads(value)
        elif name in {"id", "event"}:
            event[name] = value
        elif not line and "event" in event:
            yield event
            event = {}


def test_events_are_followed_and_resumed(http: httpx.Client) -> None:
    # Not due: a worker that another test has started must not send them before they are cancelled.
    later = {**JOB, "send_at": (datetime.now(UTC) + timedelta(days=1)).isoformat()}
    ids = [http.post("/v1/jobs", json={**later, "to": number(row)}).json()["id"] for row in (11, 12)]
    known = 0
    with http.stream("GET", "/v1/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        following = _events(stream.iter_lines())
        http.post(f"/v1/jobs/{ids[0]}/cancel")
        for event in following:
            known = int(event["id"])
            assert event["data"]["number"] == known
            if event["data"]["id"] == ids[0]:
                break
    http.post(f"/v1/jobs/{ids[1]}/cancel")
    with http.stream("GET", "/v1/events", headers={"Last-Event-ID": str(known)}) as stream:
        event = next(_events(stream.iter_lines()))
        assert int(event["id"]) == known + 1
    for wrong in ("x", "1_0", "9" * 5_000):
        problem(http.get("/v1/events", headers={"Last-Event-ID": wrong}), 400, "invalid_request")
    problem(http.get("/v1/events", params={"budget": "other"}), 404, "unknown_budget")


def test_metrics_tell_of_the_service_and_of_the_ledger(http: httpx.Client) -> None:
    http.post("/v1/jobs", json={**JOB, "to": number(21)})
    http.post("/v1/jobs", json={**JOB, "to": "12"})
    answer = http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    lines = dict(line.rpartition(" ")[::2] for line in answer.text.splitlines() if not line.startswith("#"))
    assert float(lines['outbound_chat_http_requests_total{method="POST",route="/v1/jobs",status="201"}']) >= 1
    assert float(lines["outbound_chat_http_jobs_rejected_total"]) >= 1
    assert float(lines['outbound_chat_jobs{budget="main",place="waiting"}']) >= 0
    assert float(lines["outbound_chat_store_up"]) == 1
    assert number(21) not in answer.text


def test_receipts_are_listed_and_measured_by_source_number(service: Service, http: httpx.Client) -> None:
    """They are true although nobody knows whose they are."""
    events = [receipt_event(message=f"m-{n}") for n in range(15)]
    events += [receipt_event("TEXT_SPAM", f"s-{n}") for n in range(10)]
    chat = service.stack.chat()
    assert chat.ingest_contact_events(events) == ["changed"] * 25
    assert chat.ingest_contact_events(events[:1]) == ["same"]
    # An hour may have begun in between.
    found = chat.receipts()
    listed = http.get("/v1/receipts").json()["receipts"]
    assert [one["number"] for one in listed] == [one.number for one in found] == [SMS_NUMBER] * len(listed)
    totals = {name: sum(one[name] for one in listed) for name in ("messages", "refused", "matched", "parts", "price")}
    assert totals == {"messages": 25, "refused": 10, "matched": 0, "parts": 25, "price": pytest.approx(0.1875)}
    assert sum(one["kinds"].get("TEXT_DELIVERED", 0) for one in listed) == 15
    assert set(listed[0]) == {"budget", "number", "hour", "jumped_at", "kinds", *totals}
    for hours in ("0", "193", "x", "9" * 5_000):
        assert fields(problem(http.get("/v1/receipts", params={"hours": hours}), 400, "invalid_request"))

    text = http.get("/metrics").text
    assert f'outbound_chat_receipts{{budget="main",kind="TEXT_SPAM",number="{SMS_NUMBER}"}} 10.0' in text
    assert f'outbound_chat_receipts{{budget="main",kind="any",number="{SMS_NUMBER}"}} 25.0' in text
    assert f'outbound_chat_receipts_jumped{{budget="main",number="{SMS_NUMBER}"}}' in text


def test_a_part_of_a_batch_is_cancelled(http: httpx.Client) -> None:
    """By rows, by state, or both; the batch stays open for the others."""
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    rows = [{"to": number(row), **({"send_at": tomorrow} if row > 8 else {})} for row in range(1, 11)]
    http.post("/v1/holds", json={"scope": "tenant", "name": "parts", "reason": "the test looks at it"})
    batch = http.post("/v1/batches", json={**JOB, "tenant": "parts", "rows": rows}).json()["id"]
    path = f"/v1/batches/{batch}/cancel"

    part = http.post(path, json={"rows": "2-3,7"}).json()
    assert part["part"] == {"counts": {"cancelled": 3}, "unknown": [], "newer": [], "looked": 3, "total": 3}
    assert (part["counts"]["cancelled"], part["remaining"], part["final"]) == (3, 7, False)
    assert http.post(path, json={"state": "scheduled"}).json()["part"]["counts"] == {"cancelled": 2}
    assert http.post(path, json={"rows": "1-4", "state": "queued"}).json()["part"]["counts"] == {"cancelled": 2}
    wrong = http.post(path, json={"rows": "4-1", "state": "sent"})
    assert fields(problem(wrong, 400, "invalid_request")) == [("rows", "wrong_type"), ("state", "not_allowed")]
    for body, kind, status in (
        (b'{"row": "1"}', "application/json", 400),
        (b'{"rows": 1}', "application/json", 400),
        (b'{"rows": "1"}', None, 415),
        (b"rows=1", "application/x-www-form-urlencoded", 415),
    ):
        answer = http.post(path, content=body, headers={"Content-Type": kind} if kind else {})
        assert answer.status_code == status, "a part that is not understood must not become the whole batch"
    assert http.get(f"/v1/batches/{batch}").json()["counts"]["cancelled"] == 7

    whole = http.post(path, headers={"Content-Type": "application/json"}).json()
    assert ("part" in whole, whole["counts"]["cancelled"], whole["final"]) == (False, 10, True)
    http.request("DELETE", "/v1/holds", params={"scope": "tenant", "name": "parts"})


def test_many_jobs_are_cancelled_at_once(http: httpx.Client) -> None:
    """One that is unknown does not stop the others."""
    later = {**JOB, "send_at": (datetime.now(UTC) + timedelta(days=1)).isoformat()}
    ids = [http.post("/v1/jobs", json={**later, "to": number(row)}).json()["id"] for row in range(3)]
    asked = [ids[0], "nonsense", *ids[1:], ids[0]]
    for _ in range(2):
        found = http.post("/v1/cancellations", json={"ids": asked}).json()
        assert found == {"counts": {"cancelled": 3}, "unknown": ["nonsense"], "newer": [], "looked": 4, "total": 4}
    assert {http.get(f"/v1/jobs/{id_}").json()["state"] for id_ in ids} == {"cancelled"}
    too_many = http.post("/v1/cancellations", json={"ids": ids * 400})
    assert fields(problem(too_many, 400, "invalid_request")) == [("ids", "out_of_range")]
