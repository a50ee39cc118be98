"""When waiting jobs will have their turn: arithmetic on what the store says now, for batches and for preflights.

Jobs are taken as a fluid, which flows by the rules of `lua/lib/fair_share.lua`:

    1. The budget gives the calls it has saved at once, then its present rate, which may be below the configured one.
    2. Of ten calls nine go to the highest priority that waits, one to the lower ones by turns.
    3. Inside a priority tenants share by their weights, then a tenant's lanes by theirs; who has no job takes no share.
    4. A number gives its parts a second, shared by the lanes that wait for it; what it can't use goes to the others.
    5. A job has no turn before it is due; saved calls grow up to the burst while nothing waits.
    6. The k-th chat of an instance that holds M opens when the (k - M)-th ends.

What it can't know: jobs enqueued, or coming due in other lanes, after now; repeats of calls that fail; chats of other
senders to come; when flows end their chats; how long a hold lasts. Nothing here talks to Redis or reads a clock.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf

SHARE_OF_HIGHER = 0.9
"""Of the calls; the rest goes to lower priorities, half of it in each of the two orders below."""
ORDERS = (
    (SHARE_OF_HIGHER, (1, 2, 3)),
    ((1 - SHARE_OF_HIGHER) / 2, (3, 2, 1)),
    ((1 - SHARE_OF_HIGHER) / 2, (2, 3, 1)),
)
NOTHING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneDemand:
    """A lane, or several that are alike, and its jobs that are due now."""

    priority: int
    tenant: str
    jobs: float = 0.0
    tenant_weight: float = 1.0
    weight: float = 1.0
    number: str = ""
    number_rate: float = inf
    """Jobs a second that the number carries."""


@dataclass(frozen=True, slots=True)
class Curve:
    """How many jobs have had their turn, by time: points of seconds from now and jobs, both rising."""

    seconds: Sequence[float]
    jobs: Sequence[float]

    def time_of(self, turn: float) -> float:
        """Seconds from now until so many jobs have had their turn."""
        place = bisect_left(self.jobs, turn - 1e-6)
        if place >= len(self.jobs):
            return self.seconds[-1]
        if place == 0:
            return self.seconds[0]
        before, after = self.jobs[place - 1], self.jobs[place]
        part = min(1.0, (turn - before) / (after - before))
        return self.seconds[place - 1] + part * (self.seconds[place] - self.seconds[place - 1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Chats:
    """The open chats of an instance whose number is limited."""

    most: int
    open: int = 0
    ends: Curve = Curve((0.0,), (0.0,))
    """When how many of those that are open will have ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What the store says of a budget, and of one lane of it: what a prediction goes by."""

    rate: float
    """Calls a second that the budget makes now."""
    tokens: float
    """Calls it may make at once; below 0: a debt that is paid first."""
    burst: float
    limited: bool = True
    """The rate, and nothing else, limited the budget a moment ago."""
    workers: int = 0
    held_by: str = ""
    """The hold that stops the lane, in words; empty: none does."""
    own: LaneDemand
    """The lane that is predicted; of its jobs, `due` tells."""
    due: Sequence[tuple[float, float]] = ()
    """Its waiting jobs: seconds from now until they are due, and how many."""
    rivals: Sequence[LaneDemand] = ()
    chats: Chats | None = None


@dataclass(frozen=True, slots=True)
class Turns:
    """When each job of the lane has its turn."""

    flow: Curve
    chats: Chats | None = None
    chat_seconds: float = 0.0

    def time_of(self, turn: float) -> float:
        """Seconds from now until the job of that turn, from 1, is called."""
        chats = self.chats
        if chats is None or self.chat_seconds <= 0:
            return self.flow.time_of(turn)
        last = int((turn - 1 + chats.open) // chats.most)
        return max(self._after_chats(chats, turn, rounds) for rounds in {0, 1, last - 1, last} if rounds >= 0)

    def _after_chats(self, chats: Chats, turn: float, rounds: int) -> float:
        """When the chat that makes room has ended, so many rounds of chats after the one it goes back to."""
        first = turn - rounds * chats.most
        if first >= 1:
            return self.flow.time_of(first) + rounds * self.chat_seconds
        if first > -chats.open:
            return chats.ends.time_of(first + chats.open) + (rounds - 1) * self.chat_seconds
        return 0.0


def predict(pace: Pace, due: Iterable[tuple[float, float]] | None = None, *, chat_seconds: float = 0.0) -> Turns:
    """The turns of the lane's jobs; `due` replaces those of the store, as a lane that is not there yet needs it."""
    flow = _Flow(pace, pace.due if due is None else due)
    flow.run()
    return Turns(Curve(flow.seconds, flow.jobs), pace.chats, chat_seconds)


def rate_now(pace: Pace) -> float:
    """Calls a second that the lane gets while it and its rivals have jobs."""
    lanes = [pace.own, *pace.rivals]
    return _speeds(lanes, range(len(lanes)), pace.rate)[0]


@dataclass(slots=True)
class _Flow:
    """The fluid on its way, from event to event: a lane runs dry, or jobs come due."""

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
            busy = [place for place, jobs in enumerate(left) if jobs > NOTHING]
            if not busy:
                if coming:
                    saved, now = min(pace.burst, saved + until_next * pace.rate), coming[-1][0]
                    self._note(now, self.jobs[-1])
                continue
            speeds = _speeds(lanes, busy, pace.rate)
            step = min(until_next, *(left[place] / speed for place, speed in speeds.items() if speed > 0), inf)
            if saved > NOTHING:
                # What was saved goes at once: as much as the rate gives in a time that does not pass.
                step = min(saved / pace.rate, *(left[place] / speed for place, speed in speeds.items() if speed > 0))
                saved -= step * pace.rate
            else:
                now += step
            for place, speed in speeds.items():
                flown = speed * step
                left[place] = left[place] - flown if left[place] - flown > NOTHING else 0.0
            self._note(now, self.jobs[-1] + speeds.get(0, 0.0) * step)

    def _note(self, now: float, jobs: float) -> None:
        self.seconds.append(now)
        self.jobs.append(jobs)


def _speeds(lanes: Sequence[LaneDemand], busy: Iterable[int], rate: float) -> dict[int, float]:
    """Calls a second of each lane that has jobs, by its place."""
    speeds = dict.fromkeys(busy, 0.0)
    at_number: dict[str, int] = {}
    for place in speeds:
        at_number[lanes[place].number] = at_number.get(lanes[place].number, 0) + 1
    most = {place: lanes[place].number_rate / at_number[lanes[place].number] for place in speeds}
    waiting = {lanes[place].priority for place in speeds}
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
    """Spreads calls a second over the lanes of a priority, by weight and up to what each can use; what is left."""
    while amount > NOTHING:
        able = [
            place for place in speeds if lanes[place].priority == priority and most[place] - speeds[place] > NOTHING
        ]
        if not able:
            break
        of_tenant: dict[str, float] = {}
        tenants: dict[str, float] = {}
        for place in able:
            lane = lanes[place]
            of_tenant[lane.tenant] = of_tenant.get(lane.tenant, 0.0) + lane.weight
            tenants[lane.tenant] = lane.tenant_weight
        all_tenants, rest = sum(tenants.values()), 0.0
        for place in able:
            lane = lanes[place]
            part = amount * (lane.tenant_weight / all_tenants) * (lane.weight / of_tenant[lane.tenant])
            given = min(part, most[place] - speeds[place])
            speeds[place] += given
            rest += part - given
        amount = rest
    return max(0.0, amount)
