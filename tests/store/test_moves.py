"""The states a job goes through: what the scripts do is what `jobs` says."""

import re

from outbound_chat.model import jobs
from outbound_chat.model.jobs import FINAL, MOVES, JobState
from outbound_chat.store.records import Field

from .clocked import ClockedLedger
from .ledger import DAY_MS, HOUR_MS, Ledger


def pull_forward(ledger: Ledger) -> None:
    """Makes all scheduled jobs due, while their records still say that they lie ahead."""
    for name in ledger.names():
        if name == "delayed" or name.startswith("timed:"):
            ledger.run_out(name)


def lost_job(ledger: Ledger) -> tuple[str, str]:
    """A job that waits after its lease was lost, and the claim that lost it."""
    ledger.add(1)
    leased = ledger.take_one()
    ledger.lose_leases()
    return leased


def end_suppressed(ledger: Ledger) -> None:
    """A claim that finds the number of every due job on the list."""
    ledger.suppress("+12025550123")
    ledger.claim()
    ledger.unsuppress("+12025550123")


def leave_scheduled(ledger: ClockedLedger) -> None:
    """Every way out of `scheduled`."""
    (local_id,) = ledger.add(1, send_at_ms=ledger.now_ms() + 400)
    ledger.clock.now_ms += 400
    ledger.watch()
    ledger.cancel(local_id)
    (local_id,) = ledger.add(1, send_at_ms=ledger.now_ms() + HOUR_MS)
    ledger.cancel(local_id)
    (local_id,) = ledger.add(1, send_at_ms=ledger.now_ms() + HOUR_MS)
    ledger.run_out("expiry")
    ledger.maintain()
    ledger.add(1, send_at_ms=ledger.now_ms() + HOUR_MS)
    pull_forward(ledger)
    ledger.attempt("sent", contact_id="contact-1")
    ledger.add(1, send_at_ms=ledger.now_ms() + HOUR_MS)
    pull_forward(ledger)
    end_suppressed(ledger)


def leave_queued(ledger: Ledger) -> None:
    """Every way out of `queued`, but for the claims of the others."""
    ledger.cancel(ledger.add(1)[0])
    ledger.add(1)
    ledger.run_out("expiry")
    ledger.maintain()
    ledger.finish(*lost_job(ledger), "sent", contact_id="contact-1")
    ledger.cancel(lost_job(ledger)[0])
    ledger.add(1)
    end_suppressed(ledger)


def leave_sending(ledger: Ledger) -> None:
    """Every way out of `sending`, and the one out of `uncertain`."""
    ledger.add(1)
    for outcome in ("retry", "snooze", "not_called", "failed"):
        ledger.attempt(outcome, code="some_code")
    ledger.add(1)
    leased = ledger.take_one()
    ledger.cancel(leased[0])
    ledger.finish(*leased, "not_called")
    ledger.add(1)
    leased = ledger.take_one()
    ledger.finish(*leased, "failed", code="service_error", maybe_sent=True)
    ledger.finish(*leased, "sent", contact_id="contact-1")


def test_the_scripts_make_all_allowed_moves_and_no_others(clocked: ClockedLedger) -> None:
    """`MOVES` is what callers build upon; after every other test, too, the moves it made are compared with it."""
    leave_scheduled(clocked)
    leave_queued(clocked)
    leave_sending(clocked)

    assert clocked.moves == {(state, after) for state, afters in MOVES.items() for after in afters}


def test_no_job_leaves_its_end(ledger: Ledger) -> None:
    """A webhook that said "failed" must not be made a liar by a late signal; only a ContactId is news."""
    ends: dict[str, str] = {}
    for outcome in ("sent", "failed"):
        ledger.add(1)
        local_id, claim = ledger.take_one()
        ledger.finish(local_id, claim, outcome, contact_id="contact-1" if outcome == "sent" else "")
        ends[local_id] = claim
    ends[ledger.add(1)[0]] = ""
    ledger.cancel(list(ends)[-1])
    (expired,) = ledger.add(1)
    ledger.rewrite(expired, {Field.EXPIRES: 1})
    ledger.claim()
    ends[expired] = ""
    ends.update([lost_job(ledger)])
    ledger.cancel(list(ends)[-1])
    states = {local_id: ledger.state(local_id) for local_id in ends}
    assert set(states.values()) == FINAL

    for local_id, claim in ends.items():
        ledger.cancel(local_id)
        ledger.renew((local_id, claim))
        ledger.redis.zadd(ledger.key("leases"), {local_id: 1})
        ledger.redis.zadd(ledger.key("expiry"), {local_id: 1})
        ledger.maintain()
        for outcome in ("retry", "snooze", "not_called", "failed"):
            assert ledger.finish(local_id, claim, outcome, delay_ms=DAY_MS) == "stale"
    assert {local_id: ledger.state(local_id) for local_id in ends} == states


def test_the_picture_shows_the_allowed_moves() -> None:
    """Readers trust the picture and never look at the mapping below it."""
    line, _, fork = (text.strip() for text in (jobs.__doc__ or "").split("\n\n")[-1].splitlines()[-3:])
    drawn: set[tuple[JobState, JobState]] = set()
    words = re.findall(r"[a-z]+|[◀─▶]+", line)
    for left, arrow, right in zip(words[::2], words[1::2], words[2::2], strict=False):
        drawn |= {(JobState(left), JobState(right))} if "▶" in arrow else set()
        drawn |= {(JobState(right), JobState(left))} if "◀" in arrow else set()
    ends = {JobState(word) for word in re.findall(r"[a-z]+", fork)}
    forked = {state for state, afters in MOVES.items() if afters & (ends - {JobState.UNCERTAIN})}

    assert {JobState(word) for word in words[::2]} | ends == set(JobState)
    assert ends == FINAL - {JobState.SENT}
    assert fork.count("┴") + 1 == len(forked) == 3
    # Two moves skip a step of the picture: a job that is due is claimed before anybody sees it queued, and a contact
    # arrives for a job that waits again.
    skips = {(JobState.SCHEDULED, JobState.SENDING), (JobState.QUEUED, JobState.SENT)}
    to_ends = {(state, end) for state in forked for end in ends}
    allowed = {(state, after) for state, afters in MOVES.items() for after in afters}
    assert drawn <= allowed
    assert allowed <= drawn | skips | to_ends
    assert all({after for state, after in allowed if state in forked} >= {end} for end in ends)
