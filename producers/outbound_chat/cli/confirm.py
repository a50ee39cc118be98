"""Asks before a command does what can't be taken back."""

import sys
from contextlib import suppress

import typer

from outbound_chat.cli.errors import Exit
from outbound_chat.cli.output import shown, talk


def can_ask(*, yes: bool) -> bool:
    """Whether `confirm` would ask: somebody may answer, and `--yes` is not given."""
    return not yes and sys.stdin.isatty() and talk.is_terminal


def confirm(question: str, *, yes: bool) -> None:
    """Asks a question, such as `Send 20,000 messages?`, and ends the command unless the answer is yes.

    Nothing is asked if `yes` (the option `--yes`), or where nobody can answer: unless standard input and standard error
    are terminals. The answer no, Ctrl-C or Ctrl-D ends the command with 130 before anything was done.
    """
    if not can_ask(yes=yes):
        return
    _forget_what_was_typed()
    try:
        agreed = typer.confirm(shown(question), err=True)
    except typer.Abort:
        agreed = False
        talk.print()  # the cursor is behind the question
    if not agreed:
        talk.print("nothing was done")
        raise typer.Exit(Exit.INTERRUPTED)


def _forget_what_was_typed() -> None:
    """Drops keys that were pressed before the question was there: they can't be its answer."""
    with suppress(ImportError):  # Windows has no termios
        import termios  # noqa: PLC0415

        termios.tcflush(sys.stdin, termios.TCIFLUSH)
