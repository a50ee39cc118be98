"""Many jobs are cancelled in few round trips: by ids, and by rows and state of a batch."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from outbound_chat import Cancellation, InvalidJob, JobState, OutboundChat, UnknownBatch
from outbound_chat.testing import InMemoryOutboundChat
from tests.support.harness import number

NOBODY = "main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR"


def enqueue(chat: OutboundChat, many: int, rejected: Sequence[int] = (), **options: Any) -> str:
    rows = ({"to": "none" if row in rejected else number(row)} for row in range(1, many + 1))
    return chat.enqueue_batch(rows, sender="support", text="Hello", **options).id


def cancelled(chat: OutboundChat, batch: str) -> list[int]:
    return [int(job.id.rpartition("-")[2]) for job in chat.each_batch_job(batch, "cancelled")]


def test_known_ids_are_cancelled_and_unknown_ones_are_named(chat: InMemoryOutboundChat) -> None:
    """One wrong id of 500 must not keep the other 499 from being stopped."""
    batch = enqueue(chat, 500)
    chat.finish(f"{batch}-1", "sent")
    ids = [f"{batch}-{row}" for row in range(1, 451)]

    found = chat.cancel_jobs([NOBODY, *ids, "nonsense", ids[7]])

    assert found.counts == {JobState.CANCELLED: 449, JobState.SENT: 1}
    assert set(found.unknown) == {NOBODY, "nonsense"}
    assert (found.looked, found.total) == (452, 452), "an id that is given twice is one job"
    assert cancelled(chat, batch) == list(range(2, 451))


def test_each_unknown_id_is_reported_once_while_it_runs(chat: OutboundChat) -> None:
    """Reports of a million ids that each repeat the earlier ones would take longer and longer."""
    batch = enqueue(chat, 1)
    unknown = [f"{batch}-{row}" for row in range(2, 500)]
    reports: list[Cancellation] = []

    found = chat.cancel_jobs(["nonsense", f"{batch}-1", *unknown], on_progress=reports.append)

    assert found.unknown == ("nonsense", *unknown)
    assert [one for report in reports for one in report.unknown] == [*found.unknown]
    assert [report.counts for report in reports] == [{JobState.CANCELLED: 1}] * 3
    assert reports[-1].looked == reports[-1].total == 500


def test_rows_have_a_limited_number_of_parts(chat: OutboundChat) -> None:
    """They are read and sorted before anything else, by a server that serves others too."""
    batch = enqueue(chat, 3)
    assert chat.cancel_batch_jobs(batch, rows=",".join(["1"] * 1_000)).counts == {JobState.CANCELLED: 1}
    with pytest.raises(InvalidJob, match="1,000 parts") as refused:
        chat.cancel_batch_jobs(batch, rows="2," * 1_000 + "2")
    assert [error.field for error in refused.value.errors] == ["rows"]
    assert cancelled(chat, batch) == [1]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("3", [3]),
        ("8-", [8, 9, 10]),
        ("2-4, 9-12", [2, 3, 4, 9, 10]),
        ("6-8,7-9,1,1", [1, 6, 7, 8, 9]),
        ("1-", list(range(1, 11))),
        (None, list(range(1, 11))),
        ("11-", []),
    ],
)
def test_rows_of_a_batch_are_cancelled_and_no_others(chat: OutboundChat, rows: str | None, expected: list[int]) -> None:
    """The part whose text is wrong, while the rest goes on: the batch stays as it was."""
    batch = enqueue(chat, 10, rejected=[5])
    expected = [row for row in expected if row != 5]

    found = chat.cancel_batch_jobs(batch, rows=rows)

    assert cancelled(chat, batch) == expected
    assert found.counts == ({JobState.CANCELLED: len(expected)} if expected else {})
    assert found.unknown == ()
    assert chat.batch(batch).remaining == 9 - len(expected)


def test_a_second_time_it_changes_nothing_and_says_the_same(chat: InMemoryOutboundChat) -> None:
    """Whoever is unsure runs the command again."""
    batch = enqueue(chat, 300)
    chat.finish(f"{batch}-2", "sent")
    first = chat.cancel_batch_jobs(batch, rows="1-250")

    assert first.counts == {JobState.CANCELLED: 249, JobState.SENT: 1}
    assert chat.cancel_batch_jobs(batch, rows="1-250") == first


def test_only_jobs_of_a_state_are_cancelled(chat: OutboundChat) -> None:
    """Those for tomorrow, and not those of today."""
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    rows = [{"to": number(row), "send_at": tomorrow if row % 2 else None} for row in range(1, 11)]
    batch = chat.enqueue_batch(rows, sender="support", text="Hello").id

    assert chat.cancel_batch_jobs(batch, state="scheduled", rows="1-6").counts == {JobState.CANCELLED: 3}
    assert cancelled(chat, batch) == [1, 3, 5]
    assert chat.cancel_batch_jobs(batch, state=JobState.QUEUED).counts == {JobState.CANCELLED: 5}
    assert cancelled(chat, batch) == [1, 2, 3, 4, 5, 6, 8, 10]


@pytest.mark.parametrize(
    "rows", ["", "0", "0-5", "5-3", "-5", "1-2-3", "a", "1,", "1;2", "1" * 10, "2-" + "1" * 10, "+1", "\u0661"]
)
def test_rows_that_are_none_are_refused_before_anything_is_done(chat: OutboundChat, rows: str) -> None:
    batch = enqueue(chat, 5)
    with pytest.raises(InvalidJob) as refused:
        chat.cancel_batch_jobs(batch, rows=rows, state="sent")
    assert [error.field for error in refused.value.errors] == ["rows", "state"]
    assert cancelled(chat, batch) == []


def test_an_unknown_batch_has_no_rows(chat: OutboundChat) -> None:
    for id_ in (NOBODY, "nonsense"):
        with pytest.raises(UnknownBatch):
            chat.cancel_batch_jobs(id_, rows="1-5")


def test_progress_is_reported_after_each_round_trip(chat: OutboundChat) -> None:
    """Whoever interrupts it learns how far it came."""
    batch = enqueue(chat, 450)
    seen: list[Cancellation] = []

    last = chat.cancel_batch_jobs(batch, on_progress=seen.append)

    assert [(one.looked, one.total, one.counts[JobState.CANCELLED]) for one in seen] == [
        (200, 450, 200),
        (400, 450, 400),
        (450, 450, 450),
    ]
    assert seen[-1] == last


def test_asyncio_does_the_same(chat: InMemoryOutboundChat) -> None:
    """Its methods are the same steps."""
    batch = enqueue(chat, 10)

    async def walk() -> None:
        there = chat.asynchronous()
        assert (await there.cancel_jobs([f"{batch}-1", NOBODY])).unknown == (NOBODY,)
        assert (await there.cancel_batch_jobs(batch, rows="9-")).counts == {JobState.CANCELLED: 2}

    asyncio.run(walk())
    assert cancelled(chat, batch) == [1, 9, 10]
