"""The jobs of a rig: which were promised, and to which numbers they go."""

import contextlib
import threading
from collections.abc import Callable

from outbound_chat.client import OutboundChat
from outbound_chat.model.errors import StoreError
from tests.support.harness import number

PAUSE_SECONDS = 0.02
SINGLES = 10
"""Of each lot, so many are enqueued one by one; the others are a batch."""


TEXT = "Your nightingale waits."
"""Words that nothing else of a stack has: the audit looks for them in all output."""


class Traffic:
    """Enqueues jobs, each to a number of its own, and remembers which the ledger acknowledged."""

    def __init__(self, chat: OutboundChat) -> None:
        self._chat = chat
        self._next_number = 0
        self.durable: dict[str, str] = {}
        """Id of each acknowledged job of the run → its number."""
        self.unanswered: set[str] = set()
        """Numbers of the run whose jobs were offered and not acknowledged: each may be called, once."""

    def begin_run(self) -> None:
        """Forgets the jobs of the run before."""
        self.durable.clear()
        self.unanswered.clear()

    def add(self, count: int) -> None:
        """Enqueues jobs that must be sent. Raises `StoreError` when Redis does not take them."""
        singles = min(SINGLES, count)
        for to in self._numbers(singles):
            self._add_one(to)
        if count > singles:
            self._add_batch(self._numbers(count - singles))

    def offer(self, count: int) -> int:
        """Enqueues jobs one by one although Redis may be away; how many were acknowledged."""
        taken = 0
        for to in self._numbers(count):
            try:
                self._add_one(to)
            except StoreError:
                continue
            taken += 1
        return taken

    def insist(self, chat: OutboundChat, count: int) -> None:
        """Enqueues jobs by a client whose way may be bad: each until it is acknowledged, with one idempotency key."""
        for to in self._numbers(count):
            self.unanswered.add(to)
            while to in self.unanswered:
                with contextlib.suppress(StoreError):
                    job = chat.enqueue(sender="support", to=to, text=TEXT, idempotency_key=f"insist-{to}")
                    self.durable[job.id] = to
                    self.unanswered.remove(to)

    def offer_until(self, chat: OutboundChat, ends: threading.Event) -> None:
        """Enqueues jobs one by one, with pauses, by a client of its own; what was refused is not tried again.

        So there is one job a number, whatever Redis forgets.
        """
        while not ends.wait(PAUSE_SECONDS):
            (to,) = self._numbers(1)
            with contextlib.suppress(StoreError):
                self._add_one(to, chat)

    def add_by(self, enqueue: Callable[[list[str]], str], count: int) -> None:
        """Enqueues a batch by another program: `enqueue` gets the numbers and gives the batch's id."""
        numbers = self._numbers(count)
        self.unanswered.update(numbers)
        self._acknowledged(enqueue(numbers), numbers)

    def _add_one(self, to: str, chat: OutboundChat | None = None) -> None:
        self.unanswered.add(to)
        job = (chat or self._chat).enqueue(sender="support", to=to, text=TEXT)
        self.durable[job.id] = to
        self.unanswered.remove(to)

    def _add_batch(self, numbers: list[str]) -> None:
        self.unanswered.update(numbers)
        receipt = self._chat.enqueue_batch(({"to": to} for to in numbers), sender="support", text=TEXT)
        self._acknowledged(receipt.id, numbers)

    def _acknowledged(self, batch: str, numbers: list[str]) -> None:
        self.durable.update({f"{batch}-{row}": to for row, to in enumerate(numbers, start=1)})
        self.unanswered.difference_update(numbers)

    def _numbers(self, count: int) -> list[str]:
        first, self._next_number = self._next_number, self._next_number + count
        return [number(index) for index in range(first, first + count)]
