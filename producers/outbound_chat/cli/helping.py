"""How help looks. The text is the docstring of a command: a summary of at most `SUMMARY` characters, a few sentences,
and examples, which begin with `$`.
"""

import inspect
import re
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args, get_type_hints

from typer.models import ArgumentInfo

from outbound_chat.cli.completion import completer

SUMMARY = 56
"""What 80 columns have room for, next to the longest name of a command."""
EXIT_CODES = {
    "0": "Done.",
    "1": "Done in part: a job was not sent, rows or numbers were rejected, or a check failed.",
    "2": "Wrong input or settings.",
    "3": "Redis can't be reached, or refuses the command.",
    "4": "No result in time.",
    "5": "No such job, batch, webhook or API key.",
    "6": "The output can't be written, or its reader has gone.",
    "130": "Interrupted by Ctrl-C, or a question was answered with no.",
}
EPILOG = (
    "Exit codes: 0 done, 1 done in part, 2 wrong input, 3 Redis, 4 timeout, 5 unknown id. All of them: "
    "'outbound-chat help'."
)
GROUPS = {
    "Send messages": "send send-batch replay",
    "See what happens": "status why wait list jobs watch events dead export",
    "Stop and release": "cancel hold release holds suppress unsuppress suppressed optouts",
    "Operate": "worker http ui keys webhooks contact-events doctor audit new-key encryption-keys rewrite-suppressed",
    "Develop": "dev demo sandbox",
}
"""The commands by what they are for."""
_OPTIONS = {
    "Message": "to text template attribute display_name request",
    "File": "delimiter column ignore_columns country sheet rejects",
    "Delivery": "sender send_at expires_at expires_in priority tenant weight concurrency durability callback_url",
    "Before anything is sent": "dry_run test_to test_row hold yes",
}
"""Options by what they are for, where a command has more than `_FEW`."""
_FEW = 15
_NO_BREAK = "\xa0"
_WORDS = {
    "NAME": "sender budget tenant",
    "NAME=VALUE": "attribute",
    "ID": "batch instance",
    "NUMBER": "to test_to since seed",
    "TEXT": "template display_name reason",
    "TIME": "send_at expires_at expires",
    "DURATION": "expires_in",
    "SECONDS": "wait timeout",
    "KEY": "idempotency_key batch_key",
    "URL": "callback_url",
    "FOLDER": "folder",
    "COUNT": "limit tail skip concurrency processes workers burst max_chats keep",
    "LEVEL": "log_level durability",
    "PORT": "sandbox_port http_port",
    "ROW": "test_row",
    "MS": "latency_ms",
}
"""What stands for the value of an option; for all others FILE, or the option's name."""


def describe(function: Callable[..., Any]) -> Callable[..., Any]:
    """Gives the parameters of a command their words, and what completes them, unless they have their own."""
    words = {name: word for word, names in _WORDS.items() for name in names.split()}
    for name, hint in get_type_hints(function, include_extras=True).items():
        for info in getattr(hint, "__metadata__", ()):
            is_file = Path in {hint.__origin__, *get_args(hint.__origin__)}
            word = words.get(name, "FILE" if is_file else name.strip("_").upper())
            info.metavar = info.metavar or (name.upper() if isinstance(info, ArgumentInfo) else word)
            info.autocompletion = info.autocompletion or completer(name)
    return function


def summary(docstring: str) -> str:
    """Returns its first sentence, as lists of commands have it."""
    return docstring.partition("\n")[0].removesuffix(".")


class Helpful:
    """Lays out the help of a command or group."""

    help: str | None
    get_params: Any

    def get_help(self, ctx: Any) -> str:
        """Returns all of it."""
        base: Any = super()
        return str(base.get_help(ctx)).replace(_NO_BREAK, " ")

    def get_short_help_str(self, _limit: int = 0) -> str:
        """Returns the summary, which is never cut."""
        return summary(self.help or "")

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Returns what follows the name: arguments that are required have no brackets."""
        base: Any = super()
        return [re.sub(r"^{(.+)}", r"\1", piece) for piece in base.collect_usage_pieces(ctx)]

    def format_help_text(self, _ctx: Any, formatter: Any) -> None:
        """Writes the text without the examples."""
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(inspect.cleandoc(self.help or "").partition("\n\n$ ")[0])

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Writes commands, arguments and options."""
        getattr(self, "format_commands", lambda *_: None)(ctx, formatter)
        shown = [one for one in self.get_params(ctx) if not one.hidden]
        groups = {name: group for group, names in _OPTIONS.items() for name in names.split() if len(shown) > _FEW}
        sections: dict[str, list[tuple[str, str]]] = {name: [] for name in ("Arguments", *_OPTIONS, "Options")}
        for one in shown:
            is_argument = one.param_type_name == "argument"
            sections["Arguments" if is_argument else groups.get(one.name, "Options")].append(_row(one))
        for heading, rows in sections.items():
            if rows:
                with formatter.section(heading):
                    formatter.write_dl(rows)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Writes the examples as they are, then how the command ends."""
        if examples := inspect.cleandoc(self.help or "").partition("\n\n$ ")[2]:
            with formatter.section("Examples"):
                formatter.write(textwrap.indent(f"$ {examples}\n", "  "))
        base: Any = super()
        base.format_epilog(ctx, formatter)


def _row(one: Any) -> tuple[str, str]:
    """Returns `-o, --output FILE` or `IDS...`, and the help of an option or argument."""
    if one.param_type_name == "argument":
        name = f"{one.metavar}{'...' * (one.nargs != 1)}"
    else:
        names = ", ".join(sorted(one.opts, key=len))
        name = f"{'    ' * names.startswith('--')}{names}{'' if one.is_flag else f' {one.metavar}'}"
    default = f"{one.default:g}" if isinstance(one.default, float) else str(one.default)
    has_default = one.show_default and default not in {"None", "False", ""}
    return name, f"{one.help}{'  [required]' if one.required else f'  [default:{_NO_BREAK}{default}]' * has_default}"
