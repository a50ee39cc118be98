"""The courier posts a budget's webhooks for a few seconds: claim, post, record, repeat.

One courier at a time works for a budget, in addition to its pumps and with its own threads, so it takes nothing from
them. Only its main thread talks to the store; the store limits the posts to each host.
"""

import logging
import math
import os
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from queue import Empty, SimpleQueue
from threading import Event

from outbound_chat.model.errors import StoreError
from outbound_chat.model.ids import new_local_id
from outbound_chat.model.times import in_ms
from outbound_chat.store import scripts
from outbound_chat.store.scripts import ClaimedWebhook, ClaimedWebhooks, WebhookResult
from outbound_chat_worker.runtime import Runtime
from outbound_chat_worker.webhooks.answers import Answer
from outbound_chat_worker.webhooks.delivery import Delivery
from outbound_chat_worker.webhooks.posting import Post

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=10)
"""Added to the timeout of a post; renewed while the post runs."""
LOOK_SECONDS = 1.0
LINGER_SECONDS = 1.0
"""How long a courier without work waits for more."""
STORE_RETRY_SECONDS = 0.5
PATIENCE_SECONDS = 60.0
"""How long results are kept while Redis does not accept them. After that, their webhooks are posted again."""


@dataclass(slots=True)
class _Running:
    """A webhook that is being posted."""

    webhook: ClaimedWebhook
    post: Post
    result: WebhookResult | None = field(default=None)


class Courier:
    """One run of work for one budget."""

    def __init__(self, runtime: Runtime, budget: str, *, stopping: Event, endless: bool) -> None:
        """`stopping`: set when the process should end. `endless`: it works as long as there is work, since it takes no
        slot of a pump; otherwise for a slice, after which its running posts end before another courier starts.
        """
        self._runtime = runtime
        self._settings = runtime.settings.webhooks
        self._keys = runtime.keys(budget)
        self._budget = budget
        self._stopping = stopping
        self._endless = endless
        self._delivery = Delivery(runtime, budget)
        self._courier = f"{socket.gethostname()}:{os.getpid()}:{new_local_id()}"
        self._running: dict[str, _Running] = {}
        self._arrived: SimpleQueue[_Running] = SimpleQueue()
        self._kept: list[WebhookResult] = []
        self._kept_since = 0.0
        self._posted = 0
        self.has_more = False
        """After `work`: whether there are more webhooks to post."""

    def work(self) -> int:
        """Works until nothing came for a while, its time is over, or the process stops; returns the number of posts.

        It returns when all posts that it started have ended and are recorded.
        """
        seconds = math.inf if self._endless else self._runtime.settings.worker.slice.total_seconds()
        ends = time.monotonic() + seconds
        with ThreadPoolExecutor(self._settings.concurrency, thread_name_prefix=f"courier-{self._budget}") as pool:
            idle = False
            while True:
                leaving = self._stopping.is_set() or time.monotonic() >= ends
                try:
                    self._settle()
                    found = self._claim(wanted=not leaving, leaving=leaving or idle)
                except StoreError as error:
                    self._runtime.store_failed(self._budget, error)
                    if not self._running and self._gives_up():
                        # The wakers request another courier once Redis is back.
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
        room = min(self._settings.concurrency - len(self._running), scripts.MOST_JOBS) if wanted else 0
        asked_at = time.monotonic()
        call = scripts.claim_webhooks(
            self._keys,
            courier=self._courier,
            wanted=room,
            lease_ms=in_ms(self._settings.timeout + LEASE),
            per_host=self._settings.per_host,
            give_up_ms=in_ms(self._settings.retry_for),
            leaving=leaving and not self._running,
            posting=[(one.webhook.host, name) for name, one in self._running.items()],
        )
        found = self._runtime.store.run(call)
        if found:
            self._delivery.clock = (found.now_ms, asked_at)
            self.has_more = found.next_ms == 0
        return found

    def _wait(self, found: ClaimedWebhooks | None, idle: bool) -> None:
        """Waits until a post has ended, or there is more to post."""
        next_seconds = found.next_ms / 1000 if found and found.next_ms >= 0 else LOOK_SECONDS
        if idle:
            try:
                self._runtime.store.wait_for_signal([self._keys.hook_poke], min(LINGER_SECONDS, next_seconds))
            except StoreError as error:
                self._runtime.store_failed(self._budget, error)
                self._gather(STORE_RETRY_SECONDS)
            return
        full = len(self._running) >= self._settings.concurrency
        self._gather(LOOK_SECONDS if full or found is None else max(0.05, min(0.2, next_seconds)))

    def _gather(self, seconds: float) -> None:
        """Collects results of posts, waiting at most `seconds` for the first, and ends posts whose time is over."""
        now = time.monotonic()
        for running in self._running.values():
            if now >= running.post.ends:
                running.post.end()
        try:
            one = self._arrived.get(timeout=seconds)
            while True:
                self._running.pop(one.webhook.name, None)
                if one.result:
                    self._posted += 1
                    self._kept.append(one.result)
                one = self._arrived.get_nowait()
        except Empty:
            return

    def _settle(self) -> None:
        while self._kept:
            self._kept_since = self._kept_since or time.monotonic()
            chunk = self._kept[: scripts.MOST_JOBS]
            self._runtime.store.run(scripts.finish_webhooks(self._keys, chunk, per_host=self._settings.per_host))
            del self._kept[: len(chunk)]
        self._kept_since = 0.0

    def _gives_up(self) -> bool:
        """Returns whether to drop results that Redis does not accept, so that their webhooks are posted again."""
        return not self._kept or time.monotonic() - self._kept_since > PATIENCE_SECONDS

    def _start(self, pool: ThreadPoolExecutor, webhook: ClaimedWebhook) -> None:
        running = self._running[webhook.name] = _Running(webhook, Post(self._settings.timeout))
        pool.submit(self._deliver, running)

    def _deliver(self, running: _Running) -> None:
        """Posts, and passes the result to the main thread. Runs in a thread."""
        webhook = running.webhook
        try:
            running.result = self._delivery.deliver(webhook, running.post)
        except StoreError as error:
            # Its lease runs out, and then it is posted again.
            self._runtime.store_failed(self._budget, error)
        except Exception:
            # An unexpected error must neither lose the webhook nor end the courier.
            logger.exception("webhook %s.%s: unexpected error", self._budget, webhook.name)
            running.result = self._delivery.result(webhook, Answer(error="unexpected_error"))
        finally:
            self._arrived.put(running)
