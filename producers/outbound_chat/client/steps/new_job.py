"""Makes the input of `submit` from a checked request, and from that the job that callers see."""

import hashlib
import json

from outbound_chat.client.steps.validation import Timing
from outbound_chat.encryption import RequestCipher
from outbound_chat.model.jobs import Job, JobState
from outbound_chat.model.lanes import Lane
from outbound_chat.model.times import from_ms
from outbound_chat.request import ChatRequest, codec
from outbound_chat.store.scripts import NewJob
from outbound_chat_config import Sender


def new_job(
    cipher: RequestCipher,
    local_id: str,
    request: ChatRequest,
    whole: ChatRequest,
    *,
    parts: int,
    timing: Timing,
    idem: str,
    lane: Lane,
    callback: str,
    shared_callback: str = "",
) -> NewJob:
    """Prepares a checked job for `submit`. `whole`: with what its batch shares; `parts`: those of that message."""
    callback_url = callback or shared_callback
    fingerprint = _fingerprint(cipher, whole, timing, lane, callback_url) if idem else "-"
    return NewJob(
        local_id=local_id,
        callback=callback,
        # The fingerprint has the `send_at` that was asked for, so that it is the same at any time of day.
        send_at_ms=timing.opens_ms or timing.send_at_ms,
        expires_ms=timing.expires_ms,
        # A chat that starts silent counts as one: its flow is about to speak.
        parts=max(1, parts),
        token=_token(idem, fingerprint) if idem else "",
        idem=idem,
        fingerprint=fingerprint,
        request=codec.encode(cipher, request, whole.number),
    )


def _fingerprint(cipher: RequestCipher, whole: ChatRequest, timing: Timing, lane: Lane, callback_url: str) -> str:
    # Without the batch: a file that is given again makes another batch, and asks for the same jobs.
    asked = {"lane": lane.without_batch, "request": whole.stored()}
    content = {**asked, "send_at": timing.send_at_ms, "expires_at": timing.expires_ms}
    if timing.expires_in_ms:
        # The duration that was asked for: the time that it leads to is another one at each repetition.
        content |= {"expires_at": 0, "expires_in": timing.expires_in_ms}
    if callback_url:
        content["callback_url"] = callback_url
    return cipher.fingerprints(json.dumps(content, sort_keys=True, separators=(",", ":")))


def _token(idem: str, fingerprint: str) -> str:
    """Returns the token of a job with an idempotency key: the same for the same key and content.

    A failover may lose a job after its call, before its producer got the answer. The repeated call then creates a new
    job, and only the token shows Connect that it is the same message.
    """
    return hashlib.sha256(f"{idem} {fingerprint.partition(' ')[0]}".encode()).hexdigest()[:32]


def fresh_job(budget: str, job: NewJob, lane: Lane, now_ms: int, life_ms: int) -> Job:
    """Returns a job that `submit` has just accepted, without reading it back."""
    waits = job.send_at_ms > now_ms
    created_at = from_ms(now_ms)
    return Job(
        id=f"{budget}.{job.local_id}",
        state=JobState.SCHEDULED if waits else JobState.QUEUED,
        sender=lane.sender,
        tenant=lane.tenant or None,
        priority=lane.priority,
        batch_id=None,
        attempts=0,
        contact_id=None,
        created_at=created_at,
        send_at=from_ms(job.send_at_ms) if job.send_at_ms else None,
        expires_at=from_ms(job.expires_ms or max(job.send_at_ms, now_ms) + life_ms),
        next_attempt_at=from_ms(job.send_at_ms) if job.send_at_ms else created_at,
        finished_at=None,
        cancel_requested=False,
        maybe_sent=False,
        replay_of=None,
        replayed_by=None,
        history=(),
    )


def max_age_ms(sender: Sender) -> int:
    """Returns the sender's `max_age` in milliseconds, as the scripts take it."""
    return int(sender.max_age.total_seconds() * 1000)
