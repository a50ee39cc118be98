"""Checks encryption."""

from collections.abc import Iterator

from outbound_chat.encryption import RequestCipher
from outbound_chat.model.diagnostics import Check, Level
from outbound_chat.model.errors import SettingsError
from outbound_chat.model.words import number_of
from outbound_chat.store import Store
from outbound_chat.store.encryption_keys import open_jobs, openers
from outbound_chat.store.scripts import OtherKey, read_suppressed, read_workers
from outbound_chat_config import Settings

MOST_LOOKED, FEW_LOOKED = 20_000, 1_000
"""Open jobs of a budget that `doctor` reads, with and without keys in the settings."""


def encryption_checks(settings: Settings, store: Store) -> Iterator[Check]:
    """Checks that workers have the keys that jobs need, and that suppression lists agree with the settings."""
    try:
        cipher = RequestCipher(settings.encryption)
    except SettingsError as error:
        yield Check("encryption", Level.FAULT, str(error), "use the same keys on every machine that enqueues or sends")
        return
    for budget in settings.budgets:
        yield from _missing(store, budget, MOST_LOOKED if cipher.can_decrypt else FEW_LOOKED)
    if not cipher.number_key_id:
        return
    new = "new jobs are encrypted" if cipher.encrypts else "new jobs are stored in plain text"
    yield Check("encryption", Level.OK, f"{len(settings.encryption.keys)} keys, {new}")
    for name, sender in settings.senders.items():
        answer = store.run(read_suppressed(store.keys(sender.budget), sender=name, key_id=cipher.number_key_id))
        subject = f"suppression list of {name}"
        if isinstance(answer, OtherKey):
            advice = "use the number_key that it was written with; until then this sender sends nothing"
            yield Check(subject, Level.FAULT, "it was written with another encryption.number_key", advice)
        elif cipher.encrypts and answer.other:
            advice = f"outbound-chat rewrite-suppressed --sender {name}"
            yield Check(subject, Level.WARNING, "some of its numbers are not encrypted", advice)


def _missing(store: Store, budget: str, most: int) -> Iterator[Check]:
    """Reports keys that jobs need but no worker of the budget has. Missing workers are reported elsewhere."""
    keys = store.keys(budget)
    if not store.run(read_workers(keys)):
        return
    found = next(found for found in open_jobs(store, keys) if found.looked >= most or found.done)
    have = openers(store, keys)
    for name, jobs in found.jobs.items():
        if name not in have:
            finding = f"{number_of(jobs, 'open job')} of budget {budget} can't be read: no worker has the key {name}"
            if not found.done:
                finding += f"; {found.looked:,} were read"
            advice = "add that key to encryption.keys of all workers; outbound-chat encryption-keys counts all of them"
            yield Check("encryption", Level.WARNING, finding, advice)
