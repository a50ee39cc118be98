"""Who is measured, and how each is started: two worker processes with 16 calls each in flight, wherever that can be."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

ROOT = Path(__file__).parents[1]
SAQ_PYTHON = ROOT / ".venv-bench" / "bin" / "python"
"""SAQ and aiobotocore want older releases of redis-py and botocore than ours: their environment is their own."""

_CELERY = ("-m", "celery", "-A", "benchmarks.peers.celery_app", "worker", "-Q", "urgent,bulk", "-l", "WARNING")
_WITHOUT_ALLOWANCE = ("enqueue", "speed", "memory", "recovery")
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
    like: str = ""
    """Whom it is the same as in the parts that it skips."""
    skips: frozenset[str] = frozenset()
    """Parts of the comparison, and `enqueue`, which is one of `speed`."""

    @property
    def ours(self) -> bool:
        """Whether it is outbound-chat."""
        return self.module == "outbound"

    @property
    def missing(self) -> str:
        """Why it can't be measured here; empty when it can."""
        return "" if self.python.exists() else "not measured: .venv-bench is missing, `make bench` makes it"


def _celery(
    name: str, pool: tuple[str, ...], *, like: str = "", skips: Sequence[str] = (), **environment: str
) -> Contender:
    workers = tuple((*_CELERY, *pool, "-n", f"{name}-{index}@%h") for index in range(2))
    return Contender(
        name=name,
        module="celery_app",
        workers=workers,
        environment=environment,
        paces=bool(environment),
        like=like,
        skips=frozenset(skips),
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

SUPERVISED = replace(OURS, workers=(("-m", "outbound_chat.cli", "worker", "--processes", "2"),))
"""The same as one command starts it: two workers and their supervisor."""

CONTENDERS = {
    contender.name: contender
    for contender in (
        OURS,
        _celery("celery-threads", _THREADS),
        _celery("celery-prefork", _PREFORK, like="celery-threads", skips=("enqueue", "memory", "allowance", "change")),
        _celery("celery-rate-limit", _PREFORK, like="celery-prefork", skips=_WITHOUT_ALLOWANCE, BENCH_RATE_LIMIT="1"),
        _celery("celery-adaptive", _THREADS, like="celery-threads", skips=_WITHOUT_ALLOWANCE, BENCH_ADAPTIVE="1"),
        Contender(
            name="dramatiq",
            paces=True,
            module="dramatiq_app",
            # `--processes 2` would put a parent above them; two commands are what two machines would run.
            workers=(("-m", "dramatiq", "benchmarks.peers.dramatiq_app", "--processes", "1", "--threads", "16"),) * 2,
        ),
        Contender(
            name="huey",
            module="huey_app",
            workers=(("-m", "huey.bin.huey_consumer", "benchmarks.peers.huey_app.huey", "-w", "16", "-q"),) * 2,
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
