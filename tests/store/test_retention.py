"""What was asked for leaves Redis: at the end of the job, or as soon as it can't be replayed any more."""

from outbound_chat.model.jobs import JobState
from outbound_chat.model.lanes import Lane
from outbound_chat.store import scripts

from .ledger import DAY_MS, HOUR_MS, REQUEST, Ledger

SHARED = '{"text":"Hello"}'


def shared(ledger: Ledger, lane: str) -> str | None:
    return ledger.run(scripts.read_shared(ledger.keys, Lane.parse(lane).batch))


def test_a_failed_job_keeps_its_request_for_a_while_and_its_record_for_longer(ledger: Ledger) -> None:
    """Who looks into a failure weeks later needs its code, not the customer's message."""
    ledger.configure(version="v2", keep_requests_ms=HOUR_MS)
    (local_id,) = ledger.add(1)
    ledger.attempt("failed", code="refused")
    ledger.maintain()
    assert ledger.request(local_id) == REQUEST

    ledger.run_out("forget")
    ledger.maintain()
    assert (ledger.state(local_id), ledger.request(local_id)) == (JobState.FAILED, "")
    assert 6 * DAY_MS < ledger.ttl_ms(f"j:{local_id}") <= 7 * DAY_MS
    assert "forget" not in ledger.names()
    assert ledger.dead() == [local_id], "it is listed as long as its record"


def test_nothing_is_kept_for_replays_where_nobody_wants_them(ledger: Ledger) -> None:
    """Some data may not outlive its use by a second."""
    ledger.configure(version="v2", keep_requests_ms=0)
    lane = ledger.open_batch(shared=SHARED)
    (local_id,) = ledger.add(1, lane=lane)
    ledger.close_batch(lane)
    ledger.attempt("failed", code="refused")

    assert ledger.request(local_id) == ""
    assert shared(ledger, lane) is None
    assert ledger.run(scripts.read_batch(ledger.keys, Lane.parse(lane).batch))
    assert "forget" not in ledger.names()


def test_requests_that_live_as_long_as_their_records_need_no_index(ledger: Ledger) -> None:
    """It would cost memory for every failed job of an installation that never asked for it."""
    ledger.add(1)
    ledger.attempt("failed", code="refused")

    assert "forget" not in ledger.names()


def test_what_the_rows_share_goes_with_a_batch_of_which_nothing_failed(ledger: Ledger) -> None:
    """It is a text as well."""
    lane = ledger.open_batch(shared=SHARED)
    ledger.add(2, lane=lane)
    ledger.close_batch(lane)
    ledger.attempt("sent", contact_id="c1")
    assert shared(ledger, lane) == SHARED

    ledger.attempt("sent", contact_id="c2")
    assert shared(ledger, lane) is None


def test_what_the_rows_share_stays_for_the_replay_of_one_that_failed(ledger: Ledger) -> None:
    """Without it a row is half a message."""
    ledger.configure(version="v2", keep_requests_ms=HOUR_MS)
    lane = ledger.open_batch(shared=SHARED)
    (first, _) = ledger.add(2, lane=lane)
    ledger.close_batch(lane)
    ledger.attempt("failed", code="refused")
    ledger.attempt("sent", contact_id="c")
    ledger.maintain()
    assert shared(ledger, lane) == SHARED

    ledger.run_out("forget")
    ledger.maintain()
    assert (shared(ledger, lane), ledger.request(first)) == (None, "")


def test_a_late_contact_takes_the_last_that_could_be_replayed(ledger: Ledger) -> None:
    """An uncertain job that turns out to be sent is none to repeat."""
    lane = ledger.open_batch(shared=SHARED)
    ledger.add(1, lane=lane)
    ledger.close_batch(lane)
    local_id, claim = ledger.take_one()
    ledger.finish(local_id, claim, "failed", code="no_answer", maybe_sent=True)
    assert (ledger.state(local_id), shared(ledger, lane)) == (JobState.UNCERTAIN, SHARED)

    ledger.finish(local_id, claim, "sent", contact_id="c")
    assert (ledger.state(local_id), shared(ledger, lane)) == (JobState.SENT, None)


def test_many_requests_go_with_several_looks(ledger: Ledger) -> None:
    """A campaign that failed as a whole must not hold the server."""
    ledger.configure(version="v2", keep_requests_ms=HOUR_MS)
    ids = ledger.add(150, watched=False)
    for _ in range(15):
        taken = ledger.take(10)
        for local_id in taken.ids:
            ledger.finish(local_id, taken.claim, "failed", code="refused")
    ledger.run_out("forget")

    assert ledger.maintain().next_ms < 1_000
    ledger.maintain()
    assert {ledger.request(local_id) for local_id in ids} == {""}
