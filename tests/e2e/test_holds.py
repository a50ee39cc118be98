"""Holds and limits with real workers: what a person or an answer of AWS stops, and how it goes on."""

import re
from typing import Any

import pytest

from outbound_chat import InvalidJob, JobState, OutboundChat, SettingsError, UnknownBatch
from outbound_chat_worker.sandbox import Fault, FaultKind
from tests.support.harness import FLOW_ID, INSTANCE_ID, Harness, number, sender
from tests.support.waiting import wait_until


def _rows(total: int) -> list[dict[str, str]]:
    return [{"to": number(index)} for index in range(total)]


def _one_hold(chat: OutboundChat) -> Any:
    return wait_until(chat.holds, what="a hold")[0]


def test_a_forbidden_sender_is_held_and_resumes_by_itself(stack: Harness) -> None:
    """A permission taken away for half a minute used to burn the attempts of a whole campaign."""
    stack.configure(budgets={"main": {"rate": 50.0, "burst": 50}})
    stack.start_worker()
    chat = stack.chat()
    receipt = chat.enqueue_batch(_rows(200), sender="support", text="Hello")
    other = chat.enqueue_batch(_rows(200), sender="chat", text="Hello")
    wait_until(lambda: stack.sandbox.stats().accepted > 60, what="sending")
    stack.sandbox.configure(faults=(Fault(FaultKind.ACCESS_DENIED),))
    hold = _one_hold(chat)
    assert (hold.owner, hold.code, hold.scope) == ("system", "access_denied", "sender")
    assert hold.reason
    wait_until(lambda: len(chat.holds()) == 2, what="both senders held")
    stack.sandbox.configure(faults=())

    for batch_id in (receipt.id, other.id):
        batch = chat.wait_batch(batch_id, timeout=60)
        assert batch.counts[JobState.SENT] == 200
    assert chat.holds() == []
    assert stack.sandbox.stats().refused < 60, "one probe at a time, not every job in turn"
    ids = [f"{receipt.id}-{row}" for row in range(1, 201)]
    assert {job.attempts for job in chat.statuses(ids).values() if job} == {1}


def test_a_person_stops_a_batch_at_once_even_over_a_restart_of_redis(stack: Harness) -> None:
    """The wrong text is going out to 100,000 people."""
    stack.configure(budgets={"main": {"rate": 50.0, "burst": 50}})
    stack.start_worker()
    chat = stack.chat()
    # A disk that is busy would let a killed server lose what it has answered.
    chat._store.redis.config_set("appendfsync", "always")
    receipt = chat.enqueue_batch(_rows(300), sender="support", text="Hello")
    wait_until(lambda: stack.sandbox.stats().accepted > 60, what="sending")
    chat.hold(batch=receipt.id, reason="wrong text")
    # What was claimed before is called; from then on a call would be one of a batch that is held.
    wait_until(lambda: not chat.batch(receipt.id).counts[JobState.SENDING], what="calls to end")
    calls = stack.sandbox.stats().calls
    stack.kill(stack.server.process)
    stack.server.restart()
    single = chat.wait(chat.enqueue(sender="support", to=number(400), text="Hello").id)
    assert single.state is JobState.SENT, "other jobs of the sender go on"
    assert stack.sandbox.stats().calls == calls + 1

    (hold,) = chat.holds()
    assert (hold.owner, hold.scope, hold.name, hold.reason) == ("person", "batch", receipt.id, "wrong text")
    assert chat.release(batch=receipt.id)
    assert chat.wait_batch(receipt.id, timeout=60).counts[JobState.SENT] == 300


def test_a_held_budget_costs_no_call_and_goes_on_when_it_is_released(stack: Harness) -> None:
    """Agents have priority during an outage of the call centre."""
    own = {"budget": "other", "endpoint_url": stack.sandbox.url}
    budgets = {name: {"rate": 5_000.0, "burst": 500} for name in ("main", "other")}
    stack.configure(budgets=budgets, senders={**stack.values["senders"], "other": sender(**own)})
    stack.start_worker()
    chat = stack.chat()
    chat.hold(budget="main", reason="agents first")
    receipt = chat.enqueue_batch(_rows(50), sender="support", text="Hello")
    # Enqueued later, and sent by the same worker: it was not for want of a look at the work that the others wait.
    assert chat.wait(chat.enqueue(sender="other", to=number(1), text="Hello").id).state is JobState.SENT
    assert stack.sandbox.stats().calls == 1

    assert chat.release(budget="main")
    assert chat.wait_batch(receipt.id, timeout=60).counts[JobState.SENT] == 50


def test_an_instance_never_has_more_open_chats_than_configured(stack: Harness) -> None:
    """The call that comes too much is refused, and every one of them costs a call of the allowance."""
    stack.sandbox.configure(max_chats=10)
    limited = sender(endpoint_url=stack.sandbox.url, max_open_chats=10, chat_duration_minutes=60)
    stack.configure(senders={"support": limited})
    stack.start_worker()
    chat = stack.chat()
    receipt = chat.enqueue_batch(_rows(25), sender="support", text="Hello")
    for sent in (10, 20):
        wait_until(lambda sent=sent: chat.batch(receipt.id).counts[JobState.SENT] == sent)  # type: ignore[misc]
        for contact in list(stack.sandbox.contacts())[sent - 10 :]:
            stack.sandbox.close_chat(contact.contact_id)
            assert chat.contact_closed(contact.contact_id)

    assert chat.wait_batch(receipt.id, timeout=60).counts[JobState.SENT] == 25
    assert stack.sandbox.stats().refused == 0
    assert not chat.contact_closed("unknown")


def test_a_full_instance_is_held_and_probed_on_release(stack: Harness) -> None:
    """Nobody told us its quota; AWS does, and it is no throttling."""
    stack.sandbox.configure(max_chats=5)
    stack.start_worker()
    chat = stack.chat()
    receipt = chat.enqueue_batch(_rows(12), sender="support", text="Hello")
    hold = _one_hold(chat)
    assert (hold.owner, hold.scope, hold.name, hold.code) == ("system", "instance", INSTANCE_ID, "chats_full")
    wait_until(lambda: chat.batch(receipt.id).counts[JobState.SENDING] == 0, what="calls in flight to end")
    refused = stack.sandbox.stats().refused

    stack.sandbox.configure(max_chats=100)
    assert not chat.release(instance=INSTANCE_ID), "no person held it"
    batch = chat.wait_batch(receipt.id, timeout=30)
    assert batch.counts[JobState.SENT] == 12
    assert stack.sandbox.stats().refused == refused


def test_a_number_sends_no_faster_than_its_parts_a_second(stack: Harness) -> None:
    """Three parts a message at ten parts a second: what the carrier counts."""
    rate, parts = 10.0, 3
    stack.configure(senders={"support": sender(endpoint_url=stack.sandbox.url, number_rate=rate)})
    stack.start_worker()
    chat = stack.chat()
    receipt = chat.enqueue_batch(_rows(24), sender="support", text="x" * 400)
    assert chat.wait_batch(receipt.id, timeout=60).counts[JobState.SENT] == 24

    arrivals = [arrival.seconds for arrival in stack.sandbox.arrivals()]
    most = max(
        (last - first + 1) * parts - rate * (arrivals[last] - arrivals[first])
        for first in range(len(arrivals))
        for last in range(first, len(arrivals))
    )
    # A second's worth saved up, a message that goes into debt, and calls that leave up to half a second late.
    assert most <= rate + parts + rate * 0.5


def test_a_flow_that_only_one_job_names_fails_that_job_alone(stack: Harness) -> None:
    """One wrong id must not stop all messages of its sender."""
    stack.start_worker()
    stack.sandbox.configure(faults=(Fault(FaultKind.NOT_FOUND, times=1),))
    chat = stack.chat()
    wrong = chat.enqueue(sender="support", to=number(1), text="Hello", contact_flow_id=FLOW_ID.replace("1", "9"))
    failed = chat.wait(wrong.id)
    assert failed.state is JobState.FAILED
    assert failed.error
    assert failed.error.code == "not_found"
    assert chat.holds() == []

    receipt = chat.enqueue_batch(_rows(3), sender="support", contact_flow_id=FLOW_ID.replace("1", "8"))
    assert chat.wait_batch(receipt.id).counts[JobState.SENT] == 3


def test_a_flow_that_a_batch_names_holds_that_batch_alone(stack: Harness) -> None:
    """The ids of 100,000 rows are one mistake."""
    stack.sandbox.configure(faults=(Fault(FaultKind.NOT_FOUND, times=1),))
    stack.configure(worker={"threads": 1})
    stack.start_worker()
    chat = stack.chat()
    receipt = chat.enqueue_batch(_rows(3), sender="support", contact_flow_id=FLOW_ID.replace("1", "8"))
    hold = _one_hold(chat)

    assert (hold.scope, hold.name, hold.code) == ("batch", receipt.id, "not_found")
    chat.release(batch=receipt.id)
    assert chat.wait_batch(receipt.id).counts[JobState.SENT] == 3


@pytest.mark.parametrize(
    ("scope", "error", "names"),
    [
        ({}, InvalidJob, "exactly one"),
        ({"budget": "main", "sender": "support"}, InvalidJob, "exactly one"),
        ({"budget": "other"}, SettingsError, "main"),
        ({"sender": "nobody"}, SettingsError, "support"),
        ({"instance": "nowhere"}, SettingsError, INSTANCE_ID),
        ({"batch": "main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR"}, UnknownBatch, "01JD2Y8Q6ZK4X0B7V5N3M1C9TR"),
        ({"batch": "x"}, UnknownBatch, "x"),
        ({"tenant": 42}, InvalidJob, "tenant: must be a string"),
        ({"batch": None}, InvalidJob, "given: none"),
    ],
)
def test_a_hold_of_nothing_is_refused_with_what_there_is(
    stack: Harness, scope: dict[str, Any], error: type[Exception], names: str
) -> None:
    """A stop that stops nothing would be trusted."""
    chat = stack.chat()
    with pytest.raises(error, match=names):
        chat.hold(reason="because", **scope)
    with pytest.raises(InvalidJob, match="reason"):
        chat.hold(reason=" ", sender="support")
    for cancel in (chat.cancel_batch, chat.cancel_tenant):
        with pytest.raises(InvalidJob, match="given: none"):
            cancel(None)  # type: ignore[arg-type]  # as from a variable that is not set
    assert chat.holds() == []


def test_the_command_line_holds_and_releases(stack: Harness) -> None:
    """An operator at night."""
    held = stack.run("hold", "--sender", "support", "--reason", "number is being ported", "--json")
    assert held.returncode == 0, held.stderr
    assert '"reason": "number is being ported"' in held.stdout
    shown = stack.run("holds")
    assert re.search(r"^sender +support +a person +number is being ported +20", shown.stdout, re.MULTILINE)
    assert re.search(r"^warning +sender support +held by a person since", stack.run("doctor").stdout, re.MULTILINE)
    assert stack.run("hold", "--reason", "why").returncode == 2
    released = stack.run("release", "--sender", "support")
    assert (released.returncode, released.stdout) == (0, "")
    assert "nothing is held" in released.stderr


def test_the_doctor_says_what_the_rate_has_come_down_to(stack: Harness) -> None:
    """An operator with a ceiling ten times too high must learn of it without reading Redis."""
    stack.sandbox.configure(rate=20.0, burst=20)
    stack.configure(budgets={"main": {"rate": 200.0, "burst": 200}})
    stack.start_worker()
    chat = stack.chat()
    receipt = chat.enqueue_batch(_rows(160), sender="support", text="Hello")
    batch = chat.wait_batch(receipt.id, timeout=90)
    assert batch.counts[JobState.SENT] == 160

    told = stack.run("doctor").stdout
    assert re.search(r"^warning +pace of main +sends ", told, re.MULTILINE)
    assert "/s of the 200/s configured" in told
