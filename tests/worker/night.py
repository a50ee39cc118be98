"""A sender with quiet hours, whose workers run by a clock that the test moves."""

import threading
from datetime import UTC, datetime, timedelta

from outbound_chat import OutboundChat
from outbound_chat.store import scripts
from outbound_chat_worker.clock_skew import ClockSkew
from outbound_chat_worker.publisher import PumpPublisher
from outbound_chat_worker.pump.pump import Pump
from outbound_chat_worker.runtime import Runtime
from tests.support.clock import ClockedStore
from tests.support.harness import Harness, sender


def a_winter_day() -> datetime:
    """The next one of two: the times of a job must lie ahead of this machine's clock too, by no more than a year."""
    now = datetime.now(UTC)
    days = (datetime(year, *day, tzinfo=UTC) for year in (now.year, now.year + 1) for day in ((1, 12), (11, 25)))
    return next(day for day in days if day > now + timedelta(days=2))


DAY = a_winter_day()
CLAIMS_THAT_MAY_BE_LATE = 5


def at(text: str) -> datetime:
    """A time in UTC, of a winter day that is called the 12th: London has it, New York 5 hours less, Los Angeles 8."""
    day, time = text.split(" ")
    return datetime.combine(
        DAY + timedelta(days=int(day) - 12), datetime.fromisoformat(f"2000-01-01 {time}").time(), UTC
    )


class Night:
    """A sender with quiet hours, and a clock."""

    def __init__(self, stack: Harness) -> None:
        self.stack = stack
        endpoint = {"endpoint_url": stack.sandbox.url}
        night = {"quiet_hours": "21:00-08:00", **endpoint}
        stack.configure(
            senders={
                "support": sender(**night),
                "codes": sender(quiet_spares_urgent=True, **night),
                "narrow": sender(quiet_hours="18:00-13:00", **endpoint),
                "berlin": sender(quiet_zone="Europe/Berlin", **night),
                "awake": sender(**endpoint),
            },
            worker={"threads": 2, "slice": 0.5, "linger": 0},
        )
        self.runtime = Runtime(stack.settings)
        self.runtime.store = self.store = ClockedStore(stack.server.url)
        self.runtime.clock = ClockSkew(lambda: self.store.now_ms / 1000)
        self.runtime.configure("main")
        self.chat = OutboundChat.from_settings(stack.settings, store=self.store)

    def work(self, now: datetime) -> int:
        """Lets a pump work until it finds nothing more to do at that time; how many calls reached Connect by then."""
        self.store.now = now
        self.store.run(scripts.maintain(self.runtime.keys("main"), worker="w", version="v"))
        for _ in range(CLAIMS_THAT_MAY_BE_LATE):
            Pump(self.runtime, "main", stopping=threading.Event(), publisher=PumpPublisher(lambda *_: None)).work()
            # On a busy machine a call may leave too late after its claim, and is handed back.
            if not self.store.redis.exists(*(f"oc:{{main}}:ring:{priority}" for priority in (1, 2, 3))):
                break
        return self.stack.sandbox.stats().calls

    def change(self, **changes: object) -> None:
        """Gives the workers, and not the client, a sender with other quiet hours."""
        values = {**self.stack.values["senders"]["support"], **changes}
        self.stack.configure(senders={"support": values}, worker=self.stack.values["worker"])
        self.runtime.settings = self.stack.settings
