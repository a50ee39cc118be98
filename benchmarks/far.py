"""outbound-chat alone, with a Redis that is a round trip of 50 ms away, beside the same with a near one."""

import itertools
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from benchmarks.catalogue import OURS
from benchmarks.endpoint import Endpoint
from benchmarks.report import Report
from benchmarks.rig import Stack
from benchmarks.speed import Figures, drain, fresh

ROUND_TRIP_SECONDS = 0.05
CALL_MS = 50
NEAR, FAR = "near", "far"


def measure_far(
    report: Report, figures: Figures, endpoint: Endpoint, folder: Path, *, jobs: int, waits: int, rounds: int
) -> None:
    """Drains of one worker in turn, then single jobs from before `enqueue` until `wait` returns."""
    report.say(f"Redis 50 ms away: {rounds} drains, {waits} waits")
    contender = replace(OURS, workers=OURS.workers[:1])
    with ExitStack() as exits:
        sides: dict[str, Stack] = {}
        for side, away in ((NEAR, 0.0), (FAR, ROUND_TRIP_SECONDS / 2)):
            sides[side] = Stack(contender, folder / side, endpoint.url, away=away)
            exits.callback(sides[side].close)
        with figures.excused(report, "drain far", OURS.name):
            _drain(figures, sides, endpoint, jobs, rounds)
        endpoint.set()
        with figures.excused(report, "round trips", OURS.name):
            _wait(figures, sides, waits)


def _drain(figures: Figures, sides: Mapping[str, Stack], endpoint: Endpoint, jobs: int, rounds: int) -> None:
    for stack in sides.values():
        stack.start_workers()
    for stack in sides.values():
        stack.await_ready(fresh(1_000))
    for _, (side, stack) in itertools.product(range(rounds), sides.items()):
        aside = Figures()
        drain(aside, stack, endpoint, jobs, CALL_MS)
        figures.add(f"drain {side}", OURS.name, aside.median(f"drain {CALL_MS} ms", OURS.name))


def _wait(figures: Figures, sides: Mapping[str, Stack], waits: int) -> None:
    for _, (side, stack) in itertools.product(range(waits), sides.items()):
        seconds = stack.producer.ask("waited", first=fresh(1), timeout=30)["seconds"]
        figures.add(f"wait {side}", OURS.name, 1000 * seconds)
    # What the far side takes longer is made of nothing but ways.
    more = figures.median(f"wait {FAR}", OURS.name) - figures.median(f"wait {NEAR}", OURS.name)
    figures.add("round trips", OURS.name, round(more / 1000 / ROUND_TRIP_SECONDS))
