"""The rules that would stop a job, each with its sentence, in the order in which they are checked.

If a rule ends with an event rather than at a time, no time is estimated.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from outbound_chat.client.steps.why_sentences import (
    end_of,
    failed_calls,
    fix_sentence,
    hold_sentence,
    named,
    pace_sentence,
    spoken,
)
from outbound_chat.model.durations import after, length_of, mean_of
from outbound_chat.model.jobs import Job, JobState
from outbound_chat.model.times import from_ms
from outbound_chat.model.why import WaitReason
from outbound_chat.store.scripts import WaitFacts

ASKED_TOO_OFTEN = 3
"""Requests for a pump without an answer: 6 seconds, where a message of Celery takes milliseconds."""
HAIR = 1e-6
"""As in the scripts: the sum of many small refills may be this much less than one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """A rule that would stop the job."""

    reason: WaitReason
    sentence: str
    until: datetime | None = None
    ends: bool = False
    """Whether it ends at `until`, or with the job's turn, in any case."""
    scope: str | None = None
    held_by: str | None = None
    held_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """The job's position among the waiting jobs, and how fast they are sent."""

    position: int
    ahead: int
    calls_ms: float
    """Time until the budget has a call for it."""
    parts_ms: float
    """Time until its number has a part for it."""


def end_or_call(job: Job) -> Stop:
    """Returns the reason for a job that is final or being called."""
    if job.final:
        return Stop(reason=WaitReason.FINAL, sentence=end_of(job))
    if job.cancel_requested:
        sentence = "A worker is calling Connect for it. It was cancelled meanwhile; the result of the call decides."
        return Stop(reason=WaitReason.CANCELLING, sentence=sentence)
    return Stop(reason=WaitReason.SENDING, sentence="A worker is calling Connect for it; the result decides.")


def stops_of(
    job: Job, waiting: WaitFacts, now: datetime, budget: str, line: Line, *, quiet: bool = False
) -> Iterator[Stop]:
    """Yields the rules that would stop it now. `quiet`: its sender has quiet hours, whose end may be its `send_at`."""
    capped = _recipient_cap(job, waiting, now)
    yield from [capped] if capped else _own_time(job, now, quiet=quiet)
    yield from _workers(waiting, budget)
    yield from _gate(waiting, now, budget, first=line.position == 0)
    yield from _pace(waiting, now, budget, line)


def _recipient_cap(job: Job, waiting: WaitFacts, now: datetime) -> Stop | None:
    due = job.next_attempt_at or now
    if not waiting.capped or job.expires_at <= now or due <= now:
        return None
    caps = [f"{most} in {length_of(timedelta(milliseconds=ms))}" for most, ms in waiting.limits["per_recipient"]]
    sentence = (
        f"The sender {job.sender} has contacted its number as often as per_recipient allows ({', '.join(caps)}), or "
        f"other jobs to this number go first; it is checked again {after(due - now)}."
    )
    return Stop(reason=WaitReason.RECIPIENT_CAP, sentence=sentence, until=due, scope=f"sender:{job.sender}")


def _own_time(job: Job, now: datetime, *, quiet: bool) -> Iterator[Stop]:
    due = job.next_attempt_at or now
    if job.expires_at <= now:
        yield Stop(
            reason=WaitReason.EXPIRING,
            sentence="It was not sent in time: within seconds it ends as expired, without a call.",
        )
    elif job.state is JobState.SCHEDULED:
        # Quiet hours end on a whole minute. Which of the two moved the job is not stored.
        may_be_quiet = quiet and not (due.second or due.microsecond)
        over = f"when the quiet hours of the sender {job.sender} end in the recipient's time zone"
        when = f": {over}, or at its send_at, if it has one" if may_be_quiet else ", at its send_at"
        sentence = f"It is due {after(due - now)}{when}."
        yield Stop(reason=WaitReason.SCHEDULED, sentence=sentence, until=due, ends=True)
    elif due > now and not job.history and not quiet:
        sentence = f"A worker returned it without a call; the next attempt is due {after(due - now)}."
        yield Stop(reason=WaitReason.BACKOFF, sentence=sentence, until=due, ends=True)
    elif due > now and not job.history:
        sentence = f"Its sender has quiet hours in the recipient's time zone; it is due {after(due - now)}."
        yield Stop(reason=WaitReason.QUIET_HOURS, sentence=sentence, until=due, ends=True)
    elif due > now:
        sentence = f"{failed_calls(job, now)}; the next attempt is due {after(due - now)}."
        sentence += fix_sentence(job.history[-1].code)
        yield Stop(reason=WaitReason.BACKOFF, sentence=sentence, until=due, ends=True)


_ELSEWHERE = "; if one runs, it has another redis_url, key_prefix or budget"


def _workers(waiting: WaitFacts, budget: str) -> Iterator[Stop]:
    scope = f"budget:{budget}"
    if waiting.rate is None:
        sentence = (
            f"Redis has no settings of the budget {budget}: no worker was started for it yet (outbound-chat worker "
            f"starts one{_ELSEWHERE})."
        )
        yield Stop(reason=WaitReason.NO_SETTINGS, sentence=sentence, scope=scope)
    elif waiting.workers == 0:
        sentence = f"No worker runs for the budget {budget} (outbound-chat worker starts one{_ELSEWHERE})."
        yield Stop(reason=WaitReason.NO_WORKER, sentence=sentence, scope=scope)
    elif name := waiting.lacking:
        sentence = (
            f"It is encrypted with the key {name}, which no worker of the budget {budget} has "
            "(encryption.keys; outbound-chat encryption-keys shows where each key is needed)."
        )
        yield Stop(reason=WaitReason.NO_KEY, sentence=sentence, scope=scope)
    if kept := waiting.budget_hold:
        words = str(kept["reason"])
        sentence = hold_sentence(scope, words)
        yield Stop(reason=WaitReason.BUDGET_HELD, sentence=sentence, scope=scope, held_by="person", held_reason=words)


def _gate(waiting: WaitFacts, now: datetime, budget: str, *, first: bool) -> Iterator[Stop]:
    scope = named(waiting.scope, budget)
    until_ms = waiting.until_ms
    until = max(now, from_ms(until_ms)) if until_ms else None
    limits = waiting.limits
    match waiting.rule:
        case "hold" | "probe":
            yield _hold(waiting, now, scope, until)
        case "concurrency":
            of_batch = scope.startswith("batch:")
            reason = WaitReason.BATCH_CALLS if of_batch else WaitReason.SENDER_CALLS
            sentence = f"The {spoken(scope)} has as many calls in flight as its concurrency allows; one must end first."
            yield Stop(reason=reason, sentence=sentence, scope=scope)
        case "chats":
            sentence = f"The {spoken(scope)} has reached its limit of {limits['max_chats']:g} open chats."
            if waiting.lasted is not None:
                lasted = timedelta(seconds=waiting.lasted)
                sentence += f" Chats lasted {mean_of(waiting.lasted)}."
                until = min(until or now + lasted, now + lasted / limits["max_chats"])
            if until:
                sentence += f" The next is assumed to end {after(until - now)}."
            ends = first and until is not None
            yield Stop(reason=WaitReason.OPEN_CHATS, sentence=sentence, scope=scope, until=until, ends=ends)
        case "number":
            rate = limits["number_rate"]
            sentence = f"The number of its sender has used up its {rate:g} message parts a second for now."
            yield Stop(reason=WaitReason.NUMBER_PACE, sentence=sentence, scope=scope, until=until, ends=True)


NEVER_ASKED = frozenset({"credentials", "unknown_sender", "no_key", "foreign_answer"})
"""Codes of holds that don't come from AWS: it was not called, or did not answer."""


def _hold(waiting: WaitFacts, now: datetime, scope: str, until: datetime | None) -> Stop:
    kept, owner = waiting.hold, waiting.owner
    words = str(kept["reason"])
    if owner == "person":
        reason, sentence = WaitReason.HELD_BY_PERSON, hold_sentence(scope, words)
    elif owner == "cancel":
        sentence = f"The {spoken(scope)} is being cancelled: within seconds the job ends, without a call."
        return Stop(reason=WaitReason.CANCELLING, sentence=sentence, scope=scope)
    else:
        words = ": ".join(word for word in (str(kept["code"]), words) if word)
        probing = waiting.probing
        reason = WaitReason.PROBING if probing else WaitReason.HELD_BY_SYSTEM
        until = None if probing else until or now
        when = after(until - now) if until else "at this moment"
        cause = "Workers can't send for" if kept["code"] in NEVER_ASKED else "AWS refuses"
        sentence = f"{cause} the {spoken(scope)} ({words}); one job is tried {when}, and its result decides for all."
        sentence += fix_sentence(str(kept["code"]), "" if probing else scope)
    return Stop(reason=reason, sentence=sentence, until=until, scope=scope, held_by=owner, held_reason=words)


def _pace(waiting: WaitFacts, now: datetime, budget: str, line: Line) -> Iterator[Stop]:
    rate, ceiling = waiting.rate, waiting.ceiling
    if rate is None or ceiling is None:
        return
    tokens, scope = waiting.tokens or 0.0, f"budget:{budget}"
    if waiting.workers and waiting.pumps == 0 and waiting.asked >= ASKED_TOO_OFTEN:
        sentence = (
            f"Workers have published {waiting.asked} tasks, and none started: Celery's broker is unreachable, "
            "its workers do not consume the queue, or all of them are busy (outbound-chat doctor checks this)."
        )
        yield Stop(reason=WaitReason.NO_PUMP, sentence=sentence, scope=scope)
    if tokens < -HAIR:
        until = now + timedelta(seconds=-tokens / rate)
        sentence = f"AWS asked all callers of the budget {budget} to wait; {length_of(until - now)} remain."
        yield Stop(reason=WaitReason.PROVIDER_PAUSE, sentence=sentence, until=until, ends=True, scope=scope)
    if line.calls_ms > 0:
        until = now + timedelta(seconds=max(0.0, 1 - HAIR - tokens) / rate)
        sentence = pace_sentence(line.ahead, line.position, rate, ceiling, budget)
        yield Stop(reason=WaitReason.PACED, sentence=sentence, until=until, ends=True, scope=scope)
    else:
        sentence = "Nothing stops it: it is sent next."
        if waiting.pumps == 0:
            sentence = "Nothing stops it: a worker is about to send it."
        yield Stop(reason=WaitReason.NEXT, sentence=sentence, until=now, ends=True)
