"""The command that checks everything: doctor. Each finding says what to do.

The package of the worker adds its own checks (broker, AWS identity) through the entry point `outbound_chat.checks`.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from importlib.metadata import entry_points

import typer
from rich.text import Text

from outbound_chat.cli.errors import Exit
from outbound_chat.cli.options import Json
from outbound_chat.cli.output import number_of, out, print_json
from outbound_chat.cli.tables import print_hanging
from outbound_chat.cli.waiting import Notice
from outbound_chat.doctor.checks import checks_of
from outbound_chat.model.diagnostics import Check, Level
from outbound_chat_config import load_settings

_MARKS = {Level.OK: ("ok", "green"), Level.WARNING: ("warning", "yellow"), Level.FAULT: ("error", "bold red")}
_INDENT = 31
"""Columns before each finding: those of the longest mark, and of most subjects."""


def doctor(*, as_json: Json = False) -> None:
    """Check settings, Redis, workers, broker and AWS.

    Each line says what was found and how to fix it. Exits with 1 if something must be repaired.
    """
    found = []
    checks = _checks()
    while check := _next(checks):
        found.append(check)
        if not as_json:
            print_check(check)
    if as_json:
        print_json(found)
    else:
        out.print(f"\n{summary(found)}")
    if any(check.level is Level.FAULT for check in found):
        raise typer.Exit(Exit.NOT_ALL_SENT)


def print_check(check: Check) -> None:
    """Prints a check: how bad it is, what it is about, what was found, and what to do."""
    mark, style = _MARKS[check.level]
    advice = f"\n→ {check.advice}" if check.advice else ""
    print_hanging(Text(f"{mark:<9}", style=style) + Text(check.subject), Text(check.finding + advice), indent=_INDENT)


def summary(found: Sequence[Check]) -> str:
    """Returns the last line, such as `2 warnings, 1 error.`"""
    levels = (check.level for check in found)
    counts = ((count, _MARKS[level][0]) for level, count in sorted(Counter(levels).items(), reverse=True))
    return f"{', '.join(number_of(count, noun) for count, noun in counts if noun != 'ok') or 'All in order'}."


def _next(checks: Iterator[Check]) -> Check | None:
    with Notice(lambda: "waiting for Redis, the broker or AWS"):
        return next(checks, None)


def _checks() -> Iterator[Check]:
    settings = load_settings()
    redis_answers = yield from checks_of(settings)
    for point in sorted(entry_points(group="outbound_chat.checks")):
        try:
            more = point.load()
        except ModuleNotFoundError as error:
            advice = "on machines that run workers: pip install 'outbound-chat[worker]'"
            yield Check(point.name, Level.WARNING, f"not checked, {error.name} is not installed", advice)
        else:
            yield from more(settings, redis_answers=redis_answers)
