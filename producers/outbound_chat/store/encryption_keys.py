"""Finds which encryption keys the jobs of a budget need, and which its workers have. It only knows the names of keys.

This is for operators, not on the path of a job: it reads all records, a few hundred per script.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from outbound_chat.store.keys import Keys
from outbound_chat.store.scripts import FIRST_PAGE, read_budget, read_key_ids
from outbound_chat.store.store import Store


@dataclass(slots=True)
class Needed:
    """How far a scan has come, and what it has found."""

    looked: int = 0
    done: bool = False
    jobs: Counter[str] = field(default_factory=Counter)
    """Name of a key → jobs that can't be read without it."""


def open_jobs(store: Store, keys: Keys) -> Iterator[Needed]:
    """Scans all jobs that are not final; yields the same growing result after every few hundred."""
    return _walk(store, keys, ["expiry"])


def dead_jobs(store: Store, keys: Keys) -> Iterator[Needed]:
    """Scans failed and uncertain jobs, some of which can be replayed."""
    dead = store.run(read_budget(keys, [])).dead
    return _walk(store, keys, [f"dead:{state}:{code}" for state, codes in dead.items() for code in codes])


def _walk(store: Store, keys: Keys, indexes: Iterable[str]) -> Iterator[Needed]:
    found = Needed()
    for index in indexes:
        cursor = ""
        while cursor != FIRST_PAGE:
            page = store.run(read_key_ids(keys, index=index, cursor=cursor or FIRST_PAGE))
            cursor = page.cursor
            found.looked += page.looked
            found.jobs.update(page.jobs)
            yield found
    found.done = True
    yield found


def openers(store: Store, keys: Keys) -> Mapping[str, int]:
    """Returns the name of each key → workers of the last 10 s that have it."""
    members = store.ask(lambda redis: redis.zrange(keys.openers, 0, -1))
    return Counter(member.rpartition(" ")[2] for member in members)
