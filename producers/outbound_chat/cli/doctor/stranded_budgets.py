"""What `doctor` says of budgets that hold jobs and are in no settings: they were renamed, or taken out too early."""

from collections.abc import Iterator

from outbound_chat.cli.output import number_of
from outbound_chat.model.diagnostics import Check, Level
from outbound_chat.store import ACCESS, Store, inspection, scripts
from outbound_chat_config import Settings


def stranded_checks(settings: Settings, store: Store) -> Iterator[Check]:
    """Nothing where all budgets that were ever used, and have open jobs, are known here or have workers."""
    used = store.run(scripts.note_budgets(store.keys(ACCESS), []))
    if not used:
        finding = (
            f'nothing was ever enqueued or worked for below "{settings.key_prefix}"; '
            "jobs of another key_prefix can't be seen from here"
        )
        yield Check("key_prefix", Level.OK, finding)
    for name in sorted(set(used) - set(settings.budgets)):
        keys = store.keys(name)
        counts = inspection.counts(store, keys)
        open_jobs = counts.get("waiting", 0) + counts.get("leased", 0)
        if open_jobs and not inspection.worker_versions(store, keys):
            finding = (
                f"{number_of(open_jobs, 'open job')}, but these settings do not name it and no worker runs for it: "
                "nothing of it is sent, and nothing expires"
            )
            advice = f"add [budgets.{name}] to the settings of the workers until its jobs have ended, or rename it back"
            yield Check(f"budget {name}", Level.FAULT, finding, advice)
