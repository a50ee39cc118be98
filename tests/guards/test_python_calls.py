"""Work of Python itself, which decides how many jobs a core can take and send.

Calls of functions are counted: the same every time, where seconds differ by half from run to run.
"""

import json
import time

import boto3
import pytest
import redis

from benchmarks.peers import outbound
from outbound_chat.client import OutboundChat
from outbound_chat.model.ids import new_local_id
from outbound_chat.request import ChatRequest
from outbound_chat.store import scripts
from outbound_chat.store.records import readable_job
from outbound_chat.store.scripts import Claimed, Outcome, Result
from outbound_chat_worker.pump.attempt import AttemptRunner
from outbound_chat_worker.runtime import Runtime
from tests.guards.counting import fewest_python_calls, python_calls
from tests.support.harness import Harness, number
from tests.support.memory import least_peak

ROWS = 500


def _claim(runtime: Runtime, wanted: int) -> tuple[str, Claimed]:
    claim = new_local_id()
    call = scripts.claim(
        runtime.keys("main"), pump="p", claim_id=claim, wanted=wanted, lease_ms=60_000, linger_ms=0, nonce=""
    )
    answer = runtime.store.run(call)
    assert isinstance(answer, Claimed)
    return claim, answer


def test_a_job_goes_in_with_few_calls(chat: OutboundChat) -> None:
    """175 with its checks and the round trip: each 18 more cost a tenth of what a core takes in."""
    one = lambda: chat.enqueue(sender="support", to=number(7), text="Hello")  # noqa: E731  # one use, one line
    assert fewest_python_calls(one) <= 192


def test_a_job_with_a_full_request_goes_in_with_few_more(chat: OutboundChat) -> None:
    """194, with all that the operation takes, and 6 KB of memory at most; no two requests are the same."""
    jobs = iter([outbound.job_of(index) for index in range(20)])
    one = lambda: chat.enqueue(sender="support", **next(jobs))  # noqa: E731  # as above
    assert fewest_python_calls(one) <= 213

    assert least_peak(one, runs=5) <= 6_500


@pytest.mark.parametrize(("is_full", "most"), [(False, 100), (True, 150)])
def test_a_row_of_a_batch_goes_in_with_fewer(chat: OutboundChat, is_full: bool, most: int) -> None:
    """91, or 138 with a full request: what rows share is checked once. 50,000 rows a second leave no room for more."""
    row_of = outbound.row_of if is_full else lambda index: {"to": number(index)}
    shared = outbound.SHARED if is_full else {"text": "Hello"}
    # Rows are lists, and made before: making them is no work of ours.
    few, many = ([row_of(index) for index in range(count)] for count in (ROWS, 2 * ROWS))
    of_few = fewest_python_calls(lambda: chat.enqueue_batch(few, sender="support", **shared), rounds=2)
    of_many = fewest_python_calls(lambda: chat.enqueue_batch(many, sender="support", **shared), rounds=2)
    assert (of_many - of_few) / ROWS <= most


def test_our_client_makes_fewer_calls_than_that_of_boto3(
    stack: Harness, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """0.58 of them: its signer builds objects for headers again and again, and it builds its own name
    twice a call, and checks again what we have checked.

    Compared with a default client in the same run, since each release of botocore makes another number of calls.
    """
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    sender = stack.settings.sender("support")
    request = ChatRequest.from_short({"to": number(1), "text": "Hello"})
    default = boto3.client("connect", endpoint_url=stack.sandbox.url)
    of_default = fewest_python_calls(
        lambda: default.start_outbound_chat_contact(**request.api(sender, new_local_id())), rounds=9
    )
    ours = fewest_python_calls(
        lambda: runtime.connect.start_chat(sender, request.api(sender, new_local_id())), rounds=9
    )
    assert ours <= 0.63 * of_default


def test_a_job_without_facts_is_read_with_as_few_calls_as_before_there_were_any() -> None:
    """What events report after `sent` costs only the jobs that have had one."""
    head = [1, "sent", "2:sms::", 1000, 0, 0, 10**12, 1, "", 0, 0, 1, "t", "", "c-1", 2000, 0, 0]
    raw = json.dumps(head)
    assert fewest_python_calls(lambda: readable_job("main", "01JD2Y8Q6ZK4X0B7V5N3M1C9TR", raw, 5000)) <= 40


def test_a_wait_for_work_costs_little_more_than_a_claim(stack: Harness, runtime: Runtime) -> None:
    """99 for both commands, where a pipeline of redis-py made 288: a job that comes alone is late by most of them.

    Only then does its worker call Connect, since Python runs one thread at a time.
    """
    keys = runtime.keys("main")
    clock = scripts.read_clock(keys)
    with redis.Redis.from_url(stack.server.url) as server:
        for _ in range(5):
            server.lpush(keys.poke, 1)
    assert fewest_python_calls(lambda: runtime.store.run_at_signal(keys.poke, 1.0, clock)) <= 109


def test_a_job_goes_out_with_little_more_than_its_call(stack: Harness, chat: OutboundChat, runtime: Runtime) -> None:
    """Ours are 69 calls around the 2,150 of our boto3 client, 41 for the job's share of a claim, 42 for its result.

    A worker's core is the limit of what it sends where Connect answers fast.
    """
    sender = stack.settings.sender("support")
    request = ChatRequest.from_short({"to": number(1), "text": "Hello"})
    of_boto3 = fewest_python_calls(
        lambda: runtime.connect.start_chat(sender, request.api(sender, new_local_id())), rounds=9
    )
    for index in range(32):
        chat.enqueue(sender="support", to=number(index), text="Hello")
    claimed: list[tuple[str, Claimed]] = []
    claim, answer = _claim(runtime, 16)
    # Back they go: from here on the server knows both scripts.
    back = [Result(local_id=job.local_id, claim=claim, outcome=Outcome.NOT_CALLED) for job in answer.jobs]
    runtime.store.run(scripts.finish(runtime.keys("main"), back))
    of_claim = python_calls(lambda: claimed.append(_claim(runtime, 16))) / 16
    ((claim, answer),) = claimed
    caller = AttemptRunner(runtime, "main")
    results: list[Result] = []
    of_attempt = min(
        python_calls(lambda job=job: results.append(caller.attempt(job, claim, time.monotonic())))  # type: ignore[misc]
        for job in answer.jobs
    )
    of_finish = python_calls(lambda: runtime.store.run(scripts.finish(runtime.keys("main"), results))) / 16
    assert {result.outcome for result in results} == {"sent"}
    assert of_attempt - of_boto3 <= 75
    assert of_claim <= 45
    assert of_finish <= 46
