"""One attempt: from a claimed job to a result. Runs in the threads of a pump."""

import logging
import time
from datetime import timedelta
from typing import Any

from outbound_chat.errors import StoreError
from outbound_chat.store.calls import ClaimedJob, Result
from outbound_chat_config import LATEST_SECONDS, Sender, SettingsError
from outbound_chat_worker.connect import TooLate
from outbound_chat_worker.retry import CREDENTIALS, UNFORESEEN, Decision, Verdict, backoff, judge
from outbound_chat_worker.runtime import Runtime
from outbound_chat_worker.stored import UnreadableRequest, read_stored

logger = logging.getLogger(__name__)

UNKNOWN_SENDER_WAIT = timedelta(seconds=30)

_OUTCOMES = {Decision.RETRY: "retry", Decision.SNOOZE: "snooze", Decision.HOLD: "snooze", Decision.FAIL: "failed"}


class Caller:
    """Makes the calls of one pump."""

    def __init__(self, runtime: Runtime, budget: str) -> None:
        self._runtime = runtime
        self._budget = budget

    def attempt(self, job: ClaimedJob, claim: str, claimed_at: float) -> Result:
        """Calls Connect for the job, once, and says what came of it. Never raises.

        `claimed_at`: `time.monotonic()` before the claim was asked for.
        """
        self._runtime.connect.call.left = False
        try:
            return self._attempt(job, claim, claimed_at)
        except Exception as error:
            # Every job must end in a result, or it would be stuck until its lease ran out.
            logger.exception("job %s: unforeseen error", self._id(job))
            return self._judged(job, claim, judge(error, left=self._runtime.connect.call.left))

    def _attempt(self, job: ClaimedJob, claim: str, claimed_at: float) -> Result:
        leaves_by = claimed_at + LATEST_SECONDS
        if time.monotonic() > leaves_by:
            return Result(local_id=job.local_id, claim=claim, outcome="not_called")
        if job.attempts > self._runtime.settings.retry.max_attempts:
            return _failed(job, claim, "attempts_exhausted", "every attempt ended without an answer")
        prepared = self._prepare(job, claim)
        if isinstance(prepared, Result):
            return prepared
        sender, arguments = prepared
        try:
            contact_id = self._runtime.connect.start_chat(sender, arguments, leaves_by=leaves_by)
        except TooLate:
            return Result(local_id=job.local_id, claim=claim, outcome="not_called")
        except Exception as error:  # noqa: BLE001  # judged by a table that ends in a loud row
            verdict = judge(error, left=self._runtime.connect.call.left)
            if verdict.rule == CREDENTIALS:
                self._runtime.connect.forget_credentials(sender)
            return self._judged(job, claim, verdict)
        return Result(local_id=job.local_id, claim=claim, outcome="sent", contact_id=contact_id)

    def _prepare(self, job: ClaimedJob, claim: str) -> tuple[Sender, dict[str, Any]] | Result:
        """The sender and the arguments of the call, or the result of a job for which no call can be made."""
        try:
            sender = self._runtime.settings.sender(job.sender)
            request = read_stored(job.request)
            if job.batch:
                request = request.merged(self._runtime.shared_request(self._budget, job.batch))
        except SettingsError as error:
            return self._unknown_sender(job, claim, error)
        except UnreadableRequest as error:
            return _failed(job, claim, "unreadable_request", str(error))
        except StoreError as error:
            logger.warning("job %s: its batch can't be read: %s", self._id(job), error)
            return Result(local_id=job.local_id, claim=claim, outcome="not_called", delay_ms=1000)
        if errors := request.errors(sender):
            return _failed(job, claim, "invalid_request", "; ".join(map(str, errors))[:300])
        return sender, request.api(sender, job.token or self._id(job))

    def _judged(self, job: ClaimedJob, claim: str, verdict: Verdict) -> Result:
        retry = self._runtime.settings.retry
        rule, outcome, code = verdict.rule, _OUTCOMES[verdict.rule.decision], verdict.rule.code
        if outcome == "retry" and job.attempts >= min(retry.max_attempts, rule.most_attempts or retry.max_attempts):
            outcome = "failed"
        word = "uncertain" if outcome == "failed" and (job.maybe_sent or rule.maybe_sent) else outcome
        level = logging.INFO if outcome in {"retry", "snooze"} else logging.WARNING
        if rule.decision is Decision.HOLD or rule in UNFORESEEN:
            level = logging.ERROR
        logger.log(level, "job %s: %s, %s (%s) attempt %d", self._id(job), word, code, verdict.aws_code, job.attempts)
        return Result(
            local_id=job.local_id,
            claim=claim,
            outcome=outcome,
            delay_ms=_ms(max(verdict.retry_after, backoff(rule, max(job.attempts, job.snoozes + 1), retry))),
            pause_ms=_ms(verdict.retry_after),
            maybe_sent=rule.maybe_sent,
            code=code,
            aws_code=verdict.aws_code,
            message=verdict.message or rule.reason,
            request_id=verdict.request_id,
        )

    def _unknown_sender(self, job: ClaimedJob, claim: str, error: SettingsError) -> Result:
        # The producer's settings know the sender and ours do not: a person must bring them together.
        logger.error("job %s waits: %s", self._id(job), error)
        return Result(
            local_id=job.local_id,
            claim=claim,
            outcome="snooze",
            delay_ms=_ms(UNKNOWN_SENDER_WAIT),
            code="unknown_sender",
            message=str(error),
        )

    def _id(self, job: ClaimedJob) -> str:
        return f"{self._budget}.{job.local_id}"


def _failed(job: ClaimedJob, claim: str, code: str, message: str) -> Result:
    return Result(local_id=job.local_id, claim=claim, outcome="failed", code=code, message=message)


def _ms(duration: timedelta) -> int:
    return int(duration.total_seconds() * 1000)
