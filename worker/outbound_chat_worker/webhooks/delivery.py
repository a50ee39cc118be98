"""Delivers a webhook, from claim to result: its body, its signatures, its post, and what happens next."""

import logging
import time
from datetime import datetime, timedelta
from functools import lru_cache

from outbound_chat import OutboundChat
from outbound_chat.model.batches import Batch
from outbound_chat.model.errors import UnknownBatch
from outbound_chat.model.jobs import Job
from outbound_chat.model.json import to_json
from outbound_chat.model.times import from_ms, in_ms
from outbound_chat.store import scripts
from outbound_chat.store.scripts import ClaimedWebhook, WebhookResult
from outbound_chat.webhooks import sign
from outbound_chat_config import WebhookSettings
from outbound_chat_worker.backoff import backoff
from outbound_chat_worker.runtime import Runtime
from outbound_chat_worker.webhooks.answers import FEW, Answer, Then, rule_of
from outbound_chat_worker.webhooks.posting import Post, Poster

logger = logging.getLogger(__name__)


class Delivery:
    """Delivers webhooks of a budget. Safe to share between threads."""

    def __init__(self, runtime: Runtime, budget: str) -> None:
        """Raises `SettingsError` if a certificate in the settings can't be read."""
        self._runtime = runtime
        self._settings = runtime.settings.webhooks
        self._budget = budget
        self._keys = runtime.keys(budget)
        self._poster = _poster(self._settings)
        self._chat = OutboundChat.from_settings(runtime.settings, store=runtime.store)
        self.clock = (0, 0.0)
        """Time of Redis in ms, and `time.monotonic()` at that moment."""

    def deliver(self, webhook: ClaimedWebhook, post: Post) -> WebhookResult:
        """Posts the webhook, if there is still something to report."""
        event = self._event(webhook)
        if event is None:
            return WebhookResult(name=webhook.name, host=webhook.host, outcome="delivered")
        return self.result(webhook, self._post(webhook, post, *event))

    def _post(self, webhook: ClaimedWebhook, post: Post, kind: str, at: datetime, of: Job | Batch) -> Answer:
        url = webhook.url or self._url_of_sender(of.sender)
        if not url:
            return Answer(error="no_url")
        # The job or batch as `status --json` shows it, which has no numbers and texts.
        body = to_json({"type": kind, "timestamp": at, "data": of})
        id_ = f"{self._budget}.{webhook.name}"
        sent_at = self._now_seconds()
        signatures = [sign(secret.get_secret_value(), id_, sent_at, body) for secret in self._settings.secrets]
        headers = {
            "webhook-id": id_,
            "webhook-timestamp": str(sent_at),
            "webhook-signature": " ".join(signatures),
        }
        return self._poster.post(url, headers, body, post)

    def _event(self, webhook: ClaimedWebhook) -> tuple[str, datetime, Job | Batch] | None:
        """Returns the content of the webhook; None if the record no longer exists or the job has changed."""
        if webhook.end == "finished":
            return self._event_of_batch(webhook.local_id)
        job = webhook.job
        if job is None or job.finished_at is None:
            return None
        contact, delivery, now = job.contact, job.delivery, from_ms(self._now_seconds() * 1000)
        if webhook.end == "contact_ended":
            return ("job.contact_ended", contact.ended_at or now, job) if contact and not contact.open else None
        if webhook.end == f"delivery.{delivery.state}":
            return "job.delivery", delivery.at or now, job
        return (f"job.{job.state}", job.finished_at, job) if job.state == webhook.end else None

    def _event_of_batch(self, local_id: str) -> tuple[str, datetime, Batch] | None:
        record = self._runtime.store.run(scripts.read_batch(self._keys, local_id, with_pace=False))
        if record is None or not record.final_at:
            return None
        try:
            batch = self._chat.batch(f"{self._budget}.{local_id}")
        except UnknownBatch:
            # It expired just now.
            return None
        return "batch.finished", from_ms(record.final_at), batch

    def _url_of_sender(self, name: str) -> str:
        sender = self._runtime.settings.senders.get(name)
        return sender.callback_url.get_secret_value() if sender and sender.callback_url else ""

    def _now_seconds(self) -> int:
        """Returns the time of Redis, since the clock of this machine may be wrong."""
        at_ms, seen_at = self.clock
        return int(at_ms / 1000 + time.monotonic() - seen_at)

    def result(self, webhook: ClaimedWebhook, answer: Answer) -> WebhookResult:
        """Returns the result to record for this answer."""
        rule, attempts = rule_of(answer), webhook.attempts + 1
        delay = max(backoff(attempts, self._settings), answer.retry_after)
        outcome: scripts.WebhookOutcome = "delivered" if rule.then is Then.DELIVERED else "retry"
        if rule.then is Then.DEAD or (outcome == "retry" and self._is_last(webhook, rule.then, delay)):
            outcome = "dead"
        if outcome != "delivered":
            said = "given up" if outcome == "dead" else f"posted again in {delay.total_seconds():.0f} s"
            logger.info("webhook %s.%s, host %s: %s; %s", self._budget, webhook.name, webhook.host, answer.code, said)
        return WebhookResult(
            name=webhook.name,
            host=webhook.host,
            outcome=outcome,
            delay_ms=in_ms(delay),
            code=answer.code,
            host_is=("up" if rule.host_answers else "down") if answer.status or not rule.host_answers else "",
            pause_ms=in_ms(answer.retry_after),
        )

    def _is_last(self, webhook: ClaimedWebhook, then: Then, delay: timedelta) -> bool:
        """Returns whether this was the last post of the webhook."""
        if then is Then.FEW and webhook.attempts + 1 >= FEW:
            return True
        at_ms = self._now_seconds() * 1000
        first_ms = webhook.first_ms or at_ms
        return at_ms + in_ms(delay) > first_ms + in_ms(self._settings.retry_for)


@lru_cache(maxsize=1)
def _poster(settings: WebhookSettings) -> Poster:
    """Returns the poster of this process. There is only one, since reading the trusted certificates takes a while."""
    return Poster(settings)
