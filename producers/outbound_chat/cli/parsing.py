"""What our commands do otherwise than those of Typer: they are strict, and name options in errors."""

import importlib
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, get_type_hints

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from outbound_chat.cli.errors import UsageError
from outbound_chat.cli.helping import Helpful
from outbound_chat.cli.options import fault_of, refuse
from outbound_chat.model.errors import FieldError, InvalidJob, InvalidNumbers, SettingsError
from outbound_chat_config import NotConfigured

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]").search
_SCOPES = "--budget/--sender/--instance/--tenant/--batch"


class Strict:
    """Refuses an option that takes one value and is given twice, and a number that only Python accepts.

    The parser would silently drop the first value. Errors of fields name the options that the values came from.
    """

    callback: Any
    params: Any

    def invoke(self, ctx: Any) -> Any:
        """Runs the command."""
        parser: Any = super()
        try:
            return parser.invoke(ctx)
        except (InvalidJob, InvalidNumbers) as error:
            written = {option.name: option.opts[0] for option in self.params if isinstance(option, TyperOption)}
            error.errors = tuple(_as_typed(one, written) for one in error.errors)
            if any(one.code == "unknown_sender" for one in error.errors):
                _name_settings(error)
            raise
        except NotConfigured as error:
            _name_settings(error)
            raise

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        """Parses the arguments as usual, and checks them.

        Raises:
            typer.BadParameter: options are missing, given twice, or invalid: all that are.
        """
        parser: Any = super()
        if ctx.resilient_parsing:
            return parser.parse_args(ctx, args)
        values, _, given = parser.make_parser(ctx).parse_args(args=list(args))
        hints = get_type_hints(self.callback) if given and self.callback else {}
        faults = {
            option: typer.BadParameter(fault, ctx=ctx, param=option)
            for option in given
            if (fault := fault_of(option, values.get(option.name), hints.get(option.name), given.count(option)))
        }
        try:
            rest = parser.parse_args(ctx, args)
        except typer.BadParameter:
            for option in parser.get_params(ctx):
                try:
                    option.handle_parse_result(ctx, values, [])
                except typer.BadParameter as error:
                    faults.setdefault(option, error)
            refuse(list(faults.values()), ctx)
            raise
        refuse(list(faults.values()), ctx)
        return rest


def _as_typed(error: FieldError, written: Mapping[str, str]) -> FieldError:
    """Names the options of the field and of the fix, which the client calls by their names in Python."""
    message = re.sub("`([a-z_]+)`", lambda found: f"`{written.get(found[1], found[1])}`", error.message)
    field = error.field.replace("numbers.#", "number ")  # the position of an argument
    return replace(error, field={"scope": _SCOPES, **written}.get(field, field), message=message)


def _name_settings(error: Exception) -> None:
    """Says where the settings came from that lack a name: there may be another file than the one in mind."""
    if not hasattr(error, "__notes__"):  # a group and its command both come here
        from outbound_chat_config import load_settings  # noqa: PLC0415  # loads what `--help` does not need

        with suppress(SettingsError):
            error.add_note(f"settings: {load_settings().source}")


def refuse_control_characters() -> None:
    """Refuses arguments with them: click would repeat those unescaped, to a terminal that obeys."""
    for position, argument in enumerate(sys.argv[1:], start=1):
        if _CONTROL(argument):
            raise UsageError(f"argument {position} has control characters; remove them")


class Command(Helpful, Strict, TyperCommand):
    """A command. On a terminal it says when it waits for Redis."""

    def invoke(self, ctx: Any) -> Any:
        """Runs the command."""
        if sys.stderr.isatty():
            importlib.import_module("outbound_chat.cli.waiting").say_when_redis_is_silent()
        return super().invoke(ctx)


class Group(Helpful, Strict, TyperGroup):
    """Several commands."""
