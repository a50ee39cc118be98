"""What the audit reads of a budget's ledger: its jobs, and whether everything stands where it should.

Records of a newer version can only be read by that: this module is a program too, which an audit runs in the
environment of the newer one. On stdin the address and ids, on stdout what it found, both JSON.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from outbound_chat.store import Keys, Store, scripts
from tests.store import invariants
from tests.store.ledger import BUDGET, Ledger

from .stores import client_of

MOST_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger says of a job."""

    state: str
    final: bool
    contact_id: str


@dataclass(frozen=True, slots=True)
class Found:
    """What one look found."""

    jobs: Mapping[str, Known]
    """By id; those without a record are left out."""
    out_of_place: str
    """The first thing in Redis that is not where the ledger's rules have it; empty: nothing."""

    @classmethod
    def from_json(cls, raw: str) -> Self:
        """From what the program wrote."""
        found = json.loads(raw)
        return cls({id_: Known(**known) for id_, known in found["jobs"].items()}, found["out_of_place"])


class _OwnKeys(Ledger):
    """The ledger without the keys of Celery, which are on the same server."""

    def names(self) -> list[str]:
        return [name for name in super().names() if not name.startswith("oc:celery:")]


def read(url: str, ids: Iterable[str]) -> Found:
    """Looks at the jobs with these ids, and at everything."""
    with Store(url) as store, client_of(url, tries=5, timeout=10) as client:
        return Found(dict(_jobs(store, store.keys(BUDGET), list(ids))), _out_of_place(_OwnKeys(store, client)))


def read_as(environment: Mapping[str, str], url: str, ids: Iterable[str]) -> Found:
    """The same by the version of outbound-chat that a process with this environment has."""
    done = subprocess.run(
        [sys.executable, "-m", __name__],
        input=json.dumps([url, list(ids)]),
        env={**os.environ, **environment},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=MOST_SECONDS,
        check=False,
    )
    if done.returncode:
        raise AssertionError(f"the newer version could not read the ledger: {done.stderr[-2_000:]}")
    return Found.from_json(done.stdout)


def _jobs(store: Store, keys: Keys, ids: list[str]) -> Iterable[tuple[str, Known]]:
    for start in range(0, len(ids), scripts.MOST_JOBS):
        local_ids = [id_.partition(".")[2] for id_ in ids[start : start + scripts.MOST_JOBS]]
        for job in store.run(scripts.read_jobs(keys, local_ids)).values():
            yield job.id, Known(job.state.value, job.final, job.contact_id or "")


def _out_of_place(ledger: Ledger) -> str:
    try:
        invariants.check(ledger)
    except AssertionError as error:
        return str(error).splitlines()[0] if str(error) else "a rule of the ledger"
    return ""


if __name__ == "__main__":
    url, ids = json.load(sys.stdin)
    sys.stdout.write(json.dumps(asdict(read(url, ids))))
