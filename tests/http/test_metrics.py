"""Metrics and history of a budget after a real run: each number is that of what happened."""

import platform
import re
from collections.abc import Iterator
from datetime import timedelta
from importlib.metadata import version

import httpx
import pytest
import redis

from outbound_chat import JobState
from outbound_chat_worker.sandbox import Fault, FaultKind
from tests.support.harness import INSTANCE_ID, Harness, number, running_harness, sender
from tests.support.waiting import wait_until

from .conftest import Service, start_service
from .problems import fields, problem

THROTTLED, REFUSED, CUT = number(1), number(2), number(3)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service after a run of six jobs, of which one was throttled, one refused, one cut off; a seventh expired."""
    with running_harness(tmp_path_factory.mktemp("metrics")) as stack:
        stack.configure(senders={"support": sender(max_open_chats=50, endpoint_url=stack.sandbox.url)})
        stack.sandbox.configure(
            faults=(
                Fault(FaultKind.THROTTLING, times=1, destination=THROTTLED),
                Fault(FaultKind.INVALID, destination=REFUSED),
                Fault(FaultKind.HANG_UP, times=1, destination=CUT),
            )
        )
        _send(stack)
        yield start_service(stack)
        assert stack.counts_add_up()


def _send(stack: Harness) -> None:
    with stack.chat() as chat:
        chat.hold(tenant="late", reason="the test looks at it")
        stack.start_worker()
        jobs = [
            chat.enqueue(sender="support", to=to, text="Hello", expires_in=expires_in, tenant=tenant)
            for to, expires_in, tenant in (
                *((number(row), timedelta(days=1), None) for row in range(1, 7)),
                (number(7), timedelta(seconds=1), "late"),
            )
        ]
        ends = [chat.wait(job.id, timeout=120).state for job in jobs]
    sent = JobState.SENT
    assert ends == [sent, JobState.FAILED, sent, sent, sent, sent, JobState.EXPIRED]
    assert stack.sandbox.stats().calls == 8


def _metrics(http: httpx.Client) -> dict[str, float]:
    lines = http.get("/metrics").text.splitlines()
    found = {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}
    return {name.removeprefix("outbound_chat_"): value for name, value in found.items() if "_http_" not in name}


def test_calls_are_counted_by_outcome_and_code(http: httpx.Client) -> None:
    """All of them together are the calls that Amazon Connect got."""
    found = _metrics(http)
    calls = {name: value for name, value in found.items() if name.startswith("calls_total")}
    assert calls == {
        'calls_total{budget="main",code="",outcome="sent"}': 5,
        'calls_total{budget="main",code="throttled",outcome="snooze"}': 1,
        'calls_total{budget="main",code="no_answer",outcome="retry"}': 1,
        'calls_total{budget="main",code="refused",outcome="failed"}': 1,
    }
    ended = {
        state: found[f'jobs_ended_total{{budget="main",state="{state}"}}'] for state in ("sent", "failed", "expired")
    }
    assert ended == {"sent": 5, "failed": 1, "expired": 1}


def test_waits_are_a_histogram_of_all_claims(http: httpx.Client) -> None:
    found = _metrics(http)
    labels = 'budget="main",priority="normal"'
    buckets = [
        value
        for name, value in found.items()
        if re.fullmatch(r'wait_seconds_bucket\{budget="main",le="[^"]+",priority="normal"\}', name)
    ]
    assert len(buckets) == 11
    assert buckets == sorted(buckets)
    assert buckets[-1] == found[f"wait_seconds_count{{{labels}}}"] == 8
    assert 0 <= found[f"wait_seconds_sum{{{labels}}}"] < 8 * 120


def test_what_needs_a_look_is_told(http: httpx.Client) -> None:
    found = _metrics(http)
    assert found['dead_letters{budget="main",code="refused",state="failed"}'] == 1
    assert found[f'open_chats{{budget="main",instance="{INSTANCE_ID}"}}'] == 5
    assert found[f'open_chats_limit{{budget="main",instance="{INSTANCE_ID}"}}'] == 50
    assert found['jobs_due{budget="main"}'] == found['skewed_workers{budget="main"}'] == 0
    assert not [name for name in found if name.startswith("faults{")]
    ours = f'build_info{{python="{platform.python_version()}",version="{version("outbound-chat")}"}}'
    assert found[ours] == 1


def test_the_status_of_a_budget_has_the_same_numbers(http: httpx.Client) -> None:
    (budget,) = http.get("/v1/budgets").json()["budgets"]
    assert budget["calls"]["snooze"] == {"throttled": 1}
    assert budget["dead"] == {"failed": {"refused": 1}}
    assert budget["open_chats"] == {INSTANCE_ID: {"open": 5, "limit": 50}}


def test_history_is_read_by_time(service: Service, http: httpx.Client) -> None:
    """It begins with the first record that a worker writes; here an empty one stands before it."""
    with redis.Redis.from_url(service.stack.server.url) as server:
        minute = int(server.time()[0]) // 60 - 5
        server.rpush("oc:{main}:history", f"{minute} 0 0 0 0 0 0")
        # A waker takes each minute for a new one that it has not looked in.
        server.hset("oc:{main}:bucket", "looked_ms", 1)

    def totals() -> dict[str, int]:
        points = http.get("/v1/history", params={"budget": "main", "hours": 2}).json()["points"]
        names = ("accepted", "calls", "sent", "failed", "throttled", "expired")
        assert all(set(point) == {"at", "minutes", *names} for point in points)
        return {name: sum(point[name] for point in points) for name in names}

    wanted = {"accepted": 7, "calls": 8, "sent": 5, "failed": 1, "throttled": 1, "expired": 1}
    wait_until(lambda: totals() == wanted, timeout=120, what="the record of a worker")
    for wrong in ({"hours": "73"}, {"hours": "0"}, {"step": "1441"}, {"step": "x"}):
        assert fields(problem(http.get("/v1/history", params=wrong), 400, "invalid_request"))
    problem(http.get("/v1/history", params={"budget": "other"}), 404, "unknown_budget")
