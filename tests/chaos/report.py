"""What a campaign says: a table for people, Markdown for the documentation, JSON for programs."""

import json
import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from .audit import Outcome

COLUMNS = (
    "kind",
    "fault",
    "runs",
    "jobs",
    "lost",
    "doubled",
    "may lose",
    "samples",
    "promote s",
    "start s",
    "p50 s",
    "max s",
    "promise s",
)
"""`promote s`: what sentinels needed to name another primary; the time until work went on begins there.
`start s`: what new workers needed beyond the lease to start, after all had died; what follows it leaves it out."""
_talk = Console(stderr=True, highlight=False)


def say(text: str, style: str = "dim") -> None:
    """Tells on stderr what happens now."""
    _talk.print(text, style=style, markup=False)


def rows(outcomes: Iterable[Outcome]) -> list[list[str]]:
    """One row a fault, and the sums."""
    of_fault: dict[tuple[str, str], list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        of_fault[outcome.kind, outcome.name].append(outcome)
    table = [_row(*fault, found) for fault, found in sorted(of_fault.items())]
    everything = [outcome for found in of_fault.values() for outcome in found]
    return [*table, _row("all", "", everything)]


def _row(kind: str, name: str, outcomes: Sequence[Outcome]) -> list[str]:
    strict = [outcome for outcome in outcomes if not outcome.may_lose]
    weak = [outcome for outcome in outcomes if outcome.may_lose]
    times = [math.inf if outcome.resumed is None else outcome.resumed - outcome.granted for outcome in outcomes]
    promoted = max((outcome.promoted or 0.0 for outcome in outcomes), default=0.0)
    start = max((outcome.granted for outcome in outcomes), default=0.0)
    return [
        kind,
        name,
        str(len(outcomes)),
        str(sum(outcome.jobs for outcome in outcomes)),
        str(sum(outcome.lost for outcome in strict)) if strict else "-",
        str(sum(outcome.doubled for outcome in outcomes)),
        f"{sum(outcome.lost for outcome in weak)} lost" if weak else "-",
        str(sum(outcome.looks for outcome in outcomes)),
        f"{promoted:.1f}" if promoted else "-",
        f"{start:.1f}" if start else "-",
        f"{statistics.median(times):.1f}" if times else "-",
        f"{max(times):.1f}" if times else "-",
        f"{outcomes[0].promise:g}" if name else "",
    ]


def show(outcomes: Sequence[Outcome]) -> None:
    """Prints the table to stdout, and below it every promise that was broken."""
    out = Console(highlight=False, width=None if Console().is_terminal else 160)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in COLUMNS:
        table.add_column(column, justify="left" if column in {"kind", "fault"} else "right", no_wrap=True)
    for row in rows(outcomes):
        table.add_row(*row)
    out.print(table)
    for outcome in outcomes:
        if not outcome.held:
            out.print(f"BROKEN  {describe(outcome)}", style="red", markup=False)
    out.print(f"{sum(outcome.held for outcome in outcomes)} of {len(outcomes)} faults kept all promises")


def describe(outcome: Outcome) -> str:
    """One line about one fault."""
    resumed = (
        "never"
        if outcome.resumed is None
        else f"after {outcome.resumed:.1f} s (promise {outcome.promise + outcome.granted:.2g} s)"
    )
    words = [f"{outcome.kind}/{outcome.name}: {outcome.jobs} jobs, {outcome.lost} lost, {outcome.doubled} doubled"]
    if outcome.promoted is not None:
        words.append(f"another primary after {outcome.promoted:.1f} s")
    words += [f"went on {resumed}", f"{outcome.looks} samples", *outcome.broken]
    return "; ".join(words)


def write_markdown(outcomes: Sequence[Outcome], path: Path) -> None:
    """Writes the table as Markdown."""
    lines = [COLUMNS, ["---"] * len(COLUMNS), *rows(outcomes)]
    path.write_text("".join(f"| {' | '.join(line)} |\n" for line in lines), encoding="utf-8")


def write_json(outcomes: Sequence[Outcome], seed: int, path: Path) -> None:
    """Writes every outcome, in the order of running."""
    found = [{**asdict(outcome), "held": outcome.held} for outcome in outcomes]
    path.write_text(json.dumps({"seed": seed, "faults": found}, indent=2) + "\n", encoding="utf-8")
