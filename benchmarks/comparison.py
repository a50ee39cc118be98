"""Tables and bars of a comparison, from its figures. Nothing here runs anything."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.report import Figure, Report
from benchmarks.speed import BARE, EVERYTHING, Figures, p99

OURS = "outbound-chat"
CELERY = "celery-threads"
URGENT_BAR_SECONDS = 2 / 20 + 0.15
LIMIT_50_MS = 32 / 0.05
ABSENT = "not measured in this run"


@dataclass(frozen=True, slots=True)
class Column:
    """One figure of a table."""

    title: str
    figure: str
    digits: int = 0
    worst: bool = False
    """The 99th percentile instead of the median."""


TABLES: dict[str, tuple[Column, ...]] = {
    "Enqueue and Redis": (
        Column("single/s", "enqueue single"),
        Column("bulk/s", "enqueue bulk"),
        Column("bytes waiting, single", "waiting bytes single"),
        Column("bytes waiting, bulk", "waiting bytes bulk"),
        Column("bytes finished", "finished bytes"),
    ),
    "Drain": (
        Column("0 ms: jobs/s", "drain 0 ms"),
        Column("0 ms: CPU s a 1,000", "cpu 0 ms", 2),
        Column("50 ms: jobs/s", "drain 50 ms"),
        Column("50 ms: CPU s a 1,000", "cpu 50 ms", 2),
        Column("peak MiB", "peak MiB"),
    ),
    "Latency and polls": (
        Column("idle warm p50 ms", "idle warm", 1),
        Column("idle warm p99 ms", "idle warm", 1, worst=True),
        Column("idle cold p50 ms", "idle cold", 1),
        Column("idle cold p99 ms", "idle cold", 1, worst=True),
        Column("polls/s", "polls"),
    ),
    "At 20 calls a second": (
        Column("used %", "allowance used %", 1),
        Column("throttled %", "throttled %", 1),
        Column("wasted calls a contact", "wasted calls a contact", 2),
        Column("worst window", "worst window", 1),
        Column("urgent p50 s", "urgent", 2),
        Column("urgent p99 s", "urgent", 2, worst=True),
        Column("urgent not called", "urgent not called"),
        Column("contacts before another tenant's job", "before other tenant"),
    ),
    "kill -9 of one of two workers": (
        Column("never sent", "lost"),
        Column("contacts twice", "contacts twice"),
        Column("called again", "called again"),
        Column("all sent after s", "all sent after s", 1),
    ),
}


def fill(report: Report, figures: Figures, names: Sequence[str]) -> None:
    """Adds a row for each contender to each table that has a figure."""
    for title, columns in TABLES.items():
        if not any(figures.values.get(column.figure) for column in columns):
            continue
        floors = [name for name in _floors(figures, columns) if name not in names]
        for name in (*names, *floors):
            row: dict[str, Figure] = {"": name}
            row |= {column.title: _cell(figures, column, name, floor=name in floors) for column in columns}
            report.row(title, row)


def _floors(figures: Figures, columns: Sequence[Column]) -> list[str]:
    found = [name for column in columns for name in figures.values.get(column.figure, {})]
    return list(dict.fromkeys(found))


def _cell(figures: Figures, column: Column, name: str, *, floor: bool) -> str:
    value = p99(figures, column.figure, name) if column.worst else figures.median(column.figure, name)
    if math.isnan(value):
        if floor:
            return "only what it says"
        return _reason(figures, column, name) or figures.alike.get(name, ABSENT)
    text = f"{value:,.{column.digits}f}"
    reason = _reason(figures, column, name)
    return f"≥ {text} ({reason})" if reason else text


def _reason(figures: Figures, column: Column, name: str) -> str:
    return figures.reasons.get((column.figure, name)) or figures.reasons.get((EVERYTHING, name), "")


def hold_bars(report: Report, figures: Figures, curves: Mapping[str, Sequence[tuple[int, float, float]]]) -> None:
    """Holds the figures to what the project asks of itself, as far as they were measured."""
    known = figures.values

    def bar(name: str, needs: str, value: float, *, most: float | None = None, least: float | None = None) -> None:
        if known.get(needs, {}).get(OURS):
            report.hold(name, value, most=most, least=least)

    def ours(figure: str) -> float:
        return figures.median(figure, OURS)

    bar("drain, 0 ms, two processes, of bare", "drain 0 ms", figures.ratio("drain 0 ms", OURS, BARE), least=1.6)
    alone = figures.ratio("drain one process", OURS, BARE)
    bar("drain, 0 ms, one process, of bare", "drain one process", alone, least=0.95)
    bar("drain, 50 ms, of the limit", "drain 50 ms", ours("drain 50 ms") / LIMIT_50_MS, least=610 / 640)
    bar("CPU of a job, of a bare call", "cpu 0 ms", figures.ratio("cpu 0 ms", OURS, BARE), most=0.95 / 0.90)
    single = figures.ratio("enqueue single", OURS, CELERY)
    bar("enqueue single, of Celery", "enqueue single", single, least=5)
    bar("enqueue bulk, of Celery", "enqueue bulk", figures.ratio("enqueue bulk", OURS, CELERY), least=40_000 / 1_400)
    bar("bytes of a waiting job", "waiting bytes single", ours("waiting bytes single"), most=900)
    bar("bytes of a waiting job of a batch", "waiting bytes bulk", ours("waiting bytes bulk"), most=400)
    bar("bytes of a finished job", "finished bytes", ours("finished bytes"), most=300)
    bar("allowance used, %", "allowance used %", ours("allowance used %"), least=98)
    bar("calls throttled, %", "throttled %", ours("throttled %"), most=1)
    bar("calls above rate * window", "worst window", ours("worst window"), most=20)
    bar("urgent p99, s", "urgent", p99(figures, "urgent", OURS), most=URGENT_BAR_SECONDS)
    bar("idle warm p99, ms", "idle warm", p99(figures, "idle warm", OURS), most=10)
    bar("idle cold p99, ms", "idle cold", p99(figures, "idle cold", OURS), most=25)
    # A turn, and what the two workers may have claimed already.
    bar("contacts before another tenant's job", "before other tenant", ours("before other tenant"), most=1 + 32)
    bar("jobs lost after kill -9", "lost", ours("lost"), most=0)
    bar("contacts twice after kill -9", "contacts twice", ours("contacts twice"), most=0)
    bar("all sent after kill -9, s", "all sent after s", ours("all sent after s"), most=2 * 30)
    for call, points in curves.items():
        report.hold(f"growth of {call} to {points[-1][0]:,} waiting", points[-1][2], most=1.5)
