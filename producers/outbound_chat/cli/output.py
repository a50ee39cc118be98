"""What commands print: data goes to standard output, messages to standard error.

With `--json` standard output has one document, `{"data": …, "errors": […]}`, whatever happens; commands that follow
something print a line for each thing instead, and errors in a last line.
"""

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import takewhile
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text
from typer import Exit as TyperExit

from outbound_chat.cli.errors import Exit, UsageError, exit_code, plain_errors, sentence
from outbound_chat.model import times, words
from outbound_chat.model.errors import InvalidJob, InvalidNumbers, WaitTimeout
from outbound_chat.model.json import json_default

# What a terminal obeys instead of showing it: control characters other than tabs and line ends, characters that change
# the direction of a line (https://www.unicode.org/reports/tr9/), and lone surrogates, which no stream can encode.
_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def shown(text: str) -> str:
    """Returns the text in a form that is safe for a terminal: what it would obey is escaped, and line ends stay.

    Names, reasons and messages come from Redis and from callers; none may clear the screen or hide another line.
    """
    return _OBEYED.sub(lambda found: found[0].encode("unicode_escape", "surrogatepass").decode("ascii"), text)


class _Console(Console):
    """Applies `shown` to all text, whatever prints it; only Rich's own control codes reach the terminal."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=shown(segment.text))


# On a terminal lines are broken between words; into files and pipes they go whole, so that they can be searched.
# Brackets and colons in names and reasons are text, not markup or emoji.
out = _Console(markup=False, emoji=False, highlight=False, soft_wrap=not sys.stdout.isatty())
talk = _Console(stderr=True, markup=False, emoji=False, highlight=False, soft_wrap=not sys.stderr.isatty())


def until_option(until: str) -> str:
    """Returns the option of `wait` for what is waited for, with a space before it; empty for the default."""
    return "" if until == "final" else f" --until {until}"


def print_error(error: BaseException) -> None:
    """Prints an error for people: a line for each fault. Of Ctrl-C they need not be told."""
    if isinstance(error, KeyboardInterrupt):
        return
    lines = [f"  {fault}" for fault in error.errors] if isinstance(error, InvalidJob | InvalidNumbers) else []
    text = "\n".join(["the input is invalid:", *lines, *getattr(error, "__notes__", [])]) if lines else sentence(error)
    if isinstance(error, WaitTimeout):
        # The command has a line of its own, so that a narrow terminal does not break it.
        text += f":\n  outbound-chat wait {error.id}{until_option(error.until)}"
    if isinstance(error, UsageError) and error.ctx:
        text += f"\nTry '{error.ctx.command_path} --help' for help."
    talk.print(Text("error: ", style="bold red") + Text(text))


def end_with(errors: Sequence[BaseException], code: Exit | None = None) -> None:
    """Prints the errors for people, and ends the command with the exit code of the first, or `code`; none: goes on."""
    for error in errors:
        print_error(error)
    if errors:
        raise TyperExit(exit_code(errors[0]) if code is None else code)


def print_failure(error: BaseException) -> None:
    """Prints an error that ended the command: for people, and as JSON if `--json` is anywhere on the command line."""
    if "--json" in takewhile(lambda argument: argument != "--", sys.argv[1:]) and _written.form != "document":
        head = {} if _written.form else {"data": None}
        sys.stdout.write(to_json({**head, "errors": plain_errors(error)}) + "\n")
    print_error(error)


def warn(text: str) -> None:
    """Prints a warning."""
    talk.print(f"warning: {text}", style="yellow")


class _Written:
    """What JSON has been written to standard output."""

    form = ""
    """`document` or `lines`; empty before anything."""


_written = _Written()


def print_json(data: Any, errors: Iterable[BaseException] = (), **beside: Any) -> None:
    """Prints the one document of a command: records are objects, times ISO 8601. `beside`: such as `cursor`."""
    _written.form = "document"
    found = [one for error in errors for one in plain_errors(error)]
    sys.stdout.write(to_json({"data": data, **beside, "errors": found}) + "\n")
    sys.stdout.flush()


def print_line(value: Any) -> None:
    """Prints one of the lines of a command that follows something."""
    _written.form = "lines"
    sys.stdout.write(to_json(value) + "\n")
    sys.stdout.flush()


@contextmanager
def json_list() -> Iterator[Callable[[Any], None]]:
    """Yields a function that writes one more item of the document's list, which may be too long for memory.

    An error of the block becomes that of the document.
    """
    _written.form, before, errors = "document", '{"data": [', []

    def write(value: Any) -> None:
        nonlocal before
        sys.stdout.write(before + to_json(value))
        before = ",\n"

    try:
        yield write
    except BaseException as error:
        errors = plain_errors(error)
        raise
    finally:
        sys.stdout.write(f'{before if before[0] == "{" else ""}], "errors": {to_json(errors)}}}\n')


def to_json(value: Any) -> str:
    """Returns that line. What a terminal would obey is escaped as JSON, so that a parser gets it back as it was."""
    text = json.dumps(value, ensure_ascii=False, default=json_default)
    return _OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


number_of = words.number_of
"""Returns `1 job`, `2 jobs` or `1,000 jobs`."""
when = times.when
"""Formats a time for people, as `2026-05-01 09:00:00 CEST`."""
