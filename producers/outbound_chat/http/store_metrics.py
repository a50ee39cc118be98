"""Metrics of each budget from the store, for Prometheus. They are read at each request."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from outbound_chat.model.operations import BudgetStatus

WAITING = ("waiting", "leased")


class _Snapshot:
    """The status of budgets when it was read."""

    def __init__(self, budgets: Iterable[BudgetStatus] | None) -> None:
        self._budgets = budgets

    def collect(self) -> Iterator[Metric]:
        """Yields their metrics."""
        yield GaugeMetricFamily("outbound_chat_store_up", "1: Redis answered.", value=int(self._budgets is not None))
        if self._budgets is not None:
            yield from _metrics(list(self._budgets))


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


def _gauge(name: str, documentation: str, values: dict[str, float]) -> Metric:
    gauge = GaugeMetricFamily(f"outbound_chat_{name}", documentation, labels=("budget",))
    for budget, value in values.items():
        gauge.add_metric((budget,), value)
    return gauge


def store_text(budgets: Iterable[BudgetStatus] | None) -> bytes:
    """Returns the metrics in the text format of Prometheus. `budgets`: None if Redis did not answer."""
    registry = CollectorRegistry()
    registry.register(_Snapshot(budgets))
    return generate_latest(registry)
