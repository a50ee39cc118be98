"""Asks before a command does what can't be taken back."""

import sys

import typer

from outbound_chat.cli.errors import Exit
from outbound_chat.cli.output import shown, talk


def confirm(question: str, *, yes: bool) -> None:
    """Asks a question, such as `Send 20,000 messages?`, and ends the command unless the answer is yes.

    Nothing is asked if `yes` (the option `--yes`), or where nobody can answer: unless standard input and standard error
    are terminals. The answer no, Ctrl-C or Ctrl-D ends the command with 130 before anything was done.
    """
    if yes or not (sys.stdin.isatty() and talk.is_terminal):
        return
    try:
        agreed = typer.confirm(shown(question), err=True)
    except typer.Abort:
        agreed = False
        talk.print()  # the cursor is behind the question
    if not agreed:
        talk.print("nothing was done")
        raise typer.Exit(Exit.INTERRUPTED)
