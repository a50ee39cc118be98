"""Reads contact events from an SQS queue, in a thread of a worker's main process, and applies them.

It does not know what events mean. The main idea: an event is deleted only after Redis has applied or counted it; what
is not deleted comes back after the visibility timeout of the queue, and applying an event twice changes nothing.
"""

import threading
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from operator import methodcaller
from typing import Any

from outbound_chat.client import OutboundChat
from outbound_chat.contact_events import KnownSources, read_event
from outbound_chat.model.contact_events import Change, Outcome
from outbound_chat.model.errors import StoreError, StoreUnavailable
from outbound_chat_config import ContactEventSettings, RetrySettings
from outbound_chat_worker.backoff import backoff
from outbound_chat_worker.connect import UNANSWERED
from outbound_chat_worker.redaction import redact
from outbound_chat_worker.runtime import Runtime

WAITS = (5, 30, 120, 600)
"""Seconds after which an event comes back of which no job is known: the result of its call may not be recorded yet."""
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html
POLL_SECONDS, MOST_MESSAGES = 20, 10
_BACKOFF = RetrySettings(base=timedelta(seconds=1), cap=timedelta(minutes=1))
_SUBJECT = "contact events"


class QueuePoller:
    """Reads the queue of `contact_events.queue_url` until it is stopped."""

    def __init__(
        self,
        runtime: Runtime,
        wanted: ContactEventSettings,
        *,
        waits: Sequence[int] = WAITS,
        poll_seconds: int = POLL_SECONDS,
    ) -> None:
        """`waits`: in seconds, one for each time that an event comes back. `poll_seconds`: how long a receive waits."""
        self._runtime, self._wanted, self._url = runtime, wanted, wanted.queue_url
        self._waits, self._poll_seconds = waits, poll_seconds
        self._chat = OutboundChat.from_settings(runtime.settings, store=runtime.store)
        self._known = KnownSources.of(runtime.settings)
        self._sqs: Any = None
        self._stop = threading.Event()
        self._applying = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="contact-events", daemon=True)
        self.start = self._thread.start

    def stop(self) -> None:
        """Stops; returns when the messages at hand are done. It does not wait for a receive that waits for messages."""
        self._stop.set()
        if self._applying.acquire(timeout=self._runtime.store.seconds):
            self._applying.release()

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            failures = failures + 1 if self.turn() is None else 0
            if failures:
                self._stop.wait(backoff(failures, _BACKOFF).total_seconds())

    def turn(self) -> int | None:
        """Receives messages, applies and deletes them; returns how many came. None: it failed, as it has logged."""
        try:
            # While Redis is down, a receive would only bring messages nearer to the dead-letter queue.
            for budget in self._runtime.settings.budgets:
                self._runtime.store.ask(methodcaller("exists", self._runtime.keys(budget).base))
            messages = self._receive()
            with self._applying:
                # After a stop they come back by themselves.
                done = self._stop.is_set() or self.apply(messages)
        except StoreError as error:
            self._runtime.store_failed(min(self._runtime.settings.budgets), error)
            return None
        except Exception as error:  # noqa: BLE001  # logged, with its traceback if it is no known one
            self._sqs = None  # the next one looks for credentials again
            is_known = isinstance(error, UNANSWERED)
            reason = redact(str(error)) if is_known else type(error).__name__
            text = f"contact events can't be read from the queue: {reason}; trying again"
            self._runtime.notices.note(_SUBJECT, text, error=None if is_known else error)
            return None
        if done and self._runtime.notices.open:
            self._runtime.notices.over(_SUBJECT, "contact events are read from the queue again")
        return len(messages) if done else None

    def _receive(self) -> list[dict[str, Any]]:
        answer = self._client().receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=MOST_MESSAGES,
            WaitTimeSeconds=self._poll_seconds,
            MessageSystemAttributeNames=["ApproximateReceiveCount"],
        )
        return list(answer.get("Messages", []))

    def apply(self, messages: Sequence[dict[str, Any]]) -> bool:
        """Applies and deletes messages; returns whether all is well."""
        outcomes = self._ingest([message.get("Body", "") for message in messages])
        over, back, returned = [], [], []
        for place, (message, outcome) in enumerate(zip(messages, outcomes, strict=True)):
            entry = {"Id": str(place), "ReceiptHandle": message["ReceiptHandle"]}
            times = int(message.get("Attributes", {}).get("ApproximateReceiveCount", 1))
            if outcome is Outcome.UNMATCHED and times <= len(self._waits):
                back.append({**entry, "VisibilityTimeout": self._waits[times - 1]})
                returned.append(message.get("Body", ""))
            elif outcome:
                over.append(entry)
        sqs, failed = self._client(), list[dict[str, Any]]()
        for call, entries in ((sqs.delete_message_batch, over), (sqs.change_message_visibility_batch, back)):
            failed += call(QueueUrl=self._url, Entries=entries).get("Failed", []) if entries else []
        if failed:
            what = f"{len(failed)} could not be deleted or deferred ({failed[0].get('Code', '')})"
            self._runtime.notices.note(_SUBJECT, f"contact events stay in the queue: {what}")
        self._count_once(returned)
        return not failed and all(outcomes)

    def _count_once(self, bodies: Sequence[str]) -> None:
        """Takes back that events were counted as unmatched, since they will be counted when they come back."""
        changes = [read_event(body, self._known) for body in bodies]
        budgets = Counter(budget for one in changes if isinstance(one, Change) for budget in one.budgets)
        for budget, number in budgets.items():
            name = self._runtime.keys(budget).contact_events
            self._runtime.store.ask(methodcaller("hincrby", name, Outcome.UNMATCHED.value, -number))

    def _ingest(self, bodies: Sequence[str]) -> Sequence[Outcome | None]:
        """Returns the outcome of each; None for one that can't be applied, which stays in the queue."""
        try:
            return self._chat.ingest_contact_events(bodies)
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001  # logged
            if len(bodies) > 1:
                return [outcome for body in bodies for outcome in self._ingest([body])]
            unexpected = None if isinstance(error, StoreError) else error
            reason = type(error).__name__ if unexpected else error
            text = f"a contact event can't be applied and stays in the queue: {reason}"
            self._runtime.notices.note(_SUBJECT, text, error=unexpected)
            return [None]

    def _client(self) -> Any:
        if self._sqs is None:
            self._sqs = self._runtime.connect.queue_client(self._wanted, wait_seconds=self._poll_seconds)
        return self._sqs
