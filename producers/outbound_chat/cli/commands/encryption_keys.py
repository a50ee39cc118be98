"""The command that counts the jobs that need each encryption key: encryption-keys."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from outbound_chat.cli.options import Json
from outbound_chat.cli.output import number_of, out, print_json, talk
from outbound_chat.encryption import RequestCipher
from outbound_chat.store import Keys, Store
from outbound_chat.store.encryption_keys import Needed, dead_jobs, open_jobs, openers
from outbound_chat_config import load_settings

Walk = Callable[[Store, Keys], Iterator[Needed]]


@dataclass(frozen=True, slots=True)
class Use:
    """What a key is for in a budget. Only the name of the key: nobody is shown a key."""

    budget: str
    key: str
    open: int
    """Jobs that are not final and can't be read without it."""
    ended: int
    """Failed and uncertain ones, which can be replayed."""
    workers: int
    """Workers that have it."""
    here: bool
    """These settings have it."""

    def __str__(self) -> str:
        if self.open or self.ended:
            needed = f"{number_of(self.open, 'open job')} and {self.ended:,} that can be replayed need it"
        else:
            needed = "no job needs it"
        where = "" if self.here else "; these settings do not have it"
        return (
            f"{self.budget}  {self.key}  {needed}; {number_of(self.workers, 'worker has it', 'workers have it')}{where}"
        )


def encryption_keys(*, as_json: Json = False) -> None:
    """Count the jobs that need each encryption key. A key that no job needs can be taken away."""
    settings = load_settings()
    here = RequestCipher(settings.encryption).decrypting_key_ids
    columns = (SpinnerColumn(), TextColumn("{task.description}  {task.completed:,.0f} jobs"), TimeElapsedColumn())
    with (
        Store(settings.redis_url.get_secret_value(), settings.key_prefix) as store,
        Progress(*columns, console=talk, transient=True) as progress,
    ):
        uses = [use for budget in settings.budgets for use in _uses(store, budget, here, progress)]
    if as_json:
        print_json(uses)
    for line in [] if as_json else map(str, uses) if uses else ["these settings have no key, and no job needs one"]:
        out.print(line, soft_wrap=True)


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
