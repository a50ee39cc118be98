"""The sandbox's memory: buckets, tokens, open chats, contacts, arrivals, messages.

Everything is kept until a reset, or only the last `keep` records with numbers and texts: 100,000 contacts take about
100 MB.
"""

import heapq
import uuid
from collections import Counter, deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from outbound_chat_worker.sandbox._clock import Clock
from outbound_chat_worker.sandbox._kept import Kept
from outbound_chat_worker.sandbox._options import KEEP, SandboxOptions
from outbound_chat_worker.sandbox._refusal import Refusal
from outbound_chat_worker.sandbox._reports import SandboxArrival, SandboxStats
from outbound_chat_worker.sandbox._signature import Account

_TOKEN_LIFETIME_SECONDS = timedelta(days=7).total_seconds()
# https://docs.aws.amazon.com/connect/latest/APIReference/API_StartOutboundChatContact.html: 25 hours
_DEFAULT_CHAT_MINUTES = 1500


class Call(NamedTuple):
    """A call that started a contact or was refused. To save memory, `body` is the request as received, or the part of a
    refused request that a message shows.
    """

    at: datetime
    request_id: str
    code: str
    """As in `SandboxStats.by_code`."""
    contact_id: str | None
    body: bytes


@dataclass(slots=True)
class _Bucket:
    """The allowance of one account and Region."""

    calls: float
    filled_at: float


class Ledger:
    """The counts of a sandbox. Not safe to share between threads."""

    def __init__(self, options: SandboxOptions, clock: Clock) -> None:
        self.options = options
        self.contacts = Kept[Call]()
        self.arrivals = Kept[SandboxArrival]()
        self.inbox = Kept[Call]()
        self._clock = clock
        self._buckets: dict[Account, _Bucket] = {}
        self._contact_of_token: dict[tuple[Account, str], str] = {}
        self._tokens_by_age: deque[tuple[float, tuple[Account, str]]] = deque()
        self._open: dict[str, set[str]] = {}
        self._ends: list[tuple[float, str, str]] = []
        self._by_code: Counter[str] = Counter()
        self._throttled = 0
        self._refused = 0
        self._repeated = 0

    def take_call(self, account: Account) -> None:
        """Takes a call from the bucket of `account`; raises `Refusal` if it is empty."""
        rate, burst = self.options.rate, self.options.burst
        if rate is None:
            return
        now = self._clock.monotonic()
        bucket = self._buckets.setdefault(account, _Bucket(calls=burst, filled_at=now))
        bucket.calls = min(burst, bucket.calls + (now - bucket.filled_at) * rate)
        bucket.filled_at = now
        if bucket.calls < 1:
            raise Refusal("ThrottlingException", "Rate exceeded")
        bucket.calls -= 1

    def start_contact(self, account: Account, body: dict[str, Any]) -> tuple[str, bool]:
        """Returns the ContactId for a valid request, and whether its token was seen before (then nothing starts).

        AWS documents that a token is valid for 7 days and returns the contact that was started, but neither its scope
        nor the effect of other parameters under the same token. Here it belongs to the account and Region, like the
        rate, and the answer is the first contact whatever the parameters. Raises `Refusal` when the chats are full.
        """
        self._forget_old_tokens()
        token: str = body.get("ClientToken", "")
        key = (account, token)
        if token and (known := self._contact_of_token.get(key)) is not None:
            self._repeated += 1
            return known, True
        instance_id = body["InstanceId"]
        self._end_old_chats()
        chats = self._open.setdefault(instance_id, set())
        if len(chats) >= self.options.max_chats:
            raise Refusal("LimitExceededException", "The instance has as many active chats as its quota allows.")
        contact_id = str(uuid.uuid4())
        now = self._clock.monotonic()
        minutes = body.get("ChatDurationInMinutes", _DEFAULT_CHAT_MINUTES)
        chats.add(contact_id)
        heapq.heappush(self._ends, (now + minutes * 60, instance_id, contact_id))
        if token:
            self._contact_of_token[key] = contact_id
            self._tokens_by_age.append((now + _TOKEN_LIFETIME_SECONDS, key))
        return contact_id, False

    def close_chat(self, contact_id: str) -> bool:
        """Ends a chat as a flow or an agent would; returns False if no open chat has this id."""
        self._end_old_chats()
        for chats in self._open.values():
            if contact_id in chats:
                chats.remove(contact_id)
                return True
        return False

    def is_open(self, contact_id: str) -> bool:
        """Returns whether the chat of this contact is neither closed nor past its duration."""
        self._end_old_chats()
        return any(contact_id in chats for chats in self._open.values())

    def remember(self, call: Call) -> None:
        """Keeps a call that started a contact, or that was refused and will not be retried."""
        self.inbox.add(call, self.options.keep or KEEP)
        if call.contact_id:
            self.contacts.add(call, self.options.keep)

    def record(self, seconds: float, code: str, destination: str | None, *, refused: bool, throttled: bool) -> None:
        """Records the end of a call."""
        self.arrivals.add(SandboxArrival(seconds, code, destination), self.options.keep)
        self._by_code[code] += 1
        self._refused += refused
        self._throttled += throttled

    def stats(self) -> SandboxStats:
        """Returns the totals."""
        self._end_old_chats()
        return SandboxStats(
            calls=self.arrivals.total,
            accepted=self.contacts.total,
            repeated=self._repeated,
            throttled=self._throttled,
            refused=self._refused,
            by_code=dict(self._by_code),
            open_chats=sum(map(len, self._open.values())),
        )

    def _forget_old_tokens(self) -> None:
        # All tokens have the same life, so the oldest is always at the front.
        now = self._clock.monotonic()
        while self._tokens_by_age and self._tokens_by_age[0][0] <= now:
            _, key = self._tokens_by_age.popleft()
            del self._contact_of_token[key]

    def _end_old_chats(self) -> None:
        now = self._clock.monotonic()
        while self._ends and self._ends[0][0] <= now:
            _, instance_id, contact_id = heapq.heappop(self._ends)
            self._open[instance_id].discard(contact_id)
