"""What went out before: found by key, file, name and numbers, before rows are sent again."""

import asyncio
import random
from typing import Any

import fakeredis
import pytest

from outbound_chat import FileKey, InvalidJob, JobState, NumberSketch, OutboundChat, UnknownBatch
from outbound_chat.encryption import new_key
from outbound_chat.testing import InMemoryOutboundChat
from tests.client.conftest import VALUES
from tests.support.harness import number


def sketch(numbers: list[str]) -> tuple[str, ...]:
    made = NumberSketch()
    for one in numbers:
        made.add(one)
    return made.digests


def key(content: str, numbers: list[str], own: str | None = None) -> FileKey:
    return FileKey(content, own, numbers=sketch(numbers))


def send(chat: OutboundChat, file: FileKey, numbers: list[str], **options: Any) -> str:
    rows = [{"to": one} for one in numbers]
    return chat.enqueue_batch(rows, **{"sender": "support", "name": "may.csv", **options}, batch_key=file).id


def same(chat: OutboundChat, file: FileKey, **options: Any) -> list[tuple[str, tuple[str, ...]]]:
    found = chat.earlier_batches(**{"sender": "support", "name": "may.csv", **options}, batch_key=file)
    return [(one.id, one.same) for one in found]


NUMBERS = [number(row) for row in range(1, 61)]


def test_a_batch_is_found_by_key_file_name_and_numbers(chat: OutboundChat) -> None:
    """Each alone is enough; another tenant's batches are not reported."""
    file = key("c", NUMBERS)
    assert same(chat, file) == []
    first = send(chat, file, NUMBERS)

    assert same(chat, file) == [(first, ("key", "file", "name", "numbers"))]
    assert same(chat, file, text="Another") == [(first, ("file", "name", "numbers"))]
    assert same(chat, FileKey("c"), name="june.csv") == [(first, ("file",))]
    assert same(chat, key("d", NUMBERS[::-1]), name="") == [(first, ("numbers",))]
    assert same(chat, FileKey("d")) == [(first, ("name",))]
    assert same(chat, FileKey("d", "nightly"), name="june.csv") == []
    assert same(chat, file, tenant="acme") == []


def test_an_earlier_batch_says_how_far_it_is(chat: OutboundChat) -> None:
    """A cancelled batch texted nobody; one in progress is about to."""
    first = send(chat, key("c", NUMBERS), NUMBERS)
    (found,) = chat.earlier_batches(sender="support", name="may.csv", batch_key=FileKey("d"))
    assert (found.closed, found.final_at, found.accepted, found.resumed_rows, found.texted) == (True, None, 60, 60, 60)
    chat.cancel_batch(first)
    (found,) = chat.earlier_batches(sender="support", name="may.csv", batch_key=FileKey("d"))
    assert found.final_at is not None
    assert (found.counts[JobState.CANCELLED], found.texted) == (60, 0)


def test_a_key_of_ones_own_is_known_again_whatever_the_file(chat: OutboundChat) -> None:
    first = send(chat, FileKey("c", "nightly"), NUMBERS[:2], name="")
    assert same(chat, FileKey("d", "nightly"), name="") == [(first, ("key",))]


def test_both_clients_find_the_same_and_refuse_the_same(chat: InMemoryOutboundChat) -> None:
    first = send(chat, FileKey("c"), NUMBERS[:2])

    async def found() -> list[str]:
        async with chat.asynchronous() as client:
            return [one.id for one in await client.earlier_batches(sender="support", batch_key=FileKey("c"))]

    assert asyncio.run(found()) == [first]
    with pytest.raises(InvalidJob) as caught:
        chat.earlier_batches(sender="nix", batch_key=FileKey("c"), durability="no", weight=0)  # type: ignore[arg-type]
    assert {error.field for error in caught.value.errors} == {"durability", "sender", "weight"}


def test_encrypted_installations_keep_keyed_hashes_only() -> None:
    """From a plain hash of few numbers they could be guessed."""
    file = key("c", NUMBERS[:3])
    names = []
    for _ in range(2):
        secret = {"keys": [new_key()], "number_key": new_key()}
        with InMemoryOutboundChat(**VALUES, encryption=secret) as chat:
            first = send(chat, file, NUMBERS[:3])
            assert same(chat, file) == [(first, ("key", "file", "name", "numbers"))]
            names.append({name for name in chat._memory.redis.keys("*") if ":source:" in name})
    assert len(names[0]) == 4, "the file, with its name and alone, the name and the numbers"
    assert not names[0] & names[1]


@pytest.mark.parametrize("size", [2, 3, 10, 20, 100, 5_000])
def test_the_order_of_numbers_and_repetitions_do_not_matter(size: int) -> None:
    numbers = [number(row) for row in range(size)]
    mixed = numbers + numbers[:3]
    random.Random(size).shuffle(mixed)  # noqa: S311  # no secret
    assert sketch(mixed) == sketch(numbers)
    assert 1 <= len(sketch(numbers)) <= 4
    assert not set(sketch(numbers)) & set(sketch([number(row) for row in range(size, 2 * size)]))


def test_a_set_that_was_repaired_is_nearly_the_same_and_a_half_is_not() -> None:
    """Averages over many files, so that no draw decides."""

    def found(common: float, size: int) -> float:
        hits = 0
        for draw in range(100):
            start = draw * 2 * size
            first = [number(row) for row in range(start, start + size)]
            other = first[: round(common * size)] + [number(row) for row in range(start + size, start + 2 * size)]
            ours, theirs = sketch(first), sketch(other[:size])
            hits += 2 * len({*ours} & {*theirs}) >= max(1, len(theirs))
        return hits / 100

    assert found(0.995, 200) > 0.95
    assert found(0.5, 200) < 0.1


def test_one_number_alone_has_no_digest() -> None:
    """It could be guessed from it."""
    assert sketch([]) == sketch([number(1)]) == sketch([number(1)] * 9) == ()


def test_a_file_of_which_every_row_is_refused_makes_no_batch(chat: OutboundChat, redis: fakeredis.FakeRedis) -> None:
    """Other callers get a batch, as before: its id is what they ask by."""
    rows = [{"to": "12"}] * 3
    for _ in range(2):
        receipt = chat.enqueue_batch(rows, sender="support", batch_key=FileKey("c"))
        assert (receipt.id, receipt.accepted, receipt.rejected, len(receipt.rejections)) == ("", 0, 3, 3)
    assert redis.keys("*") == []
    assert chat.enqueue_batch([], sender="support", batch_key=FileKey("c")).id == ""
    with pytest.raises(UnknownBatch):
        chat.batch("")
    assert chat.batch(chat.enqueue_batch(rows, sender="support", batch_key="k").id).final
    assert chat.batch(chat.enqueue_batch(rows, sender="support").id).rejected == 3


def test_a_batch_may_be_held_from_its_first_job_on(chat: OutboundChat) -> None:
    rows = [{"to": number(row)} for row in range(3)]
    receipt = chat.enqueue_batch(rows, sender="support", hold="look first", batch_key="k")
    assert [(one.name, one.reason) for one in chat.holds()] == [(receipt.id, "look first")]
    assert chat.enqueue_batch(rows, sender="support", batch_key="k").id == receipt.id, "it is no part of the key"
    assert chat.release(batch=receipt.id)
    for wrong in ("", " ", "x" * 1_001, 7):
        with pytest.raises(InvalidJob, match="hold"):
            chat.enqueue_batch(rows, sender="support", hold=wrong)  # type: ignore[arg-type]
