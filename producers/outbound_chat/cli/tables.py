"""Tables with heads and records of lines: what commands print for people.

On a terminal a table fits its width: columns of sentences are broken into lines, and columns that matter less are left
out. An id or a name is never broken, so that it can be copied. Into files and pipes each row goes as one line.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain, zip_longest
from textwrap import wrap

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from outbound_chat.cli.output import out, shown, talk, when

GAP = 2
LEAST = 12
"""Columns of the terminal that a broken column gets at least, unless its table says another number."""
_ONE_LINE = str.maketrans("\n\t", "  ")


class FittingTable:
    """A table that fits the console it is printed on; make it with `make_table`."""

    def __init__(
        self, columns: Sequence[str], numbers: Iterable[str], folds: Mapping[str, int], extras: Iterable[str]
    ) -> None:
        self.rows: list[dict[str, Text]] = []
        self.show_header = True
        self._heads = {name: Text(name, style="bold") for name in columns}
        self._numbers, self._folds, self._extras = frozenset(numbers), folds, tuple(extras)

    def add_row(self, *cells: str | Text) -> None:
        """Adds a row. A cell is one line; of styled text only the style of the whole is kept."""
        texts = (cell if isinstance(cell, Text) else Text(cell) for cell in cells)
        safe = (Text(shown(text.plain).translate(_ONE_LINE), style=text.style) for text in texts)
        self.rows.append(dict(zip(self._heads, safe, strict=True)))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        widths = self._fit(None if console.soft_wrap else options.max_width)
        for row in [self._heads, *self.rows] if self.show_header else self.rows:
            cells = (
                [row[name]] if row[name].cell_len <= width else _broken(row[name], width) for name, width in widths
            )
            for parts in zip_longest(*cells, fillvalue=Text()):
                line = Text(no_wrap=True, overflow="ignore")
                for part, (name, width) in zip(parts, widths, strict=True):
                    room = Text(" " * (width - part.cell_len))
                    line += (room + part if name in self._numbers else part + room) + Text(" " * GAP)
                line.rstrip()
                yield line

    def _fit(self, room: int | None) -> list[tuple[str, int]]:
        """Returns the columns that are shown, and the width of each."""
        heads = self._heads
        widths = {name: max(row[name].cell_len for row in [heads, *self.rows]) for name in heads}
        for name in self._extras:
            if not any(row[name] for row in self.rows):
                del widths[name]
        least = {name: min(width, self._folds.get(name, width)) for name, width in widths.items()}
        for name in self._extras:
            if room is not None and _total(least) > room and name in widths:
                del widths[name], least[name]
        while room is not None and _total(widths) > room:
            broken = [name for name in widths if widths[name] > least[name]]
            if not broken:
                break  # the terminal breaks the lines: better there than in a name
            widths[max(broken, key=widths.__getitem__)] -= 1
        return [*widths.items()]


def make_table(
    *columns: str,
    numbers: Iterable[str] = (),
    folds: Iterable[str] | Mapping[str, int] = (),
    extras: Iterable[str] = (),
) -> FittingTable:
    """Returns an empty table; fill it with `add_row`.

    `numbers`: columns that are aligned to the right; `folds`: those that are broken into lines where the terminal is
    too narrow, if wanted with the width that they keep; `extras`: those that are left out where there is still no room,
    the first of them first, and everywhere if they are empty.
    """
    least = folds if isinstance(folds, Mapping) else dict.fromkeys(folds, LEAST)
    return FittingTable(columns, numbers, least, extras)


def print_table(table: FittingTable, nothing: str = "") -> None:
    """Prints a table: within the width of a terminal, and each row in one line elsewhere. `nothing`: if it has none."""
    if table.rows:
        out.print(table, crop=False)
    elif nothing:
        talk.print(nothing)


def print_page_end(shown: Sequence[object], cursor: str | None, *nothing: str) -> None:
    """Prints whether there is more, or `nothing`. Few of many may match, so an empty page need not be the last."""
    if cursor:
        talk.print(f'there {"is" if shown else "may be"} more: --cursor "{cursor}"')
    elif not shown:
        talk.print("\n".join(filter(None, nothing)))


def print_record(lines: Iterable[tuple[str, str | Text | None]]) -> None:
    """Prints one thing as lines of a name and a value each, and no line for what has no value."""
    known = [(name, value if isinstance(value, Text) else Text(value)) for name, value in lines if value]
    width = max(len(name) for name, _ in known) + GAP
    for name, value in known:
        print_hanging(Text(name, style="dim"), value, indent=width)


def print_hanging(head: Text, body: Text, *, indent: int) -> None:
    """Prints text after a head; on a terminal all its lines begin at `indent`, and no word is broken.

    A head has a line of its own if it is too long for that, or if a word needs its room. Elsewhere all is one line. Of
    styled text only the style of the whole is kept.
    """
    if out.soft_wrap:
        lines, indent = [" ".join(body.plain.split("\n"))], max(indent, head.cell_len + GAP)
    else:
        longest = max(map(len, body.plain.split()), default=0)
        indent = indent if out.width - indent >= max(2 * LEAST, longest) else GAP
        room = max(LEAST, out.width - indent)
        parts = (wrap(part, room, break_long_words=False, break_on_hyphens=False) for part in body.plain.split("\n"))
        lines = [*chain.from_iterable(parts)]
    if head.cell_len > indent - GAP:
        out.print(head)
        head = Text()
    for line in lines or [""]:
        head.pad_right(indent - head.cell_len)
        whole = head + Text(line, style=body.style)
        whole.rstrip()
        out.print(whole, no_wrap=True, overflow="ignore", crop=False)
        head = Text()


def time_cell(instant: datetime | None) -> str:
    """Formats a time for a table; on a terminal without the date if it is today."""
    return when(instant, brief=not out.soft_wrap) if instant else ""


def _broken(cell: Text, width: int) -> list[Text]:
    return [Text(part, style=cell.style) for part in wrap(cell.plain, width, break_on_hyphens=False)]


def _total(widths: Mapping[str, int]) -> int:
    return sum(width + GAP for width in widths.values()) - GAP
