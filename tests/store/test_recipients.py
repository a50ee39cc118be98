"""A cap on how often a sender contacts one number: the claim keeps it, whatever batches, pumps and clocks do."""

from itertools import count
from operator import itemgetter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from outbound_chat.model.jobs import JobState, Priority
from outbound_chat.store import scripts
from outbound_chat.store.scripts import Claimed

from .clocked import START_MS, ClockedLedger
from .ledger import LEASE_MS, Ledger, lane
from .test_suppression import NUMBER, OTHER, to
from .test_suppression_encrypted import KEY, MARK, OTHER_KEY, sealed

MINUTE_MS = 60_000
WINDOW_MS = 10 * MINUTE_MS
DAY_MS = 24 * 60 * MINUTE_MS
_claims = count()


def cap(ledger: Ledger, *caps: list[int], over_cap: str = "wait", form: str = "", **limits: Any) -> None:
    """Gives the sender caps, pairs of contacts and ms; by default one contact in ten minutes."""
    given = sorted(caps, key=itemgetter(1)) or [[1, WINDOW_MS]]
    own = {"per_recipient": given, "over_cap": over_cap, "mark_form": form}
    ledger.configure(senders={"sms": own | limits}, version=f"v{next(_claims)}")


def taken(ledger: Ledger, wanted: int = 500) -> dict[str, str]:
    """The jobs that a claim gives now, with its id; there may be none."""
    claim = f"c{next(_claims)}"
    answer = ledger.claim(claim_id=claim, wanted=wanted)
    return {job.local_id: claim for job in answer.jobs} if isinstance(answer, Claimed) else {}


def send(ledger: Ledger) -> list[str]:
    """Lets all that may go now be sent, and gives their ids."""
    jobs = taken(ledger)
    for local_id, claim in jobs.items():
        assert ledger.finish(local_id, claim, "sent", contact_id=f"c-{local_id}") == "sent"
    return list(jobs)


def due_in(ledger: ClockedLedger, local_id: str) -> int:
    return int(ledger.head(local_id)[5]) - ledger.clock.now_ms


def test_jobs_over_the_cap_wait_without_a_call_an_attempt_or_a_token(clocked: ClockedLedger) -> None:
    """They are over the cap whatever brings them: a batch, its other rows, or a single job."""
    cap(clocked)
    batch = clocked.open_batch()
    rows = clocked.add(2, lane=batch, request=to(NUMBER))
    single, urgent = clocked.add(1, request=to(NUMBER)) + clocked.add(1, lane=lane(Priority.URGENT), request=to(NUMBER))
    (other,) = clocked.add(1, request=to(OTHER))

    assert set(send(clocked)) == {urgent, other}
    for waiting in (*rows, single):
        job = clocked.job(waiting)
        assert (job.state, job.attempts, job.history) == (JobState.QUEUED, 0, ())
    # The rate is exact about the two that went.
    assert float(clocked.redis.hget(clocked.key("bucket"), "tokens")) == pytest.approx(9_998, abs=1)


def test_one_of_them_goes_as_soon_as_the_window_allows(clocked: ClockedLedger) -> None:
    """And only one: a window that opens is not a reason to send all that has gathered."""
    cap(clocked)
    jobs = clocked.add(4, request=to(NUMBER))
    assert send(clocked) == jobs[:1]
    for sent in jobs[1:]:
        clocked.clock.now_ms += WINDOW_MS
        assert send(clocked) == []
        clocked.clock.now_ms += 1
        assert send(clocked) == [sent]


def test_each_of_them_is_looked_at_about_when_its_turn_comes(clocked: ClockedLedger) -> None:
    """A hundred that were looked at with each free place would cost a large backlog most of a server."""
    cap(clocked, [1, DAY_MS])
    jobs = clocked.add(5, request=to(NUMBER), expires_ms=START_MS + 9 * DAY_MS)
    send(clocked)
    later = DAY_MS + 10 * MINUTE_MS
    waits = [due_in(clocked, local_id) for local_id in jobs[1:]]
    assert waits == [DAY_MS + 1, *[later + 1] * 3], "the first knows its time; the others are looked at if it fails"
    clocked.clock.now_ms += DAY_MS + 1
    assert send(clocked) == [jobs[1]]


def test_all_caps_of_a_sender_are_kept(clocked: ClockedLedger) -> None:
    cap(clocked, [1, WINDOW_MS], [3, DAY_MS])
    clocked.add(5, request=to(NUMBER), expires_ms=START_MS + 9 * DAY_MS)
    times: list[int] = []
    for _ in range(2 * 24 * 12):
        times += [clocked.clock.now_ms - START_MS] * len(send(clocked))
        clocked.clock.now_ms += 5 * MINUTE_MS
    assert times == [0, 15 * MINUTE_MS, 30 * MINUTE_MS, DAY_MS + 5 * MINUTE_MS, DAY_MS + 20 * MINUTE_MS]


def test_a_cap_counts_for_its_sender(clocked: ClockedLedger) -> None:
    """A customer who got the news of one may still get the code of another."""
    limits = {"per_recipient": [[1, WINDOW_MS]], "over_cap": "wait", "mark_form": ""}
    clocked.configure(senders={"sms": limits, "codes": limits, "free": {}})
    clocked.add(2, request=to(NUMBER))
    clocked.add(2, lane=lane(sender="codes"), request=to(NUMBER))
    clocked.add(2, lane=lane(sender="free"), request=to(NUMBER))
    assert len(taken(clocked)) == 4


@pytest.mark.parametrize(
    ("outcome", "fields", "sent_again"),
    [
        ("not_called", {}, 1),
        ("failed", {"code": "invalid_request"}, 1),
        ("retry", {"code": "service_error", "delay_ms": DAY_MS}, 1),
        ("hold", {"code": "access_denied", "scope": "instance:i-2", "delay_ms": DAY_MS}, 1),
        ("failed", {"code": "no_answer", "maybe_sent": True}, 0),
        ("retry", {"code": "no_answer", "maybe_sent": True, "delay_ms": DAY_MS}, 0),
    ],
)
def test_a_place_is_given_back_if_there_certainly_was_no_contact(
    clocked: ClockedLedger, outcome: str, fields: dict[str, Any], sent_again: int
) -> None:
    """A call without an answer may have made the contact, so its place stays taken."""
    cap(clocked)
    first, _ = clocked.add(2, request=to(NUMBER))
    ((local_id, claim),) = taken(clocked).items()
    assert local_id == first
    clocked.finish(local_id, claim, outcome, **fields)
    assert len(taken(clocked)) == sent_again


def test_a_call_that_no_pump_got_gives_its_place_back(clocked: ClockedLedger) -> None:
    cap(clocked)
    clocked.add(2, request=to(NUMBER))
    ((local_id, claim),) = taken(clocked).items()
    clocked.leave(unanswered=claim)
    clocked.cancel(local_id)
    assert len(taken(clocked)) == 1


def test_a_place_stays_taken_if_an_earlier_call_may_have_made_the_contact(clocked: ClockedLedger) -> None:
    """The second call was not made, but the first was."""
    cap(clocked)
    clocked.add(2, request=to(NUMBER))
    ((first, claim),) = taken(clocked).items()
    clocked.finish(first, claim, "retry", code="no_answer", maybe_sent=True)
    clocked.clock.now_ms += MINUTE_MS
    ((again, claim),) = taken(clocked).items()
    clocked.finish(again, claim, "not_called", delay_ms=DAY_MS)
    clocked.clock.now_ms += WINDOW_MS - 1
    assert (again, taken(clocked)) == (first, {})


def test_a_retry_waits_for_its_own_time_after_it_waited_for_its_recipient(clocked: ClockedLedger) -> None:
    """What advances the jobs that wait for a number must not shorten a pause between calls."""
    cap(clocked)
    clocked.add(3, request=to(NUMBER))
    send(clocked)
    clocked.clock.now_ms += WINDOW_MS + 1
    ((second, claim),) = taken(clocked).items()
    clocked.finish(second, claim, "retry", code="service_error", delay_ms=5 * WINDOW_MS)
    send(clocked)
    assert due_in(clocked, second) == 5 * WINDOW_MS


def test_a_retry_of_a_job_does_not_count_twice(clocked: ClockedLedger) -> None:
    """Its own call, which may have made the contact, must not keep it from being repeated with its token."""
    cap(clocked)
    clocked.add(2, request=to(NUMBER))
    ((local_id, claim),) = taken(clocked).items()
    clocked.finish(local_id, claim, "retry", code="no_answer", maybe_sent=True, delay_ms=MINUTE_MS)
    clocked.clock.now_ms += MINUTE_MS
    assert list(taken(clocked)) == [local_id]


def test_the_window_begins_when_the_call_ended(clocked: ClockedLedger) -> None:
    """AWS counts a contact when the call arrives, which may be long after the claim."""
    cap(clocked)
    clocked.add(2, request=to(NUMBER))
    ((local_id, claim),) = taken(clocked).items()
    clocked.clock.now_ms += 20_000
    clocked.finish(local_id, claim, "sent", contact_id="c")
    clocked.clock.now_ms += WINDOW_MS
    assert taken(clocked) == {}
    clocked.clock.now_ms += 1
    assert len(taken(clocked)) == 1


def test_a_lost_lease_counts_as_a_contact(clocked: ClockedLedger) -> None:
    """Its worker may have called just before it died."""
    cap(clocked)
    first, second = clocked.add(2, request=to(NUMBER))
    taken(clocked)
    clocked.clock.now_ms += LEASE_MS + 1
    assert clocked.maintain().lost == 1
    assert list(taken(clocked)) == [first]
    assert clocked.state(second) is JobState.QUEUED


def test_a_lost_lease_counts_from_its_end(clocked: ClockedLedger) -> None:
    """It was renewed, so the call ran longer than a lease."""
    cap(clocked, [1, MINUTE_MS])
    clocked.add(2, request=to(NUMBER))
    ((local_id, claim),) = taken(clocked).items()
    clocked.clock.now_ms += LEASE_MS - 1_000
    assert clocked.renew((local_id, claim)).leases == 1
    clocked.clock.now_ms += LEASE_MS + 1
    assert clocked.maintain().lost == 1
    clocked.cancel(local_id)
    clocked.clock.now_ms += MINUTE_MS
    assert taken(clocked) == {}
    clocked.clock.now_ms += 1
    assert len(taken(clocked)) == 1


def test_a_contact_that_is_reported_late_counts(clocked: ClockedLedger) -> None:
    cap(clocked, [1, MINUTE_MS])
    clocked.add(2, request=to(NUMBER))
    ((local_id, claim),) = taken(clocked).items()
    clocked.clock.now_ms += LEASE_MS + 1
    clocked.maintain()
    clocked.clock.now_ms += 50_000
    assert clocked.finish(local_id, claim, "sent", contact_id="c") == "sent"
    clocked.clock.now_ms += 50_000
    assert taken(clocked) == {}


@pytest.mark.parametrize("outcome", ["sent", "failed"])
def test_over_the_cap_a_job_ends_suppressed_if_the_sender_says_so(clocked: ClockedLedger, outcome: str) -> None:
    """While the call of another runs, nobody knows whether that makes a contact, so all wait for its end."""
    cap(clocked, over_cap="suppress")
    first, *others = clocked.add(4, request=to(NUMBER))
    ((local_id, claim),) = taken(clocked).items()
    assert local_id == first
    assert {clocked.state(other) for other in others} == {JobState.QUEUED}
    clocked.clock.now_ms += 900
    fields = {"contact_id": "c"} if outcome == "sent" else {"code": "invalid_request"}
    clocked.finish(local_id, claim, outcome, **fields)
    clocked.clock.now_ms += 100
    assert len(send(clocked)) == (0 if outcome == "sent" else 1)
    clocked.clock.now_ms += 1_000
    assert send(clocked) == []
    jobs = [clocked.job(other) for other in others]
    ended = [job for job in jobs if job.state is JobState.FAILED]
    assert len(ended) == (3 if outcome == "sent" else 2)
    for job in ended:
        assert (job.attempts, job.history[-1].code) == (0, "suppressed")
        assert "per_recipient" in job.history[-1].message


def test_a_job_that_may_have_been_sent_is_never_suppressed_by_a_cap(clocked: ClockedLedger) -> None:
    """Its repeat, with its token, is the only way to learn the contact."""
    cap(clocked, [1, MINUTE_MS], over_cap="suppress")
    clocked.add(1, request=to(NUMBER))
    ((local_id, claim),) = taken(clocked).items()
    clocked.finish(local_id, claim, "retry", code="no_answer", maybe_sent=True, delay_ms=2 * MINUTE_MS)
    clocked.clock.now_ms += 2 * MINUTE_MS - 1
    clocked.add(1, request=to(NUMBER))
    assert len(send(clocked)) == 1
    clocked.clock.now_ms += 10
    assert send(clocked) == []
    assert clocked.state(local_id) is JobState.QUEUED


def test_a_job_that_waits_for_its_recipient_expires(clocked: ClockedLedger) -> None:
    cap(clocked, [1, DAY_MS])
    clocked.add(1, request=to(NUMBER))
    (late,) = clocked.add(1, request=to(NUMBER), expires_ms=clocked.clock.now_ms + MINUTE_MS)
    send(clocked)
    clocked.clock.now_ms += MINUTE_MS
    assert clocked.maintain().expired == 1
    assert clocked.state(late) is JobState.EXPIRED


def test_jobs_behind_a_cancelled_one_move_up(clocked: ClockedLedger) -> None:
    """The rows of a stopped campaign must not keep the times of others free."""
    cap(clocked)
    batch = clocked.open_batch()
    clocked.add(50, lane=batch, request=to(NUMBER))
    assert len(send(clocked)) == 1
    (single,) = clocked.add(1, request=to(NUMBER))
    assert send(clocked) == []
    clocked.cancel_many(f"batch:{batch.rpartition(':')[2]}")
    clocked.clock.now_ms += 2 * WINDOW_MS
    assert send(clocked) == [single]


def test_jobs_that_no_longer_wait_hide_no_other(clocked: ClockedLedger) -> None:
    cap(clocked, [2, WINDOW_MS])
    clocked.add(2, request=to(NUMBER))
    running = taken(clocked)
    batch = clocked.open_batch()
    clocked.add(30, lane=batch, request=to(NUMBER), watched=False)
    taken(clocked)
    (single,) = clocked.add(1, request=to(NUMBER))
    taken(clocked)
    clocked.cancel_many(f"batch:{batch.rpartition(':')[2]}")
    for local_id, claim in running.items():
        clocked.finish(local_id, claim, "sent", contact_id=f"c-{local_id}")
    assert due_in(clocked, single) == WINDOW_MS + 1
    assert [name.rpartition(":")[2] for name in clocked.redis.zrange(clocked.key("recipient_waits"), 0, -1)] == [single]


def test_a_claim_looks_at_each_job_a_few_times(clocked: ClockedLedger) -> None:
    """With short windows and a long backlog, a claim that looked at all of them would do nothing else."""
    cap(clocked, [1, 6_000])
    jobs = clocked.add(40, request=to(NUMBER), watched=False)
    looks, sent = len(jobs), len(send(clocked))
    while sent < len(jobs) and clocked.clock.now_ms - START_MS <= 40 * 6_100:
        retries = clocked.redis.zrange(clocked.key("retry:2:sms::"), 0, -1, withscores=True)
        clocked.clock.now_ms = int(min(due for _, due in retries))
        looks += sum(due <= clocked.clock.now_ms for _, due in retries)
        sent += len(send(clocked))
    assert sent == len(jobs)
    assert looks <= 3 * len(jobs)


@pytest.mark.parametrize("caps", [[], [[4, DAY_MS]]])
def test_a_cap_that_is_removed_or_raised_lets_waiting_jobs_go_at_once(
    clocked: ClockedLedger, caps: list[list[int]]
) -> None:
    """Whoever made a mistake of a day must not wait for it a day."""
    cap(clocked, [1, DAY_MS])
    jobs = [*clocked.add(2, request=to(NUMBER)), *clocked.add(1, lane=clocked.open_batch(), request=to(NUMBER))]
    (other,) = clocked.add(1, lane=lane(Priority.URGENT), request=to(NUMBER))
    assert send(clocked) == [other]
    if caps:
        cap(clocked, *caps)
    else:
        clocked.configure(senders={"sms": {}}, version="without")
    clocked.maintain()
    assert sorted(send(clocked)) == sorted(jobs)
    assert not clocked.redis.exists(clocked.key("recipient_waits"))


def test_a_cap_that_is_tightened_counts_for_waiting_jobs_and_earlier_contacts(clocked: ClockedLedger) -> None:
    cap(clocked, [2, DAY_MS])
    clocked.add(4, request=to(NUMBER), expires_ms=START_MS + 9 * DAY_MS)
    assert len(send(clocked)) == 2
    clocked.clock.now_ms += DAY_MS // 2
    cap(clocked, [1, DAY_MS])
    clocked.maintain()
    assert send(clocked) == []
    clocked.clock.now_ms += DAY_MS // 2
    assert send(clocked) == []
    clocked.clock.now_ms += 1
    assert len(send(clocked)) == 1


def test_settings_that_keep_the_caps_look_at_no_job(clocked: ClockedLedger) -> None:
    """Each worker that starts writes them."""
    cap(clocked)
    clocked.add(2, request=to(NUMBER))
    send(clocked)
    cap(clocked, concurrency=5)
    clocked.maintain()
    assert clocked.redis.zcard(clocked.key("recipient_waits")) == 1


def test_a_cap_costs_a_call_a_few_commands(clocked: ClockedLedger) -> None:
    """And a sender without one nothing."""

    def counted() -> int:
        return sum(int(stats["calls"]) for stats in clocked.redis.info("commandstats").values())

    def commands(**limits: Any) -> float:
        clocked.configure(senders={"sms": limits}, version=f"v{next(_claims)}")
        for row in range(100):
            clocked.add(1, request=to(f"+1202555{row:04}"), watched=False)
        before = counted()
        for local_id, claim in taken(clocked).items():
            clocked.finish(local_id, claim, "sent", contact_id="c")
        return (counted() - before) / 100

    without = commands()
    assert commands(per_recipient=[[1, WINDOW_MS]], over_cap="wait", mark_form="") <= without + 10


def test_thousands_that_wait_for_one_number_cost_a_script_little(clocked: ClockedLedger) -> None:
    """Neither a claim, nor what ends a call or changes a cap, looks at all of them."""
    cap(clocked, [1, DAY_MS])
    jobs = 3_000
    for _ in range(jobs // 500):
        clocked.add(500, request=to(NUMBER), expires_ms=START_MS + 9 * DAY_MS, watched=False)
    for _ in range(jobs // 500 + 1):
        send(clocked)
    assert clocked.redis.zcard(clocked.key("recipient_waits")) == jobs - 1

    def commands() -> int:
        return sum(stats["calls"] for stats in clocked.redis.info("commandstats").values())

    clocked.clock.now_ms += DAY_MS + 1
    before = commands()
    ((local_id, claim),) = taken(clocked).items()
    clocked.finish(local_id, claim, "sent", contact_id="c")
    assert commands() - before < 150
    clocked.configure(senders={"sms": {}}, version="without")
    before = commands()
    clocked.maintain()
    assert commands() - before < 500 * 25
    for _ in range(jobs // 500):
        clocked.maintain()
    assert sum(len(taken(clocked)) for _ in range(jobs // 500)) == jobs - 2


def test_a_held_job_delays_others_to_its_number_only_a_little(clocked: ClockedLedger) -> None:
    """It may be held for weeks."""
    cap(clocked)
    clocked.add(1, request=to(NUMBER))
    send(clocked)
    batch = clocked.open_batch()
    clocked.add(30, lane=batch, request=to(NUMBER))
    (single,) = clocked.add(1, request=to(NUMBER))
    assert send(clocked) == []
    clocked.hold(f"batch:{batch.rpartition(':')[2]}")
    clocked.clock.now_ms += WINDOW_MS + 10 * MINUTE_MS + 1
    assert send(clocked) == [single]


def test_an_urgent_job_goes_first_of_those_that_wait(clocked: ClockedLedger) -> None:
    cap(clocked)
    clocked.add(3, request=to(NUMBER))
    send(clocked)
    (urgent,) = clocked.add(1, lane=lane(Priority.URGENT), request=to(NUMBER))
    assert send(clocked) == []
    clocked.clock.now_ms += WINDOW_MS + 1
    assert send(clocked) == [urgent]


def test_a_job_that_ends_while_it_waits_leaves_its_turn_at_once(clocked: ClockedLedger) -> None:
    cap(clocked)
    clocked.add(1, request=to(NUMBER))
    send(clocked)
    (expires,) = clocked.add(1, request=to(NUMBER), expires_ms=clocked.clock.now_ms + MINUTE_MS)
    cancelled, last = clocked.add(2, request=to(NUMBER))
    assert send(clocked) == []
    assert due_in(clocked, expires) == WINDOW_MS + 1
    clocked.clock.now_ms += MINUTE_MS
    clocked.maintain()
    assert (clocked.state(expires), due_in(clocked, cancelled)) == (JobState.EXPIRED, WINDOW_MS - MINUTE_MS + 1)
    clocked.cancel(cancelled)
    assert due_in(clocked, last) == WINDOW_MS - MINUTE_MS + 1
    assert len(clocked.redis.zrange(clocked.key("recipient_waits"), 0, -1)) == 1


def test_a_call_longer_than_its_lease_keeps_its_place(clocked: ClockedLedger) -> None:
    """Its lease was renewed, and it may reach AWS after a short window is over."""
    cap(clocked, [1, 1_000])
    clocked.add(2, request=to(NUMBER))
    ((local_id, claim),) = taken(clocked).items()
    for _ in range(4):
        clocked.clock.now_ms += LEASE_MS - 1_000
        assert clocked.renew((local_id, claim)).leases == 1
        assert taken(clocked) == {}


def test_a_clock_that_goes_back_delays_nobody_by_more_than_a_window(clocked: ClockedLedger) -> None:
    cap(clocked)
    clocked.add(2, request=to(NUMBER), expires_ms=START_MS + 9 * DAY_MS)
    clocked.maintain()
    send(clocked)
    clocked.clock.now_ms -= 2 * DAY_MS
    clocked.maintain()
    assert send(clocked) == []
    clocked.clock.now_ms += WINDOW_MS
    assert len(send(clocked)) == 1


def test_contacts_are_forgotten_with_the_longest_window(clocked: ClockedLedger) -> None:
    """A sender of millions must not fill Redis with all of them."""
    cap(clocked, [1, 2_000], [5, 3_000])
    clocked.add(1, request=to(NUMBER))
    send(clocked)
    assert 0 < clocked.redis.pttl(clocked.key(f"recipient:sms:{NUMBER}")) <= 3_000 + 10 * MINUTE_MS


def test_a_number_that_is_contacted_for_ever_takes_no_more_memory(clocked: ClockedLedger) -> None:
    cap(clocked)
    for _ in range(5):
        clocked.add(1, request=to(NUMBER))
        assert len(send(clocked)) == 1
        clocked.clock.now_ms += WINDOW_MS + 1
    assert clocked.redis.zcard(clocked.key(f"recipient:sms:{NUMBER}")) <= 2


def test_a_call_that_is_running_is_not_forgotten_because_another_ended(clocked: ClockedLedger) -> None:
    """Windows may be shorter than a call."""
    cap(clocked, [2, 1_000])
    clocked.add(2, request=to(NUMBER))
    running, ended = taken(clocked).items()
    clocked.finish(*ended, "sent", contact_id="c")
    assert clocked.redis.pttl(clocked.key(f"recipient:sms:{NUMBER}")) > LEASE_MS - 10_000
    assert clocked.finish(*running, "sent", contact_id="d") == "sent"


@pytest.mark.parametrize("name", [f"recipient:sms:{NUMBER}", "recipient_waits"])
def test_contacts_that_another_program_wrote_over_count_as_all(clocked: ClockedLedger, name: str) -> None:
    """What can't be counted must not be taken for nothing."""
    cap(clocked, [2, WINDOW_MS])
    clocked.add(4, request=to(NUMBER))
    send(clocked)
    key = clocked.key(name)
    clocked.redis.delete(key)
    clocked.redis.set(key, "text")
    clocked.clock.now_ms += WINDOW_MS // 2
    clocked.add(1, request=to(NUMBER))
    assert send(clocked) == []
    clocked.clock.now_ms += 2 * WINDOW_MS
    assert len(send(clocked)) == 2


@pytest.mark.parametrize("limits", [{"per_recipient": "1"}, {"per_recipient": [["x", 1]]}, {"mark_form": 5}])
def test_unreadable_caps_close_their_sender(clocked: ClockedLedger, limits: dict[str, Any]) -> None:
    own = {"per_recipient": [[1, WINDOW_MS]], "over_cap": "wait", "mark_form": ""}
    clocked.configure(senders={"sms": own | limits})
    clocked.add(1, request=to(NUMBER))
    assert taken(clocked) == {}


def recount(ledger: Ledger, local_id: str, claim: str, request: str, marks: dict[str, str]) -> str:
    call = scripts.recount(ledger.keys, local_id=local_id, claim=claim, request=request, marks=marks)
    word = ledger.run(call)
    ledger.finish(local_id, claim, "not_called")
    return word


def test_encrypted_numbers_are_counted_by_their_blind_indexes(clocked: ClockedLedger) -> None:
    cap(clocked, form=KEY)
    clocked.add(2, request=sealed(MARK))
    assert len(send(clocked)) == 1
    assert taken(clocked) == {}
    assert not [name for name in clocked.names() if NUMBER in name]


def test_switching_encryption_on_opens_no_cap(clocked: ClockedLedger) -> None:
    """What was counted by the plain number, and what still waits with it, counts for the blind index."""
    cap(clocked)
    clocked.add(1, request=to(NUMBER))
    send(clocked)
    cap(clocked, form=KEY)
    encrypted, plain = clocked.add(1, request=sealed(MARK)) + clocked.add(1, request=to(NUMBER))
    answer = clocked.claim(claim_id="c")
    assert isinstance(answer, Claimed)
    assert {job.local_id: job.recount for job in answer.jobs} == {encrypted: True, plain: True}
    again = clocked.claim(claim_id="c")
    assert isinstance(again, Claimed)
    assert again.jobs == answer.jobs, "a repeated answer says the same"

    for local_id in (encrypted, plain):
        assert recount(clocked, local_id, "c", sealed(MARK), {"": NUMBER, KEY: MARK}) == "ok"
    assert send(clocked) == []
    assert not [name for name in clocked.names() if NUMBER in name]
    assert clocked.request(plain) == sealed(MARK)
    clocked.clock.now_ms += WINDOW_MS + 1
    assert len(send(clocked)) == 1


def test_switching_encryption_on_and_off_again_opens_no_cap(clocked: ClockedLedger) -> None:
    """A number that was added up for one form is added up again for the other, whose contacts came later."""
    marks = {"": NUMBER, KEY: MARK}
    cap(clocked, [2, WINDOW_MS])
    clocked.add(1, request=to(NUMBER))
    assert len(send(clocked)) == 1
    for form, request in ((KEY, sealed(MARK)), ("", to(NUMBER))):
        cap(clocked, [2, WINDOW_MS], form=form)
        (local_id,) = clocked.add(1, request=request)
        ((_, claim),) = taken(clocked).items()
        assert recount(clocked, local_id, claim, request, marks) == "ok"
        assert len(send(clocked)) == (1 if form else 0)


def test_a_worker_with_old_settings_that_writes_them_again_opens_no_cap(clocked: ClockedLedger) -> None:
    """Two versions of the settings may take turns while workers are replaced."""
    for form in ("", KEY, "", KEY):
        cap(clocked, form=form)
    (local_id,) = clocked.add(1, request=sealed(MARK))
    ((_, claim),) = taken(clocked).items()
    assert recount(clocked, local_id, claim, sealed(MARK), {"": NUMBER, KEY: MARK}) == "ok"
    assert send(clocked) == [local_id]
    cap(clocked, form="")
    cap(clocked, form=KEY)
    clocked.add(1, request=sealed(MARK))
    clocked.maintain()
    assert send(clocked) == []


def test_another_number_key_stops_the_sender_while_its_contacts_count(clocked: ClockedLedger) -> None:
    """They can't be compared, so nobody knows who may be contacted."""
    cap(clocked, form=KEY)
    clocked.add(1, request=sealed(MARK))
    send(clocked)
    cap(clocked, form=OTHER_KEY)
    mark = f"{OTHER_KEY}-mark"
    (local_id,) = clocked.add(1, request=f"encrypted:{OTHER_KEY}:{mark}:token")
    ((_, claim),) = taken(clocked).items()
    request = clocked.request(local_id)
    assert recount(clocked, local_id, claim, request, {"": NUMBER, OTHER_KEY: mark}) == "unknown"
    clocked.clock.now_ms += WINDOW_MS + LEASE_MS + 1
    assert send(clocked) == [local_id]


def test_a_worker_with_other_settings_changes_nothing(clocked: ClockedLedger) -> None:
    """It does not know in which form contacts are counted; writing the job in its own would not help."""
    cap(clocked, form=KEY)
    (local_id,) = clocked.add(1, request=to(NUMBER))
    ((_, claim),) = taken(clocked).items()
    assert recount(clocked, local_id, claim, sealed(f"{OTHER_KEY}-mark"), {"": NUMBER, OTHER_KEY: "m"}) == "unknown"
    assert clocked.request(local_id) == to(NUMBER)


def test_a_cap_that_is_gone_needs_no_recount(clocked: ClockedLedger) -> None:
    cap(clocked, form=KEY)
    (local_id,) = clocked.add(1, request=to(NUMBER))
    ((_, claim),) = taken(clocked).items()
    clocked.configure(senders={"sms": {}}, version="without")
    assert recount(clocked, local_id, claim, sealed(MARK), {"": NUMBER, KEY: MARK}) == "ok"
    assert list(taken(clocked)) == [local_id]


def test_another_claim_of_the_job_is_left_alone(clocked: ClockedLedger) -> None:
    cap(clocked, form=KEY)
    (local_id,) = clocked.add(1, request=to(NUMBER))
    taken(clocked)
    call = scripts.recount(clocked.keys, local_id=local_id, claim="old", request="x", marks={})
    assert clocked.run(call) == "stale"
    assert clocked.request(local_id) == to(NUMBER)


def test_a_request_that_cannot_be_read_is_left_to_the_worker(clocked: ClockedLedger) -> None:
    cap(clocked)
    (local_id,) = clocked.add(1, request="no JSON")
    assert list(taken(clocked)) == [local_id]


def test_without_a_cap_nothing_is_kept(clocked: ClockedLedger) -> None:
    clocked.add(2, request=to(NUMBER))
    send(clocked)
    assert not [name for name in clocked.names() if name.startswith("recipient")]


@given(
    caps=st.lists(st.tuples(st.integers(1, 3), st.sampled_from([1_000, 7_000, 60_000])), min_size=1, max_size=3),
    steps=st.lists(
        st.tuples(
            st.sampled_from([0, 1, 500, 999, 1_000, 3_000, 7_001, 40_000]),
            st.integers(0, 3),
            st.sampled_from(["sent", "sent", "sent", "not_called", "maybe", "refused", "lost"]),
            st.sampled_from([0, 1, 900]),
        ),
        max_size=40,
    ),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_window_has_more_contacts_than_its_cap(
    clocked: ClockedLedger, caps: list[tuple[int, int]], steps: list[tuple[int, int, str, int]]
) -> None:
    """Whatever calls lead to, and whenever they reach AWS between their claim and their end."""
    clocked.flush()
    cap(clocked, *map(list, caps))
    contacts: list[tuple[int, int]] = []  # the earliest and the latest time of each
    for wait_ms, new, outcome, call_ms in steps:
        clocked.clock.now_ms += wait_ms
        clocked.maintain()
        clocked.add(new, request=to(NUMBER), watched=False)
        begun_ms = clocked.clock.now_ms
        jobs = taken(clocked)
        for local_id, claim in jobs.items():
            clocked.clock.now_ms += LEASE_MS + 1 if outcome == "lost" else call_ms
            fields: dict[str, Any] = {"delay_ms": 1}
            if outcome in {"sent", "maybe"}:
                contacts.append((begun_ms, clocked.clock.now_ms))
            if outcome == "sent":
                fields = {"contact_id": f"c-{local_id}"}
            elif outcome == "maybe":
                # It was answered so late that nobody knows; the same contact is what the repeat would get.
                fields |= {"maybe_sent": True}
            word = {"maybe": "failed", "refused": "retry", "lost": "not_called"}.get(outcome, outcome)
            clocked.finish(local_id, claim, word, **fields)
    for most, window_ms in caps:
        starts = sorted(contacts)
        for first, after in zip(starts, starts[most:], strict=False):
            assert after[0] >= first[0] + window_ms
            assert after[0] > first[1] + window_ms or after[0] - first[1] >= window_ms


@given(caps=st.lists(st.tuples(st.integers(1, 3), st.sampled_from([1_000, 7_000, 60_000])), min_size=1, max_size=3))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_all_that_waits_goes_as_fast_as_the_caps_allow(clocked: ClockedLedger, caps: list[tuple[int, int]]) -> None:
    """A cap that delayed more than it must would be another cap."""
    clocked.flush()
    cap(clocked, *map(list, caps))
    clocked.add(6, request=to(NUMBER), watched=False)
    times: list[int] = []
    wanted: list[int] = []
    for place in range(6):
        wanted.append(max((wanted[place - most] + 1 + ms for most, ms in caps if place >= most), default=START_MS))
    clocked.clock.now_ms = START_MS
    for now in sorted({START_MS, *wanted}):
        clocked.clock.now_ms = now
        while sent := send(clocked):
            times += [now] * len(sent)
    assert times == wanted


SENDERS = {"sms": [[1, 7_000], [3, 60_000]], "codes": [[2, 60_000]]}
KINDS = ["add", "add", "claim", "claim", "sent", "retry", "cancel", "hold", "release", "settings"]
STEP = st.tuples(st.sampled_from(KINDS), st.integers(0, 5), st.sampled_from([0, 1, 900, 7_001, 40_000, -5_000]))


class History:
    """What becomes of jobs to two numbers, with batches that are held, cancelled or limited."""

    def __init__(self, ledger: ClockedLedger) -> None:
        self.ledger = ledger
        self.configure(SENDERS)
        self.batches = [ledger.open_batch(), ledger.open_batch(concurrency=1)]
        self.lanes = [*self.batches, lane(), lane(Priority.URGENT), lane(sender="codes")]
        self.jobs: dict[str, tuple[str, str]] = {}
        self.running: dict[str, tuple[str, int]] = {}
        self.contacts: list[tuple[tuple[str, str], int]] = []
        self.age = 0
        """Time that passed, which never goes back. A call may reach AWS between its claim and its end."""

    def configure(self, caps: dict[str, list[list[int]]]) -> None:
        found = {name: {"per_recipient": own, "over_cap": "wait", "mark_form": ""} for name, own in caps.items()}
        self.ledger.configure(senders=found, version=f"v{next(_claims)}")

    def move(self, by_ms: int) -> None:
        self.ledger.clock.now_ms += by_ms
        self.age += max(0, by_ms)
        self.ledger.maintain()

    def add(self, choice: int) -> None:
        where, number = self.lanes[choice % len(self.lanes)], [NUMBER, OTHER][choice % 2]
        for local_id in self.ledger.add(
            1 + choice, lane=where, request=to(number), expires_ms=START_MS + 9 * DAY_MS, watched=False
        ):
            # A row that a batch has already stays as it is.
            self.jobs.setdefault(local_id, (where.split(":")[1], number))

    def claim(self, choice: int) -> None:
        self.running |= {local_id: (claim, self.age) for local_id, claim in taken(self.ledger, 1 + choice).items()}

    def sent(self, choice: int) -> None:
        self._end(choice, "sent", contact_id="c")

    def retry(self, choice: int) -> None:
        self._end(choice, "retry", code="service_error", delay_ms=1_000)

    def _end(self, choice: int, outcome: str, **fields: Any) -> None:
        if self.running:
            local_id = list(self.running)[choice % len(self.running)]
            claim, begun = self.running.pop(local_id)
            if self.ledger.finish(local_id, claim, outcome, **fields) == "sent":
                self.contacts.append((self.jobs[local_id], begun))

    def cancel(self, choice: int) -> None:
        for local_id in list(self.jobs)[choice : choice + 1]:
            self.ledger.cancel(local_id)

    def hold(self, choice: int) -> None:
        self.ledger.hold(f"batch:{self.batches[choice % 2].rpartition(':')[2]}")

    def release(self, choice: int) -> None:
        self.ledger.release(f"batch:{self.batches[choice % 2].rpartition(':')[2]}")

    def settings(self, choice: int) -> None:
        """Another sender's caps are changed or removed."""
        self.configure({"sms": SENDERS["sms"]} | ({"codes": [[choice, 60_000]]} if choice else {"codes": [[9, 1_000]]}))


@given(steps=st.lists(STEP, max_size=60))
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_caps_are_kept_and_nobody_waits_for_ever(clocked: ClockedLedger, steps: list[tuple[str, int, int]]) -> None:
    clocked.flush()
    history = History(clocked)
    for what, choice, move_ms in steps:
        history.move(move_ms)
        getattr(history, what)(choice)
    history.release(0)
    history.release(1)
    for _ in range(3 * len(history.jobs) + 3):
        history.claim(500)
        while history.running:
            history.sent(0)
        history.move(60_001)
    waiting = [local_id for local_id in history.jobs if clocked.state(local_id) in {JobState.QUEUED, JobState.SENDING}]
    assert waiting == []
    for number in (NUMBER, OTHER):
        begun = sorted(begun for of, begun in history.contacts if of == ("sms", number))
        for most, window_ms in SENDERS["sms"]:
            for first, after in zip(begun, begun[most:], strict=False):
                assert after >= first + window_ms
