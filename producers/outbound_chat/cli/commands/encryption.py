"""Commands for encryption: new-key, rewrite-suppressed."""

from typing import Annotated

import typer
from rich.progress import Progress

from outbound_chat.cli.options import Json
from outbound_chat.cli.output import out, print_json
from outbound_chat.cli.progress import spinner
from outbound_chat.client import OutboundChat
from outbound_chat.encryption import new_key as make_key
from outbound_chat_config import load_settings


def new_key(*, as_json: Json = False) -> None:
    """Create an encryption key.

    Prints it, and stores nothing. Put it into encryption.keys or encryption.number_key of the settings.
    """
    key = make_key()
    print_json({"key": key}) if as_json else typer.echo(key)


def rewrite_suppressed(
    *,
    sender: Annotated[str | None, typer.Option(help="Only the list of this sender.")] = None,
    as_json: Json = False,
) -> None:
    """Rewrite suppression lists with the newest key.

    Run it after a change of encryption or of a sender's budget. The lists stay in force throughout.

    $ outbound-chat rewrite-suppressed --sender support
    """
    settings = load_settings()
    line = spinner("{task.description}  {task.completed:,.0f} numbers", transient=False)
    with OutboundChat.from_settings(settings) as chat, line as progress:
        written = {name: _rewrite(chat, name, progress) for name in ([sender] if sender else settings.senders)}
    if as_json:
        print_json([{"sender": name, "written": entries} for name, entries in written.items()])
        return
    for name, entries in written.items():
        out.print(f"{name}: {entries:,} numbers written")


def _rewrite(chat: OutboundChat, sender: str, progress: Progress) -> int:
    bar = progress.add_task(sender, total=None)
    return chat.rewrite_suppressed(sender=sender, on_progress=lambda done: progress.update(bar, completed=done))
