"""Counts the requests of a process, for Prometheus. `store_metrics` adds metrics from the store.

Several processes of one service count together if `PROMETHEUS_MULTIPROC_DIR` names a folder, which
`outbound-chat http --workers` sets. https://prometheus.github.io/client_python/multiprocess/
"""

import os
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """The counters of a process, in their own registry."""

    def __init__(self) -> None:
        own = CollectorRegistry()
        self._requests = Counter(
            "outbound_chat_http_requests", "Requests answered.", ("method", "route", "status"), registry=own
        )
        self._seconds = Histogram(
            "outbound_chat_http_request_seconds",
            "Seconds from the head of a request to the end of its response; long polls wait on purpose.",
            ("method", "route"),
            buckets=_SECONDS,
            registry=own,
        )
        self._accepted = Counter("outbound_chat_http_jobs_accepted", "Jobs accepted over HTTP.", registry=own)
        self._rejected = Counter("outbound_chat_http_jobs_rejected", "Jobs and rows rejected over HTTP.", registry=own)
        self._of = cache(self._made)
        """Finds the counters of a method, route and status, of which there are few."""
        if FOLDER_VARIABLE in os.environ:
            self._registry = CollectorRegistry()
            MultiProcessCollector(self._registry)  # type: ignore[no-untyped-call]  # prometheus_client has no types here
        else:
            self._registry = own

    def count_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts a request."""
        counter, histogram = self._of(method, route, status)
        counter.inc()
        histogram.observe(seconds)

    def _made(self, method: str, route: str, status: int) -> tuple[Counter, Histogram]:
        return self._requests.labels(method, route, str(status)), self._seconds.labels(method, route)

    def count_jobs(self, accepted: int, rejected: int = 0) -> None:
        """Counts accepted and rejected jobs and rows."""
        self._accepted.inc(accepted)
        self._rejected.inc(rejected)

    def text(self) -> bytes:
        """Returns all counters in the text format of Prometheus."""
        return generate_latest(self._registry)
