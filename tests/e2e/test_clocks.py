"""A worker's clock is wrong: AWS would refuse what it signs, and that must stop nobody else."""

import sys
from datetime import UTC, datetime, timedelta

import pytest

from outbound_chat import JobState
from tests.support.harness import Harness, number
from tests.support.shifted import ShiftedClock
from tests.support.waiting import wait_until

HOUR = timedelta(hours=1)
wrong_either_way = pytest.mark.parametrize("ahead", [HOUR, -HOUR], ids=["ahead", "behind"])

_SIGN = """
import boto3
client = boto3.client("connect", region_name="us-east-1")
client.meta.events.register(
    "before-send.connect", lambda request, **_: print(request.headers["X-Amz-Date"].decode(), flush=True)
)
client.list_instances()
"""


@wrong_either_way
def test_the_tool_shifts_what_botocore_signs(stack: Harness, ahead: timedelta) -> None:
    """Else the other tests here would prove nothing."""
    clock = ShiftedClock(stack.folder / "clock", ahead)
    environment = {**clock.environment, "AWS_ENDPOINT_URL": stack.sandbox.url}
    stack.start([sys.executable, "-c", _SIGN], environment)

    signed = wait_until(lambda: [line for line in stack.logs().splitlines() if line.endswith("Z")], what="a signature")
    shift = datetime.strptime(signed[0], "%Y%m%dT%H%M%S%z") - datetime.now(UTC)
    assert abs(shift - ahead) < timedelta(minutes=1)


@wrong_either_way
def test_it_stops_nobody_else(stack: Harness, ahead: timedelta) -> None:
    """Its calls would be answered 403, which would hold the whole sender."""
    clock = ShiftedClock(stack.folder / "clock", ahead)
    stack.configure(worker={"slice": 0.5})
    stack.sandbox.configure(latency=timedelta(milliseconds=20))
    stack.start_worker("-n", "wrong@%h", environment=clock.environment)
    wait_until(lambda: "sends nothing until it is correct" in stack.logs(), timeout=60, what="its word")
    stack.start_worker("-n", "right@%h")
    chat = stack.chat()
    rows = [{"to": number(index)} for index in range(400)]
    receipt = chat.enqueue_batch(rows, sender="support", text="Hello")

    assert chat.wait_batch(receipt.id, timeout=60).counts[JobState.SENT] == 400
    stats = stack.sandbox.stats()
    assert (stats.calls, stats.accepted) == (400, 400)
    assert chat.holds() == []
    report = stack.run("doctor").stdout
    assert report.count("so it sends nothing") == 1
    assert ("ahead of that of Redis" if ahead > timedelta(0) else "behind that of Redis") in report, report


def test_it_goes_on_by_itself_once_its_clock_is_right(stack: Harness) -> None:
    """The machine is repaired by NTP; nobody should have to think of the worker."""
    clock = ShiftedClock(stack.folder / "clock", HOUR)
    stack.start_worker(environment=clock.environment)
    wait_until(lambda: "sends nothing until it is correct" in stack.logs(), timeout=60, what="its word")
    chat = stack.chat()
    job = chat.enqueue(sender="support", to=number(1), text="Hello")
    wait_until(lambda: chat._store.redis.exists("oc:{main}:pump_asked"), what="a request for a pump")
    clock.set(timedelta(0))

    assert chat.wait(job.id, timeout=60).state is JobState.SENT
    assert stack.sandbox.stats().calls == 1
    assert "clock is correct again" in stack.logs()


def test_a_clock_that_becomes_wrong_at_work_makes_no_call(stack: Harness) -> None:
    """What was claimed by then goes back, and counts as no attempt."""
    clock = ShiftedClock(stack.folder / "clock")
    stack.configure(budgets={"main": {"rate": 40.0, "burst": 5}})
    stack.start_worker(environment=clock.environment)
    chat = stack.chat()
    rows = [{"to": number(index)} for index in range(200)]
    receipt = chat.enqueue_batch(rows, sender="support", text="Hello")
    wait_until(lambda: stack.sandbox.stats().accepted > 20, timeout=60, what="calls")
    clock.set(-HOUR)
    wait_until(lambda: "sends nothing until it is correct" in stack.logs(), timeout=60, what="its word")
    clock.set(timedelta(0))

    assert chat.wait_batch(receipt.id, timeout=90).counts[JobState.SENT] == 200
    jobs = chat.statuses([f"{receipt.id}-{row}" for row in range(1, 201)])
    assert {job.attempts for job in jobs.values() if job} <= {1, 2}
    assert stack.sandbox.stats().accepted == 200
