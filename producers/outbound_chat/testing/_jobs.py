"""Records of jobs, and settings of senders, for tests."""

import uuid
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import timedelta
from typing import Any

from outbound_chat.model.ids import new_local_id
from outbound_chat.model.jobs import FINAL, Attempt, Job, JobState, Priority
from outbound_chat.model.times import utc_now
from outbound_chat.request._names import closest

_CODES = """
throttled chats_full quota credentials access_denied not_found foreign_answer unknown_sender no_key unreachable
no_answer service_error lease_lost conflict unexpected_error refused unexpected_answer invalid_request suppressed
unreadable_request attempts_exhausted
""".split()  # noqa: SIM905  # twenty lines for twenty words would say no more
"""Codes of attempts, as in docs/errors.md."""


def check_code(code: str) -> None:
    """Raises ValueError if no attempt can end with this code."""
    if code and code not in _CODES:
        raise ValueError(f"code {code!r} {closest(code, _CODES)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class EnqueuedJob:
    """A job as it was enqueued."""

    id: str
    """Id of the job."""
    sender: str
    """Name of the sender."""
    to: str = field(repr=False)
    """The phone number, in E.164 form."""
    text: str | None = field(repr=False)
    """The message; None if it comes from a template or from the flow."""
    request: Mapping[str, Any] = field(repr=False)
    """Arguments with which a worker calls StartOutboundChatContact: those of the job and those of its sender."""
    job: Job = field(repr=False)
    """The job as it was accepted, with its tenant, priority, times and batch."""


def make_job(state: JobState | str = JobState.QUEUED, *, code: str = "refused", **values: Any) -> Job:
    """Returns the record of a job, for tests of code that handles one. Nothing is enqueued.

    `code`: that of the `error` of a failed or uncertain job. `values`: other fields of `Job`, such as `sender`.

    Raises:
        TypeError: a job has no such field.
        ValueError: there is no such state or code; the message suggests similar ones.
    """
    if state not in set(JobState):
        raise ValueError(f"state {str(state)!r} {closest(state, JobState)}")
    check_code(code)
    state, now = JobState(state), utc_now()
    failed = state in {JobState.FAILED, JobState.UNCERTAIN}
    made: dict[str, Any] = {
        **{one.name: None for one in fields(Job) if one.default is MISSING},
        "id": f"main.{new_local_id()}",
        "state": state,
        "sender": "demo",
        "priority": Priority.NORMAL,
        "attempts": int(failed or state in {JobState.SENDING, JobState.SENT}),
        "contact_id": str(uuid.uuid4()) if state is JobState.SENT else None,
        "created_at": now,
        "send_at": now + timedelta(hours=1) if state is JobState.SCHEDULED else None,
        "expires_at": now + timedelta(days=3),
        "finished_at": now if state in FINAL else None,
        "cancel_requested": False,
        "maybe_sent": state is JobState.UNCERTAIN,
        "history": (Attempt(now, state, code, "", "", ""),) if failed else (),
    }
    if state in {JobState.QUEUED, JobState.SCHEDULED}:
        made["next_attempt_at"] = made["send_at"] or now
    return Job(**{**made, **values})


def make_sender(channel: str = "sms", **values: Any) -> dict[str, Any]:
    """Returns complete settings of a sender, for `senders={"support": …}`.

    `channel`: `sms` or `whatsapp`. `values`: settings that replace or complete the defaults. The defaults fit them: the
    number is in the `region`, and senders with different limits don't share a number or instance.
    """
    region = values.get("region") or "".join(str(values.get("source")).split(":")[3:4]) or "us-east-1"
    limits = [values.get(name) for name in ("number_rate", "max_open_chats")]
    instance, number = (uuid.uuid5(uuid.NAMESPACE_OID, repr(of)) for of in ([region, limits[1]], [channel, *limits]))
    return {
        "region": region,
        "instance_id": str(instance),
        "contact_flow_id": "1b2c3d4e-1111-4222-8333-444455556666",
        "source": f"arn:aws:connect:{region}:123456789012:phone-number/{number}",
        "channel": channel,
        **values,
    }
