"""Options and arguments that several commands share; no command imports another."""

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Ids = Annotated[list[str], typer.Argument(help="Ids of jobs or batches.", show_default=False)]
Budget = Annotated[str | None, typer.Option(help="Name of a budget; needed where there are several.")]
Cursor = Annotated[str | None, typer.Option(help="Cursor that the page before printed.")]
Tenant = Annotated[str | None, typer.Option(help="Tenant this counts toward; tenants take turns.")]
Durability = Annotated[
    str | None, typer.Option(help="memory, or fsync: return once it is on disk, and with a replica.")
]
CallbackUrl = Annotated[str | None, typer.Option(help="https:// URL to notify when the message is final.")]


def pairs(values: list[str]) -> dict[str, str] | None:
    """Parses attributes written `name=value`; None if there are none."""
    found: dict[str, str] = {}
    for name, equals, value in (given.partition("=") for given in values):
        if not equals:
            raise typer.BadParameter("must be written name=value", param_hint="--attribute")
        if name in found:
            raise typer.BadParameter(f'gives "{name}" twice; leave one out', param_hint="--attribute")
        found[name] = value
    return found or None
