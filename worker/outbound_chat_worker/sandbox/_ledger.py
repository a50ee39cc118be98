"""The sandbox's memory: buckets, tokens, open chats, contacts, arrivals, messages.

Everything is kept until a reset, or only the last `keep` records with numbers and texts: 100,000 contacts take about
100 MB.
"""

from collections import Counter, deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from outbound_chat_worker.sandbox._chats import Chats
from outbound_chat_worker.sandbox._clock import Clock
from outbound_chat_worker.sandbox._events import Events
from outbound_chat_worker.sandbox._kept import Kept
from outbound_chat_worker.sandbox._opt_outs import OPT_OUT_OPERATIONS, OptOuts
from outbound_chat_worker.sandbox._options import KEEP, SandboxOptions
from outbound_chat_worker.sandbox._refusal import Refusal
from outbound_chat_worker.sandbox._reports import SandboxArrival, SandboxStats
from outbound_chat_worker.sandbox._signature import Account

_TOKEN_LIFETIME_SECONDS = timedelta(days=7).total_seconds()
START = "StartOutboundChatContact"


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
    """The allowance of one account and Region for an operation."""

    calls: float
    filled_at: float


class Ledger:
    """The counts of a sandbox. Not safe to share between threads."""

    def __init__(self, options: SandboxOptions, clock: Clock) -> None:
        self.events = Events(options, clock)
        self.chats = Chats(clock, options.seed, self.events.report)
        self.opt_outs = OptOuts()
        self.contacts = Kept[Call]()
        self.arrivals = Kept[SandboxArrival]()
        self.inbox = Kept[Call]()
        self._clock = clock
        self._buckets: dict[tuple[Account, str], _Bucket] = {}
        self._contact_of_token: dict[tuple[Account, str], str] = {}
        self._tokens_by_age: deque[tuple[float, tuple[Account, str]]] = deque()
        self._others = Counter[str]()
        self._by_code: Counter[str] = Counter()
        self._throttled = 0
        self._refused = 0
        self._repeated = 0

    @property
    def options(self) -> SandboxOptions:
        """The options at this moment."""
        return self.events.options

    @options.setter
    def options(self, options: SandboxOptions) -> None:
        self.events.options = options

    def settle(self) -> None:
        """Ends chats whose time is over, and delivers the events that are due."""
        self.chats.end_due()
        self.events.deliver_due()

    def take_call(self, account: Account, operation: str = START) -> None:
        """Takes a call from the bucket of `account` for an operation; raises `Refusal` if it is empty."""
        rate, burst = {
            START: (self.options.rate, self.options.burst),
            "DescribeContact": (self.options.describe_rate, self.options.describe_burst),
            "SearchContacts": (self.options.search_rate, self.options.search_burst),
            # https://docs.aws.amazon.com/sms-voice/latest/userguide/quotas.html
            **dict.fromkeys(OPT_OUT_OPERATIONS, (self.options.rate and 1.0, 1)),
        }.get(operation, (None, 0))
        if rate is None:
            return
        now = self._clock.monotonic()
        bucket = self._buckets.setdefault((account, operation), _Bucket(calls=burst, filled_at=now))
        bucket.calls = min(burst, bucket.calls + (now - bucket.filled_at) * rate)
        bucket.filled_at = now
        if bucket.calls < 1:
            raise Refusal("ThrottlingException", "Rate exceeded")
        bucket.calls -= 1

    def start_contact(self, account: Account, body: dict[str, Any], raw: bytes) -> tuple[str, bool]:
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
        contact_id = self.chats.start(body, raw, self.options)
        if token:
            self._contact_of_token[key] = contact_id
            self._tokens_by_age.append((self._clock.monotonic() + _TOKEN_LIFETIME_SECONDS, key))
        return contact_id, False

    def remember(self, call: Call) -> None:
        """Keeps a call that started a contact, or that was refused and will not be retried."""
        self.inbox.add(call, self.options.keep or KEEP)
        if call.contact_id:
            self.contacts.add(call, self.options.keep)
            self.chats.forget(self.options.keep)

    def record(self, seconds: float, code: str, destination: str | None, *, refused: bool, throttled: bool) -> None:
        """Records the end of a call."""
        self.arrivals.add(SandboxArrival(seconds, code, destination), self.options.keep)
        self._by_code[code] += 1
        self._refused += refused
        self._throttled += throttled

    def record_other(self, operation: str, code: str | None) -> None:
        """Records the end of a call that is not in the arrivals; `code` if it was refused."""
        self._others[f"{operation} {code}" if code else operation] += 1

    def stats(self) -> SandboxStats:
        """Returns the totals."""
        self.settle()
        return SandboxStats(
            calls=self.arrivals.total,
            accepted=self.contacts.total,
            repeated=self._repeated,
            throttled=self._throttled,
            refused=self._refused,
            by_code=dict(self._by_code),
            open_chats=self.chats.open_chats,
            events=self.events.delivered.total,
            others=dict(self._others),
        )

    def _forget_old_tokens(self) -> None:
        # All tokens have the same life, so the oldest is always at the front.
        now = self._clock.monotonic()
        while self._tokens_by_age and self._tokens_by_age[0][0] <= now:
            _, key = self._tokens_by_age.popleft()
            del self._contact_of_token[key]
