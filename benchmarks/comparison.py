"""Tables and bars of a comparison, from its figures. Nothing here runs anything."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.report import Figure, Report
from benchmarks.routes import BARE_ROUTE, GET, POST
from benchmarks.speed import BARE, EVERYTHING, Figures, p99

OURS = "outbound-chat"
CELERY, DRAMATIQ, HUEY, SAQ = "celery-threads", "dramatiq", "huey", "saq-aio"
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
        Column("CPU us a single", "enqueue cpu single"),
        Column("bulk/s", "enqueue bulk"),
        Column("CPU us a row", "enqueue cpu bulk"),
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
        Column("idle warm p50 ms", "idle warm p50", 1),
        Column("idle warm p99 ms", "idle warm p99", 1),
        Column("idle cold p50 ms", "idle cold p50", 1),
        Column("idle cold p99 ms", "idle cold p99", 1),
        Column("polls/s", "polls"),
    ),
    "Memory": (Column("workers, idle, MiB", "idle MiB"),),
    "Statuses": (
        Column("calls/s, 1,000 ids each", "statuses of 1,000", 1),
        Column("us an id", "us a status", 1),
        Column("wait for 10,000 jobs, s", "wait for many, s", 2),
        Column("CPU s of that", "wait for many, CPU s", 2),
    ),
    "Redis 50 ms away": (
        Column("near: jobs/s", "drain near"),
        Column("far: jobs/s", "drain far"),
        Column("near: enqueue to wait, ms", "wait near", 1),
        Column("far: enqueue to wait, ms", "wait far", 1),
        Column("round trips", "round trips"),
    ),
    "HTTP service, one process": (
        Column("POST /v1/jobs, a second", POST),
        Column("CPU us", f"cpu {POST}"),
        Column("GET /v1/jobs/{id}, a second", GET),
        Column("CPU us of a GET", f"cpu {GET}"),
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


OF_FEW = ("Statuses", "Redis 50 ms away", "HTTP service, one process")
"""Tables without peers: who has no figure has no row."""


def fill(report: Report, figures: Figures, names: Sequence[str]) -> None:
    """Adds a row for each contender to each table that has a figure."""
    for title, columns in TABLES.items():
        if not _measured(figures, columns):
            continue
        floors = [name for name in _measured(figures, columns) if title in OF_FEW or name not in names]
        for name in (*([] if title in OF_FEW else names), *floors):
            empty = _empty(figures, columns, name, floor=name in floors)
            row: dict[str, Figure] = {"": name}
            row |= {column.title: _cell(figures, column, name) or empty for column in columns}
            report.row(title, row)


def _measured(figures: Figures, columns: Sequence[Column]) -> list[str]:
    """Who has a figure, or a reason for having none."""
    asked = [column.figure for column in columns]
    found = [name for figure in asked for name, values in figures.values.get(figure, {}).items() if values]
    return list(dict.fromkeys([*found, *(name for figure, name in figures.reasons if figure in asked)]))


def _cell(figures: Figures, column: Column, name: str) -> str:
    """The figure, or why it is missing; '' if that is not known."""
    value = p99(figures, column.figure, name) if column.worst else figures.median(column.figure, name)
    if math.isnan(value):
        return _why_not(figures, column.figure, name)
    text, reason = f"{value:,.{column.digits}f}", figures.reasons.get((column.figure, name))
    return f"≥ {text} ({reason})" if reason else text


def _empty(figures: Figures, columns: Sequence[Column], name: str, *, floor: bool) -> str:
    """What a cell says that has neither: what failed beside it failed there, too."""
    beside = [reason for column in columns if (reason := _why_not(figures, column.figure, name))]
    return next(iter(beside), "-" if floor else figures.alike.get(name, ABSENT))


def _why_not(figures: Figures, figure: str, name: str) -> str:
    return figures.reasons.get((figure, name)) or figures.reasons.get((EVERYTHING, name), "")


def hold_bars(report: Report, figures: Figures, curves: Mapping[str, Sequence[tuple[int, float, float]]]) -> None:
    """Holds the figures to what the project asks of itself, as far as they were measured."""

    def bar(name: str, figure: str, value: float, *, most: float | None = None, least: float | None = None) -> None:
        if figures.values.get(figure, {}).get(OURS) or _why_not(figures, figure, OURS):
            report.hold(name, value, most=most, least=least)

    def ratio(figure: str, other: str, *, most: float | None = None, least: float | None = None) -> None:
        bar(f"{figure}, of {other}", figure, figures.ratio(figure, OURS, other), most=most, least=least)

    def ours(figure: str, *, most: float | None = None, least: float | None = None) -> None:
        bar(figure, figure, figures.median(figure, OURS), most=most, least=least)

    ratio("enqueue single", DRAMATIQ, least=1.05)
    ratio("enqueue bulk", SAQ, least=3.25)
    ratio("enqueue bulk", DRAMATIQ, least=6)
    # 700 of a request with which huey takes 959: what a full request is, is a matter of its values.
    ratio("waiting bytes single", HUEY, most=700 / 959)
    ours("finished bytes", most=300)
    ratio("drain 0 ms", BARE, least=1.6)
    ratio("drain one process", BARE, least=0.95)
    bar("drain 50 ms, of the limit", "drain 50 ms", figures.median("drain 50 ms", OURS) / LIMIT_50_MS, least=610 / 640)
    ratio("cpu 0 ms", BARE, most=1.0)
    ratio("idle MiB", CELERY, most=1.1)
    ratio("idle warm p50", HUEY, most=1.05)
    ratio("idle warm p99", HUEY, most=1.2)
    bar("idle cold p99, ms", "idle cold p99", figures.median("idle cold p99", OURS), most=25)
    ratio(POST, BARE_ROUTE, least=0.6)
    ratio(GET, BARE_ROUTE, least=0.7)
    bar("drain far, of near", "drain far", figures.within("drain far", "drain near", OURS), least=0.9)
    ours("round trips", most=5)
    ours("allowance used %", least=98)
    ours("wasted calls a contact", most=0)
    bar("calls above rate * window", "worst window", figures.median("worst window", OURS), most=20)
    bar("urgent p99, s", "urgent", p99(figures, "urgent", OURS), most=URGENT_BAR_SECONDS)
    # A turn, and what the two workers may have claimed already.
    ours("before other tenant", most=1 + 32)
    bar("jobs lost after kill -9", "lost", figures.median("lost", OURS), most=0)
    bar("contacts twice after kill -9", "contacts twice", figures.median("contacts twice", OURS), most=0)
    bar("all sent after kill -9, s", "all sent after s", figures.median("all sent after s", OURS), most=2 * 30)
    for call, points in curves.items():
        report.hold(f"growth of {call} to {points[-1][0]:,} waiting", points[-1][2], most=1.5)
