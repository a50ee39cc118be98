"""What operators see of a whole budget, and the rows of a batch."""

from outbound_chat.model.jobs import JobState
from outbound_chat.model.lanes import Lane
from outbound_chat.store import scripts

from .ledger import HOUR_MS, LANE, Ledger, new_job


def test_a_budget_tells_its_jobs_its_pace_and_the_oldest_job_that_is_due(ledger: Ledger) -> None:
    """The age of the oldest due job is what people set alarms on."""
    ledger.add(1, lane=LANE)
    (job,) = ledger.jobs(ledger.redis.zrange(f"{ledger.keys.base}lane:{LANE}", 0, -1)).values()
    ledger.submit(new_job(send_at_ms=int(job.created_at.timestamp() * 1000) + HOUR_MS), lane=LANE)
    ledger.run(scripts.maintain(ledger.keys, worker="w", version="v1"))
    status = ledger.run(scripts.read_budget(ledger.keys, []))

    assert (status.accepted, status.counts["waiting"], status.counts["leased"], status.workers) == (2, 2, 0, 1)
    assert status.oldest_due
    assert abs((status.oldest_due - job.created_at).total_seconds()) < 1

    ledger.attempt("sent", contact_id="c")
    status = ledger.run(scripts.read_budget(ledger.keys, []))
    assert (status.counts["waiting"], status.counts["sent"], status.oldest_due) == (1, 1, None)
    assert 0 < status.rate <= status.ceiling


def test_a_budget_that_nobody_has_used_tells_so(bare_ledger: Ledger) -> None:
    status = bare_ledger.run(scripts.read_budget(bare_ledger.keys, []))
    assert (status.rate, status.ceiling, status.burst, status.workers, status.oldest_due) == (0.0, 0.0, 0, 0, None)


def test_the_workers_of_a_budget_tell_their_settings_and_clocks(ledger: Ledger) -> None:
    """Those whose file is an old one, and those whose clock stops them, are found among hundreds."""
    assert ledger.run(scripts.read_workers(ledger.keys)) == []
    ledger.redis.zadd(ledger.keys.workers, {"gone v1": ledger.now_ms() - 10_500})
    ledger.maintain(worker="b@host:1:2", version="v1")
    (alone,) = ledger.run(scripts.read_workers(ledger.keys))
    assert (alone.budget, alone.name, alone.settings_version, alone.settings_agree, alone.skew_seconds) == (
        *(ledger.keys.budget, "b@host:1:2", "v1", True, 0.0),
    )
    assert abs(alone.seen_at.timestamp() * 1000 - ledger.now_ms()) < 5_000

    ledger.run(scripts.maintain(ledger.keys, worker="a", version="v2", skew_ms=-400_000))
    found = ledger.run(scripts.read_workers(ledger.keys))
    assert [(one.name, one.settings_agree, one.skew_seconds) for one in found] == [
        ("a", False, -400.0),
        ("b@host:1:2", False, 0.0),
    ]


def test_workers_that_another_program_wrote_are_no_workers(ledger: Ledger) -> None:
    """An operator sees those that can be read, or none."""
    ledger.maintain(worker="a", version="v1")
    ledger.redis.zadd(ledger.keys.workers, {"nonsense": ledger.now_ms(), "eternal v1": float("inf")})
    ledger.redis.zadd(ledger.keys.skewed, {"a inf": ledger.now_ms(), "a nonsense": ledger.now_ms()})
    assert [(one.name, one.skew_seconds) for one in ledger.run(scripts.read_workers(ledger.keys))] == [
        ("a", 0.0),
        ("eternal", 0.0),
    ]
    ledger.redis.set(ledger.keys.workers, "text")
    assert ledger.run(scripts.read_workers(ledger.keys)) == []
    ledger.redis.delete(ledger.keys.workers)
    ledger.redis.delete(ledger.keys.skewed)


def test_rows_of_a_batch_are_read_by_their_number(ledger: Ledger) -> None:
    """Rows that were refused leave gaps, and the last number ever taken is remembered."""
    lane = ledger.open_batch()
    batch = Lane.parse(lane).batch
    ledger.submit(new_job(f"{batch}-2"), new_job(f"{batch}-4"), lane=lane)
    ledger.submit(new_job(f"{batch}-5"), lane=lane)
    ledger.attempt("sent", contact_id="c")

    rows = ledger.run(scripts.read_rows(ledger.keys, batch=batch, first=1, count=4))
    assert rows
    assert (rows.last, sorted(rows.jobs)) == (5, [2, 4])
    assert rows.jobs[2].state is JobState.SENT
    rest = ledger.run(scripts.read_rows(ledger.keys, batch=batch, first=5, count=4))
    assert rest
    assert list(rest.jobs) == [5]
    assert ledger.run(scripts.read_rows(ledger.keys, batch="none", first=1, count=1)) is None
