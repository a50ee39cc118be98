"""Events: what happened, in order, numbered without a gap."""

from outbound_chat.model.jobs import JobState
from outbound_chat.model.lanes import Lane
from outbound_chat.model.operations import EventKind

from .ledger import Ledger


def test_what_happened_is_told_in_order(ledger: Ledger) -> None:
    """Webhooks, live views and reports are made of it."""
    name = ledger.open_batch()
    ids = ledger.add(2, lane=name)
    ledger.close_batch(name)
    taken = ledger.take()
    ledger.finish(ids[0], taken.claim, "sent", contact_id="c-1")
    ledger.finish(ids[1], taken.claim, "failed", code="refused")

    found = ledger.events()
    assert [event.number for event in found.events] == [1, 2, 3, 4]
    assert [event.kind for event in found.events] == [
        EventKind.BATCH_ACCEPTED,
        EventKind.JOB_FINAL,
        EventKind.JOB_FINAL,
        EventKind.BATCH_FINAL,
    ]
    sent, failed = found.events[1:3]
    assert (sent.id, sent.state, sent.code) == (f"main.{ids[0]}", JobState.SENT, "")
    assert (failed.id, failed.state, failed.code) == (f"main.{ids[1]}", JobState.FAILED, "refused")
    assert found.events[3].id == f"main.{Lane.parse(name).batch}"
    assert (found.missed, found.next) == (0, 4)


def test_a_batch_that_is_cancelled_while_it_is_open_is_told_as_any_other(ledger: Ledger) -> None:
    """A follower that counts batches would have one end that never began."""
    name = ledger.open_batch()
    ledger.add(1, lane=name)
    scope = f"batch:{Lane.parse(name).batch}"
    ledger.cancel_many(scope)
    ledger.cancel_many(scope)
    ledger.close_batch(name)

    kinds = [event.kind for event in ledger.events().events]
    assert kinds == [EventKind.BATCH_ACCEPTED, EventKind.JOB_FINAL, EventKind.BATCH_FINAL]


def test_a_reader_goes_on_where_it_was(ledger: Ledger) -> None:
    """It may have been away for a while."""
    for _ in range(5):
        ledger.add(1)
        ledger.attempt("sent", contact_id="c")
    first = ledger.events(count=2)
    assert (len(first.events), first.next) == (2, 2)
    rest = ledger.events(since=first.next)
    assert [event.number for event in rest.events] == [3, 4, 5]
    assert ledger.events(since=rest.next).events == ()


def test_a_reader_is_told_what_it_missed(ledger: Ledger) -> None:
    """The stream is capped; silence would look like nothing had happened."""
    for _ in range(6):
        ledger.add(1)
        ledger.attempt("sent", contact_id="c")
    ledger.redis.xtrim(ledger.key("events"), maxlen=2, approximate=False)

    found = ledger.events(since=1)
    assert ([event.number for event in found.events], found.missed) == ([5, 6], 3)
    ledger.redis.delete(ledger.key("events"))
    assert (ledger.events(since=4).missed, ledger.events(since=4).next) == (2, 6)


def test_a_reader_of_another_life_of_the_server_begins_anew(ledger: Ledger) -> None:
    """After data was lost, numbers are lower than those it knows."""
    ledger.add(1)
    ledger.attempt("sent", contact_id="c")

    found = ledger.events(since=900)
    assert ([event.number for event in found.events], found.missed) == ([1], 0)
