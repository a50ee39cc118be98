"""Predicts when waiting jobs will be sent, from the current state of the store, for batches and preflights.

Jobs are modelled as a fluid that flows by the rules of `lua/lib/fair_share.lua`:

    1. The budget first makes its saved calls at once, then its current rate, which may be below the configured one.
    2. Of ten calls, nine go to the highest waiting priority, and one to the lower ones in turn.
    3. Within a priority, tenants share by their weights, then lanes by theirs. Without jobs there is no share.
    4. A number sends its parts per second, shared by the lanes that wait for it. What it can't use goes to the others.
    5. A job is not sent before it is due. Saved calls grow up to the burst while nothing waits.
    6. The k-th chat of an instance with room for M opens when the (k - M)-th ends. Chats last as long as the mean of
       those that were seen, at most their whole duration; those that are open end evenly over that time.

It can't know about jobs that will be enqueued, or become due in other lanes; retries of failed calls; future chats of
other senders; when flows end their chats, except for how long chats lasted on average; or how long a hold lasts.
Nothing here uses Redis or reads a clock.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf

SHARE_OF_HIGHER = 0.9
"""Share of the highest priority. Lower ones get half of the rest in each of the two orders below."""
ORDERS = (
    (SHARE_OF_HIGHER, (1, 2, 3)),
    ((1 - SHARE_OF_HIGHER) / 2, (3, 2, 1)),
    ((1 - SHARE_OF_HIGHER) / 2, (2, 3, 1)),
)
NOTHING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneDemand:
    """A lane, or several similar lanes, with the jobs that are due now."""

    priority: int
    tenant: str
    jobs: float = 0.0
    tenant_weight: float = 1.0
    weight: float = 1.0
    number: str = ""
    number_rate: float = inf
    """Jobs per second that the number can send."""


@dataclass(frozen=True, slots=True)
class Curve:
    """How many jobs have been sent over time: points of seconds from now and jobs, both increasing."""

    seconds: Sequence[float]
    jobs: Sequence[float]

    def time_of(self, turn: float) -> float:
        """Returns the seconds from now until that many jobs have been sent."""
        index = bisect_left(self.jobs, turn - 1e-6)
        if index >= len(self.jobs):
            return self.seconds[-1]
        if index == 0:
            return self.seconds[0]
        before, after = self.jobs[index - 1], self.jobs[index]
        part = min(1.0, (turn - before) / (after - before))
        return self.seconds[index - 1] + part * (self.seconds[index] - self.seconds[index - 1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Chats:
    """The open chats of an instance with a limit."""

    most: int
    open: int = 0
    ends: Curve = Curve((0.0,), (0.0,))
    """How many of the open chats will have ended, over time, at the latest."""
    lasted: float | None = None
    """How many seconds chats lasted on average; None: not known, so each is assumed to last its whole duration."""

    def as_seen(self) -> "Chats":
        """Returns the same with ends as they come if chats last on average as long as those that were seen."""
        if self.lasted is None or not self.open:
            return self
        each = self.lasted / self.open
        ends = zip(self.ends.seconds, self.ends.jobs, strict=True)
        return replace(self, ends=Curve([min(end, each * chats) for end, chats in ends], self.ends.jobs))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The state of a budget and one of its lanes, as the basis of a prediction."""

    rate: float
    """Calls per second that the budget makes now."""
    tokens: float
    """Calls that it can make at once; below 0: a debt that it pays first."""
    burst: float
    limited: bool = True
    """Whether only the rate limited the budget a moment ago."""
    workers: int = 0
    held_by: str = ""
    """The hold that stops the lane, in words; empty if there is none."""
    own: LaneDemand
    """The lane of the prediction. Its jobs are in `due`."""
    due: Sequence[tuple[float, float]] = ()
    """Its waiting jobs: seconds from now until they are due, and how many."""
    rivals: Sequence[LaneDemand] = ()
    chats: Chats | None = None


@dataclass(frozen=True, slots=True)
class Turns:
    """When each job of the lane is sent."""

    flow: Curve
    chats: Chats | None = None
    chat_seconds: float = 0.0

    def time_of(self, turn: float) -> float:
        """Returns the seconds from now until the job with this turn, from 1, is sent."""
        chats = self.chats
        if chats is None or self.chat_seconds <= 0:
            return self.flow.time_of(turn)
        last = int((turn - 1 + chats.open) // chats.most)
        return max(self._after_chats(chats, turn, rounds) for rounds in {0, 1, last - 1, last} if rounds >= 0)

    def _after_chats(self, chats: Chats, turn: float, rounds: int) -> float:
        """Returns when the chat that makes room ends, which is that many rounds after the first chat in its place."""
        first = turn - rounds * chats.most
        if first >= 1:
            return self.flow.time_of(first) + rounds * self.chat_seconds
        if first > -chats.open:
            return chats.ends.time_of(first + chats.open) + (rounds - 1) * self.chat_seconds
        return 0.0


def forecast(pace: Pace, due: Iterable[tuple[float, float]] | None = None, *, chat_seconds: float = 0.0) -> Turns:
    """Predicts the turns of the lane's jobs. `due` replaces that of the store, for a lane that does not exist yet.

    `chat_seconds`: how long their chats last at most.
    """
    flow = _Flow(pace, pace.due if due is None else due)
    flow.run()
    chats = pace.chats.as_seen() if pace.chats else None
    if chats and chats.lasted is not None:
        chat_seconds = min(chat_seconds, chats.lasted)
    return Turns(Curve(flow.seconds, flow.jobs), chats, chat_seconds)


def rate_now(pace: Pace) -> float:
    """Returns the calls per second that the lane gets while it and its rivals have jobs."""
    lanes = [pace.own, *pace.rivals]
    return _speeds(lanes, range(len(lanes)), pace.rate)[0]


@dataclass(slots=True)
class _Flow:
    """Lets the fluid flow from event to event: a lane becomes empty, or jobs become due."""

    pace: Pace
    due: Iterable[tuple[float, float]]
    seconds: list[float] = field(default_factory=lambda: [0.0])
    jobs: list[float] = field(default_factory=lambda: [0.0])

    def run(self) -> None:
        pace, coming = self.pace, sorted(self.due, reverse=True)
        lanes = [pace.own, *pace.rivals]
        left = [0.0, *(rival.jobs for rival in pace.rivals)]
        saved, now = pace.tokens, 0.0
        if saved < 0:
            saved, now = 0.0, -saved / pace.rate
        while coming or left[0] > NOTHING:
            while coming and coming[-1][0] <= now:
                left[0] += coming.pop()[1]
            until_next = coming[-1][0] - now if coming else inf
            busy = [index for index, jobs in enumerate(left) if jobs > NOTHING]
            if not busy:
                if coming:
                    saved, now = min(pace.burst, saved + until_next * pace.rate), coming[-1][0]
                    self._note(now, self.jobs[-1])
                continue
            speeds = _speeds(lanes, busy, pace.rate)
            step = min(until_next, *(left[index] / speed for index, speed in speeds.items() if speed > 0), inf)
            if saved > NOTHING:
                # Saved calls are made at once: as many as the rate gives in `step`, but no time passes.
                step = min(saved / pace.rate, *(left[index] / speed for index, speed in speeds.items() if speed > 0))
                saved -= step * pace.rate
            else:
                now += step
            for index, speed in speeds.items():
                flown = speed * step
                left[index] = left[index] - flown if left[index] - flown > NOTHING else 0.0
            self._note(now, self.jobs[-1] + speeds.get(0, 0.0) * step)

    def _note(self, now: float, jobs: float) -> None:
        self.seconds.append(now)
        self.jobs.append(jobs)


def _speeds(lanes: Sequence[LaneDemand], busy: Iterable[int], rate: float) -> dict[int, float]:
    """Returns the calls per second of each lane that has jobs, by its index."""
    speeds = dict.fromkeys(busy, 0.0)
    at_number: dict[str, int] = {}
    for index in speeds:
        at_number[lanes[index].number] = at_number.get(lanes[index].number, 0) + 1
    most = {index: lanes[index].number_rate / at_number[lanes[index].number] for index in speeds}
    waiting = {lanes[index].priority for index in speeds}
    unused = 0.0
    for share, order in ORDERS:
        first = next(priority for priority in order if priority in waiting)
        unused += _spread(lanes, speeds, most, first, share * rate)
    for priority in sorted(waiting):
        unused = _spread(lanes, speeds, most, priority, unused)
    return speeds


def _spread(
    lanes: Sequence[LaneDemand], speeds: dict[int, float], most: Mapping[int, float], priority: int, amount: float
) -> float:
    """Spreads calls per second over the lanes of a priority, by weight, up to what each can use; returns the rest."""
    while amount > NOTHING:
        able = [
            index for index in speeds if lanes[index].priority == priority and most[index] - speeds[index] > NOTHING
        ]
        if not able:
            break
        of_tenant: dict[str, float] = {}
        tenants: dict[str, float] = {}
        for index in able:
            lane = lanes[index]
            of_tenant[lane.tenant] = of_tenant.get(lane.tenant, 0.0) + lane.weight
            tenants[lane.tenant] = lane.tenant_weight
        all_tenants, rest = sum(tenants.values()), 0.0
        for index in able:
            lane = lanes[index]
            part = amount * (lane.tenant_weight / all_tenants) * (lane.weight / of_tenant[lane.tenant])
            given = min(part, most[index] - speeds[index])
            speeds[index] += given
            rest += part - given
        amount = rest
    return max(0.0, amount)
