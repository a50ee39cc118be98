"""The command that counts the jobs that need each encryption key: encryption-keys."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rich.progress import Progress

from outbound_chat.cli.options import Json
from outbound_chat.cli.output import print_json
from outbound_chat.cli.progress import spinner
from outbound_chat.cli.tables import make_table, print_table
from outbound_chat.encryption import RequestCipher
from outbound_chat.store import Keys, Store
from outbound_chat.store.encryption_keys import Needed, dead_jobs, open_jobs, openers
from outbound_chat_config import load_settings

Walk = Callable[[Store, Keys], Iterator[Needed]]


@dataclass(frozen=True, slots=True)
class Use:
    """What a key is used for in a budget. It has only the name of the key: no key is ever shown."""

    budget: str
    key: str
    open: int
    """Jobs that are not final and can't be read without it."""
    ended: int
    """Failed and uncertain jobs that can't be read without it; they can be replayed."""
    workers: int
    """Workers that have it."""
    here: bool
    """Whether these settings have it."""


def encryption_keys(*, as_json: Json = False) -> None:
    """Count the jobs that need each encryption key.

    You can remove a key from the settings once no job needs it.
    """
    settings = load_settings()
    here = RequestCipher(settings.encryption).decrypting_key_ids
    line = spinner("{task.description}  {task.completed:,.0f} jobs")
    with Store.from_settings(settings) as store, line as progress:
        uses = [use for budget in settings.budgets for use in _uses(store, budget, here, progress)]
    if as_json:
        print_json(uses)
        return
    print_uses(uses)


def print_uses(uses: Sequence[Use]) -> None:
    """Prints a table of the keys and the jobs that need them."""
    numbers = ("open jobs", "replayable", "workers")
    table = make_table("budget", "key", *numbers, "in these settings", numbers=numbers)
    for use in uses:
        counts = (f"{number:,}" for number in (use.open, use.ended, use.workers))
        table.add_row(use.budget, use.key, *counts, "yes" if use.here else "no")
    print_table(table, "these settings have no key, and no job needs one")


def _uses(store: Store, budget: str, here: tuple[str, ...], progress: Progress) -> list[Use]:
    keys = store.keys(budget)

    def needed(walk: Walk, what: str) -> Counter[str]:
        bar, found = progress.add_task(f"{budget}: {what}", total=None), Needed()
        for found in walk(store, keys):
            progress.update(bar, completed=found.looked)
        return found.jobs

    unfinished, ended, have = needed(open_jobs, "open"), needed(dead_jobs, "ended"), openers(store, keys)
    names = dict.fromkeys([*here, *have, *unfinished, *ended])
    return [Use(budget, name, unfinished[name], ended[name], have.get(name, 0), name in here) for name in names]
