"""Batch keys: a producer that begins anew finds its batch, and no row of it is taken twice."""

from typing import Any

import pytest

from outbound_chat.model.errors import StoreError
from outbound_chat.model.ids import new_local_id
from outbound_chat.model.jobs import JobState
from outbound_chat.model.lanes import Lane
from outbound_chat.store import scripts
from outbound_chat.store.scripts import Empty, KeyUse, NotOpen, Opened, Other, Submitted

from .ledger import KEEP_MS, Ledger, lane, new_job


def begin(ledger: Ledger, batch_key: str = "k", fingerprint: str = "f", source: str = "", **more: Any) -> Opened:
    batch = new_local_id()
    call = scripts.open_batch(
        ledger.keys,
        batch=batch,
        lane=Lane.parse(lane(batch=batch)),
        name="n",
        shared="{}",
        batch_key=batch_key,
        fingerprint=fingerprint,
        source=source,
        **more,
    )
    found = ledger.run(call)
    assert ledger.run(call) == found, "twice gives the same answer"
    return found


def rows(batch: str, *numbers: int, **fields: str) -> list[scripts.NewJob]:
    return [new_job(f"{batch}-{row}", **fields) for row in numbers]


def test_a_batch_that_shall_only_be_found_does_not_begin(ledger: Ledger) -> None:
    """Its producer has no job for it yet, and may never have one."""
    assert begin(ledger, source="s", only_find=True).use is KeyUse.NONE
    assert begin(ledger, batch_key="", only_find=True).use is KeyUse.NONE
    assert ledger.redis.keys("*:opened:*") == []
    begun = begin(ledger, source="s")
    found = begin(ledger, source="s", only_find=True)
    assert (found.use, found.batch) == (KeyUse.SAME, begun.batch)
    assert begin(ledger, fingerprint="g", only_find=True).use is KeyUse.CONFLICT


def test_the_batch_of_a_key_is_found_with_its_last_row(ledger: Ledger) -> None:
    """From there its producer goes on."""
    first = begin(ledger)
    assert first.use is KeyUse.NEW
    ledger.submit(*rows(first.batch, 1, 2, 5), lane=lane(batch=first.batch))

    again = begin(ledger)
    assert (again.use, again.batch, again.rows, again.closed_ms) == (KeyUse.SAME, first.batch, 5, 0)
    ledger.close_batch(lane(batch=first.batch))
    assert begin(ledger).closed_ms >= again.created_ms > 0


def test_other_options_are_told_and_begin_nothing(ledger: Ledger) -> None:
    """The key promises that nothing is sent twice; it can't be kept with another text."""
    first = begin(ledger, fingerprint="one keyed")
    assert begin(ledger, fingerprint="other one").use is KeyUse.SAME, "a hash of each kind, before and after encryption"
    other = begin(ledger, fingerprint="other")
    assert (other.use, other.batch) == (KeyUse.CONFLICT, first.batch)
    assert begin(ledger, batch_key="l", fingerprint="other").use is KeyUse.NEW


def test_a_book_keeps_its_file_while_all_rows_are_of_it(ledger: Ledger) -> None:
    """Another file may go on with the batch; then none has all its rows. Once it is closed, none adds any."""

    def source() -> str:
        record = ledger.run(scripts.read_batch(ledger.keys, first.batch))
        assert record
        return record.source

    first = begin(ledger, source="one")
    begin(ledger, source="one")
    assert source() == "one"
    ledger.submit(*rows(first.batch, 1), lane=lane(batch=first.batch))
    begin(ledger, source="two")
    assert source() == ""
    begin(ledger, source="one")
    assert source() == ""
    first = begin(ledger, batch_key="l", source="one")
    ledger.close_batch(lane(batch=first.batch))
    begin(ledger, batch_key="l", source="two")
    assert source() == "one"


def test_a_row_that_came_before_is_never_taken_again(ledger: Ledger) -> None:
    """Its job may be over, and its record gone by now: the customer was texted."""
    batch = begin(ledger).batch
    name = lane(batch=batch)
    ledger.submit(*rows(batch, 1, 2, 4), lane=name)
    local_id, claim = ledger.take_one()
    ledger.finish(local_id, claim, "sent", contact_id="c")
    ledger.redis.delete(ledger.key(f"j:{local_id}"))
    ledger.moves.clear()

    assert isinstance(ledger.submit(*rows(batch, 1, 2, 3, 4, 5), lane=name, watched=False), Submitted)
    assert ledger.batch(name).accepted == 4, "rows 1, 2 and 4 from before, and 5"
    assert ledger.jobs([f"{batch}-{row}" for row in (1, 3)]) == {}
    # The counters still count what this test deleted.
    ledger.flush()


def test_rows_given_again_to_a_closed_batch_get_the_answer_of_the_first_time(ledger: Ledger) -> None:
    """The second producer of two may come with its last rows after the first has closed."""
    batch = begin(ledger).batch
    name = lane(batch=batch)
    given = rows(batch, 1, 2)
    ledger.submit(*given, lane=name)
    ledger.close_batch(name)

    assert isinstance(ledger.submit(*given, lane=name, watched=False), Submitted)
    assert ledger.submit(*rows(batch, 3), lane=name, watched=False) == NotOpen(closed=True)
    assert ledger.submit(*rows(batch, 3), lane=name, watched=False) == NotOpen(closed=True)
    assert begin(ledger).rows == 2


def test_duplicates_and_conflicts_are_told_again(ledger: Ledger) -> None:
    """They are counted anew when the rows are read once more."""
    (other,) = ledger.add(1, idem="key", fingerprint="asked")
    batch = begin(ledger).batch
    given = [*rows(batch, 1, idem="key", fingerprint="asked"), *rows(batch, 2, idem="key", fingerprint="else")]
    given += rows(batch, 3, idem="own", fingerprint="x")
    told = (Other(0, True, other), Other(1, False, other))

    for _ in range(3):
        answer = ledger.submit(*given, lane=lane(batch=batch), watched=False)
        assert isinstance(answer, Submitted)
        assert answer.others == told


def test_a_key_lives_as_long_as_its_batch(ledger: Ledger) -> None:
    """A batch that is held for months can be gone on with; after its end the key goes with the book."""
    batch = begin(ledger).batch
    name = lane(batch=batch)
    assert ledger.ttl_ms("opened:k") > KEEP_MS
    ledger.submit(*rows(batch, 1), lane=name)
    assert ledger.ttl_ms("opened:k") == -1
    local_id, claim = ledger.take_one()
    ledger.close_batch(name)
    ledger.finish(local_id, claim, "sent", contact_id="c")
    assert ledger.state(local_id) is JobState.SENT
    assert KEEP_MS - 60_000 < ledger.ttl_ms("opened:k") <= KEEP_MS
    assert begin(ledger).use is KeyUse.SAME


def test_a_key_whose_batch_is_gone_is_free(ledger: Ledger) -> None:
    """A deleted book leaves nothing to go on with."""
    first = begin(ledger)
    ledger.redis.delete(ledger.key(f"b:{first.batch}"))
    assert begin(ledger).use is KeyUse.NEW


@pytest.mark.parametrize("kind", ["text", "list"])
def test_a_key_that_was_written_over_begins_no_batch(ledger: Ledger, kind: str) -> None:
    """It may have had one, whose rows were sent."""
    begin(ledger)
    name = ledger.key("opened:k")
    ledger.redis.delete(name)
    ledger.redis.set(name, "\0\n") if kind == "text" else ledger.redis.rpush(name, "a")
    assert begin(ledger).use is KeyUse.UNREADABLE
    ledger.redis.delete(name)
    assert begin(ledger).use is KeyUse.NEW


def test_an_unfinished_batch_of_the_same_source_is_told(ledger: Ledger) -> None:
    """Whoever changes the text after a crash begins another batch, and should know of the first."""
    first = begin(ledger, "one", source="file")
    second = begin(ledger, "two", source="file")
    assert (second.use, second.unfinished) == (KeyUse.NEW, first.batch)
    ledger.close_batch(lane(batch=second.batch))
    assert begin(ledger, "three", source="file").unfinished == ""
    assert begin(ledger, "four", source="another file").unfinished == ""


def test_the_two_batches_that_were_begun_last_are_found_by_what_is_the_same(ledger: Ledger) -> None:
    """A repeated file, name or set of numbers; a batch that was deleted is for the reader to pass over."""

    def found(*alike: str, batch_key: str = "") -> tuple[str, list[list[str]]]:
        answer = ledger.run(scripts.find_batches(ledger.keys, batch_key=batch_key, alike=alike))
        return answer.of_key, [list(ids) for ids in answer.alike]

    assert found("a", "b") == ("", [[], []])
    first = begin(ledger, "one", alike=["a", "b"]).batch
    second, third = (begin(ledger, key, alike=["b"]).batch for key in ("two", "three"))
    assert begin(ledger, "one", alike=["b", "c"]).use is KeyUse.SAME
    assert found("b", "a", "c", batch_key="two") == (second, [[third, second], [first], []])
    assert ledger.ttl_ms("source:b") > 29 * 86_400_000
    ledger.redis.delete(ledger.key("source:b"))
    ledger.redis.rpush(ledger.key("source:b"), "x")
    ledger.redis.set(ledger.key("opened:two"), "nonsense")
    assert found("b", batch_key="two") == ("", [[]])
    ledger.redis.delete(ledger.key("source:b"), ledger.key("opened:two"))


def test_a_batch_is_held_before_its_first_job(ledger: Ledger) -> None:
    """No claim comes between; the hold of a person stays until the release, and goes with the batch."""
    batch = begin(ledger, hold="look first").batch
    ledger.submit(*rows(batch, 1), lane=lane(batch=batch))
    (hold,) = ledger.holds()
    assert (hold.scope, hold.owner, hold.reason) == ("batch", "person", "look first")
    assert isinstance(ledger.claim(), Empty)
    ledger.run(scripts.release(ledger.keys, scope=f"batch:{batch}"))
    local_id, claim = ledger.take_one()

    # A batch that was begun before is held too, open or closed; one that is final is not.
    assert begin(ledger, hold="once more").use is KeyUse.SAME
    assert [one.reason for one in ledger.holds()] == ["once more"]
    ledger.run(scripts.release(ledger.keys, scope=f"batch:{batch}"))
    ledger.close_batch(lane(batch=batch))
    begin(ledger, hold="stop")
    assert [one.reason for one in ledger.holds()] == ["stop"]
    ledger.finish(local_id, claim, "sent", contact_id="c")
    begin(ledger, hold="too late")
    assert ledger.holds() == []


def test_a_batch_that_can_not_be_held_does_not_begin(ledger: Ledger) -> None:
    """Another program wrote there: to send what should be held would be worse than an error."""
    ledger.redis.set(ledger.key("holds"), "x")
    with pytest.raises(StoreError, match="another type"):
        begin(ledger, hold="look first")
    assert ledger.redis.keys("*b:*") == []
    ledger.redis.delete(ledger.key("holds"))
