"""Puts the commands together: ours, and those of the worker's package if it is installed."""

import os
import re
import sys
from collections.abc import Callable
from functools import cache
from importlib.metadata import EntryPoint, entry_points, version
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from outbound_chat.cli.commands import (
    audit,
    dead,
    encryption,
    encryption_keys,
    export,
    holds,
    http,
    jobs,
    keys,
    list_,
    send_batch,
    suppression,
    watch,
    webhooks,
    why,
)
from outbound_chat.cli.doctor import doctor
from outbound_chat.cli.output import Exit, exit_code, print_error, talk
from outbound_chat.cli.streams import OutputLost
from outbound_chat.model.errors import OutboundChatError, SettingsError
from outbound_chat_config import CONFIG_VARIABLE, is_number

EPILOG = (
    "Exit codes: 0 done; 1 done, but something ended other than sent or rows were rejected; 2 wrong input or settings; "
    "3 Redis can't be reached or refuses; 4 no result in time; 5 no such job, batch or key; 6 the output can't be "
    "written, or nobody reads it any more."
)


_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]").search


class _Strict:
    """Refuses an option that takes one value and is given twice, and a number that only Python accepts.

    The parser would silently drop the first value.
    """

    callback: Any

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        """Checks the arguments, then parses them as usual.

        Raises:
            typer.BadParameter: an option is given twice, or a number is invalid.
        """
        parser: Any = super()
        if not ctx.resilient_parsing:
            values, _, given = parser.make_parser(ctx).parse_args(args=list(args))
            hints = get_type_hints(self.callback) if given and self.callback else {}
            for option in given:
                kinds = {hints.get(option.name), *get_args(hints.get(option.name))}
                self._check_number(option, values.get(option.name), kinds, ctx)
                single = isinstance(option, TyperOption) and not (option.multiple or option.is_flag)
                if single and given.count(option) > 1:
                    raise typer.BadParameter("is given more than once; give it once.", ctx=ctx, param=option)
        return parser.parse_args(ctx, args)

    @staticmethod
    def _check_number(option: Any, value: object, kinds: set[Any], ctx: Any) -> None:
        # Click would read it as Python does: `1_0` would be 10.
        is_whole = float not in kinds
        if isinstance(value, str) and not kinds.isdisjoint({int, float}) and not is_number(value, whole=is_whole):
            what = "whole number" if is_whole else "number"
            raise typer.BadParameter(f"{value!r} is not a {what} in plain digits.", ctx=ctx, param=option)


class _Command(_Strict, TyperCommand):
    """A command."""


class _Group(_Strict, TyperGroup):
    """Several commands."""


class _Typer(typer.Typer):
    """Makes each of its commands a `_Command` whose help ends with the exit codes."""

    def command(self, name: str | None = None, **options: Any) -> Any:
        return super().command(name, cls=_Command, epilog=EPILOG, **options)


class _Commands(_Group):
    """Our commands, and those of the worker's package, which are loaded only when one is run.

    They import Celery and boto3, which takes half a second that `status` need not pay.
    """

    def list_commands(self, ctx: Any) -> list[str]:
        return [*super().list_commands(ctx), *(point.name for point in _entry_points())]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        found = super().get_command(ctx, cmd_name)
        points = [point for point in _entry_points() if point.name == cmd_name]
        return _loaded(points[0]) if found is None and points else found


@cache  # finding them reads the metadata of every installed package
def _entry_points() -> list[EntryPoint]:
    return sorted(entry_points(group="outbound_chat.commands"))


def _loaded(point: EntryPoint) -> Any:
    holder = _Typer(add_completion=False, rich_markup_mode=None)
    try:
        function = point.load()
    except ModuleNotFoundError as error:
        function = _missing(point.name, error.name or "a package")
    holder.command(point.name)(function)
    return typer.main.get_command(holder)


def _missing(name: str, module: str) -> Callable[[], None]:
    def explain() -> None:
        talk.print(f"error: '{name}' needs {module}; run: pip install 'outbound-chat[all]'")
        raise typer.Exit(Exit.WRONG_INPUT)

    explain.__doc__ = "Not installed: pip install 'outbound-chat[all]'."
    return explain


app = _Typer(
    name="outbound-chat",
    cls=_Commands,
    help="Send SMS and WhatsApp through Amazon Connect, at the pace AWS allows, once each.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

app.command("send")(jobs.send)
app.command("send-batch")(send_batch.send_batch)
app.command("status")(jobs.status)
app.command("why")(why.why)
app.command("list")(list_.show)
app.command("watch")(watch.watch)
app.command("wait")(jobs.wait)
app.command("cancel")(jobs.cancel)
app.command("hold")(holds.hold)
app.command("release")(holds.release)
app.command("holds")(holds.holds)
app.command("dead")(dead.dead)
app.command("replay")(dead.replay)
app.command("events")(dead.events)
app.command("export")(export.export)
app.command("suppress")(suppression.suppress)
app.command("unsuppress")(suppression.unsuppress)
app.command("suppressed")(suppression.suppressed)
app.command("webhooks")(webhooks.webhooks)
app.command("new-key")(encryption.new_key)
app.command("encryption-keys")(encryption_keys.encryption_keys)
app.command("rewrite-suppressed")(encryption.rewrite_suppressed)
app.command("audit")(audit.audit)
app.command("doctor")(doctor.doctor)
app.command("http")(http.http)

_keys = _Typer(cls=_Group, help="API keys of the HTTP service.", no_args_is_help=True, rich_markup_mode=None)
_keys.command("create")(keys.create)
_keys.command("list")(keys.show)
_keys.command("revoke")(keys.revoke)
app.add_typer(_keys, name="keys")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"outbound-chat {version('outbound-chat')}")
        raise typer.Exit


@app.callback()
def _options(
    config: Annotated[
        Path | None, typer.Option(help=f"TOML file with the settings. [env: {CONFIG_VARIABLE}]", show_default=False)
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
    for position, argument in enumerate(sys.argv[1:], start=1):
        if _CONTROL(argument):
            # Click would repeat it unescaped, to a terminal that obeys.
            talk.print(f"error: argument {position} has control characters; remove them")
            sys.exit(Exit.WRONG_INPUT)
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except OutputLost as error:
        # If its reader has gone, as in `outbound-chat status … | head`, there is nobody to report to.
        if str(error):
            print_error(error)
        sys.exit(Exit.OUTPUT_LOST)
    except (OutboundChatError, SettingsError) as error:
        print_error(error)
        sys.exit(exit_code(error))
