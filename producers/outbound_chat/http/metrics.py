"""What a process counts of its own requests, for Prometheus. `store_metrics` adds what the store knows.

Several processes of one service count together where `PROMETHEUS_MULTIPROC_DIR` names a folder, which
`outbound-chat http --workers` sees to. https://prometheus.github.io/client_python/multiprocess/
"""

import os

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """Counters of one process, in a registry of their own."""

    def __init__(self) -> None:
        own = CollectorRegistry()
        self._requests = Counter(
            "outbound_chat_http_requests", "Requests answered.", ("method", "route", "status"), registry=own
        )
        self._seconds = Histogram(
            "outbound_chat_http_request_seconds",
            "Seconds from the head of a request to the end of its answer; long polls wait by intention.",
            ("method", "route"),
            buckets=_SECONDS,
            registry=own,
        )
        self._accepted = Counter("outbound_chat_http_jobs_accepted", "Jobs taken over HTTP.", registry=own)
        self._rejected = Counter("outbound_chat_http_jobs_rejected", "Jobs and rows refused over HTTP.", registry=own)
        if FOLDER_VARIABLE in os.environ:
            self._registry = CollectorRegistry()
            MultiProcessCollector(self._registry)  # type: ignore[no-untyped-call]  # prometheus_client has no types here
        else:
            self._registry = own

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts a request."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)

    def took(self, accepted: int, rejected: int = 0) -> None:
        """Counts jobs and rows."""
        self._accepted.inc(accepted)
        self._rejected.inc(rejected)

    def text(self) -> bytes:
        """All of them as Prometheus reads it."""
        return generate_latest(self._registry)
