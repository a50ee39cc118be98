"""Options and arguments that several commands take, so that no command imports another."""

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Ids = Annotated[list[str], typer.Argument(help="Ids of jobs or batches.", show_default=False)]
Budget = Annotated[str | None, typer.Option(help="Name of a budget; needed where there are several.")]
Cursor = Annotated[str | None, typer.Option(help="Of the page before.")]
Tenant = Annotated[str | None, typer.Option(help="Tenant whose turn it takes.")]
Durability = Annotated[
    str | None, typer.Option(help="memory, or fsync: return once it is on disk, and with a replica.")
]
CallbackUrl = Annotated[str | None, typer.Option(help="https:// URL that is told of the end.")]


def pairs(values: list[str]) -> dict[str, str] | None:
    """Attributes from `name=value`; None: there are none."""
    found: dict[str, str] = {}
    for name, equals, value in (given.partition("=") for given in values):
        if not equals:
            raise typer.BadParameter("attributes are written name=value", param_hint="--attribute")
        if name in found:
            raise typer.BadParameter(f'"{name}" is given twice; leave one of the two out', param_hint="--attribute")
        found[name] = value
    return found or None
