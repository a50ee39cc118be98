"""Finish: what an attempt led to, and who may say so."""

import pytest

from outbound_chat.model.jobs import JobState
from outbound_chat.store import scripts
from outbound_chat.store.scripts import Outcome, Result

from .ledger import HOUR_MS, KEEP_MS, REQUEST, Ledger, lane


def test_a_sent_job_has_its_contact_and_loses_its_request(ledger: Ledger) -> None:
    """The phone number and the text are kept no longer than they are needed."""
    ledger.add(1)
    local_id, word = ledger.attempt("sent", contact_id="contact-1")

    assert word == "sent"
    job = ledger.job(local_id)
    assert (job.state, job.contact_id, job.attempts, job.error) == (JobState.SENT, "contact-1", 1, None)
    assert job.finished_at is not None
    assert ledger.request(local_id) == ""
    assert KEEP_MS - 60_000 < ledger.ttl_ms(f"j:{local_id}") <= KEEP_MS


def test_a_failed_job_says_why_and_keeps_its_request(ledger: Ledger) -> None:
    """A person looks at it, repairs the cause, and has it sent again."""
    ledger.add(1)
    local_id, word = ledger.attempt(
        "failed", code="refused", aws_code="InvalidRequestException", message="No such flow", request_id="request-1"
    )

    assert word == "failed"
    job = ledger.job(local_id)
    assert job.error is not None
    assert (job.error.outcome, job.error.code, job.error.aws_code) == ("failed", "refused", "InvalidRequestException")
    assert (job.error.message, job.error.request_id) == ("No such flow", "request-1")
    assert ledger.request(local_id) == REQUEST


@pytest.mark.parametrize(("outcome", "attempts"), [("retry", 1), ("snooze", 0), ("not_called", 0)])
def test_only_a_retry_costs_an_attempt(ledger: Ledger, outcome: str, attempts: int) -> None:
    """A job must not run out of attempts because the account was busy."""
    ledger.add(1)
    local_id, word = ledger.attempt(outcome, code="some_code", delay_ms=HOUR_MS)

    assert word == "queued"
    job = ledger.job(local_id)
    assert (job.state, job.attempts) == (JobState.QUEUED, attempts)
    assert [entry.outcome for entry in job.history] == ([] if outcome == "not_called" else [outcome])


def test_a_job_waits_for_its_next_attempt(ledger: Ledger) -> None:
    """Backoff that is not kept is a hammer."""
    ledger.add(1)
    before = ledger.now_ms()
    local_id, _ = ledger.attempt("retry", code="no_answer", delay_ms=HOUR_MS)

    due = ledger.job(local_id).next_attempt_at
    assert due is not None
    assert before + HOUR_MS <= due.timestamp() * 1000 <= ledger.now_ms() + HOUR_MS + 1
    assert ledger.redis.zrange(ledger.key("delayed"), 0, -1) == [lane()]


@pytest.mark.parametrize("outcome", ["not_called", "retry", "snooze"])
def test_a_job_that_may_not_go_before_a_time_waits_until_then(ledger: Ledger, outcome: str) -> None:
    """Quiet hours end at an instant, whenever the result is recorded."""
    ledger.add(1)
    opens = ledger.now_ms() + HOUR_MS
    local_id, word = ledger.attempt(outcome, code="some_code", delay_ms=1000, not_before_ms=opens)

    due = ledger.job(local_id).next_attempt_at
    assert word == "queued"
    assert due is not None
    assert due.timestamp() * 1000 == opens
    assert isinstance(ledger.claim(), scripts.Empty)


def test_a_time_that_has_passed_lets_a_job_wait_as_long_as_it_would(ledger: Ledger) -> None:
    ledger.add(1)
    before = ledger.now_ms()
    local_id, _ = ledger.attempt("retry", code="no_answer", delay_ms=HOUR_MS, not_before_ms=before)

    due = ledger.job(local_id).next_attempt_at
    assert due is not None
    assert due.timestamp() * 1000 >= before + HOUR_MS


def test_history_keeps_the_last_five_attempts(ledger: Ledger) -> None:
    """A job that is snoozed for hours must not grow without bounds."""
    ledger.add(1)
    for number in range(7):
        local_id, _ = ledger.attempt("snooze", code="chats_full", message=f"message {number}")

    assert [entry.message for entry in ledger.job(local_id).history] == [f"message {number}" for number in range(2, 7)]


def test_many_results_are_recorded_in_one_call(ledger: Ledger) -> None:
    """One round trip serves a pump whose calls end together."""
    ledger.add(3)
    taken = ledger.take(3)
    outcomes = [Outcome.SENT, Outcome.RETRY, Outcome.FAILED]
    results = [
        Result(local_id=id_, claim=taken.claim, outcome=outcome)
        for id_, outcome in zip(taken.ids, outcomes, strict=True)
    ]
    unknown = Result(local_id="01JD2Y8Q6ZK4X0B7V5N3M1C9TR", claim=taken.claim, outcome=Outcome.SENT)

    assert ledger.run(scripts.finish(ledger.keys, [*results, unknown])) == ["sent", "queued", "failed", "gone"]
    assert ledger.counts() == {"accepted": 3, "sent": 1, "waiting": 1, "failed": 1}


@pytest.mark.parametrize("outcome", ["sent", "retry", "snooze", "not_called", "failed"])
def test_finishing_twice_changes_nothing(ledger: Ledger, outcome: str) -> None:
    """The repeat of a call that timed out must count nothing twice."""
    ledger.add(1)
    local_id, claim = ledger.take_one()
    contact = "contact-1" if outcome == "sent" else ""
    ledger.finish(local_id, claim, outcome, contact_id=contact, delay_ms=HOUR_MS)
    record, counts = ledger.raw(local_id), ledger.counts()
    word = ledger.finish(local_id, claim, outcome, contact_id=contact, delay_ms=HOUR_MS)

    assert word == ("sent" if outcome == "sent" else "stale")
    assert (ledger.raw(local_id), ledger.counts()) == (record, counts)


@pytest.mark.parametrize("outcome", ["retry", "snooze", "not_called", "failed"])
def test_a_claim_that_lost_its_lease_changes_nothing(ledger: Ledger, outcome: str) -> None:
    """A worker that slept through its lease must not undo what a newer one does."""
    ledger.add(1)
    local_id, lost = ledger.take_one()
    ledger.lose_leases()
    assert ledger.take_one()[0] == local_id
    record, counts = ledger.raw(local_id), ledger.counts()

    assert ledger.finish(local_id, lost, outcome) == "stale"
    assert (ledger.raw(local_id), ledger.counts()) == (record, counts)


def test_a_late_contact_is_recorded_while_the_job_waits(ledger: Ledger) -> None:
    """The call went through: the job must not be called again."""
    ledger.add(1)
    local_id, claim = ledger.take_one()
    ledger.lose_leases()

    assert ledger.finish(local_id, claim, "sent", contact_id="contact-1") == "sent"
    assert ledger.job(local_id).contact_id == "contact-1"
    assert ledger.counts() == {"accepted": 1, "sent": 1}


def test_a_late_contact_is_recorded_while_another_claim_calls(ledger: Ledger) -> None:
    """Both calls carry one token, so both answers name one contact; the second one finds it recorded."""
    ledger.add(1)
    local_id, late = ledger.take_one()
    ledger.lose_leases()
    _, other = ledger.take_one()

    assert ledger.finish(local_id, late, "sent", contact_id="contact-1") == "sent"
    assert ledger.finish(local_id, other, "retry", code="no_answer", maybe_sent=True) == "stale"
    assert ledger.finish(local_id, other, "sent", contact_id="contact-1") == "sent"
    assert ledger.counts() == {"accepted": 1, "sent": 1}


def test_a_late_contact_is_recorded_after_the_job_ended_uncertain(ledger: Ledger) -> None:
    """The one move out of a final state: from not knowing to knowing."""
    name = ledger.open_batch()
    ledger.add(1, lane=name)
    ledger.close_batch(name)
    local_id, claim = ledger.take_one()
    ledger.lose_leases()
    assert ledger.cancel(local_id) == "uncertain"

    assert ledger.finish(local_id, claim, "sent", contact_id="contact-1") == "sent"
    assert (ledger.state(local_id), ledger.request(local_id)) == (JobState.SENT, "")
    assert (ledger.batch(name).sent, ledger.batch(name).uncertain) == (1, 0)


def test_two_contacts_of_one_job_are_counted(ledger: Ledger) -> None:
    """It would mean that a customer got two messages; that must not pass in silence."""
    ledger.add(1)
    local_id, late = ledger.take_one()
    ledger.lose_leases()
    _, other = ledger.take_one()
    ledger.finish(local_id, other, "sent", contact_id="contact-1")

    assert ledger.finish(local_id, late, "sent", contact_id="contact-2") == "sent"
    assert ledger.job(local_id).contact_id == "contact-1"
    assert ledger.counts() == {"accepted": 1, "sent": 1, "doubled": 1}


def test_the_end_of_a_job_is_published(ledger: Ledger) -> None:
    """Who waits for a job learns of its end within milliseconds."""
    (local_id,) = ledger.add(1)
    with ledger.redis.pubsub(ignore_subscribe_messages=True) as heard:
        heard.subscribe(ledger.keys.done(local_id))
        heard.get_message(timeout=60)
        ledger.attempt("sent", contact_id="contact-1")
        message = heard.get_message(timeout=60)

    assert message
    assert message["data"] == "sent"


def test_what_the_provider_said_may_hold_any_text(ledger: Ledger) -> None:
    """A quote or a line break in an error message must not break the record."""
    ledger.add(1)
    said = 'line one\nline "two" \\ é 漢 \x00'
    local_id, _ = ledger.attempt("retry", code="conflict", message=said)

    assert ledger.job(local_id).history[0].message == said
    assert ledger.request(local_id) == REQUEST


def test_a_last_attempt_that_may_have_reached_connect_is_called_uncertain(ledger: Ledger) -> None:
    """The history must not say `failed` where nobody knows."""
    ledger.add()
    id_, claim = ledger.take_one()

    assert ledger.finish(id_, claim, "failed", maybe_sent=True, code="no_answer") == "uncertain"
    assert [attempt.outcome for attempt in ledger.job(id_).history] == ["uncertain"]


def test_a_claim_tells_how_often_in_a_row_the_provider_paced_the_job(ledger: Ledger) -> None:
    """Its waits grow with it, or a job that is always throttled would take the pace of all others."""
    ledger.add()
    snoozes = []
    for outcome in ("snooze", "snooze", "retry", "snooze"):
        taken = ledger.take(1)
        snoozes.append(taken.jobs[0].snoozes)
        ledger.finish(taken.ids[0], taken.claim, outcome, code="throttled")
    snoozes.append(ledger.take(1).jobs[0].snoozes)

    assert snoozes == [0, 1, 2, 0, 1]
