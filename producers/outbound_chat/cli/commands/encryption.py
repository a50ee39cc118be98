"""Commands for encryption: new-key, rewrite-suppressed; and what `doctor` says of it."""

from collections.abc import Iterator
from typing import Annotated

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from outbound_chat.cli.commands.jobs import Json
from outbound_chat.cli.output import number_of, out, print_json, talk
from outbound_chat.client import OutboundChat
from outbound_chat.encryption import Seal, new_key as make_key
from outbound_chat.model.diagnostics import Check, Level
from outbound_chat.model.errors import SettingsError
from outbound_chat.store import Store, inspection
from outbound_chat.store.encryption_keys import open_jobs, openers
from outbound_chat.store.scripts import OtherKey, read_suppressed
from outbound_chat_config import Settings, load_settings

MOST_LOOKED, FEW_LOOKED = 20_000, 1_000
"""Open jobs of a budget that `doctor` looks at, with and without keys in the settings."""


def encryption_checks(settings: Settings, store: Store) -> Iterator[Check]:
    """What `doctor` says where there are keys: whether what is new is encrypted, and lists are as the settings say."""
    try:
        seal = Seal(settings.encryption)
    except SettingsError as error:
        yield Check("encryption", Level.FAULT, str(error), "the same on every machine that enqueues or sends")
        return
    for budget in settings.budgets:
        yield from _missing(store, budget, MOST_LOOKED if seal.opens_any else FEW_LOOKED)
    if not seal.number_key_id:
        return
    said = "what is new is encrypted" if seal.seals else "what is new is stored as it is"
    yield Check("encryption", Level.OK, f"{len(settings.encryption.keys)} keys, {said}")
    for name, sender in settings.senders.items():
        call = read_suppressed(store.keys(sender.budget), sender=name, key_id=seal.number_key_id)
        answer = store.run(call)
        subject = f"suppression list of {name}"
        if isinstance(answer, OtherKey):
            advice = "use the number_key that it was written with; until then nothing is sent by this sender"
            yield Check(subject, Level.FAULT, "it was written with another encryption.number_key", advice)
        elif seal.seals and answer.other:
            advice = f"outbound-chat rewrite-suppressed --sender {name}"
            yield Check(subject, Level.WARNING, "some of its numbers are not encrypted", advice)


def _missing(store: Store, budget: str, most: int) -> Iterator[Check]:
    """Keys that jobs need and no worker of the budget has. Nothing where no worker runs, which is told elsewhere."""
    keys = store.keys(budget)
    if not inspection.worker_versions(store, keys):
        return
    found = next(found for found in open_jobs(store, keys) if found.looked >= most or found.done)
    have = openers(store, keys)
    for name, jobs in found.jobs.items():
        if name not in have:
            finding = f"{number_of(jobs, 'open job')} of budget {budget} can't be read: no worker has the key {name}"
            if not found.done:
                finding += f"; {found.looked:,} were looked at"
            advice = "give encryption.keys of all workers that key too; outbound-chat encryption-keys counts them all"
            yield Check("encryption", Level.WARNING, finding, advice)


def new_key(*, as_json: Json = False) -> None:
    """Print a new key, for encryption.keys or encryption.number_key. Nothing is stored."""
    key = make_key()
    print_json({"key": key}) if as_json else typer.echo(key)


def rewrite_suppressed(
    *,
    sender: Annotated[str | None, typer.Option(help="Only the list of this sender.")] = None,
    as_json: Json = False,
) -> None:
    """Write suppression lists anew, encrypted or plain, as the settings say now. Lists hold all the while."""
    settings = load_settings()
    written: dict[str, int] = {}
    columns = (SpinnerColumn(), TextColumn("{task.description}  {task.completed:,.0f} numbers"), TimeElapsedColumn())
    with OutboundChat.from_settings(settings) as chat, Progress(*columns, console=talk) as progress:
        for name in [sender] if sender else settings.senders:
            bar = progress.add_task(name, total=None)

            def show(entries: int, bar: object = bar) -> None:
                progress.update(bar, completed=entries)  # type: ignore[arg-type]  # rich has no public name for its id

            written[name] = chat.rewrite_suppressed(sender=name, on_progress=show)
    if as_json:
        print_json(written)
        return
    for name, entries in written.items():
        out.print(f"{name}: {entries:,} numbers written", markup=False)
