"""Quiet hours from one end to the other: a real ledger whose clock the test moves, a pump, and the sandbox."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from outbound_chat import InvalidJob, JobState
from outbound_chat.store import inspection
from outbound_chat_worker.sandbox import SANDBOX_ENVIRONMENT, Fault, FaultKind
from tests.support.harness import Harness
from tests.worker.night import DAY, Night, at

LONDON, NEW_YORK, LOS_ANGELES = "+442079460100", "+12125550100", "+12065550100"
TOLL_FREE, SATELLITE = "+18005550100", "+870773111632"
MILLISECOND = timedelta(milliseconds=1)


@pytest.fixture
def night(stack: Harness, monkeypatch: pytest.MonkeyPatch) -> Iterator[Night]:
    for name, value in SANDBOX_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    made = Night(stack)
    yield made
    made.store.close()


def test_jobs_in_three_time_zones_go_when_their_night_is_over_and_say_so_before(night: Night) -> None:
    """Not a second early: at that millisecond, and not at the one before."""
    night.store.now = at("12 06:00")  # 22:00 the day before in Los Angeles
    opens = {LONDON: at("12 08:00"), NEW_YORK: at("12 13:00"), LOS_ANGELES: at("12 16:00")}
    jobs = {to: night.chat.enqueue(sender="support", to=to, text="Hello") for to in opens}

    for to, job in jobs.items():
        for seen in (job, night.chat.status(job.id)):
            assert (seen.state, seen.send_at, seen.next_attempt_at) == (JobState.SCHEDULED, opens[to], opens[to])
    for sent, opening in enumerate(opens.values()):
        assert night.work(opening - MILLISECOND) == sent
        assert night.work(opening) == sent + 1
        assert [job.final for job in night.chat.statuses(job.id for job in jobs.values()).values() if job] == (
            [True] * (sent + 1) + [False] * (2 - sent)
        )
    assert {night.chat.status(job.id).state for job in jobs.values()} == {JobState.SENT}


def test_rows_of_a_batch_go_when_the_night_of_each_is_over(night: Night) -> None:
    """A campaign is where it matters most."""
    night.store.now = at("12 06:00")
    rows: list[dict[str, object]] = [
        {"to": LONDON},
        {"to": TOLL_FREE},
        {"to": NEW_YORK, "send_at": at("13 12:59:59")},
        {"to": NEW_YORK, "send_at": at("13 13:00:01")},
        {"to": LONDON, "expires_at": at("12 08:00")},
        {"to": LONDON, "expires_at": at("12 08:00:01")},
    ]
    receipt = night.chat.enqueue_batch(rows, sender="support", text="Hello")

    found = night.chat.statuses(f"{receipt.id}-{row}" for row in range(1, len(rows) + 1))
    assert [job and job.send_at for job in found.values()] == [
        at("12 08:00"),
        at("12 22:00"),  # 08:00 on Guam
        at("13 13:00"),
        at("13 13:00:01"),
        None,
        at("12 08:00"),
    ]
    [rejection] = receipt.rejections
    assert (rejection.row, rejection.errors[0].field) == (5, "expires_at")
    assert f"quiet hours, which last until {DAY:%Y-%m-%d} 08:00 UTC" in rejection.errors[0].message
    assert night.chat.batch(receipt.id).counts[JobState.SCHEDULED] == 5


def test_by_day_a_job_goes_at_once(night: Night) -> None:
    night.store.now = at("12 20:59:59")
    job = night.chat.enqueue(sender="support", to=LONDON, text="Hello")

    assert (job.state, job.send_at) == (JobState.QUEUED, None)
    assert night.work(night.store.now) == 1


def test_a_raw_request_waits_as_well(night: Night) -> None:
    night.store.now = at("12 06:00")
    endpoint = {"Type": "TELEPHONE_NUMBER", "Address": LONDON}
    job = night.chat.enqueue_request(
        sender="support",
        DestinationEndpoint=endpoint,
        SegmentAttributes={"connect:Subtype": {"ValueString": "connect:SMS"}},
        ContactFlowId=night.stack.values["senders"]["support"]["contact_flow_id"],
        InitialSystemMessage={"ContentType": "text/plain", "Content": "Hello"},
    )

    assert job.send_at == at("12 08:00")


def test_a_job_that_could_never_go_is_refused(night: Night) -> None:
    """It would wait for its end in silence."""
    night.store.now = at("12 06:00")
    with pytest.raises(InvalidJob) as late:
        night.chat.enqueue(sender="support", to=LONDON, text="Hello", expires_at=at("12 07:00"))
    with pytest.raises(InvalidJob) as never:
        night.chat.enqueue(sender="narrow", to=TOLL_FREE, text="Hello")

    assert [(error.field, error.code) for error in late.value.errors] == [("expires_at", "invalid_time")]
    assert [(error.field, error.code) for error in never.value.errors] == [("sender", "not_allowed")]
    assert inspection.counts(night.runtime.store, night.runtime.keys("main")) == {}


def test_urgent_jobs_wait_unless_their_sender_says_otherwise(night: Night) -> None:
    """One-time codes are asked for at night; a law on quiet hours does not know our priorities."""
    night.store.now = at("12 06:00")
    waits = night.chat.enqueue(sender="support", to=LONDON, text="1234", priority="urgent")
    also_waits = night.chat.enqueue(sender="codes", to=LONDON, text="1234")
    goes = night.chat.enqueue(sender="codes", to=LONDON, text="1234", priority="urgent")

    assert night.work(night.store.now) == 1
    states = [night.chat.status(job.id).state for job in (waits, also_waits, goes)]
    assert states == [JobState.SCHEDULED, JobState.SCHEDULED, JobState.SENT]


def test_a_number_of_no_zone_goes_by_the_zone_of_its_sender(night: Night) -> None:
    night.store.now = at("12 06:00")

    assert night.chat.enqueue(sender="support", to=SATELLITE, text="Hello").send_at == at("12 08:00")
    assert night.chat.enqueue(sender="berlin", to=SATELLITE, text="Hello").send_at == at("12 07:00")


def test_the_same_key_gives_the_same_job_by_day_and_by_night(night: Night) -> None:
    """What the caller asked for is the same; only when it goes is not."""
    night.store.now = at("12 20:00")
    first = night.chat.enqueue(sender="support", to=LONDON, text="Hello", idempotency_key="order-1")
    night.store.now = at("12 22:00")

    assert night.chat.enqueue(sender="support", to=LONDON, text="Hello", idempotency_key="order-1").id == first.id


def test_a_job_whose_turn_comes_at_night_goes_back_until_morning(night: Night) -> None:
    """The backlog was slow. It costs no attempt and no call, and it says when it goes."""
    night.store.now = at("12 20:00")
    jobs = [night.chat.enqueue(sender="support", to=LONDON, text="Hello") for _ in range(5)]
    other = night.chat.enqueue(sender="awake", to=LONDON, text="Hello")
    tokens = inspection.budget_settings(night.store, night.runtime.keys("main"))["burst"]

    assert night.work(at("12 21:00")) == 1
    assert night.chat.status(other.id).state is JobState.SENT
    for job in jobs:
        seen = night.chat.status(job.id)
        assert (seen.state, seen.next_attempt_at) == (JobState.QUEUED, at("13 08:00"))
        assert (seen.attempts, seen.history) == (0, ())
    kept = night.store.redis.hget(night.runtime.keys("main").bucket, "tokens")
    assert float(kept) == pytest.approx(float(tokens) - 1)

    assert night.work(at("13 08:00") - MILLISECOND) == 1
    assert night.work(at("13 08:00")) == 6
    assert {night.chat.status(job.id).attempts for job in jobs} == {1}


def test_no_call_leaves_in_the_half_second_before_quiet_hours(night: Night) -> None:
    """It may leave up to half a second after its claim, which would be past the hour."""
    night.store.now = at("12 20:59")
    job = night.chat.enqueue(sender="support", to=LONDON, text="Hello")

    assert night.work(at("12 20:59:59.501")) == 0
    assert night.chat.status(job.id).next_attempt_at == at("13 08:00")


def test_a_job_that_expires_in_quiet_hours_ends_expired_at_its_time(night: Night) -> None:
    """Its turn came too late; nobody is to wait for the morning to learn that."""
    night.store.now = at("12 20:00")
    job = night.chat.enqueue(sender="support", to=LONDON, text="Hello", expires_at=at("12 23:00"))

    assert night.work(at("12 21:30")) == 0
    assert night.work(at("12 23:00") - MILLISECOND) == 0
    assert night.chat.status(job.id).state is JobState.QUEUED
    assert night.work(at("12 23:00")) == 0
    assert night.chat.status(job.id).state is JobState.EXPIRED
    assert night.work(at("13 08:00")) == 0


def test_a_retry_that_would_come_at_night_says_that_it_comes_in_the_morning(night: Night) -> None:
    """The call failed at the last minute, and the wait before the next ends in quiet hours."""
    night.stack.configure(
        senders=night.stack.values["senders"], worker=night.stack.values["worker"], retry={"base": 3600, "cap": 3600}
    )
    night.runtime.settings = night.stack.settings
    night.stack.sandbox.configure(faults=(Fault(FaultKind.UNAVAILABLE),))
    night.store.now = at("12 20:59:50")
    job = night.chat.enqueue(sender="support", to=LONDON, text="Hello")
    assert night.work(night.store.now) == 1

    # Full jitter: of a wait of up to an hour, less than ten seconds come once in 360 times; then it is handed back.
    seen = night.chat.status(job.id)
    if seen.next_attempt_at and seen.next_attempt_at < at("12 21:00"):
        assert night.work(at("12 21:00")) == 1
        seen = night.chat.status(job.id)
    assert (seen.state, seen.attempts, seen.next_attempt_at) == (JobState.QUEUED, 1, at("13 08:00"))
    night.stack.sandbox.configure(faults=())
    assert night.work(at("13 08:00") - MILLISECOND) == 1
    assert night.work(at("13 08:00")) == 2
    assert night.chat.status(job.id).state is JobState.SENT


def test_a_job_that_was_stored_before_its_sender_had_quiet_hours_keeps_them(night: Night) -> None:
    """Workers go by their own settings; where the hours never open, the job fails and says why."""
    night.store.now = at("12 12:00")
    job = night.chat.enqueue(sender="support", to=LONDON, text="Hello")
    toll_free = night.chat.enqueue(sender="awake", to=TOLL_FREE, text="Hello", send_at=at("12 13:00"))
    night.change(quiet_hours="11:00-10:00")
    assert night.work(at("12 12:00")) == 0

    assert night.chat.status(job.id).next_attempt_at == at("13 10:00")
    night.stack.configure(senders={"awake": {**night.stack.values["senders"]["support"], "quiet_hours": "18:00-13:00"}})
    night.runtime.settings = night.stack.settings
    assert night.work(at("12 13:00")) == 0
    failed = night.chat.status(toll_free.id)
    assert failed.error is not None
    assert (failed.state, failed.error.code) == (JobState.FAILED, "invalid_request")


def test_a_replay_in_quiet_hours_waits_for_their_end(night: Night) -> None:
    """Operators mend what failed in the evening; the customer sleeps all the same."""
    night.store.now = at("12 20:00")
    night.stack.sandbox.configure(faults=(Fault(FaultKind.INVALID, times=1),))
    old = night.chat.enqueue(sender="support", to=LONDON, text="Hello")
    assert night.work(night.store.now) == 1
    assert night.chat.status(old.id).state is JobState.FAILED

    night.store.now = at("12 23:00")
    new = night.chat.replay(old.id)
    assert (new.state, new.send_at, new.next_attempt_at) == (JobState.SCHEDULED, at("13 08:00"), at("13 08:00"))
    assert night.work(at("13 08:00") - MILLISECOND) == 1
    assert night.work(at("13 08:00")) == 2
    assert night.chat.status(new.id).state is JobState.SENT
