"""Commands for encryption: new-key, rewrite-suppressed."""

from typing import Annotated

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from outbound_chat.cli.options import Json
from outbound_chat.cli.output import out, print_json, talk
from outbound_chat.client import OutboundChat
from outbound_chat.encryption import new_key as make_key
from outbound_chat_config import load_settings


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
        out.print(f"{name}: {entries:,} numbers written")
