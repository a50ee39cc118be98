"""Commands for numbers that must not be contacted: suppress, unsuppress, suppressed."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from outbound_chat.cli.errors import Exit, at_place
from outbound_chat.cli.files.number_file import NumberFile
from outbound_chat.cli.files.row_file import form_of
from outbound_chat.cli.options import Column, Country, Delimiter, Json, Sheet
from outbound_chat.cli.output import json_list, out, print_json, talk, warn, when
from outbound_chat.cli.progress import file_progress
from outbound_chat.cli.tables import print_hanging
from outbound_chat.client import OutboundChat
from outbound_chat.model.batches import Rejection
from outbound_chat.model.errors import FieldError, InvalidJob, InvalidNumbers
from outbound_chat.model.operations import SuppressedNumber
from outbound_chat.request import number_fault
from outbound_chat.rows import Form
from outbound_chat_config import load_settings

SHOWN_FAULTS = 20
"""Rejected numbers that are shown, a line each; otherwise a file of another kind would fill the screen."""

Sender = Annotated[str, typer.Option(help="Sender, as named in the settings.")]
Numbers = Annotated[list[str] | None, typer.Argument(help="Phone numbers, such as +12025550123.", show_default=False)]
File = Annotated[
    Path | None,
    typer.Option(help='CSV file or workbook with a column "to" or "number".', show_default=False),
]


def suppress(
    numbers: Numbers = None,
    *,
    sender: Sender,
    file: File = None,
    delimiter: Delimiter = None,
    column: Column = None,
    country: Country = None,
    sheet: Sheet = None,
    reason: Annotated[str, typer.Option(help="Reason, stored with the numbers.")] = "",
    as_json: Json = False,
) -> None:
    """Stop contacting numbers.

    Adds them to a sender's suppression list. Waiting jobs for them are not sent either.

    $ outbound-chat suppress --sender support +12025550101 --reason "said STOP"
    $ outbound-chat suppress --sender support --file optouts.csv
    """
    form = form_of(column, delimiter=delimiter, country=country, sheet=sheet)
    with OutboundChat.from_settings(load_settings()) as chat:
        add = partial(chat.suppress, sender=sender, reason=reason)
        _change(add, numbers, file, form, verb="suppress", changed="added", as_json=as_json)


def unsuppress(
    numbers: Numbers = None,
    *,
    sender: Sender,
    file: File = None,
    delimiter: Delimiter = None,
    column: Column = None,
    country: Country = None,
    sheet: Sheet = None,
    as_json: Json = False,
) -> None:
    """Allow numbers to be contacted again.

    Removes them from a sender's suppression list. Waiting jobs for them are sent.

    $ outbound-chat unsuppress --sender support +12025550102
    """
    form = form_of(column, delimiter=delimiter, country=country, sheet=sheet)
    with OutboundChat.from_settings(load_settings()) as chat:
        remove = partial(chat.unsuppress, sender=sender)
        _change(remove, numbers, file, form, verb="unsuppress", changed="removed", as_json=as_json)


def suppressed(numbers: Numbers = None, *, sender: Sender, as_json: Json = False) -> None:
    """List the suppressed numbers of a sender.

    Prints which of the given numbers are on the suppression list, and since when and why. Without numbers, it prints
    the whole list. Exits with 1 if one of the numbers is not on it.

    $ outbound-chat suppressed --sender support
    $ outbound-chat suppressed --sender support +12025550101
    """
    with OutboundChat.from_settings(load_settings()) as chat:
        found = chat.suppressed(numbers or None, sender=sender)
        if numbers:
            _print_those(numbers, found, as_json)
        elif as_json:
            with json_list() as write:
                for entry in found:
                    write(entry)
        elif not print_suppressed(found):
            talk.print(f"no number is on the list of {sender}")


def _print_those(numbers: list[str], found: Iterator[SuppressedNumber], as_json: bool) -> None:
    entries: list[SuppressedNumber] = []
    errors: list[BaseException] = []
    try:
        entries.extend(found)
    except InvalidNumbers as error:
        errors.append(error)
    listed = {entry.number for entry in entries}
    missing = [number for number in dict.fromkeys(numbers) if number not in listed and not number_fault(number)]
    if as_json:
        print_json(entries, errors, not_listed=missing)
    else:
        print_suppressed(entries)
        for number in missing:
            talk.print(f"{number} is not on the list")
    if errors:
        raise errors[0]
    if missing:
        raise typer.Exit(Exit.NOT_ALL_SENT)


def print_suppressed(entries: Iterable[SuppressedNumber]) -> bool:
    """Prints a table of numbers as they come, since there may be millions; returns whether there were any."""
    is_first = True
    for entry in entries:
        since = when(entry.since)
        if is_first:
            out.print(Text(f"{'number':<16}  {'since':<{len(since)}}  reason", style="bold"))
            is_first = False
        print_hanging(Text(f"{entry.number:<16}  {since}"), Text(entry.reason), indent=20 + len(since))
    return not is_first


@dataclass(slots=True)
class _Faults:
    """The invalid numbers; the first are kept to be shown."""

    file: NumberFile | None
    count: int = 0
    shown: list[tuple[int, FieldError]] = field(default_factory=list)

    def add(self, rejection: Rejection) -> None:
        self.count += 1
        if len(self.shown) < SHOWN_FAULTS:
            fault = (self.file and self.file.fault) or rejection.errors[0]
            self.shown.append((self.file.line if self.file else rejection.row, fault))

    @property
    def named(self) -> list[InvalidJob]:
        """Those that are shown, with their places in the file or among the arguments."""
        word = "line" if self.file else "number"
        return [at_place(f"{word} {place}", [error]) for place, error in self.shown]

    def show(self) -> None:
        for one in self.named:
            talk.print(f"{one.errors[0].message} [{one.errors[0].code}]")
        if self.count > len(self.shown):
            talk.print(f"and {self.count - len(self.shown):,} more")
        if self.file and self.file.warning:
            warn(self.file.warning)


def _change(
    call: Callable[..., int],
    numbers: list[str] | None,
    file: Path | None,
    form: Form,
    *,
    verb: str,
    changed: str,
    as_json: bool,
) -> None:
    if bool(numbers) == bool(file):
        raise typer.BadParameter("give either numbers or --file", param_hint="NUMBERS")
    if form != Form() and not file:
        raise typer.BadParameter("belongs to --file", param_hint="--delimiter, --column, --country or --sheet")
    source = NumberFile(file, form) if file else None
    faults = _Faults(source)
    total = 0
    no_bar = nullcontext(lambda _taken, _rejected: None)
    bar = file_progress(verb, source, "numbers", transient=True) if source else no_bar
    with closing(source) if source else nullcontext(), bar as show:

        def progress(taken: int, rejected: int) -> None:
            nonlocal total
            total = taken
            show(taken, rejected)

        count = call(source or numbers or (), on_rejected=faults.add, on_progress=progress)
    faults.show()
    if as_json:
        rows = [{"line" if file else "number": place, "code": error.code} for place, error in faults.shown]
        counts = {"numbers": total, changed: count, "rejected": faults.count}
        print_json({**counts, "rejections": rows}, faults.named)
    else:
        same = f"{total - count:,} {'already' if changed == 'added' else 'not'} listed"
        out.print(f"{total + faults.count:,} read: {count:,} {changed}, {same}, {faults.count:,} rejected")
    if faults.count:
        raise typer.Exit(Exit.NOT_ALL_SENT)
