"""Who is measured, and how each is started: two worker processes with 16 calls each in flight, wherever that can be."""

import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
SAQ_PYTHON = ROOT / ".venv-bench" / "bin" / "python"
"""SAQ and aiobotocore want older releases of redis-py and botocore than ours: their environment is their own."""

_CELERY = ("-m", "celery", "-A", "benchmarks.peers.celery_app", "worker", "-Q", "urgent,bulk", "-l", "WARNING")
_THREADS = ("-P", "threads", "-c", "16")
_PREFORK = ("-P", "prefork", "-c", "16")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One sender of messages."""

    name: str
    module: str
    """Of `benchmarks.peers`, with its producer."""
    workers: tuple[tuple[str, ...], ...]
    """Arguments of Python, one tuple a worker process."""
    environment: dict[str, str] = field(default_factory=dict)
    python: Path = Path(sys.executable)
    in_flight: int = 32
    paces: bool = False
    """Keeps to an allowance by itself. Who does not storms the sandbox, and is measured with nobody beside it."""
    without_allowance: str = ""
    """What it is the same as where no allowance is in the way, so that it is measured under one alone; '': measured."""

    @property
    def ours(self) -> bool:
        """Whether it is outbound-chat."""
        return self.module == "outbound"

    @property
    def missing(self) -> str:
        """Why it can't be measured here; empty when it can."""
        return "" if self.python.exists() else "not measured: .venv-bench is missing, `make bench` makes it"


def _celery(
    name: str, pool: tuple[str, ...], *, paces: bool = False, without_allowance: str = "", **environment: str
) -> Contender:
    workers = tuple((*_CELERY, *pool, "-n", f"{name}-{index}@%h") for index in range(2))
    return Contender(
        name=name,
        module="celery_app",
        workers=workers,
        environment=environment,
        paces=paces,
        without_allowance=without_allowance,
    )


OURS = Contender(
    name="outbound-chat",
    module="outbound",
    paces=True,
    workers=tuple(
        ("-m", "outbound_chat_worker", "--without-gossip", "--without-mingle", "-n", f"ours-{index}@%h")
        for index in range(2)
    ),
)

CONTENDERS = {
    contender.name: contender
    for contender in (
        OURS,
        _celery("celery-threads", _THREADS),
        _celery("celery-prefork", _PREFORK),
        _celery("celery-rate-limit", _PREFORK, paces=True, without_allowance="as celery-prefork", BENCH_RATE_LIMIT="1"),
        _celery("celery-adaptive", _THREADS, paces=True, BENCH_ADAPTIVE="1"),
        Contender(
            name="dramatiq",
            paces=True,
            module="dramatiq_app",
            # `--processes 2` would put a parent above them; two commands are what two machines would run.
            workers=(("-m", "dramatiq", "benchmarks.peers.dramatiq_app", "--processes", "1", "--threads", "16"),) * 2,
        ),
        Contender(
            name="saq-aio",
            module="saq_app",
            python=SAQ_PYTHON,
            workers=(
                ("-m", "saq", "benchmarks.peers.saq_app.settings"),
                ("-m", "saq", "benchmarks.peers.saq_app.settings"),
                ("-m", "saq", "benchmarks.peers.saq_app.urgent_settings"),
            ),
        ),
    )
}
