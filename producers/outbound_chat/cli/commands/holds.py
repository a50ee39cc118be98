"""Commands that stop and start: hold, release, holds."""

from typing import Annotated, Any

import typer

from outbound_chat.cli.options import Json
from outbound_chat.cli.output import print_json, talk
from outbound_chat.cli.show_holds import print_holds
from outbound_chat.client import OutboundChat
from outbound_chat.model.operations import Hold
from outbound_chat_config import load_settings

Budget = Annotated[str | None, typer.Option(help="Name of a budget.", show_default=False)]
Sender = Annotated[str | None, typer.Option(help="Name of a sender.", show_default=False)]
Instance = Annotated[str | None, typer.Option(help="ID of a Connect instance.", show_default=False)]
Tenant = Annotated[str | None, typer.Option(help="Name of a tenant.", show_default=False)]
Batch = Annotated[str | None, typer.Option(help="ID of a batch.", show_default=False)]


def hold(
    *,
    reason: Annotated[str, typer.Option(help="Reason, shown to everyone who looks.")],
    budget: Budget = None,
    sender: Sender = None,
    instance: Instance = None,
    tenant: Tenant = None,
    batch: Batch = None,
    as_json: Json = False,
) -> None:
    """Pause a budget, sender, instance, tenant or batch.

    Nothing is sent for it until you release it. Jobs keep their places, and calls in flight finish. Name exactly one.

    $ outbound-chat hold --sender support --reason "wrong number"
    $ outbound-chat hold --batch main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR --reason "typo"
    """
    target: Any = {"budget": budget, "sender": sender, "instance": instance, "tenant": tenant, "batch": batch}
    with OutboundChat.from_settings(load_settings()) as chat:
        chat.hold(reason=reason, **target)
        _print(chat.holds(), as_json)


def release(
    *,
    budget: Budget = None,
    sender: Sender = None,
    instance: Instance = None,
    tenant: Tenant = None,
    batch: Batch = None,
    as_json: Json = False,
) -> None:
    """Release what is on hold.

    Prints the holds that are left. If the system holds it, such as a sender without credentials, it is retried now.

    $ outbound-chat release --sender support
    $ outbound-chat release --batch main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR
    """
    target: Any = {"budget": budget, "sender": sender, "instance": instance, "tenant": tenant, "batch": batch}
    with OutboundChat.from_settings(load_settings()) as chat:
        # Read before: the retry may have ended the hold already.
        held = [one for one in chat.holds() if one.owner == "system" and target.get(one.scope) == one.name]
        if chat.release(**target):
            (released,) = (f"{scope} {name}" for scope, name in target.items() if name is not None)
            talk.print(f"{released} is released")
        elif not held:
            talk.print("nothing to release: neither a person nor the system holds it")
        for name in dict.fromkeys(f"{one.scope} {one.name}" for one in held):
            talk.print(f"{name} is retried now; the system holds it until a retry succeeds")
        _print(chat.holds(), as_json)


def holds(*, as_json: Json = False) -> None:
    """List everything that is on hold, and why."""
    with OutboundChat.from_settings(load_settings()) as chat:
        _print(chat.holds(), as_json)


def _print(found: list[Hold], as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    if not found:
        talk.print("nothing is held")
    print_holds(found)
