"""What our commands do otherwise than those of Typer: they are strict, and name options in errors."""

import importlib
import sys
from dataclasses import replace
from typing import Any, get_args, get_type_hints

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from outbound_chat.model.errors import InvalidJob
from outbound_chat_config import is_number


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
        except InvalidJob as error:
            written = {option.name: option.opts[0] for option in self.params if isinstance(option, TyperOption)}
            error.errors = tuple(replace(one, field=written.get(one.field, one.field)) for one in error.errors)
            raise

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


class Command(Strict, TyperCommand):
    """A command. On a terminal it says when it waits for Redis."""

    def invoke(self, ctx: Any) -> Any:
        """Runs the command."""
        if sys.stderr.isatty():
            importlib.import_module("outbound_chat.cli.waiting").say_when_redis_is_silent()
        return super().invoke(ctx)


class Group(Strict, TyperGroup):
    """Several commands."""
