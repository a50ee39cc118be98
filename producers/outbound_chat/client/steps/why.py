"""Explains why a job waits: its position, its times, and the first of the rules that would stop it.

The server reports the facts; `why_rules` interprets them.
"""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from outbound_chat.client.steps.base import Steps, ask
from outbound_chat.client.steps.context import Context
from outbound_chat.client.steps.why_rules import HAIR, Line, Stop, end_or_call, stops_of
from outbound_chat.client.steps.why_sentences import failed_calls, fix_sentence
from outbound_chat.model.durations import after
from outbound_chat.model.errors import UnknownJob
from outbound_chat.model.ids import split_id
from outbound_chat.model.jobs import Job, Priority
from outbound_chat.model.times import from_ms
from outbound_chat.model.why import WaitReason, Why
from outbound_chat.store import scripts
from outbound_chat.store.scripts import WaitFacts
from outbound_chat_config import Sender

_MENTIONED = frozenset(
    {
        WaitReason.NO_SETTINGS,
        WaitReason.NO_WORKER,
        WaitReason.NO_KEY,
        WaitReason.BUDGET_HELD,
        WaitReason.HELD_BY_PERSON,
        WaitReason.HELD_BY_SYSTEM,
        WaitReason.PROBING,
        WaitReason.OPEN_CHATS,
        WaitReason.NO_PUMP,
        WaitReason.PROVIDER_PAUSE,
    }
)
"""Reasons that are mentioned after another one. The others change with every call."""

_IN_PROGRESS = frozenset({WaitReason.SENDING, WaitReason.PACED, WaitReason.NEXT})
"""Reasons that don't say what happened to previous calls."""


def why(context: Context, job_id: str) -> Steps[Why]:
    """Returns why a job waits."""
    found = yield from _asked(context, job_id)
    if found is None:
        raise UnknownJob(job_id)
    return found


def why_next(context: Context, batch_id: str) -> Steps[Why | None]:
    """Returns why the next job of a batch waits; None: no job of the batch waits."""
    return (yield from _asked(context, batch_id, of_batch=True))


def _asked(context: Context, id_: str, *, of_batch: bool = False) -> Steps[Why | None]:
    parts = split_id(id_)
    call = scripts.why(context.keys(parts[0]), parts[1], of_batch=of_batch) if parts else None
    found = (yield from ask(call)) if call else None
    if parts is None or found is None:
        return None
    if found.waiting is None:
        return _answer(found.job, [end_or_call(found.job)], from_ms(found.now_ms), None)
    now, line = from_ms(found.now_ms), _line(found.waiting)
    sender = context.settings.senders.get(found.job.sender)
    stops = stops_of(found.job, found.waiting, now, parts[0], line, quiet=_is_quiet(sender, found.job))
    return _answer(found.job, list(stops), now, line)


def _is_quiet(sender: Sender | None, job: Job) -> bool:
    """Returns whether the sender has quiet hours for such a job."""
    if sender is None or sender.quiet is None:
        return False
    return not (sender.quiet_spares_urgent and job.priority is Priority.URGENT)


def _answer(job: Job, stops: Sequence[Stop], now: datetime, line: Line | None) -> Why:
    first = stops[0]
    following = next((stop for stop in stops[1:] if stop.reason in _MENTIONED), None)
    expected_at = _expected(stops, now, line, job)
    sentences = [first.sentence]
    if first.reason in _IN_PROGRESS and job.error:
        sentences.append(f"{failed_calls(job, now)}.{fix_sentence(job.error.code)}")
    if following:
        sentences.append(f"After that: {following.sentence}")
    if expected_at and expected_at >= job.expires_at and line:
        sentences.append(f"It will probably expire before that, {after(job.expires_at - now)}.")
    return Why(
        job=job,
        asked_at=now,
        reason=first.reason,
        explanation=" ".join(sentences),
        then=following.reason if following else None,
        position=line.position if line else None,
        ahead=line.ahead if line else None,
        next_attempt_at=_earliest(stops, now, line, job),
        expected_at=expected_at,
        scope=first.scope,
        held_by=first.held_by,
        held_reason=first.held_reason,
        until=first.until,
    )


def _earliest(stops: Sequence[Stop], now: datetime, line: Line | None, job: Job) -> datetime | None:
    if line is None or not all(stop.until or stop.ends for stop in stops):
        return None
    return max(now, job.next_attempt_at or now, *(stop.until for stop in stops if stop.until))


def _expected(stops: Sequence[Stop], now: datetime, line: Line | None, job: Job) -> datetime | None:
    if line is None or not all(stop.ends for stop in stops):
        return None
    earliest = _earliest(stops, now, line, job) or now
    return max(earliest, now + timedelta(milliseconds=max(line.calls_ms, line.parts_ms)))


def _line(waiting: WaitFacts) -> Line:
    """Estimates how many jobs go first: those of its priority, and a share of those of other priorities.

    The latter are at most all jobs of other priorities; together they are at most all waiting jobs.
    """
    position, behind_gate = waiting.position, waiting.behind_gate
    of_its_priority = position + waiting.in_ring + behind_gate
    by_share = math.floor((of_its_priority + 1) * 100 / max(1, waiting.share)) - 1
    most = min(of_its_priority + waiting.others, waiting.waiting - 1)
    ahead = max(position, min(by_share, most))
    rate, tokens = waiting.rate, waiting.tokens or 0.0
    calls_ms = max(0.0, ahead + 1 - HAIR - tokens) * 1000 / rate if rate else 0.0
    number_rate, parts = waiting.limits.get("number_rate"), waiting.number_parts or 0.0
    parts_ms = max(0.0, position + behind_gate + 1 - HAIR - parts) * 1000 / number_rate if number_rate else 0.0
    return Line(position, ahead, calls_ms, parts_ms)
