"""Submit: jobs enter the ledger once, whatever is repeated."""

from datetime import timedelta

from outbound_chat.client.steps.new_job import fresh_job
from outbound_chat.model.jobs import JobState
from outbound_chat.model.lanes import Lane
from outbound_chat.model.times import from_ms
from outbound_chat.store.scripts import Other, Submitted

from .ledger import BUDGET, DAY_MS, HOUR_MS, LANE, REQUEST, Ledger, lane, new_job


def test_a_submitted_job_waits_in_its_lane(ledger: Ledger) -> None:
    """Every field a caller gave must come back, or status pages would lie."""
    job = new_job(parts=2, token="token-1")
    answer = ledger.submit(job, lane=lane(tenant="acme"), max_age_ms=HOUR_MS)

    assert isinstance(answer, Submitted)
    found = ledger.job(job.local_id)
    assert found.id == f"{BUDGET}.{job.local_id}"
    assert (found.state, found.sender, found.tenant, found.attempts) == (JobState.QUEUED, "sms", "acme", 0)
    assert found.created_at == from_ms(answer.now_ms)
    assert found.expires_at - found.created_at == timedelta(hours=1)
    assert ledger.request(job.local_id) == REQUEST
    assert ledger.counts() == {"accepted": 1, "waiting": 1}


def test_submitting_twice_changes_nothing(ledger: Ledger) -> None:
    """A Redis client repeats a call that timed out; the customer must still get one message."""
    jobs = [new_job(), new_job(idem="key-1", fingerprint="print-1"), new_job(send_at_ms=ledger.now_ms() + HOUR_MS)]
    first = ledger.submit(*jobs)
    records = [ledger.raw(job.local_id) for job in jobs]
    second = ledger.submit(*jobs)

    assert isinstance(first, Submitted)
    assert isinstance(second, Submitted)
    assert first.others == second.others == ()
    assert [ledger.raw(job.local_id) for job in jobs] == records
    assert ledger.counts() == {"accepted": 3, "waiting": 3}
    assert [ledger.redis.zcard(ledger.key(f"{part}:{LANE}")) for part in ("lane", "timed")] == [2, 1]


def test_a_job_that_moved_on_is_not_submitted_again(ledger: Ledger) -> None:
    """The repeat may arrive after a pump has already sent the message."""
    job = new_job(idem="key-1", fingerprint="print-1")
    ledger.submit(job)
    ledger.attempt("sent", contact_id="contact-1")
    ledger.submit(job)

    assert ledger.state(job.local_id) is JobState.SENT
    assert ledger.counts() == {"accepted": 1, "sent": 1}


def test_a_repeated_job_leaves_a_key_that_was_deleted_alone(ledger: Ledger) -> None:
    """Written again, it would have no end, and name the job when that is long forgotten."""
    job = new_job(idem="key-1", fingerprint="print-1")
    ledger.submit(job)
    (name,) = ledger.redis.keys(ledger.key("idem:*"))
    ledger.redis.delete(name)
    ledger.submit(job)

    assert not ledger.redis.exists(name)


def test_a_full_call_of_500_jobs_is_taken_at_once(ledger: Ledger) -> None:
    """Bulk speed rests on one round trip for many jobs."""
    assert len(set(ledger.add(500, watched=False))) == 500
    assert ledger.counts() == {"accepted": 500, "waiting": 500}


def test_the_same_idempotency_key_for_the_same_request_names_the_first_job(ledger: Ledger) -> None:
    """A web request that is sent twice gets one job, and its answer is that job."""
    first = new_job(idem="key-1", fingerprint="print-1")
    ledger.submit(first)
    answer = ledger.submit(new_job(), new_job(idem="key-1", fingerprint="print-1"))

    assert isinstance(answer, Submitted)
    assert answer.others == (Other(1, True, first.local_id),)
    assert ledger.counts() == {"accepted": 2, "waiting": 2}


def test_the_same_idempotency_key_for_another_request_is_a_conflict(ledger: Ledger) -> None:
    """Silence here would drop a message that somebody wanted."""
    first = new_job(idem="key-1", fingerprint="print-1")
    ledger.submit(first)
    answer = ledger.submit(new_job(idem="key-1", fingerprint="print-2"))

    assert isinstance(answer, Submitted)
    assert answer.others == (Other(0, False, first.local_id),)
    assert ledger.counts() == {"accepted": 1, "waiting": 1}


def test_an_idempotency_key_repeats_within_one_call(ledger: Ledger) -> None:
    """The rows of one file may hold the same customer twice."""
    first, second = (new_job(idem="key-1", fingerprint="print-1") for _ in range(2))
    answer = ledger.submit(first, second)

    assert isinstance(answer, Submitted)
    assert answer.others == (Other(1, True, first.local_id),)


def test_an_idempotency_key_belongs_to_its_tenant(ledger: Ledger) -> None:
    """Two customers of a platform may both number their orders from 1."""
    for tenant in ("acme", "globex", ""):
        answer = ledger.submit(new_job(idem="key-1", fingerprint=f"print-{tenant}"), lane=lane(tenant=tenant))
        assert isinstance(answer, Submitted)
        assert answer.others == ()


def test_an_idempotency_key_still_protects_after_the_job_ended(ledger: Ledger) -> None:
    """Callers repeat minutes later too; key and record go together, after the same time."""
    job = new_job(idem="key-1", fingerprint="print-1")
    ledger.submit(job)
    ledger.attempt("sent", contact_id="contact-1")
    answer = ledger.submit(new_job(idem="key-1", fingerprint="print-1"))

    assert isinstance(answer, Submitted)
    assert answer.others == (Other(0, True, job.local_id),)
    of_key, of_record = ledger.at_once("idem::key-1", f"j:{job.local_id}")
    assert abs(of_key - of_record) < 1000


def test_what_the_client_answers_is_what_it_would_read(ledger: Ledger) -> None:
    """The client makes the fresh job by itself, to save a round trip; it must not differ from the record."""
    ahead = ledger.now_ms() + HOUR_MS
    jobs = [
        new_job(),
        new_job(idem="key-1", fingerprint="print-1", parts=3),
        new_job(send_at_ms=ahead),
        new_job(send_at_ms=ledger.now_ms() - HOUR_MS),
        new_job(send_at_ms=ahead, expires_ms=ahead + HOUR_MS),
    ]
    name = lane(tenant="acme")
    answer = ledger.submit(*jobs, lane=name, max_age_ms=DAY_MS)

    assert isinstance(answer, Submitted)
    for job in jobs:
        assert fresh_job(BUDGET, job, Lane.parse(name), answer.now_ms, DAY_MS) == ledger.job(job.local_id)


def test_a_server_that_lost_its_scripts_is_given_them_again(ledger: Ledger) -> None:
    """A fail-over or a restart forgets scripts; callers must not notice."""
    ledger.redis.script_flush()

    assert len(ledger.add(1)) == 1
