"""Batches: streamed, accepted or refused row by row."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import fakeredis
import pytest
import time_machine

from outbound_chat import AsyncOutboundChat, BatchStart, InvalidJob, JobState, OutboundChat, Rejection, UnknownBatch
from outbound_chat.client import FileKey
from outbound_chat.encryption import new_key
from outbound_chat.model.errors import BatchKeyConflict, FieldError
from outbound_chat.request import FieldCode
from outbound_chat.store import AsyncStore, Store
from outbound_chat.testing import InMemoryOutboundChat
from tests.client.conftest import VALUES
from tests.support.harness import number


def test_a_batch_takes_good_rows_and_names_the_bad_ones(chat: OutboundChat) -> None:
    """One wrong number in a file of 100,000 must not stop the rest."""
    bad = {"to": number(2), "text": "x" * 2_000}
    rows: list[Any] = [{"to": number(1)}, {"to": "12"}, bad, "nonsense", {"to": number(3)}]

    receipt = chat.enqueue_batch(rows, sender="support", text="Hello")

    assert (receipt.accepted, receipt.rejected, receipt.duplicates) == (2, 3, 0)
    assert [(one.row, one.errors[0].field, one.errors[0].code) for one in receipt.rejections] == [
        (2, "to", "invalid_number"),
        (3, "text", "too_long"),
        (4, "row", "wrong_type"),
    ]
    batch = chat.batch(receipt.id)
    assert (batch.accepted, batch.rejected, batch.closed, batch.final) == (2, 3, True, False)
    assert batch.counts[JobState.QUEUED] == 2
    assert sum(batch.counts.values()) == batch.accepted


def test_a_row_whose_time_has_passed_is_refused(chat: OutboundChat) -> None:
    """A slip in the year would text the whole list now."""
    now = datetime.now(UTC)
    times = [now - timedelta(days=365), now - timedelta(minutes=6), now - timedelta(minutes=4), now + timedelta(days=1)]
    receipt = chat.enqueue_batch(({"to": number(1), "send_at": time} for time in times), sender="support")

    assert receipt.accepted == 2
    assert [(one.row, one.errors[0].field, one.errors[0].code) for one in receipt.rejections] == [
        (1, "send_at", "invalid_time"),
        (2, "send_at", "invalid_time"),
    ]
    dry = chat.preflight_batch(({"to": number(1), "send_at": time} for time in times), sender="support")
    assert (dry.accepted, dry.rejected) == (2, 2)


def test_a_slow_file_is_taken_whole(chat: OutboundChat) -> None:
    """Its rows are all due when its export began."""
    due = datetime.now(UTC)

    def rows() -> Iterator[dict[str, Any]]:
        with time_machine.travel(due, tick=False) as clock:
            for index in range(4):
                yield {"to": number(index), "send_at": due}
                clock.shift(timedelta(minutes=30))

    assert chat.enqueue_batch(rows(), sender="support").accepted == 4


@pytest.mark.parametrize(("days", "accepted"), [(1, 700), (4, 600)])
def test_a_batch_that_is_resumed_days_later_takes_the_rows_that_were_right_when_it_began(
    chat: OutboundChat, days: int, accepted: int
) -> None:
    """Its rows are judged by that time; only what would have expired since (`max_age`, 3 days) is refused."""
    due = datetime.now(UTC) + timedelta(hours=1)

    def rows(broken: bool) -> Iterator[dict[str, Any]]:
        for index in range(700):
            if broken and index == 600:
                raise ConnectionError
            yield {"to": number(index), "send_at": due if index % 2 else None}

    with pytest.raises(ConnectionError):
        chat.enqueue_batch(rows(broken=True), sender="support", batch_key="sale")
    with time_machine.travel(datetime.now(UTC) + timedelta(days=days)):
        receipt = chat.enqueue_batch(rows(broken=False), sender="support", batch_key="sale")

    assert (receipt.resumed_rows, receipt.accepted, receipt.rejected) == (500, accepted, 700 - accepted)


def test_a_job_of_a_batch_is_found_by_its_row(chat: OutboundChat) -> None:
    """Ids of rows need no index: a service that kept the batch's id can ask for any row."""
    receipt = chat.enqueue_batch([{"to": number(1)}, {"to": "12"}, {"to": number(2)}], sender="support")

    assert chat.status(f"{receipt.id}-3").batch_id == receipt.id
    assert chat.statuses([f"{receipt.id}-2"]) == {f"{receipt.id}-2": None}


def test_rows_are_streamed_in_round_trips_of_500(chat: OutboundChat) -> None:
    """100,000 rows must not be in memory at once: a chunk is read while Redis takes the one before."""
    taken = 0
    progress: list[tuple[int, int, int]] = []

    def rows() -> Iterator[dict[str, str]]:
        nonlocal taken
        for index in range(1_200):
            taken += 1
            yield {"to": number(index)}

    chat.enqueue_batch(
        rows(), sender="support", on_progress=lambda accepted, rejected: progress.append((taken, accepted, rejected))
    )

    assert progress == [(1_000, 500, 0), (1_200, 1_000, 0), (1_200, 1_200, 0)]


def test_rejections_can_be_handed_on_instead_of_kept(chat: OutboundChat) -> None:
    """A file of rejects is written as it comes."""
    rejected: list[Rejection] = []

    receipt = chat.enqueue_batch([{"to": "1"}, {"to": "2"}], sender="support", on_rejected=rejected.append)

    assert [one.row for one in rejected] == [1, 2]
    assert receipt.rejections == ()


@pytest.mark.parametrize(
    ("options", "field", "code"),
    [
        ({"sender": "nobody"}, "sender", "unknown_sender"),
        ({"sender": "support", "text": "x" * 1_025}, "text", "too_long"),
        ({"sender": "support", "attributes": {"a b": "c"}}, "attributes.#1", "invalid_key"),
        ({"sender": "support", "idempotency_key": "x"}, "idempotency_key", "not_shareable"),
        ({"sender": "support", "client_token": "x"}, "client_token", "not_shareable"),
        ({"sender": "support", "subject": "x"}, "subject", "unknown_field"),
    ],
)
def test_a_batch_whose_shared_part_is_wrong_is_refused_as_a_whole(
    chat: OutboundChat, redis: fakeredis.FakeRedis, options: Any, field: str, code: str
) -> None:
    """Else each of 100,000 rows would be rejected for the same reason."""
    with pytest.raises(InvalidJob) as caught:
        chat.enqueue_batch([{"to": number(1)}], **options)

    assert [(error.field, error.code) for error in caught.value.errors] == [(field, code)]
    assert redis.keys() == []


def test_a_row_can_not_leave_its_batch(chat: OutboundChat) -> None:
    """A batch is one lane: one sender, tenant and priority."""
    rows: list[Any] = [{"to": number(1), "sender": "support", "tenant": None}, {"to": number(2), "priority": "urgent"}]

    receipt = chat.enqueue_batch(rows, sender="support")

    assert [(one.row, one.errors[0].code) for one in receipt.rejections] == [(2, "not_in_batch")]


def test_a_row_known_by_its_idempotency_key_is_counted_as_a_duplicate(chat: OutboundChat) -> None:
    """The same row twice in a file must text once."""
    rows = [
        {"to": number(1), "idempotency_key": "a"},
        {"to": number(1), "idempotency_key": "b"},
        {"to": number(9), "idempotency_key": "a"},
    ]
    first = chat.enqueue_batch(rows, sender="support", text="Hello")

    assert (first.accepted, first.rejected, first.duplicates) == (2, 1, 0)
    assert [(one.row, one.errors[0].code) for one in first.rejections] == [(3, "idempotency_conflict")]


def test_a_file_given_again_is_all_duplicates(chat: OutboundChat) -> None:
    """It makes another batch, but asks for the same jobs, whether the batch or its rows bring the text."""
    rows = [{"to": number(row), "idempotency_key": f"order-{row}"} for row in range(3)]
    chat.enqueue_batch(rows, sender="support", text="Hello")

    again = chat.enqueue_batch(rows, sender="support", text="Hello")
    in_rows = chat.enqueue_batch([{**row, "text": "Hello"} for row in rows], sender="support")
    other = chat.enqueue_batch(rows, sender="support", text="Goodbye")

    assert (again.accepted, again.duplicates, in_rows.duplicates) == (0, 3, 3)
    assert [one.errors[0].code for one in other.rejections] == ["idempotency_conflict"] * 3


@pytest.mark.parametrize(
    ("key", "resume"), [(None, False), ("k", True), (FileKey("", "k", "DE"), True), (FileKey("hash"), False)]
)
@pytest.mark.parametrize(("hold", "fate"), [(None, "are stored and will be sent;"), ("wait", "are stored on hold;")])
def test_the_note_of_an_interruption_is_true_of_a_held_batch_and_says_how_to_resume(
    chat: OutboundChat, key: str | FileKey | None, resume: bool, hold: str | None, fate: str
) -> None:
    """The command that sends a whole file says itself how."""

    def rows() -> Iterator[dict[str, str]]:
        for index in range(1_100):
            yield {"to": number(index)}
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone") as caught:
        chat.enqueue_batch(rows(), sender="support", batch_key=key, hold=hold)

    (note,) = caught.value.__notes__
    assert f"interrupted at row 1,100: 1,000 jobs {fate}" in note
    assert ("repeat the call" in note) is resume


def test_rows_that_break_off_leave_a_batch_that_says_so(chat: OutboundChat) -> None:
    """The reader of a file may fail half way: what was taken is sent, and the caller learns the batch's id."""

    def rows() -> Iterator[dict[str, str]]:
        for index in range(600):
            yield {"to": number(index)}
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone") as caught:
        chat.enqueue_batch(rows(), sender="support")

    note = caught.value.__notes__[0]
    batch = chat.batch(note.split()[1])
    assert "500 jobs are stored" in note
    assert (batch.accepted, batch.closed) == (500, False)


def rows_that_fail(good: int) -> Iterator[dict[str, str]]:
    """As a reader of a file in which a column is missing."""
    for row in range(good):
        yield {"to": number(row) if row % 2 else "12"}
    raise KeyError("id")


@pytest.mark.parametrize("good", [0, 1, 300])
def test_rows_that_fail_at_once_leave_no_batch(chat: OutboundChat, redis: fakeredis.FakeRedis, good: int) -> None:
    """A cron job with a broken file would leave one more open batch of no rows each day."""
    for key in (None, "today"):
        with pytest.raises(KeyError) as caught:
            chat.enqueue_batch(rows_that_fail(good), sender="support", batch_key=key)
        assert not hasattr(caught.value, "__notes__")
    assert redis.keys() == []


@pytest.mark.parametrize("key", [None, "today", FileKey("content")])
@pytest.mark.parametrize("row", ["no number", "passed", "by its reader"])
def test_refused_rows_leave_no_batch_where_the_reader_fails_behind_them(
    chat: OutboundChat, redis: fakeredis.FakeRedis, row: str, key: str | FileKey | None
) -> None:
    """However many they are: a batch begins with its first job. Each has been told of by then, in order."""
    refused: Any = {
        "no number": {"to": "12"},
        "passed": {"to": number(1), "send_at": datetime.now(UTC) - timedelta(days=2)},
        "by its reader": InvalidJob([FieldError("to", FieldCode.REQUIRED, "is required")]),
    }[row]
    told: list[int] = []

    def rows() -> Iterator[Any]:
        for _ in range(2_500):
            yield refused
        raise KeyError("id")

    with pytest.raises(KeyError) as caught:
        chat.enqueue_batch(rows(), sender="support", batch_key=key, on_rejected=lambda one: told.append(one.row))
    assert not hasattr(caught.value, "__notes__")
    assert redis.keys() == []
    assert len(told) >= 1_500
    assert told == list(range(1, len(told) + 1))


@pytest.mark.parametrize("key", [None, "today", FileKey("content")])
@pytest.mark.parametrize("text", ["Hi", "Other"])
def test_repeated_rows_leave_no_batch_where_the_reader_fails_behind_them(
    chat: OutboundChat, redis: fakeredis.FakeRedis, text: str, key: str | FileKey | None
) -> None:
    """They belong to jobs of another batch, so this one has none; duplicates and conflicts alike."""
    rows = [{"to": number(row), "idempotency_key": str(row)} for row in range(1_200)]
    chat.enqueue_batch(rows, sender="support", text="Hi")
    before = set(redis.keys())
    told: list[int] = []

    def failing() -> Iterator[dict[str, str]]:
        yield from rows
        raise KeyError("id")

    with pytest.raises(KeyError) as caught:
        chat.enqueue_batch(
            failing(), sender="support", text=text, batch_key=key, on_rejected=lambda one: told.append(one.row)
        )
    assert not hasattr(caught.value, "__notes__")
    # What wakes a worker lapses by itself after two seconds.
    assert set(redis.keys()) <= before
    assert told == ([] if text == "Hi" else list(range(1, 1_001)))


@pytest.mark.parametrize("key", [None, "today"])
def test_a_batch_begins_behind_repeated_rows(chat: OutboundChat, key: str | None) -> None:
    """Its ids and counts are those of all its rows, and a repetition finds them again."""
    known = [{"to": number(row), "idempotency_key": str(row)} for row in range(600)]
    chat.enqueue_batch(known, sender="support")
    rows = [*known, {"to": number(700), "idempotency_key": "new"}, {"to": "12"}]
    receipt = chat.enqueue_batch(rows, sender="support", batch_key=key)
    assert (receipt.accepted, receipt.duplicates, receipt.rejected) == (1, 600, 1)
    assert all(chat.statuses([f"{receipt.id}-601"]).values())
    if key:
        again = chat.enqueue_batch(rows, sender="support", batch_key=key)
        assert (again.id, again.repeated, again.accepted, again.duplicates) == (receipt.id, True, 1, 600)


@pytest.mark.parametrize("key", [None, "today"])
@pytest.mark.parametrize("refused", [700, 1_700])
def test_a_batch_that_begins_late_has_all_of_its_rows(chat: OutboundChat, key: str | None, refused: int) -> None:
    """Ids count the refused rows before its first job too, and a repetition finds them again."""
    started: list[BatchStart] = []
    rows = [*[{"to": "12"}] * refused, {"to": number(1)}, {"to": "12"}, {"to": number(2)}]
    receipt = chat.enqueue_batch(rows, sender="support", batch_key=key, on_start=started.append)
    assert (receipt.accepted, receipt.rejected) == (2, refused + 1)
    assert [one.row for one in receipt.rejections] == [*range(1, refused + 1), refused + 2]
    assert [start.id for start in started] == [receipt.id]
    assert all(chat.statuses(f"{receipt.id}-{row}" for row in (refused + 1, refused + 3)).values())
    assert chat.batch(receipt.id).rejected == refused + 1
    if key:
        again = chat.enqueue_batch(rows, sender="support", batch_key=key)
        assert (again.id, again.repeated, again.accepted, again.rejected) == (receipt.id, True, 2, refused + 1)


def test_a_batch_of_refused_rows_alone_is_kept_with_their_count(chat: OutboundChat) -> None:
    """It ended well: whoever asks for it by its id learns that nothing was to be sent."""
    receipt = chat.enqueue_batch([{"to": "12"}] * 1_200, sender="support")
    batch = chat.batch(receipt.id)
    assert (batch.rejected, batch.closed, batch.final) == (1_200, True, True)


def test_rows_that_fail_at_once_leave_no_batch_of_the_async_client(
    chat: InMemoryOutboundChat, redis: fakeredis.FakeRedis
) -> None:
    """The same for its twin."""

    async def walk() -> None:
        async with chat.asynchronous() as client:
            with pytest.raises(KeyError):
                await client.enqueue_batch(rows_that_fail(7), sender="support")
            assert redis.keys() == []

    asyncio.run(walk())


def test_a_batch_that_goes_on_has_the_ids_and_counts_of_its_rows(chat: OutboundChat) -> None:
    """Its first rows were checked before it was known that they had been taken."""

    def rows(last: int) -> Iterator[dict[str, str]]:
        for row in range(1, last + 1):
            yield {"to": number(row) if row % 7 else "12"}
        if last < 1_100:
            raise OSError("the disk is gone")

    starts: list[BatchStart] = []
    with pytest.raises(OSError, match="the disk is gone"):
        chat.enqueue_batch(rows(700), sender="support", batch_key="k", on_start=starts.append)
    receipt = chat.enqueue_batch(rows(1_100), sender="support", batch_key="k", on_start=starts.append)
    assert [start.id for start in starts] == [receipt.id, receipt.id]
    assert (receipt.resumed_rows, receipt.accepted, receipt.rejected) == (583, 943, 157)
    assert [one.row for one in receipt.rejections] == list(range(7, 1_101, 7))
    assert chat.batch(receipt.id).accepted == 943
    assert all(chat.statuses(f"{receipt.id}-{row}" for row in range(1, 1_101) if row % 7).values())


ENCRYPTION: list[dict[str, Any]] = [{}, {"keys": [new_key()], "number_key": new_key()}]


@pytest.mark.parametrize("encryption", ENCRYPTION, ids=["plain", "encrypted"])
@pytest.mark.parametrize("key", [None, "nightly"])
def test_a_batch_knows_the_file_that_all_its_rows_came_from(
    redis: fakeredis.FakeRedis, key: str | None, encryption: dict[str, Any]
) -> None:
    """Results are joined with that file alone: in any other, row 7 is somebody else."""
    with OutboundChat(store=Store("redis://", client=redis), **VALUES, encryption=encryption) as chat:
        rows, options = [{"to": number(1)}], dict[str, Any]({"sender": "support", "name": "n", "tenant": "t"})
        batch = chat.enqueue_batch(rows, **options, batch_key=FileKey("of no file", key)).id
        assert chat.is_file_of(batch, FileKey("of no file")) is True
        assert chat.is_file_of(batch, FileKey("other")) is False
        assert "of no file" not in json.dumps(redis.hgetall(f"oc:{{main}}:b:{batch.partition('.')[2]}"))
        without = chat.enqueue_batch(rows, **options).id
        assert chat.is_file_of(without, FileKey("abc")) is None
        with pytest.raises(UnknownBatch):
            chat.is_file_of("nonsense", FileKey("abc"))
    # Whoever encrypts from now on still knows the batches of before.
    with OutboundChat(store=Store("redis://", client=redis), **VALUES, encryption=ENCRYPTION[1]) as chat:
        assert chat.is_file_of(batch, FileKey("of no file")) is True


def test_a_file_that_is_read_in_another_way_is_another_batch(chat: OutboundChat) -> None:
    """Its rows have other numbers or texts; under a key of the caller's own, that is a conflict."""
    rows, options = [{"to": number(1)}], dict[str, Any]({"sender": "support", "name": "n"})
    german, austrian = '{"country": "DE"}', '{"country": "AT"}'
    first = chat.enqueue_batch(rows, **options, batch_key=FileKey("abc", None, german)).id
    assert chat.enqueue_batch(rows, **options, batch_key=FileKey("abc", None, german)).id == first
    others = [chat.enqueue_batch(rows, **options, batch_key=FileKey("abc", None, way)).id for way in ("", austrian)]
    assert len({first, *others}) == 3
    assert chat.is_file_of(first, FileKey("abc")) is True, "its rows are the same ones"
    keyed = chat.enqueue_batch(rows, **options, batch_key=FileKey("", "k", german)).id
    assert chat.is_file_of(keyed, FileKey("")) is None
    with pytest.raises(BatchKeyConflict):
        chat.enqueue_batch(rows, **options, batch_key=FileKey("", "k", austrian))


@pytest.mark.parametrize("other", [FileKey("xyz", "k"), "k"])
def test_a_batch_of_several_files_knows_none(chat: OutboundChat, other: FileKey | str) -> None:
    """A batch key lets another file go on with the batch: then nobody knows which rows are whose."""

    def broken_off() -> Iterator[dict[str, str]]:
        for row in range(700):
            yield {"to": number(row)}
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone") as caught:
        chat.enqueue_batch(broken_off(), sender="support", batch_key=FileKey("abc", "k"))
    batch = caught.value.__notes__[0].split()[1]
    assert chat.is_file_of(batch, FileKey("abc")) is True
    chat.enqueue_batch([{"to": number(row)} for row in range(900)], sender="support", batch_key=other)
    assert chat.is_file_of(batch, FileKey("abc")) is None
    chat.enqueue_batch([], sender="support", batch_key=FileKey("abc", "k"))
    assert chat.is_file_of(batch, FileKey("abc")) is None, "once is enough"


def test_an_unknown_batch_is_an_error(chat: OutboundChat) -> None:
    """A typing error is not an empty batch."""
    for batch_id in ("nonsense", f"main.{'0' * 26}"):
        with pytest.raises(UnknownBatch):
            chat.batch(batch_id)
        with pytest.raises(UnknownBatch):
            chat.wait_batch(batch_id)


def test_an_empty_batch_is_final_at_once(chat: OutboundChat) -> None:
    """A script over a list that happens to be empty must not wait for ever."""
    receipt = chat.enqueue_batch([], sender="support")

    assert chat.wait_batch(receipt.id, timeout=60).final


def test_both_clients_have_the_same_verbs_with_the_same_options() -> None:
    """Nobody should find a verb missing after moving to asyncio."""
    for name, method in vars(OutboundChat).items():
        if name.startswith("_") or name in {"from_settings", "close"}:
            continue
        twin = getattr(AsyncOutboundChat, name)
        assert twin.__doc__
        assert set(method.__annotations__) == set(twin.__annotations__), name


@pytest.mark.parametrize("client", ["in memory", "on a Redis for asyncio"])
def test_the_async_client_gives_the_same_answers(chat: InMemoryOutboundChat, client: str) -> None:
    """Same steps, other runner."""
    store = AsyncStore("redis://", client=fakeredis.FakeAsyncRedis(decode_responses=True))
    made = chat.asynchronous() if client == "in memory" else AsyncOutboundChat(store=store, **VALUES)

    async def walk() -> None:
        async with made as sender:
            job = await sender.enqueue(sender="support", to=number(1), text="Hello")
            assert await sender.status(job.id) == job
            assert (await sender.cancel(job.id)).state is JobState.CANCELLED
            assert (await sender.wait(job.id)).final
            receipt = await sender.enqueue_batch([{"to": number(1)}, {"to": "1"}], sender="support")
            assert (receipt.accepted, receipt.rejected) == (1, 1)
            with pytest.raises(InvalidJob):
                await sender.enqueue(sender="support", to="1")

    asyncio.run(walk())


def test_a_file_that_is_sent_again_adds_nothing_where_its_rows_have_keys(chat: OutboundChat) -> None:
    """The second batch has another id; what is asked for is the same, and nobody is texted twice."""
    rows = [{"to": number(row), "idempotency_key": f"row-{row}"} for row in range(3)]
    chat.enqueue_batch(rows, sender="support", text="Your parcel has left.")
    again = chat.enqueue_batch(rows, sender="support", text="Your parcel has left.")
    assert (again.accepted, again.duplicates, again.rejected) == (0, 3, 0)
    other = chat.enqueue_batch(rows, sender="support", text="Your parcel is late.")
    assert (other.accepted, other.duplicates, other.rejected) == (0, 0, 3)
