"""Metrics of each budget from the store, for Prometheus. They are read at each request."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import accumulate
from platform import python_version
from types import SimpleNamespace
from typing import Any

from prometheus_client import generate_latest
from prometheus_client.core import CounterMetricFamily as Total, GaugeMetricFamily as Gauge, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from outbound_chat.model.operations import BudgetStatus, NumberReceipts

WAITING = ("waiting", "leased")
WAIT_SECONDS = ("0.1", "0.5", "1", "5", "30", "60", "300", "1800", "3600", "21600", "+Inf")


def _jobs(budget: BudgetStatus, *, ended: bool) -> dict[str, int]:
    return {place: count for place, count in budget.counts.items() if (place not in WAITING) is ended}


def _due_seconds(budget: BudgetStatus) -> float:
    return max(0.0, (datetime.now(UTC) - budget.oldest_due).total_seconds()) if budget.oldest_due else 0.0


def _chats(budget: BudgetStatus, what: str) -> dict[str, int | None]:
    return {instance: chats[what] for instance, chats in budget.open_chats.items() if chats["limit"] is not None}


def _holds(budget: BudgetStatus) -> dict[str, int]:
    return {owner: sum(hold.owner == owner for hold in budget.holds) for owner in ("person", "system", "cancel")}


_METRICS: Sequence[tuple[type[Any], str, str, Sequence[str], Callable[[BudgetStatus], Any]]] = (
    (Gauge, "jobs", "Jobs that are not final.", ["place"], lambda b: _jobs(b, ended=False)),
    (Total, "jobs_ended", "Jobs that ended, by state.", ["state"], lambda b: _jobs(b, ended=True)),
    (Total, "jobs_accepted", "Jobs accepted.", [], lambda b: b.accepted),
    (Gauge, "jobs_due", "Jobs that are due, of the lanes in front.", [], lambda b: b.due),
    (Gauge, "oldest_due_seconds", "How long the first job in turn has been due; 0 if none is due.", [], _due_seconds),
    (Gauge, "listed_jobs", "Single jobs that are listed.", [], lambda b: b.listed),
    (Gauge, "dead_letters", "Failed and uncertain jobs that are kept.", ["state", "code"], lambda b: b.dead),
    (Total, "calls", "Calls to Amazon Connect that ended.", ["outcome", "code"], lambda b: b.calls),
    (Gauge, "rate", "Calls a second now.", [], lambda b: b.rate),
    (Gauge, "rate_ceiling", "Calls a second configured.", [], lambda b: b.ceiling),
    (Gauge, "open_chats", "Open chats.", ["instance"], lambda b: _chats(b, "open")),
    (Gauge, "open_chats_limit", "Open chats that there may be.", ["instance"], lambda b: _chats(b, "limit")),
    (Gauge, "holds", "What is stopped, by owner.", ["owner"], _holds),
    (Gauge, "webhooks", "Webhooks not delivered.", ["place"], lambda b: b.webhooks),
    (Gauge, "workers", "Workers seen within 10 seconds.", [], lambda b: b.workers),
    (Gauge, "skewed_workers", "Workers that rest: their clock is wrong.", [], lambda b: b.skewed_workers),
    (Gauge, "pumps", "Pumps at work.", [], lambda b: b.pumps),
    (Gauge, "faults", "Faults that only a person can repair.", ["kind"], lambda b: b.faults),
)
"""Type, name, help, labels after the budget, and value of each metric of a budget. A mapping has a value per label."""


def store_text(budgets: Sequence[BudgetStatus] | None, receipts: Iterable[NumberReceipts] = ()) -> bytes:
    """Returns the metrics in the text format of Prometheus. `budgets`: None if Redis did not answer."""
    registry: Any = SimpleNamespace(collect=lambda: _metrics(budgets, receipts))
    return generate_latest(registry)


def _metrics(budgets: Sequence[BudgetStatus] | None, receipts: Iterable[NumberReceipts]) -> Iterator[Metric]:
    build = (version("outbound-chat"), python_version())
    yield _filled(Gauge, "build_info", "1: this version runs.", ["version", "python"], {build: 1})
    yield _filled(Gauge, "store_up", "1: Redis answered.", [], {(): budgets is not None})
    if budgets is not None:
        for kind, name, help_, labels, read in _METRICS:
            rows = {(one.name, *values): number for one in budgets for values, number in _rows(read(one))}
            yield _filled(kind, name, help_, ["budget", *labels], rows)
        yield _wait_seconds(budgets)
        yield from _receipt_metrics(receipts)


def _filled(kind: Any, name: str, help_: str, labels: Sequence[str], rows: Mapping[tuple[str, ...], float]) -> Metric:
    metric: Metric = kind(f"outbound_chat_{name}", help_, labels=labels)
    for values, number in rows.items():
        metric.add_metric(values, number)  # type: ignore[attr-defined]
    return metric


def _rows(value: Any, *labels: str) -> Iterator[tuple[tuple[str, ...], float]]:
    """Yields the numbers of a value, each with the labels that lead to it."""
    if not isinstance(value, Mapping):
        yield labels, value
    else:
        for label, inner in value.items():
            yield from _rows(inner, *labels, label)


def _wait_seconds(budgets: Iterable[BudgetStatus]) -> Metric:
    help_ = "Seconds for which jobs had been due when they were claimed."
    waits = HistogramMetricFamily("outbound_chat_wait_seconds", help_, labels=("budget", "priority"))
    for budget in budgets:
        for priority, counts in budget.waits.items():
            sums = accumulate(counts.get(bound, 0) for bound in WAIT_SECONDS)
            buckets = [*zip(WAIT_SECONDS, sums, strict=True)]
            waits.add_metric((budget.name, priority), buckets, counts.get("ms", 0) / 1000)
    return waits


def _receipt_metrics(receipts: Iterable[NumberReceipts]) -> Iterator[Metric]:
    messages: Counter[tuple[str, ...]] = Counter()
    jumped: Counter[tuple[str, ...]] = Counter()
    for one in receipts:
        for kind, count in {**one.kinds, "any": one.messages, "refused": one.refused}.items():
            messages[one.budget, one.number, kind] += count
        jumped[one.budget, one.number] |= one.jumped_at is not None
    help_ = "Messages that a source number sent in this hour and the one before, by kind of receipt."
    yield _filled(Gauge, "receipts", help_, ["budget", "number", "kind"], messages)
    help_ = "1: the share of a source number's refused messages jumped in one of these hours."
    yield _filled(Gauge, "receipts_jumped", help_, ["budget", "number"], jumped)
