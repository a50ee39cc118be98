"""Reads contact events from an SQS queue, in a thread of a worker's main process, and applies them.

It does not know what events mean. The main idea: an event is deleted only after Redis has applied or counted it; what
is not deleted comes back after the visibility timeout of the queue, and applying an event twice changes nothing.
"""

import threading
import time
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from botocore.exceptions import ClientError

from outbound_chat.client import OutboundChat
from outbound_chat.contact_events import KnownSources, read_event
from outbound_chat.model.contact_events import Change, Outcome
from outbound_chat.model.errors import StoreError, StoreUnavailable
from outbound_chat.store import scripts
from outbound_chat_config import ContactEventSettings, RetrySettings
from outbound_chat_worker.backoff import backoff
from outbound_chat_worker.connect import UNANSWERED
from outbound_chat_worker.pump.retry import judge
from outbound_chat_worker.redaction import redact
from outbound_chat_worker.runtime import Runtime

WAITS = (5, 30, 120, 600)
"""Seconds after which an event comes back of which no job is known: the result of its call may not be recorded yet."""
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html
POLL_SECONDS, MOST_MESSAGES = 20, 10
NOTE_SECONDS = 5.0
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
        self._returned = Counter[str]()
        """Events by budget that were counted as unmatched since the last note, and that come back."""
        self._error = ""
        self._note_at = 0.0
        """`time.monotonic()` at which the state is recorded again."""
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
            # First: while Redis is down, a receive would only bring messages nearer to the dead-letter queue.
            if time.monotonic() >= self._note_at:
                self.note()
            return self._receive()
        except StoreError as error:
            self._runtime.store_failed(min(self._runtime.settings.budgets), error)
            self._note_at = 0.0
        except Exception as error:  # noqa: BLE001  # logged, with its traceback if it is no known one
            self._failed(error)
        return None

    def _receive(self) -> int | None:
        answer = self._client().receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=MOST_MESSAGES,
            WaitTimeSeconds=self._poll_seconds,
            MessageSystemAttributeNames=["ApproximateReceiveCount"],
        )
        messages = answer.get("Messages", [])
        with self._applying:
            # After a stop they come back by themselves.
            if not self._stop.is_set() and not self.apply(messages):
                return None
        self._error = ""
        if self._runtime.notices.open:
            self._runtime.notices.over(_SUBJECT, "contact events are read from the queue again")
        return len(messages)

    def apply(self, messages: Sequence[dict[str, Any]]) -> bool:
        """Applies and deletes messages; returns whether all is well."""
        outcomes = self._ingest([message.get("Body", "") for message in messages])
        over, back = [], []
        for place, (message, outcome) in enumerate(zip(messages, outcomes, strict=True)):
            entry = {"Id": str(place), "ReceiptHandle": message["ReceiptHandle"]}
            times = int(message.get("Attributes", {}).get("ApproximateReceiveCount", 1))
            if outcome is Outcome.UNMATCHED and times <= len(self._waits):
                back.append({**entry, "VisibilityTimeout": self._waits[times - 1]})
                change = read_event(message.get("Body", ""), self._known)
                self._returned.update(change.budgets if isinstance(change, Change) else ())
            elif outcome:
                over.append(entry)
        sqs, failed = self._client(), list[dict[str, Any]]()
        for call, entries in ((sqs.delete_message_batch, over), (sqs.change_message_visibility_batch, back)):
            failed += call(QueueUrl=self._url, Entries=entries).get("Failed", []) if entries else []
        if failed:
            code = self._error = failed[0].get("Code", "")
            text = f"contact events stay in the queue: {len(failed)} could not be deleted or deferred ({code})"
            self._runtime.notices.note(_SUBJECT, text)
        return not failed and all(outcomes)

    def _ingest(self, bodies: Sequence[str]) -> Sequence[Outcome | None]:
        """Returns the outcome of each; None for one that can't be applied, which stays in the queue."""
        try:
            return self._chat.ingest_contact_events(bodies)
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001  # logged
            if len(bodies) > 1:
                return [outcome for body in bodies for outcome in self._ingest([body])]
            self._error = type(error).__name__
            reason = error if isinstance(error, StoreError) else self._error
            text = f"a contact event can't be applied and stays in the queue: {reason}"
            self._runtime.notices.note(_SUBJECT, text, error=None if isinstance(error, StoreError) else error)
            return [None]

    def _client(self) -> Any:
        if self._sqs is None:
            self._sqs = self._runtime.connect.queue_client(self._wanted, wait_seconds=self._poll_seconds)
        return self._sqs

    def _failed(self, error: Exception) -> None:
        if judge(error, left=False).rule.refresh_credentials:
            self._sqs = None  # the next one looks for credentials again
        code = error.response.get("Error", {}).get("Code", "") if isinstance(error, ClientError) else ""
        self._error, self._note_at = code or type(error).__name__, 0.0
        is_known = isinstance(error, UNANSWERED)
        text = f"contact events can't be read from the queue: {redact(str(error)) if is_known else self._error}"
        self._runtime.notices.note(_SUBJECT, f"{text}; trying again", error=None if is_known else error)

    def note(self) -> None:
        """Records in Redis how the queue is read."""
        for budget in self._runtime.settings.budgets:
            keys = self._runtime.keys(budget)
            call = scripts.note_polls(keys, returned=self._returned[budget], error=self._error)
            self._runtime.store.run(call)
            del self._returned[budget]
        self._note_at = time.monotonic() + NOTE_SECONDS
