"""What a benchmark says: tables for people, JSON for programs, and the bars it missed."""

import json
import math
import os
import platform
import signal
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NoReturn

from rich.console import Console
from rich.table import Table

Figure = str | int | float | None

_CTRL_C = 130
_talk = Console(stderr=True, highlight=False)


@dataclass(frozen=True, slots=True)
class Bar:
    """A figure and what it is held to."""

    name: str
    figure: float
    most: float | None = None
    least: float | None = None

    @property
    def held(self) -> bool:
        """Whether the figure is within both limits. What could not be measured (NaN) is not."""
        return (self.most is None or self.figure <= self.most) and (self.least is None or self.figure >= self.least)

    def __str__(self) -> str:
        """A sentence for the list of what was missed."""
        limits = (("at most", self.most), ("at least", self.least))
        wanted = " and ".join(f"{word} {limit:g}" for word, limit in limits if limit is not None)
        return f"{self.name}: {self.figure:.4g}, the bar is {wanted}"


@dataclass(slots=True)
class Report:
    """Collects rows and bars while a benchmark runs."""

    name: str
    tables: dict[str, list[dict[str, Figure]]] = field(default_factory=dict)
    bars: list[Bar] = field(default_factory=list)
    details: dict[str, object] = field(default_factory=dict)
    """What only the JSON has, such as the single values behind a median. No NaN."""
    _load_before: float = field(default_factory=lambda: os.getloadavg()[0])

    def say(self, text: str) -> None:
        """Tells on stderr what runs now."""
        _talk.print(text, style="dim")

    def row(self, table: str, figures: dict[str, Figure]) -> None:
        """Adds a row, column → figure; the columns are those of the table's first row."""
        self.tables.setdefault(table, []).append(figures)

    def hold(self, name: str, figure: float, *, most: float | None = None, least: float | None = None) -> None:
        """Adds a bar."""
        self.bars.append(Bar(name, figure, most, least))

    @property
    def missed(self) -> list[Bar]:
        """Bars that were not held."""
        return [bar for bar in self.bars if not bar.held]

    def print(self) -> None:
        """Prints the tables and the missed bars to stdout."""
        out = Console(highlight=False, width=None if os.isatty(1) else 140)
        for title, rows in self.tables.items():
            out.print(title, style="bold")
            table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
            for column in rows[0]:
                table.add_column(column, justify="right")
            for row in rows:
                table.add_row(*(_text(row.get(column)) for column in rows[0]))
            out.print(table)
            out.print()
        for bar in self.missed:
            out.print(f"MISSED  {bar}", style="red")
        out.print(f"{len(self.bars) - len(self.missed)} of {len(self.bars)} bars held")

    def write(self, path: Path) -> None:
        """Writes everything as JSON. `load_before`: of the machine, in the minute before; near 0 is a quiet one."""
        machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "load_before": self._load_before}
        bars = [{**asdict(bar), "figure": _number(bar.figure), "held": bar.held} for bar in self.bars]
        tables = {
            title: [{column: _number(figure) for column, figure in row.items()} for row in rows]
            for title, rows in self.tables.items()
        }
        document = {"benchmark": self.name, "machine": machine, "tables": tables, "bars": bars, "details": self.details}
        path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _number(figure: Figure) -> Figure:
    # JSON has no NaN.
    return None if isinstance(figure, float) and math.isnan(figure) else figure


def _text(figure: Figure) -> str:
    match figure:
        case None:
            return "-"
        case float():
            return f"{figure:.2f}"
        case _:
            return str(figure)


def run(report: Report, measure: Callable[[], None], json_file: Path | None) -> NoReturn:
    """Measures, reports what there is, and ends the program: 0, 1 for a missed bar, 130 for Ctrl-C or SIGTERM."""
    # SIGINT too: a shell starts what it puts into the background with that signal ignored.
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.default_int_handler)
    try:
        measure()
        code = int(bool(report.missed))
    except KeyboardInterrupt:
        code = _CTRL_C
    finally:
        # Also when a case broke: those before it took long to measure.
        report.print()
        if json_file:
            report.write(json_file)
    raise SystemExit(code)
