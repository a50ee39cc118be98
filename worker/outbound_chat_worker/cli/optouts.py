"""Copy the opt-out lists of AWS into suppression lists."""

from collections.abc import Iterator
from typing import Annotated

import typer
from rich.text import Text

from outbound_chat.cli.errors import Exit
from outbound_chat.cli.options import Json
from outbound_chat.cli.output import end_with, number_of, print_json
from outbound_chat.cli.progress import count_progress
from outbound_chat.cli.tables import print_hanging
from outbound_chat.client.steps.context import Context
from outbound_chat.model.errors import OutboundChatError
from outbound_chat.store import Store
from outbound_chat_config import load_settings
from outbound_chat_worker.connect import Connect
from outbound_chat_worker.opt_outs.lists import OptOutReader
from outbound_chat_worker.opt_outs.sync import OptOutSync, Synced


class OptOutsNotRead(OutboundChatError, code="opt_outs_not_read"):
    """The opt-outs of a sender were not read, or not all. The message says why."""

    def __init__(self, one: Synced) -> None:
        super().__init__(f"{one.sender}: {one.error}")
        self.id = one.sender


def sync(
    *,
    sender: Annotated[list[str] | None, typer.Option(help="Sender; can be repeated. Default: all.")] = None,
    mirror: Annotated[
        bool, typer.Option("--mirror", help="Also remove what a sync added and has left the list.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read the lists, and change nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Copy opt-out lists of AWS into suppression lists.

    Reads the opt-out list of each sender's number in AWS End User Messaging SMS, and adds its numbers to the sender's
    suppression list. It says what the list can't know. Safe to repeat, also after it broke off. It never removes what a
    person added.

    $ outbound-chat optouts sync
    $ outbound-chat optouts sync --sender support --mirror --dry-run
    """
    settings = load_settings()
    names = list(dict.fromkeys(sender or settings.senders))
    budgets = dict.fromkeys(settings.sender(name).budget for name in names)
    reader = OptOutReader(Connect(settings.worker), settings.opt_outs.rate)
    done: list[Synced] = []
    with Store.from_settings(settings) as store, count_progress("read") as show:
        for budget in budgets:
            own = [name for name in names if settings.senders[name].budget == budget]
            syncing = OptOutSync(store, Context(settings), reader, budget, mirror=mirror, dry_run=dry_run)
            syncing.on_page = lambda _numbers: show(reader.read, None)
            done += syncing.run(own)
    errors = [OptOutsNotRead(one) for one in done if one.error]
    if as_json:
        print_json(done, errors)
    else:
        for one in done:
            print_hanging(Text(one.sender), Text("\n".join(_lines(one, dry_run=dry_run))), indent=18)
    end_with(errors, Exit.NOT_ALL_SENT)


def _lines(one: Synced, *, dry_run: bool) -> Iterator[str]:
    if one.opt_out_list:
        name, would = one.opt_out_list.rpartition("/")[2], "would be " if dry_run else ""
        counts = f"{number_of(one.read, 'number')} read, {one.added:,} {would}added, {one.removed:,} {would}removed"
        yield f"opt-out list {name}: {counts}"
    elif one.error:
        yield "opt-outs not read"
    yield from one.notes.values()


OPTOUTS = {"sync": sync}
