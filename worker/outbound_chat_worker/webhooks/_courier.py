"""The courier: posts a budget's webhooks for a few seconds: claim, post, record, repeat.

One works for a budget at a time, beside its pumps and with threads of its own, so it takes nothing from them. Its main
thread alone speaks to the ledger; the ledger sees that no host has more than its share of the posts.
"""

import logging
import os
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from queue import Empty, SimpleQueue
from threading import Event

from outbound_chat import OutboundChat
from outbound_chat.errors import StoreError, UnknownBatch
from outbound_chat.ids import new_local_id
from outbound_chat.jobs import Batch, Job
from outbound_chat.store import calls
from outbound_chat.store.calls import ClaimedWebhook, ClaimedWebhooks, WebhookResult
from outbound_chat.store.records import from_ms
from outbound_chat.webhooks import sign
from outbound_chat_worker.runtime import Runtime
from outbound_chat_worker.webhooks._answers import FEW, Answer, Then, rule_of, wait_after
from outbound_chat_worker.webhooks._payload import payload
from outbound_chat_worker.webhooks._posting import Post, Poster

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=10)
"""On top of the time of a post; renewed while it runs."""
LOOK_SECONDS = 1.0
LINGER_SECONDS = 1.0
"""How long a courier without work waits for more."""
STORE_RETRY_SECONDS = 0.5
PATIENCE_SECONDS = 60.0
"""How long results that Redis can't take are kept; after that, their webhooks are posted again."""


@dataclass(slots=True)
class _Running:
    """A webhook that is being posted."""

    webhook: ClaimedWebhook
    post: Post
    result: WebhookResult | None = field(default=None)


class Courier:
    """One run of work for one budget."""

    def __init__(self, runtime: Runtime, budget: str, *, stopping: Event, poster: Poster | None = None) -> None:
        """`stopping`: set when the process is to end. `poster`: posts instead of one that is made from the settings."""
        self._runtime = runtime
        self._settings = runtime.settings.webhooks
        self._keys = runtime.keys(budget)
        self._budget = budget
        self._stopping = stopping
        self._poster = poster or Poster(self._settings)
        self._courier = f"{socket.gethostname()}:{os.getpid()}:{new_local_id()}"
        self._running: dict[str, _Running] = {}
        self._arrived: SimpleQueue[_Running] = SimpleQueue()
        self._kept: list[WebhookResult] = []
        self._kept_since = 0.0
        self._clock = (0, 0.0)
        """Time of Redis in ms, and `time.monotonic()` when it was that."""
        self._posted = 0
        self._chat = OutboundChat.from_settings(runtime.settings, store=runtime.store)
        self.has_more = False
        """After `work`: there is something left to post."""

    def work(self) -> int:
        """Works until the slice is over, nothing is left to do for a while, or the process stops; how many it posted.

        Returns once every post that it started has ended and is recorded.
        """
        ends = time.monotonic() + self._runtime.settings.worker.slice.total_seconds()
        with ThreadPoolExecutor(self._settings.concurrency, thread_name_prefix=f"courier-{self._budget}") as pool:
            idle = False
            while True:
                leaving = self._stopping.is_set() or time.monotonic() >= ends
                try:
                    self._settle()
                    found = self._claim(wanted=not leaving, leaving=leaving or idle)
                except StoreError as error:
                    logger.warning("budget %s: webhooks wait for Redis: %s", self._budget, error)
                    if leaving and not self._running and self._gives_up():
                        return self._posted
                    self._gather(STORE_RETRY_SECONDS)
                    continue
                for webhook in found.webhooks if found else ():
                    self._start(pool, webhook)
                if not self._running and not self._kept and (found is None or leaving or (idle and not found.webhooks)):
                    return self._posted
                idle = found is not None and not self._running and not found.webhooks
                self._wait(found, idle)

    def _claim(self, *, wanted: bool, leaving: bool) -> ClaimedWebhooks | None:
        room = min(self._settings.concurrency - len(self._running), calls.MOST_JOBS) if wanted else 0
        asked_at = time.monotonic()
        call = calls.claim_webhooks(
            self._keys,
            courier=self._courier,
            wanted=room,
            lease_ms=_ms(self._settings.timeout + LEASE),
            per_host=self._settings.per_host,
            give_up_ms=_ms(self._settings.retry_for),
            leaving=leaving and not self._running,
            posting=[(one.webhook.host, name) for name, one in self._running.items()],
        )
        found = self._runtime.store.run(call)
        if found:
            self._clock = (found.now_ms, asked_at)
            self.has_more = found.next_ms == 0
        return found

    def _wait(self, found: ClaimedWebhooks | None, idle: bool) -> None:
        """Until something came of a post, or there is more to post."""
        next_seconds = found.next_ms / 1000 if found and found.next_ms >= 0 else LOOK_SECONDS
        if idle:
            try:
                self._runtime.store.wait_for_signal([self._keys.hook_poke], min(LINGER_SECONDS, next_seconds))
            except StoreError as error:
                logger.warning("budget %s: can't wait for webhooks: %s", self._budget, error)
                self._gather(STORE_RETRY_SECONDS)
            return
        full = len(self._running) >= self._settings.concurrency
        self._gather(LOOK_SECONDS if full or found is None else max(0.05, min(0.2, next_seconds)))
        now = time.monotonic()
        for one in self._running.values():
            if now >= one.post.ends:
                one.post.end()

    def _gather(self, seconds: float) -> None:
        try:
            one = self._arrived.get(timeout=seconds)
            while True:
                self._running.pop(one.webhook.name, None)
                if one.result:
                    self._kept.append(one.result)
                one = self._arrived.get_nowait()
        except Empty:
            return

    def _settle(self) -> None:
        while self._kept:
            self._kept_since = self._kept_since or time.monotonic()
            chunk = self._kept[: calls.MOST_JOBS]
            self._runtime.store.run(calls.settle_webhooks(self._keys, chunk, per_host=self._settings.per_host))
            del self._kept[: len(chunk)]
        self._kept_since = 0.0

    def _gives_up(self) -> bool:
        """Whether what Redis can't take is left to be posted again."""
        return not self._kept or time.monotonic() - self._kept_since > PATIENCE_SECONDS

    def _start(self, pool: ThreadPoolExecutor, webhook: ClaimedWebhook) -> None:
        running = self._running[webhook.name] = _Running(webhook, self._poster.begin())
        pool.submit(self._deliver, running)

    def _deliver(self, running: _Running) -> None:
        """In a thread: posts, and brings the result back."""
        webhook = running.webhook
        try:
            answer = self._post(webhook, running.post)
            running.result = self._result(webhook, answer)
            self._posted += 1
        except StoreError as error:
            # Its lease runs out, and it is posted then.
            logger.warning("webhook %s.%s: can't be made: %s", self._budget, webhook.name, error)
        except Exception:
            # Nothing that was not foreseen may lose it, nor end the courier.
            logger.exception("webhook %s.%s: unforeseen error", self._budget, webhook.name)
            running.result = self._result(webhook, Answer(error="unexpected_error"))
        finally:
            self._arrived.put(running)

    def _post(self, webhook: ClaimedWebhook, post: Post) -> Answer | None:
        told = self._told(webhook)
        if told is None:
            return None
        kind, at, of = told
        url = webhook.url or self._url_of_sender(of.sender)
        if not url:
            return Answer(error="no_url")
        body = payload(kind, at, of)
        id_ = f"{self._budget}.{webhook.name}"
        sent_at = self._now_seconds()
        signatures = [sign(secret.get_secret_value(), id_, sent_at, body) for secret in self._settings.secrets]
        headers = {
            "webhook-id": id_,
            "webhook-timestamp": str(sent_at),
            "webhook-signature": " ".join(signatures),
        }
        return self._poster.post(url, headers, body, post)

    def _told(self, webhook: ClaimedWebhook) -> tuple[str, datetime, Job | Batch] | None:
        """What it tells; None: nothing any more, since the record has gone or says more by now."""
        if webhook.end == "finished":
            return self._told_of_batch(webhook.local_id)
        job = webhook.job
        if job is None or job.finished_at is None or job.state != webhook.end:
            return None
        return f"job.{job.state}", job.finished_at, job

    def _told_of_batch(self, local_id: str) -> tuple[str, datetime, Batch] | None:
        book = self._runtime.store.run(calls.read_batch(self._keys, local_id, with_pace=False))
        if book is None or not book.fields["final_at"]:
            return None
        try:
            batch = self._chat.batch(f"{self._budget}.{local_id}")
        except UnknownBatch:
            # Its time was over just now.
            return None
        return "batch.finished", from_ms(int(book.fields["final_at"])), batch

    def _url_of_sender(self, name: str) -> str:
        sender = self._runtime.settings.senders.get(name)
        return sender.callback_url.get_secret_value() if sender and sender.callback_url else ""

    def _now_seconds(self) -> int:
        """Time of Redis: the clock of this machine may be wrong."""
        at_ms, seen_at = self._clock
        return int(at_ms / 1000 + time.monotonic() - seen_at)

    def _result(self, webhook: ClaimedWebhook, answer: Answer | None) -> WebhookResult:
        if answer is None:
            return WebhookResult(name=webhook.name, host=webhook.host, outcome="delivered")
        rule, attempts = rule_of(answer), webhook.attempts + 1
        delay = wait_after(attempts, self._settings, answer.retry_after)
        outcome: calls.WebhookOutcome = "delivered" if rule.then is Then.DELIVERED else "retry"
        if rule.then is Then.DEAD or (outcome == "retry" and self._is_last(webhook, rule.then, delay)):
            outcome = "dead"
        if outcome != "delivered":
            said = "gives it up" if outcome == "dead" else f"posts it again in {delay.total_seconds():.0f} s"
            logger.info("webhook %s.%s, host %s: %s; %s", self._budget, webhook.name, webhook.host, answer.code, said)
        return WebhookResult(
            name=webhook.name,
            host=webhook.host,
            outcome=outcome,
            delay_ms=_ms(delay),
            code=answer.code,
            host_is=("up" if rule.host_answers else "down") if answer.status or not rule.host_answers else "",
            pause_ms=_ms(answer.retry_after),
        )

    def _is_last(self, webhook: ClaimedWebhook, then: Then, delay: timedelta) -> bool:
        """Whether there is no other post."""
        if then is Then.FEW and webhook.attempts + 1 >= FEW:
            return True
        at_ms = self._now_seconds() * 1000
        first_ms = webhook.first_ms or at_ms
        return at_ms + _ms(delay) > first_ms + _ms(self._settings.retry_for)


def _ms(duration: timedelta) -> int:
    return int(duration.total_seconds() * 1000)
