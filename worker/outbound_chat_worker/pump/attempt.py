"""Makes one attempt, from a claimed job to a result. Runs in the threads of a pump."""

import logging
import time
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Literal

from outbound_chat.model.errors import InvalidJob, MissingEncryptionKey, StoreError
from outbound_chat.model.times import in_ms
from outbound_chat.request import ChatRequest, codec
from outbound_chat.request.codec import UnreadableRequest
from outbound_chat.request.quiet_hours import next_open_ms
from outbound_chat.store.scripts import ClaimedJob, Outcome, Result
from outbound_chat_config import LATEST_SECONDS, Sender, SettingsError
from outbound_chat_worker.backoff import backoff
from outbound_chat_worker.connect import TooLate
from outbound_chat_worker.pump import sentences
from outbound_chat_worker.pump.retry import NOT_FOUND_OF_JOB, RetryRule, Verdict, judge
from outbound_chat_worker.pump.suppression import is_suppressed, make_comparable, without_key
from outbound_chat_worker.redaction import origin_of, personal_texts
from outbound_chat_worker.runtime import Runtime

logger = logging.getLogger(__name__)

UNKNOWN_SENDER_WAIT = timedelta(seconds=30)
DEFAULT_CHAT_MINUTES = 25 * 60
"""How long a chat may stay open, unless the request says otherwise.
https://docs.aws.amazon.com/connect/latest/APIReference/API_StartOutboundChatContact.html"""

NamedBy = Literal["job", "batch", "sender"]
_AGAIN = frozenset({Outcome.RETRY, Outcome.SNOOZE})


class AttemptRunner:
    """Makes the calls of a pump."""

    def __init__(self, runtime: Runtime, budget: str) -> None:
        self._runtime = runtime
        self._budget = budget

    def attempt(self, job: ClaimedJob, claim: str, claimed_at: float) -> Result:
        """Calls Connect for the job once, and returns the result. Never raises.

        `claimed_at`: `time.monotonic()` before the claim was sent.
        """
        self._runtime.connect.call.left = False
        try:
            return self._attempt(job, claim, claimed_at)
        except Exception as error:  # noqa: BLE001  # logged and judged
            # Every job must end in a result, or it would be stuck until its lease ran out.
            # The log has the origin of the error and not its message, which may repeat anything.
            logger.error("job %s: unexpected error\n%s", self._id(job), origin_of(error))  # noqa: TRY400  # as said
            return self._judged(job, claim, judge(error, left=self._runtime.connect.call.left, personal=None))

    def _attempt(self, job: ClaimedJob, claim: str, claimed_at: float) -> Result:
        leaves_by = claimed_at + LATEST_SECONDS
        if time.monotonic() > leaves_by:
            return Result(local_id=job.local_id, claim=claim, outcome=Outcome.NOT_CALLED)
        if job.attempts > self._runtime.settings.retry.max_attempts:
            return _failed(job, claim, "attempts_exhausted", "every attempt ended without an answer")
        prepared = self._prepare(job, claim)
        if isinstance(prepared, Result):
            return prepared
        try:
            contact_id = self._runtime.connect.start_chat(prepared.sender, prepared.arguments, leaves_by=leaves_by)
        except TooLate:
            return Result(local_id=job.local_id, claim=claim, outcome=Outcome.NOT_CALLED)
        except Exception as error:  # noqa: BLE001  # judged by a table whose last row is logged as an error
            personal = personal_texts(prepared.arguments)
            verdict = judge(error, left=self._runtime.connect.call.left, personal=personal)
            if verdict.rule.refresh_credentials:
                self._runtime.connect.forget_credentials(prepared.sender)
            return self._judged(job, claim, verdict, prepared)
        if self._runtime.notices.open:
            self._runtime.notices.over(f"sender {job.sender}", f"sender {job.sender}: messages are sent again")
        return Result(
            local_id=job.local_id, claim=claim, outcome=Outcome.SENT, contact_id=contact_id, chat_ms=prepared.chat_ms
        )

    def _prepare(self, job: ClaimedJob, claim: str) -> "_Prepared | Result":
        """Returns what the call needs, or the result if no call can be made."""
        shared = ChatRequest.from_stored({})
        try:
            sender = self._runtime.settings.sender(job.sender)
            own = codec.decode(self._runtime.cipher, job.request)
            if job.batch:
                shared = self._runtime.shared_request(self._budget, job.batch)
        except SettingsError as error:
            return self._unknown_sender(job, claim, error)
        except UnreadableRequest as error:
            return _failed(job, claim, "unreadable_request", str(error))
        except (MissingEncryptionKey, StoreError) as error:
            return self._waits(job, claim, error, holds=not self._runtime.cipher.can_decrypt)
        try:
            request = own.merged(shared) if job.batch else own
        except InvalidJob as error:
            return _failed(job, claim, "invalid_request", str(error)[:300])
        if errors := request.errors(sender):
            return _failed(job, claim, "invalid_request", "; ".join(map(str, errors))[:300])
        arguments = request.api(sender, job.token or self._id(job))
        prepared = _Prepared(sender, request.number, arguments, _named_by(own, shared, sender))
        return self._compared(job, claim, request.number) or _quiet(job, claim, prepared) or prepared

    def _compared(self, job: ClaimedJob, claim: str, number: str) -> Result | None:
        """Returns the result if the store could not compare the number itself, and it may not be called now."""
        try:
            if job.recount:
                make_comparable(self._runtime, self._budget, job, claim, number)
                return Result(local_id=job.local_id, claim=claim, outcome=Outcome.NOT_CALLED)
            if job.look and is_suppressed(self._runtime, self._budget, job.sender, number):
                return _failed(job, claim, "suppressed", "the number is on the suppression list of the sender")
        except (MissingEncryptionKey, StoreError) as error:
            return self._waits(job, claim, error, holds=True)
        return None

    def _waits(self, job: ClaimedJob, claim: str, error: MissingEncryptionKey | StoreError, *, holds: bool) -> Result:
        """Returns the result of a job that must wait because a key is missing or Redis failed."""
        if isinstance(error, MissingEncryptionKey):
            self._note_sender(job, f"{error}; its jobs wait")
            return without_key(job, claim, error, holds=holds)
        self._runtime.store_failed(self._budget, error)
        return Result(local_id=job.local_id, claim=claim, outcome=Outcome.NOT_CALLED, delay_ms=1000)

    def _judged(self, job: ClaimedJob, claim: str, verdict: Verdict, prepared: "_Prepared | None" = None) -> Result:
        retry = self._runtime.settings.retry
        rule = verdict.rule
        if rule.blames_whoever_named_it and prepared and prepared.named_by == "job":
            rule = NOT_FOUND_OF_JOB
        outcome, code = rule.outcome, rule.code
        most = min(retry.max_attempts, rule.most_attempts or retry.max_attempts)
        if outcome is Outcome.RETRY and job.attempts >= most:
            outcome = Outcome.FAILED
        scope = _scope(rule, job, prepared) if outcome is Outcome.HOLD else ""
        self._log(job, replace(verdict, rule=rule), outcome, scope)
        pause = backoff(max(job.attempts, job.snoozes + 1), retry)
        delay_ms = in_ms(max(verdict.retry_after, rule.wait or pause))
        # When quiet hours let the job go, so that it can report it; they are checked once more at that time.
        due_ms = _opening(job, prepared, job.claimed_ms + delay_ms) if prepared and outcome in _AGAIN else None
        return Result(
            local_id=job.local_id,
            claim=claim,
            outcome=outcome,
            delay_ms=delay_ms,
            not_before_ms=due_ms or 0,
            pause_ms=in_ms(verdict.retry_after),
            scope=scope,
            maybe_sent=rule.maybe_sent,
            code=code,
            aws_code=verdict.aws_code,
            message=verdict.message or rule.reason,
            request_id=verdict.request_id,
        )

    def _unknown_sender(self, job: ClaimedJob, claim: str, error: SettingsError) -> Result:
        # The producer's settings have the sender and ours do not: a person must make them agree.
        self._note_sender(job, f"its jobs wait, but {error}; give all workers the settings of the producers")
        return Result(
            local_id=job.local_id,
            claim=claim,
            outcome=Outcome.HOLD,
            delay_ms=in_ms(UNKNOWN_SENDER_WAIT),
            scope=f"sender:{job.sender}",
            code="unknown_sender",
            called=False,
            message=str(error),
        )

    def _note_sender(self, job: ClaimedJob, text: str) -> None:
        """Logs what stops all jobs of a sender, once for all of them."""
        self._runtime.notices.note(f"sender {job.sender}", f"sender {job.sender}: {text}")

    def _log(self, job: ClaimedJob, verdict: Verdict, outcome: Outcome, scope: str) -> None:
        """Logs how an attempt that sent nothing ended."""
        if sentences.keeps_sender(verdict, outcome, scope):
            self._note_sender(job, sentences.of_sender(verdict))
            return
        maybe_sent = job.maybe_sent or verdict.rule.maybe_sent
        level, said = sentences.of_job(verdict, outcome, scope, attempts=job.attempts, maybe_sent=maybe_sent)
        logger.log(level, "job %s: %s", self._id(job), said)

    def _id(self, job: ClaimedJob) -> str:
        return f"{self._budget}.{job.local_id}"


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A prepared call."""

    sender: Sender
    number: str = field(repr=False)
    arguments: dict[str, Any] = field(repr=False)
    named_by: NamedBy
    """Who named the flow or template. If only the job did, other jobs are not affected if it does not exist."""

    @property
    def chat_ms(self) -> int:
        """How long the chat may stay open."""
        minutes: int = self.arguments.get("ChatDurationInMinutes", DEFAULT_CHAT_MINUTES)
        return minutes * 60_000


def _opening(job: ClaimedJob, prepared: _Prepared, at_ms: int) -> int | None:
    return next_open_ms(prepared.sender, job.priority, prepared.number, at_ms)


def _quiet(job: ClaimedJob, claim: str, prepared: _Prepared) -> Result | None:
    """Returns the result if quiet hours forbid the call now; None: make the call."""
    # The earliest and the latest time at which the call can leave, by the clock of Redis.
    for at_ms in (job.claimed_ms, job.claimed_ms + int(LATEST_SECONDS * 1000)):
        opening = _opening(job, prepared, at_ms)
        if opening is None:
            message = "the sender's quiet hours never end in all time zones of the number at once"
            return _failed(job, claim, "invalid_request", message)
        if opening > at_ms:
            return Result(local_id=job.local_id, claim=claim, outcome=Outcome.NOT_CALLED, not_before_ms=opening)
    return None


def _named_by(own: ChatRequest, shared: ChatRequest, sender: Sender) -> NamedBy:
    def names(request: ChatRequest) -> bool:
        flow = request.body.get("ContactFlowId", sender.contact_flow_id)
        return flow != sender.contact_flow_id or "InitialTemplatedSystemMessage" in request.body

    return "job" if names(own) else "batch" if names(shared) else "sender"


def _scope(rule: RetryRule, job: ClaimedJob, prepared: _Prepared | None) -> str:
    """Returns the scope of a hold by this rule."""
    if prepared and rule.blames_whoever_named_it and prepared.named_by == "batch":
        return f"batch:{job.batch}"
    if prepared and rule.stops == "instance":
        return f"instance:{prepared.sender.instance_id}"
    return f"sender:{job.sender}"


def _failed(job: ClaimedJob, claim: str, code: str, message: str) -> Result:
    return Result(local_id=job.local_id, claim=claim, outcome=Outcome.FAILED, code=code, message=message, called=False)
