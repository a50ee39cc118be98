"""Suppression lists with real workers and the real command line: who opted out is never called."""

import json
from contextlib import closing
from typing import Any

import pytest

from outbound_chat import Job, JobState, OutboundChat
from outbound_chat.cli.files.number_file import NumberFile
from tests.support.harness import WHATSAPP_SOURCE, Harness, data_of, number, sender
from tests.support.memory import least_peak
from tests.support.waiting import wait_until

NO_MORE = 0.001
"""Calls a second so few that a test sees the burst and nothing more."""
MANY = 50_000


def _rows(*indexes: int) -> list[dict[str, str]]:
    return [{"to": number(index)} for index in indexes]


def _called(stack: Harness) -> set[str | None]:
    return {arrival.destination for arrival in stack.sandbox.arrivals()}


def _outcome(job: Job | None) -> tuple[JobState, str, int]:
    assert job
    return job.state, job.error.code if job.error else "", job.attempts


def _job(chat: OutboundChat, batch: str, row: int) -> Job | None:
    return chat.statuses([f"{batch}-{row}"])[f"{batch}-{row}"]


def test_a_number_suppressed_while_batches_are_sent_is_called_by_none_of_them(stack: Harness) -> None:
    """STOP arrives in the middle of a campaign, and the next one is enqueued already."""
    stack.configure(budgets={"main": {"rate": 25.0, "burst": 5}})
    stack.start_worker()
    chat = stack.chat()
    first = chat.enqueue_batch(_rows(*range(100)), sender="support", text="Hello")
    second = chat.enqueue_batch(_rows(99, 100), sender="support", text="Once more")
    # In the middle of the first batch, before its last row and after nothing of the second's: it has turns as well.
    chat.hold(batch=second.id, reason="after the first")
    wait_until(lambda: stack.sandbox.stats().accepted > 10, what="sending")

    assert chat.suppress([number(99)], sender="support", reason="sent STOP") == 1
    chat.release(batch=second.id)

    counts = chat.wait_batch(first.id, timeout=60).counts
    assert (counts[JobState.SENT], counts[JobState.FAILED]) == (99, 1)
    assert _outcome(_job(chat, first.id, 100)) == (JobState.FAILED, "suppressed", 0)
    chat.wait_batch(second.id, timeout=60)
    assert _outcome(_job(chat, second.id, 1)) == (JobState.FAILED, "suppressed", 0)
    assert _outcome(_job(chat, second.id, 2)) == (JobState.SENT, "", 1)
    single = chat.wait(chat.enqueue(sender="support", to=number(99), text="Hello", priority="urgent").id)
    assert _outcome(single) == (JobState.FAILED, "suppressed", 0)
    assert number(99) not in _called(stack)

    assert chat.wait(chat.enqueue(sender="chat", to=number(99)).id).state is JobState.SENT, "another sender"
    assert chat.unsuppress([number(99)], sender="support") == 1
    again = chat.wait(chat.enqueue(sender="support", to=number(99), text="Welcome back").id)
    assert again.state is JobState.SENT


def test_within_a_second_no_call_leaves_for_a_list_that_was_imported(stack: Harness) -> None:
    """A claim that was made just before must not carry calls past the promise; nor may a job called end `failed`."""
    stack.configure(budgets={"main": {"rate": 50.0, "burst": 20}})
    for index in range(2):
        stack.start_worker("-n", f"w{index}@%h")
    chat = stack.chat()
    receipt = chat.enqueue_batch(_rows(*range(400)), sender="support", text="Hello")
    wait_until(lambda: stack.sandbox.stats().accepted > 40, what="sending")

    new = chat.suppress((number(index) for index in range(400)), sender="support")
    batch = chat.wait_batch(receipt.id, timeout=60)
    calls = stack.sandbox.stats().calls
    late = chat.enqueue_batch(_rows(*range(50)), sender="support", text="Hello")
    assert chat.wait_batch(late.id, timeout=60).counts[JobState.FAILED] == 50

    assert new == 400
    assert stack.sandbox.stats().calls == calls == batch.counts[JobState.SENT]
    assert batch.counts[JobState.FAILED] == 400 - calls > 0
    jobs = chat.statuses(f"{receipt.id}-{row}" for row in range(1, 401))
    sent = {number(row - 1) for row in range(1, 401) if (job := jobs[f"{receipt.id}-{row}"]) and job.contact_id}
    assert sent == _called(stack)


def test_suppressed_jobs_leave_the_allowance_to_the_others(stack: Harness) -> None:
    """Were a token taken for each, ninety of these would use up what ten need."""
    stack.configure(budgets={"main": {"rate": NO_MORE, "burst": 40}})
    chat = stack.chat()
    chat.suppress((number(index) for index in range(90)), sender="support")
    receipt = chat.enqueue_batch(_rows(*range(100)), sender="support", text="Hello")
    stack.start_worker()

    counts = chat.wait_batch(receipt.id, timeout=60).counts
    assert (counts[JobState.SENT], counts[JobState.FAILED]) == (10, 90)
    assert _called(stack) == {number(index) for index in range(90, 100)}


def test_jobs_that_the_worker_refuses_leave_the_allowance_to_the_others(stack: Harness) -> None:
    """The sender's channel was changed while a campaign waited; other campaigns must not pay for that."""
    whatsapp: dict[str, Any] = sender(endpoint_url=stack.sandbox.url, channel="whatsapp", source=WHATSAPP_SOURCE)
    support = sender(endpoint_url=stack.sandbox.url)
    budgets = {"main": {"rate": NO_MORE, "burst": 40}}
    stack.configure(budgets=budgets, senders={"support": support, "chat": whatsapp})
    chat = stack.chat()
    long = chat.enqueue_batch(_rows(*range(90)), sender="chat", text="x" * 2_000)
    stack.configure(budgets=budgets, senders={"support": support, "chat": {**whatsapp, "channel": "sms"}})
    good = chat.enqueue_batch(_rows(*range(10)), sender="support", text="Hello")
    stack.start_worker()

    assert chat.wait_batch(long.id, timeout=60).counts[JobState.FAILED] == 90
    assert chat.wait_batch(good.id, timeout=60).counts[JobState.SENT] == 10
    assert _outcome(_job(chat, long.id, 1)) == (JobState.FAILED, "invalid_request", 0)
    assert stack.sandbox.stats().calls == 10


def test_a_file_of_numbers_is_imported_in_flat_memory(stack: Harness) -> None:
    """A system of record sends all its opt-outs every night."""
    file = stack.folder / "optouts.csv"
    rows = "".join(f'{index},"of {index}",{number(index)}\n' for index in range(MANY))
    file.write_text(f"id,name,number\n{rows}", encoding="utf-8")
    chat = stack.chat()
    chat.suppress([number(0)], sender="support")

    added = []

    def imported() -> None:
        with closing(NumberFile(file)) as numbers:
            added.append(chat.suppress(numbers, sender="support", reason="nightly import"))
        assert sum(1 for _ in chat.suppressed(sender="support")) == MANY

    assert least_peak(imported) < 2_000_000, "the numbers alone would take three megabytes"
    assert added == [MANY - 1, 0]

    done = stack.run("unsuppress", "--sender", "support", "--file", "optouts.csv", "--json")
    assert data_of(done.stdout) == {"numbers": MANY, "removed": MANY, "rejected": 0, "rejections": []}
    assert list(chat.suppressed(sender="support")) == []


def test_the_command_line_suppresses_and_tells_who_is_suppressed(stack: Harness) -> None:
    """An operator with one angry customer."""
    done = stack.run("suppress", "--sender", "support", "--reason", "sent STOP", number(1), number(2))
    assert (done.returncode, done.stdout) == (0, "2 read: 2 added, 0 already listed, 0 rejected\n"), done.stderr
    again = stack.run("suppress", "--sender", "support", number(2))
    assert again.stdout == "1 read: 0 added, 1 already listed, 0 rejected\n"
    shown = stack.run("suppressed", "--sender", "support", number(2), number(3))
    assert shown.stdout.splitlines()[1].startswith(f"{number(2)}      20")
    assert shown.stdout.endswith("sent STOP\n")
    assert (shown.returncode, shown.stderr) == (1, f"{number(3)} is not on the list\n")
    assert number(3) not in shown.stdout
    whole = json.loads(stack.run("suppressed", "--sender", "support", number(3), number(2), "--json").stdout)
    assert ([entry["number"] for entry in whole["data"]], whole["not_listed"]) == ([number(2)], [number(3)])
    assert stack.run("suppressed", "--sender", "support", number(2)).returncode == 0
    mixed = stack.run("suppressed", "--sender", "support", number(2), "0171", number(3))
    assert (mixed.returncode, mixed.stdout.count(number(2))) == (2, 1)
    assert f"{number(3)} is not on the list\n" in mixed.stderr
    nobody = stack.run("suppressed", "--sender", "chat")
    assert (nobody.returncode, nobody.stdout, nobody.stderr) == (0, "", "no number is on the list of chat\n")
    off = stack.run("unsuppress", "--sender", "support", number(2), "--json")
    assert data_of(off.stdout)["removed"] == 1
    off = stack.run("unsuppress", "--sender", "support", number(2))
    assert off.stdout == "1 read: 0 removed, 1 not listed, 0 rejected\n"
    (entry,) = data_of(stack.run("suppressed", "--sender", "support", "--json").stdout)
    assert (entry["number"], entry["reason"]) == (number(1), "sent STOP")
    assert data_of(stack.run("suppressed", "--sender", "chat", "--json").stdout) == []


def test_bad_numbers_of_a_file_are_named_by_line_and_never_shown(stack: Harness) -> None:
    """One bad cell must neither stop the opt-outs behind it nor put a number into a log."""
    cells = [number(1), "0171 1234567", ",nothing", f"{number(2)},more", '"two\nlines"x', number(3)]
    (stack.folder / "optouts.csv").write_bytes(
        b"\xef\xbb\xbfto\r\n" + "\r\n".join([*cells, "", number(4)]).encode() + b",\xff"
    )

    done = stack.run("suppress", "--sender", "support", "--file", "optouts.csv")

    assert (done.returncode, done.stdout) == (1, "7 read: 4 added, 0 already listed, 3 rejected\n"), done.stderr
    for line, said in ((3, "must be"), (4, "must be"), (6, "has text after a closing quote")):
        assert f"line {line}: {said}" in done.stderr
    assert "1234567" not in done.stderr
    assert {entry.number for entry in stack.chat().suppressed(sender="support")} == {number(i) for i in range(1, 5)}


def test_opt_outs_that_a_quote_may_have_taken_are_named(stack: Harness) -> None:
    """Numbers in a cell of another row are on no list, and their owners would be texted."""
    lines = [f'{number(1)},"asked', f"{number(2)},by mail", f'{number(3)},twice"', f'{number(4)},"open', number(5)]
    (stack.folder / "optouts.csv").write_text("\n".join(["to,note", *lines]), encoding="utf-8")

    done = stack.run("suppress", "--sender", "support", "--file", "optouts.csv")

    assert (done.returncode, done.stdout) == (1, "2 read: 1 added, 0 already listed, 1 rejected\n"), done.stderr
    assert "begin on line 2\n" in done.stderr
    assert "line 5: has a quote that is not closed" in done.stderr
    assert "the row takes 2 lines, 5 to 6" in done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "give either numbers or --file"),
        ([number(1), "--file", "optouts.csv"], "give either numbers or --file"),
        (["--file", "missing.csv"], "missing.csv can't be read"),
        (["--file", "optouts.csv"], '"to" or "number"'),
    ],
)
def test_a_command_that_can_not_be_meant_is_refused(stack: Harness, options: list[str], said: str) -> None:
    """An import of nothing would be taken for one that worked."""
    (stack.folder / "optouts.csv").write_text("phone\n+12025550101\n", encoding="utf-8")
    done = stack.run("suppress", "--sender", "support", *options)

    assert (done.returncode, done.stdout) == (2, "")
    assert said in " ".join(done.stderr.replace("│", " ").split())
    assert "Traceback" not in done.stderr
    unknown = stack.run("suppress", "--sender", "nobody", number(1))
    assert unknown.returncode == 2
    assert "known senders: chat, support" in unknown.stderr
