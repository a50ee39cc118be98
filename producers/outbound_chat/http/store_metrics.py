"""Metrics of each budget from the store, for Prometheus. They are read at each request."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from outbound_chat.model.operations import BudgetStatus, NumberReceipts

WAITING = ("waiting", "leased")


class _Snapshot:
    """The status of budgets when it was read."""

    def __init__(self, budgets: Iterable[BudgetStatus] | None, receipts: Iterable[NumberReceipts]) -> None:
        self._budgets = budgets
        self._receipts = receipts

    def collect(self) -> Iterator[Metric]:
        """Yields their metrics."""
        yield GaugeMetricFamily("outbound_chat_store_up", "1: Redis answered.", value=int(self._budgets is not None))
        if self._budgets is not None:
            yield from _metrics(list(self._budgets))
            yield from _receipt_metrics(self._receipts)


def _metrics(budgets: list[BudgetStatus]) -> Iterator[Metric]:
    now = datetime.now(UTC)
    jobs = GaugeMetricFamily("outbound_chat_jobs", "Jobs that are not final.", labels=("budget", "place"))
    ended = CounterMetricFamily("outbound_chat_jobs_ended", "Jobs that ended, by state.", labels=("budget", "state"))
    accepted = CounterMetricFamily("outbound_chat_jobs_accepted", "Jobs accepted.", labels=("budget",))
    holds = GaugeMetricFamily("outbound_chat_holds", "What is stopped, by owner.", labels=("budget", "owner"))
    webhooks = GaugeMetricFamily("outbound_chat_webhooks", "Webhooks not delivered.", labels=("budget", "place"))
    for budget in budgets:
        for place, count in budget.webhooks.items():
            webhooks.add_metric((budget.name, place), count)
        for place, count in budget.counts.items():
            (jobs if place in WAITING else ended).add_metric((budget.name, place), count)
        accepted.add_metric((budget.name,), budget.accepted)
        for owner in ("person", "system", "cancel"):
            holds.add_metric((budget.name, owner), sum(hold.owner == owner for hold in budget.holds))
    yield from (jobs, ended, accepted, holds, webhooks)
    yield _gauge("listed_jobs", "Single jobs that are listed.", {budget.name: budget.listed for budget in budgets})
    yield _gauge("rate", "Calls a second now.", {budget.name: budget.rate for budget in budgets})
    yield _gauge("rate_ceiling", "Calls a second configured.", {budget.name: budget.ceiling for budget in budgets})
    yield _gauge("workers", "Workers seen within 10 seconds.", {budget.name: budget.workers for budget in budgets})
    yield _gauge("pumps", "Pumps at work.", {budget.name: budget.pumps for budget in budgets})
    ages = {
        budget.name: max(0.0, (now - budget.oldest_due).total_seconds()) if budget.oldest_due else 0.0
        for budget in budgets
    }
    yield _gauge("oldest_due_seconds", "How long the first job in turn has been due; 0 if none is due.", ages)


def _receipt_metrics(receipts: Iterable[NumberReceipts]) -> Iterator[Metric]:
    messages: Counter[tuple[str, str, str]] = Counter()
    jumped: Counter[tuple[str, str]] = Counter()
    for one in receipts:
        for kind, count in {**one.kinds, "any": one.messages, "refused": one.refused}.items():
            messages[one.budget, one.number, kind] += count
        jumped[one.budget, one.number] |= one.jumped_at is not None
    help_ = "Messages that a source number sent in this hour and the one before, by kind of receipt."
    by_kind = GaugeMetricFamily("outbound_chat_receipts", help_, labels=("budget", "number", "kind"))
    for labels, count in messages.items():
        by_kind.add_metric(labels, count)
    help_ = "1: the share of a source number's refused messages jumped in one of these hours."
    jumps = GaugeMetricFamily("outbound_chat_receipts_jumped", help_, labels=("budget", "number"))
    for labels_of_number, has_jumped in jumped.items():
        jumps.add_metric(labels_of_number, has_jumped)
    yield from (by_kind, jumps)


def _gauge(name: str, documentation: str, values: dict[str, float]) -> Metric:
    gauge = GaugeMetricFamily(f"outbound_chat_{name}", documentation, labels=("budget",))
    for budget, value in values.items():
        gauge.add_metric((budget,), value)
    return gauge


def store_text(budgets: Iterable[BudgetStatus] | None, receipts: Iterable[NumberReceipts] = ()) -> bytes:
    """Returns the metrics in the text format of Prometheus. `budgets`: None if Redis did not answer."""
    registry = CollectorRegistry()
    registry.register(_Snapshot(budgets, receipts))
    return generate_latest(registry)
