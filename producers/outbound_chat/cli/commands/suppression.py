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
from outbound_chat.cli.options import Json
from outbound_chat.cli.output import end_with, json_list, out, print_json, talk, warn, when
from outbound_chat.cli.progress import file_progress
from outbound_chat.cli.tables import print_hanging
from outbound_chat.client import OutboundChat
from outbound_chat.model.batches import Rejection
from outbound_chat.model.errors import FieldError, InvalidJob, InvalidNumbers
from outbound_chat.model.operations import SuppressedNumber
from outbound_chat.request import number_fault
from outbound_chat_config import load_settings

SHOWN_FAULTS = 20
"""Rejected numbers that are shown, a line each; otherwise a file of another kind would fill the screen."""

Sender = Annotated[str, typer.Option(help="Sender in the settings.")]
Numbers = Annotated[list[str] | None, typer.Argument(help="Phone numbers, such as +12025550123.", show_default=False)]
File = Annotated[
    Path | None, typer.Option(help='CSV file of numbers, in its column "to" or "number".', show_default=False)
]


def suppress(
    numbers: Numbers = None,
    *,
    sender: Sender,
    file: File = None,
    reason: Annotated[str, typer.Option(help="Why; kept with the numbers.")] = "",
    as_json: Json = False,
) -> None:
    """Put numbers on a sender's suppression list: they are no longer contacted. Print how many are new."""
    with OutboundChat.from_settings(load_settings()) as chat:
        add = partial(chat.suppress, sender=sender, reason=reason)
        _change(add, numbers, file, verb="suppress", changed="added", as_json=as_json)


def unsuppress(
    numbers: Numbers = None,
    *,
    sender: Sender,
    file: File = None,
    as_json: Json = False,
) -> None:
    """Take numbers off a sender's suppression list: they may be contacted again. Print how many were on it."""
    with OutboundChat.from_settings(load_settings()) as chat:
        remove = partial(chat.unsuppress, sender=sender)
        _change(remove, numbers, file, verb="unsuppress", changed="removed", as_json=as_json)


def suppressed(numbers: Numbers = None, *, sender: Sender, as_json: Json = False) -> None:
    """Print which of the numbers are on a sender's suppression list; without numbers, all that are.

    Exits with 1 when one of the numbers is not.
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
    end_with(errors)
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
    *,
    verb: str,
    changed: str,
    as_json: bool,
) -> None:
    if bool(numbers) == bool(file):
        raise typer.BadParameter("give either numbers or --file", param_hint="NUMBERS")
    source = NumberFile(file) if file else None
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
