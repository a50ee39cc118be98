"""Checks for budgets that have jobs but are not in the settings, because they were renamed or removed too early."""

from collections.abc import Iterator

from outbound_chat.model.diagnostics import Check, Level
from outbound_chat.model.words import number_of
from outbound_chat.store import ACCESS, Store, inspection, scripts
from outbound_chat_config import Settings


def stranded_checks(settings: Settings, store: Store) -> Iterator[Check]:
    """Reports budgets with open jobs that are not in the settings and have no worker."""
    used = store.run(scripts.note_budgets(store.keys(ACCESS), []))
    if not used:
        finding = (
            f'no producer or worker has used the prefix "{settings.key_prefix}" yet; '
            "jobs with another key_prefix are not visible here"
        )
        yield Check("key_prefix", Level.OK, finding)
    for name in sorted(set(used) - set(settings.budgets)):
        keys = store.keys(name)
        counts = inspection.counts(store, keys)
        open_jobs = counts.get("waiting", 0) + counts.get("leased", 0)
        if open_jobs and not store.run(scripts.read_workers(keys)):
            finding = (
                f"{number_of(open_jobs, 'open job')}, but is not in these settings and has no worker: "
                "its jobs are not sent and do not expire"
            )
            advice = f"add [budgets.{name}] to the settings of the workers until its jobs have ended, or rename it back"
            yield Check(f"budget {name}", Level.FAULT, finding, advice)
