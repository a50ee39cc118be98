"""Jobs of which a call may have reached Connect: they end `sent` or `uncertain`, and never claim more."""

import pytest

from outbound_chat.model.jobs import JobState
from outbound_chat.store.records import Field

from .ledger import DAY_MS, HOUR_MS, REQUEST, Ledger, is_empty

HORIZON_MS = int(6.5 * DAY_MS)


def maybe_sent_job(ledger: Ledger, **fields: int) -> str:
    """A job that waits again after a call without an answer."""
    ledger.add(1, expires_ms=ledger.now_ms() + 30 * DAY_MS)
    local_id, word = ledger.attempt("retry", code="no_answer", maybe_sent=True, **fields)
    assert word == "queued"
    return local_id


def test_the_first_unanswered_call_sets_the_time(ledger: Ledger) -> None:
    """The token's seven days count from the first call, not from the last."""
    ledger.add(1)
    local_id, claim = ledger.take_one()
    called_at = ledger.head(local_id)[Field.DUE]
    ledger.finish(local_id, claim, "retry", code="no_answer", maybe_sent=True)
    assert ledger.head(local_id)[Field.MAYBE_SENT] == called_at

    ledger.rewrite(local_id, {Field.MAYBE_SENT: called_at - HOUR_MS})
    ledger.attempt("retry", code="no_answer", maybe_sent=True)
    ledger.attempt("retry", code="unreachable")
    assert ledger.head(local_id)[Field.MAYBE_SENT] == called_at - HOUR_MS
    assert ledger.job(local_id).maybe_sent


def test_an_answer_that_excludes_a_contact_sets_nothing(ledger: Ledger) -> None:
    """`uncertain` must stay rare, or nobody looks at it."""
    ledger.add(1)
    local_id, _ = ledger.attempt("retry", code="unreachable")

    assert not ledger.job(local_id).maybe_sent


def test_it_may_still_end_sent(ledger: Ledger) -> None:
    """The repeat with the same token brings the answer that was lost."""
    local_id = maybe_sent_job(ledger)

    assert ledger.attempt("sent", contact_id="contact-1") == (local_id, "sent")


def test_failed_becomes_uncertain(ledger: Ledger) -> None:
    """`failed` promises that no contact exists, and here nobody knows."""
    local_id = maybe_sent_job(ledger)

    assert ledger.attempt("failed", code="refused") == (local_id, "uncertain")
    assert ledger.request(local_id) == REQUEST


def test_failed_of_the_unanswered_call_itself_becomes_uncertain(ledger: Ledger) -> None:
    """The last attempt that the settings allow may be the one without an answer."""
    ledger.add(1)

    assert ledger.attempt("failed", code="service_error", maybe_sent=True)[1] == "uncertain"


def test_cancelled_becomes_uncertain(ledger: Ledger) -> None:
    """The caller must learn that the message may be out already."""
    local_id = maybe_sent_job(ledger)

    assert ledger.cancel(local_id) == "uncertain"
    assert is_empty(ledger.claim())


def test_cancelled_while_called_becomes_uncertain(ledger: Ledger) -> None:
    """The flag is obeyed, and the word for it stays honest."""
    local_id = maybe_sent_job(ledger)
    _, claim = ledger.take_one()
    ledger.cancel(local_id)

    assert ledger.finish(local_id, claim, "retry", code="unreachable") == "uncertain"


@pytest.mark.parametrize("found_by", ["maintain", "claim"])
def test_expired_becomes_uncertain(ledger: Ledger, found_by: str) -> None:
    """Whoever finds it, the word is the same."""
    local_id = maybe_sent_job(ledger)
    ledger.rewrite(local_id, {Field.EXPIRES: 1})
    ledger.run_out("expiry")
    if found_by == "maintain":
        assert ledger.maintain().expired == 1
    else:
        assert is_empty(ledger.claim())

    assert ledger.state(local_id) is JobState.UNCERTAIN


def test_no_call_is_made_past_the_horizon(ledger: Ledger) -> None:
    """After seven days the token protects nothing: a repeat would be a second message."""
    local_id = maybe_sent_job(ledger)
    ledger.rewrite(local_id, {Field.MAYBE_SENT: ledger.now_ms() - HORIZON_MS - 1000})

    assert is_empty(ledger.claim())
    assert ledger.state(local_id) is JobState.UNCERTAIN


def test_calls_are_made_up_to_the_horizon(ledger: Ledger) -> None:
    """Half a day of the seven is kept in hand, and no more."""
    local_id = maybe_sent_job(ledger)
    ledger.rewrite(local_id, {Field.MAYBE_SENT: ledger.now_ms() - HORIZON_MS + HOUR_MS})

    assert ledger.attempt("sent", contact_id="contact-1") == (local_id, "sent")


def test_a_retry_that_would_come_past_the_horizon_ends_uncertain_now(ledger: Ledger) -> None:
    """Waiting for a call that will not be made helps nobody."""
    local_id = maybe_sent_job(ledger)
    ledger.rewrite(local_id, {Field.MAYBE_SENT: ledger.now_ms() - HORIZON_MS + HOUR_MS})

    assert ledger.attempt("snooze", code="throttled", delay_ms=2 * HOUR_MS) == (local_id, "uncertain")
