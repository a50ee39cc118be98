"""Commands for encryption: new-key, rewrite-suppressed; and what `doctor` says of it."""

from collections.abc import Iterator
from typing import Annotated

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from outbound_chat.checks import Check, Level
from outbound_chat.cli.jobs import Json
from outbound_chat.cli.output import out, print_json, talk
from outbound_chat.client import OutboundChat
from outbound_chat.errors import SettingsError
from outbound_chat.seal import Seal, new_key as make_key
from outbound_chat.store import Store
from outbound_chat.store.calls import OtherKey, read_suppressed
from outbound_chat_config import Settings, load_settings


def encryption_checks(settings: Settings, store: Store) -> Iterator[Check]:
    """What `doctor` says where there are keys: whether what is new is encrypted, and lists are as the settings say."""
    try:
        seal = Seal(settings.encryption)
    except SettingsError as error:
        yield Check("encryption", Level.FAULT, str(error), "the same on every machine that enqueues or sends")
        return
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
