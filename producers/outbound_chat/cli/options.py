"""Options and arguments that several commands share; no command imports another."""

from collections.abc import Sequence
from typing import Annotated, Any, get_args

import typer
from typer.core import TyperOption

from outbound_chat.model.errors import FieldError
from outbound_chat_config import Settings, is_number

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Ids = Annotated[list[str], typer.Argument(help="IDs of jobs or batches.", show_default=False)]
Budget = Annotated[str | None, typer.Option(help="Budget; required if there are several.")]
Cursor = Annotated[str | None, typer.Option(help="Cursor printed by the previous page.")]
Tenant = Annotated[str | None, typer.Option(help="Tenant this counts toward; tenants share capacity in turns.")]
Durability = Annotated[str | None, typer.Option(help="memory, or fsync to wait until it is safe on disk.")]
CallbackUrl = Annotated[str | None, typer.Option(help="https:// URL to notify when the message is final.")]

Delimiter = Annotated[str | None, typer.Option(help="Character between columns, or tab; detected by default.")]
Column = Annotated[
    list[str] | None,
    typer.Option(metavar="OURS=THEIRS", help="Use a column of the file for one of ours: to=phone; can be repeated."),
]
IgnoreColumns = Annotated[
    bool, typer.Option("--ignore-columns", help="Ignore unknown columns instead of refusing the file.")
]
Country = Annotated[str | None, typer.Option(help="Two-letter country code of numbers without +, such as DE.")]
Sheet = Annotated[str | None, typer.Option(help="Sheet of a workbook; the first by default.")]


def unknown_sender(settings: Settings, name: str | None) -> str:
    """Says that no such sender is configured. It may have been once, so its messages are looked for anyway."""
    if not name or name in settings.senders:
        return ""
    known = ", ".join(sorted(settings.senders))
    return f'sender "{name}" is not configured; known senders: {known}; settings: {settings.source}'


def pairs(values: list[str], errors: list[FieldError]) -> dict[str, str] | None:
    """Parses attributes written `name=value`; None if there are none. Adds to `errors` those that are not."""
    from outbound_chat.request import FieldCode  # noqa: PLC0415  # loads what `--help` does not need

    found: dict[str, str] = {}
    for name, equals, value in (given.partition("=") for given in values):
        if not equals:
            errors.append(FieldError("attribute", FieldCode.WRONG_TYPE, "must be written name=value"))
        elif name in found:
            errors.append(FieldError("attribute", FieldCode.GIVEN_TWICE, f'gives "{name}" twice; leave one out'))
        else:
            found[name] = value
    return found or None


def fault_of(option: Any, value: object, hint: Any, times: int) -> str:
    """Says what is wrong with an option beside what Click finds; empty: nothing. `hint`: its type in the function."""
    if times > 1 and isinstance(option, TyperOption) and not (option.multiple or option.is_flag):
        return "is given more than once; give it once."
    # Click would read it as Python does: `1_0` would be 10.
    kinds = {hint, *get_args(hint)}
    if not isinstance(value, str) or kinds.isdisjoint({int, float}):
        return ""
    is_whole = float not in kinds
    if not is_number(value, whole=is_whole):
        return f"{value!r} is not a {'whole ' * is_whole}number in plain digits."
    low, high = getattr(option, "min", None), getattr(option, "max", None)
    if (low is not None and float(value) < low) or (high is not None and float(value) > high):
        return f"must be {f'from {low} to {high}' if high is not None else f'{low} or more'}."
    return ""


class SeveralFaults(typer.BadParameter):
    """Several options are wrong."""

    def __init__(self, faults: Sequence[typer.BadParameter], ctx: Any) -> None:
        super().__init__("\n  ".join(["several options are wrong:", *(one.format_message() for one in faults)]), ctx)
        self.faults = faults

    def format_message(self) -> str:
        """Returns all of them."""
        return self.message


def refuse(faults: Sequence[typer.BadParameter], ctx: Any = None) -> None:
    """Raises what is wrong with the options, all at once; returns if nothing is."""
    if len(faults) > 1:
        raise SeveralFaults(faults, ctx)
    for one in faults:
        raise one
