"""Caps per recipient with real workers: nobody is contacted more often, whatever the batches, workers and keys."""

from collections import defaultdict
from typing import Any

import pytest

from outbound_chat import JobState, WaitReason
from outbound_chat.children import end
from outbound_chat.encryption import new_key
from outbound_chat_worker.sandbox import Fault, FaultKind
from tests.support.harness import Harness, data_of, number, sender
from tests.support.privacy import content_of
from tests.support.waiting import wait_until

NUMBERS, BATCHES, ROWS = 100, 20, 500
CAPS = {"5/PT1S": (5, 1.0), "20/PT5S": (20, 5.0)}
ENOUGH = 2_500
"""Contacts after which what is left is cancelled: each number has had several windows by then."""
MARGIN = 0.002
"""The clocks of Redis and of the sandbox, in seconds."""


def configure(stack: Harness, *caps: str, over_cap: str = "wait", **values: Any) -> None:
    own = sender(endpoint_url=stack.sandbox.url, per_recipient=list(caps), over_cap=over_cap)
    stack.configure(senders={"support": own}, **values)


def test_no_number_is_contacted_more_often_in_any_window(stack: Harness) -> None:
    """10,000 jobs of 20 batches to 100 numbers, four workers that race for them, and calls that AWS does not answer."""
    configure(stack, *CAPS)
    faults = (FaultKind.HANG_UP_AFTER_ACCEPTING, FaultKind.HANG_UP, FaultKind.INTERNAL_ERROR)
    stack.sandbox.configure(faults=tuple(Fault(kind, share=0.01) for kind in faults))
    chat = stack.chat()
    rows = [{"to": number(row % NUMBERS)} for row in range(ROWS)]
    batches = [chat.enqueue_batch(rows, sender="support", text="Hello") for _ in range(BATCHES)]
    for index in range(4):
        stack.start_worker("-n", f"w{index}@%h")
    wait_until(lambda: stack.sandbox.stats().accepted >= ENOUGH, timeout=120, what="contacts of several windows")
    for batch in batches:
        chat.cancel_batch(batch.id)
    for batch in batches:
        assert chat.wait_batch(batch.id, timeout=60).final

    times: defaultdict[str, list[float]] = defaultdict(list)
    for contact in stack.sandbox.contacts():
        times[contact.destination].append(contact.started_at.timestamp())
    assert len(times) == NUMBERS
    for contacts in times.values():
        for most, window in CAPS.values():
            gaps = [after - first for first, after in zip(sorted(contacts), sorted(contacts)[most:], strict=False)]
            assert min(gaps, default=window) >= window - MARGIN
    assert stack.counts_add_up()
    assert stack.findings() == {}


def test_a_job_over_the_cap_says_so_and_an_urgent_one_waits_too(stack: Harness) -> None:
    """A cap protects the customer: a program that sends codes in a loop is what it is for."""
    configure(stack, "1/PT10M", "3/P1D")
    stack.start_worker()
    chat = stack.chat()
    assert chat.wait(chat.enqueue(sender="support", to=number(1), text="Hello").id, timeout=60).state is JobState.SENT
    second = chat.enqueue(sender="support", to=number(1), text="Again", priority="urgent")
    wait_until(lambda: chat.why(second.id).reason is WaitReason.RECIPIENT_CAP, what="its claim")

    answer = stack.run("why", second.id)
    assert "per_recipient allows (1 in 10 min, 3 in 24 h)" in " ".join(answer.stdout.split())
    job = chat.status(second.id)
    assert (job.state, job.attempts) == (JobState.QUEUED, 0)
    assert number(1) not in answer.stdout
    assert stack.sandbox.stats().calls == 1


def test_over_the_cap_a_job_ends_suppressed_if_the_settings_say_so(stack: Harness) -> None:
    configure(stack, "1/PT10M", over_cap="suppress")
    stack.start_worker()
    chat = stack.chat()
    for state in (JobState.SENT, JobState.FAILED):
        job = chat.wait(chat.enqueue(sender="support", to=number(1), text="Hello").id, timeout=60)
        assert job.state is state
    assert job.error
    assert (job.error.code, job.attempts, stack.sandbox.stats().calls) == ("suppressed", 0, 1)


def test_encryption_that_is_switched_on_opens_no_cap(stack: Harness) -> None:
    """The contacts of before count for the blind index of the number, and the number itself leaves Redis."""
    key, number_key = new_key(), new_key()
    configure(stack, "1/PT10M")
    worker = stack.start_worker()
    chat = stack.chat()
    chat.wait(chat.enqueue(sender="support", to=number(1), text="Hello").id, timeout=60)
    plain = chat.enqueue(sender="support", to=number(2), text="Hello", send_at=None)
    chat.wait(plain.id, timeout=60)
    end(worker, 30)

    for keys, numbers in (((key,), number_key), ((new_key(), key), number_key)):
        configure(stack, "1/PT10M", encryption={"keys": list(keys), "number_key": numbers})
        worker = stack.start_worker()
        chat = stack.chat()
        job = chat.enqueue(sender="support", to=number(1), text="Again")
        wait_until(lambda: chat.why(job.id).reason is WaitReason.RECIPIENT_CAP, timeout=60, what="its claim")  # noqa: B023
        end(worker, 30)
    assert number(1) not in content_of(stack.server.url)
    assert stack.sandbox.stats().calls == 2


def test_another_number_key_stops_the_sender_until_its_contacts_are_over(stack: Harness) -> None:
    """Nobody could say who may be contacted; `why` names what to do."""
    keys = [new_key()]
    configure(stack, "1/PT10M", encryption={"keys": keys, "number_key": new_key()})
    worker = stack.start_worker()
    chat = stack.chat()
    chat.wait(chat.enqueue(sender="support", to=number(1), text="Hello").id, timeout=60)
    end(worker, 30)
    configure(stack, "1/PT10M", encryption={"keys": keys, "number_key": new_key()})
    stack.start_worker()
    chat = stack.chat()
    job = chat.enqueue(sender="support", to=number(2), text="Hello")
    wait_until(lambda: chat.why(job.id).reason is WaitReason.HELD_BY_SYSTEM, timeout=60, what="the hold")
    assert "another encryption.number_key; use that key, or wait until" in chat.why(job.id).explanation
    assert stack.sandbox.stats().calls == 1


@pytest.mark.parametrize(
    ("over_cap", "words"), [("wait", "delays rows of 1 of them"), ("suppress", "suppresses rows of 1 of them")]
)
def test_a_file_that_names_a_number_more_often_than_allowed_says_so(stack: Harness, over_cap: str, words: str) -> None:
    """Before it is sent, and in the receipt."""
    configure(stack, "2/P1D", "5/P7D", over_cap=over_cap)
    rows = ["to", number(1), number(1), number(1), number(2), number(2), number(3)]
    (stack.folder / "news.csv").write_text("\n".join([*rows, ""]), encoding="utf-8")
    command = ("send-batch", "news.csv", "--sender", "support", "--text", "Hello", "--json")
    warning = f"warning: 2 numbers are in more than one row; per_recipient (2/P1D, 5/P7D) of the sender {words}"
    warning += ", which predicted ends don't include"
    for options in (("--dry-run",), ("--hold",)):
        done = stack.run(*command, *options)
        assert warning in " ".join(done.stderr.split())
        found = data_of(done.stdout)
        assert (found["repeated_numbers"], found["over_cap"]) == (2, {"numbers": 1, "then": over_cap})
