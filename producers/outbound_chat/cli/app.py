"""Puts the commands together: ours, and those of the worker's package if it is installed.

A command is loaded when it is run. Those of the worker's package import Celery, which `status` need not pay for.
"""

import ast
import contextlib
import importlib.util
import os
import sys
from collections.abc import Callable
from functools import cache
from importlib.metadata import EntryPoint, entry_points, version
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from outbound_chat.cli.errors import Exit, MissingExtra, UsageError, exit_code
from outbound_chat.cli.helping import EPILOG, EXIT_CODES, GROUPS, describe, summary
from outbound_chat.cli.parsing import Command, Group, refuse_control_characters
from outbound_chat.cli.streams import OutputLost
from outbound_chat.model.errors import OutboundChatError, SettingsError
from outbound_chat_config import CONFIG_VARIABLE


class _Typer(typer.Typer):
    """Makes each of its commands a `Command` whose help ends with the exit codes."""

    def command(self, name: str | None = None, **options: Any) -> Any:
        return super().command(name, cls=Command, epilog=EPILOG, **options)


class _Commands(Group):
    """Our commands, and those of the worker's package."""

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        """Takes `help COMMAND` for `COMMAND --help`, and `version` for `--version`."""
        match args:
            case ["help", *command]:
                args = command if ctx.resilient_parsing else [*command, "--help"]
            case ["version"]:
                args = ["--version"]
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: Any) -> list[str]:
        return [*super().list_commands(ctx), *_points()]

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        # Typer looks here for a name that is near to one that does not exist.
        self.commands = {name: TyperCommand(name) for name in _points()}
        try:
            return super().resolve_command(ctx, args)
        finally:
            self.commands = {}

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return _loaded(_points()[cmd_name]) if cmd_name in _points() else super().get_command(ctx, cmd_name)

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """Completes the names of commands without loading them."""
        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        listed = {name: TyperCommand(name, short_help=summary(_docstring(point))) for name, point in _points().items()}
        group = TyperGroup(name="", commands=dict(listed))
        return group.shell_complete(typer.Context(group), incomplete)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002  # as in click
        """Lists them by the docstrings in their sources, without loading them."""
        rest = {name: summary(_docstring(point)) for name, point in _points().items()}
        width = max(map(len, rest))
        for heading, names in {**GROUPS, "Other commands": " ".join(rest)}.items():
            if rows := [(f"{name:<{width}}", rest.pop(name)) for name in names.split() if name in rest]:
                with formatter.section(heading):
                    formatter.write_dl(rows)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Writes the examples, then what each exit code means."""
        super().format_epilog(ctx, formatter)
        with formatter.section("Exit codes"):
            formatter.write_dl(list(EXIT_CODES.items()))


_COMMANDS = {
    "send": "commands.jobs:send",
    "send-batch": "commands.send_batch:send_batch",
    "status": "commands.jobs:status",
    "why": "commands.why:why",
    "jobs": "commands.find_jobs:find_jobs",
    "list": "commands.list_:show",
    "watch": "commands.watch:watch",
    "wait": "commands.jobs:wait",
    "cancel": "commands.jobs:cancel",
    "hold": "commands.holds:hold",
    "release": "commands.holds:release",
    "holds": "commands.holds:holds",
    "dead": "commands.dead:dead",
    "replay": "commands.dead:replay",
    "events": "commands.events:events",
    "export": "commands.export:export",
    "suppress": "commands.suppression:suppress",
    "unsuppress": "commands.suppression:unsuppress",
    "suppressed": "commands.suppression:suppressed",
    "webhooks": "commands.webhooks:webhooks",
    "contact-events": "commands.contact_events:CONTACT_EVENTS",
    "new-key": "commands.encryption:new_key",
    "encryption-keys": "commands.encryption_keys:encryption_keys",
    "rewrite-suppressed": "commands.encryption:rewrite_suppressed",
    "audit": "commands.audit:audit",
    "doctor": "commands.doctor:doctor",
    "http": "commands.http:http",
    "ui": "commands.ui:ui",
    "keys": "commands.keys:KEYS",
}
"""Where each is: a function, or several by their names ("": without a name); in the order in which they are listed."""


@cache  # finding them reads the metadata of every installed package
def _points() -> dict[str, EntryPoint]:
    group = "outbound_chat.commands"
    ours = [EntryPoint(name, f"outbound_chat.cli.{place}", group) for name, place in _COMMANDS.items()]
    others = [point for point in sorted(entry_points(group=group)) if point.name not in _COMMANDS]
    return {point.name: point for point in [*ours, *others]}


def _docstring(point: EntryPoint) -> str:
    """Returns that of the function; of several functions, that of their module. Without a source it is empty."""
    source = None
    with contextlib.suppress(ImportError, AttributeError):
        spec: Any = importlib.util.find_spec(point.module)
        source = spec.loader.get_source(point.module)
    tree = ast.parse(source or "")
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == point.attr]
    return ast.get_docstring(functions[0] if functions else tree) or ""


def _loaded(point: EntryPoint) -> Any:
    is_missing = False
    try:
        found = point.load()
    except ModuleNotFoundError as error:
        if error.name == "rich":  # nothing can be printed: see `main`
            raise
        found, is_missing = _missing(point.name, error.name), True
    several = isinstance(found, dict)
    functions = dict(found) if several else {point.name: found}
    default = functions.pop("", None)
    holder = _Typer(
        cls=Group if several else None,
        help=_docstring(point) if several and not default else None,
        no_args_is_help=several and not default,
        add_completion=False,
        rich_markup_mode=None,
    )
    if default:
        holder.callback(invoke_without_command=True, help=default.__doc__, epilog=EPILOG)(describe(default))
    elif several:
        holder.callback()(lambda: None)  # without it, Typer would take a single command for the group
    for name, function in functions.items():
        holder.command(name, context_settings={"ignore_unknown_options": is_missing})(describe(function))
    return typer.main.get_command(holder)


def _missing(name: str, module: str | None) -> Callable[..., None]:
    def explain(arguments: Annotated[list[str] | None, typer.Argument()] = None) -> None:  # noqa: ARG001  # those of the missing command
        raise MissingExtra(name, module, "all")

    explain.__doc__ = "Not installed: pip install 'outbound-chat[all]'."
    return explain


_HELP = """Send SMS and WhatsApp messages through Amazon Connect.

Sends each message once, at the pace that AWS allows. 'outbound-chat help COMMAND' shows the options and examples of a
command.

$ outbound-chat dev
$ outbound-chat send --sender support --to +12025550123 --text "Hello"
$ outbound-chat send-batch parcels.csv --sender support --dry-run
"""

app = _Typer(
    name="outbound-chat",
    cls=_Commands,
    help=_HELP,
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"outbound-chat {version('outbound-chat')}")
        raise typer.Exit


@app.callback()
def _options(
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help=f"TOML file with the settings; wins over {CONFIG_VARIABLE}.")
    ] = None,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    if config is not None:
        # Workers that a command starts must read the same file.
        os.environ[CONFIG_VARIABLE] = str(config.absolute())


def run() -> None:
    """Runs the command line, and ends the process with its exit code."""
    try:
        try:
            code = _run()
        finally:
            sys.stdout.flush()
    except OutputLost as error:
        # If the reader of the output has gone, as in `outbound-chat status … | head`, there is nobody to report to.
        code = _report(error) if str(error) else exit_code(error)
    sys.exit(code)


def _run() -> int:
    try:
        refuse_control_characters()
        code: int = app(prog_name="outbound-chat", standalone_mode=False) or 0
    except OutputLost:
        raise
    except (UsageError, OutboundChatError, SettingsError) as error:
        if isinstance(error, UsageError) and type(error).__name__ == "NoArgsIsHelpError":
            error.show()
            return Exit.WRONG_INPUT
        return _report(error)
    # The parser has turned Ctrl-C into this code.
    return _report(KeyboardInterrupt()) if code == Exit.INTERRUPTED else code


def _report(error: BaseException) -> Exit:
    from outbound_chat.cli.dev_settings import add_note_on_dev  # noqa: PLC0415  # only for errors
    from outbound_chat.cli.output import print_failure  # noqa: PLC0415  # loads Rich

    add_note_on_dev(error)
    print_failure(error)
    return exit_code(error)
