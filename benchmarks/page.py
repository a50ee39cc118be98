"""Writes a comparison into docs: tables as Markdown between two marks of the page, and plots beside it."""

import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.paced import Timeline
from benchmarks.report import Bar, Figure, Report
from benchmarks.speed import Figures

BEGIN, END = "<!-- comparison: begin -->", "<!-- comparison: end -->"
PICTURES = {
    "benchmarks-change.svg": "Contacts and refused calls a second while the allowance changes",
    "benchmarks-latency.svg": "Shares of jobs by the time they took",
    "benchmarks-cost.svg": "Time of the scripts beside what waits",
}


def write_page(
    folder: Path,
    report: Report,
    figures: Figures,
    timeline: Timeline,
    curves: Mapping[str, Sequence[tuple[int, float, float]]],
) -> None:
    """Puts tables, bars and pictures in place of those that stood there."""
    page = folder / "benchmarks.md"
    drawn = _draw(folder, figures, timeline, curves)
    text = page.read_text(encoding="utf-8")
    page.write_text(between_marks(text, as_markdown(report, drawn)), encoding="utf-8")


def _draw(
    folder: Path,
    figures: Figures,
    timeline: Timeline,
    curves: Mapping[str, Sequence[tuple[int, float, float]]],
) -> list[str]:
    from benchmarks import plots  # noqa: PLC0415  # matplotlib, which tests of this page do without

    change, latency, cost = PICTURES
    drawn = []
    if timeline.goodput:
        plots.draw_change(timeline, folder / change)
        drawn.append(change)
    if names := list(figures.values.get("idle warm", figures.values.get("urgent", {}))):
        plots.draw_latency(figures, names, folder / latency)
        drawn.append(latency)
    if curves:
        plots.draw_cost(curves, folder / cost)
        drawn.append(cost)
    return drawn


def between_marks(text: str, new: str) -> str:
    """The text with `new` between its two marks. Raises `ValueError` without them."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page needs the lines {BEGIN} and {END}, between which the figures go")
    return f"{before}{BEGIN}\n\n{new.strip()}\n\n{END}{after}"


def as_markdown(report: Report, pictures: Sequence[str] = ()) -> str:
    """All tables, the bars with what was reached, and the pictures."""
    versions = ", ".join(f"{label} {_version(label.lower())}" for label in ("boto3", "Celery", "dramatiq", "huey"))
    machine = f"Measured with Python {platform.python_version()}, {versions} on {os.cpu_count()} cores."
    parts = [machine]
    for title, rows in report.tables.items():
        parts += [f"### {title}", _table(list(rows[0]), [list(row.values()) for row in rows])]
    bars = [[bar.name, f"{bar.figure:.4g}", _limits(bar), "met" if bar.held else "**missed**"] for bar in report.bars]
    if bars:
        parts += ["### Bars", _table(["what", "reached", "bar", ""], bars)]
    parts += [f"![{PICTURES[name]}]({name})" for name in pictures]
    return "\n\n".join(parts)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def _limits(bar: Bar) -> str:
    signs = (("≤", bar.most), ("≥", bar.least))
    return ", ".join(f"{sign} {limit:g}" for sign, limit in signs if limit is not None)


def _table(head: Sequence[str], rows: Sequence[Sequence[Figure]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)
