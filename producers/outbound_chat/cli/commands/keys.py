"""Manage API keys of the HTTP service."""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeVar

import typer
from rich.text import Text

from outbound_chat.cli.errors import UnknownId
from outbound_chat.cli.options import Json, refuse
from outbound_chat.cli.output import out, print_json, talk
from outbound_chat.cli.tables import make_table, print_table, time_cell
from outbound_chat.client.api_keys import ApiKeys
from outbound_chat.model.api_keys import ApiKey, KeyState, NewApiKey, RateLimit, Scope
from outbound_chat.model.errors import InvalidJob
from outbound_chat.model.json import json_default
from outbound_chat.rows import parse_time
from outbound_chat.store import Store
from outbound_chat_config import Settings, check_name, load_settings

T = TypeVar("T")

LONGEST_NAME = 100
MOST_REQUESTS = 1_000_000
_RATE = re.compile(r"([1-9][0-9]{0,6})/([smh])")
_LIFE = re.compile(r"([1-9][0-9]{0,4})([dhm])")
_PER = {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1)}
_UNIT = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_STYLES = {KeyState.ACTIVE: "green", KeyState.EXPIRED: "yellow"}


def create(
    name: Annotated[str, typer.Argument(help="Who will use it; shown in lists.", show_default=False)],
    *,
    scope: Annotated[
        list[Scope], typer.Option(help="enqueue, read, operate or ingest; can be repeated.", show_default=False)
    ],
    sender: Annotated[
        list[str] | None, typer.Option(help="Allow only this sender; can be repeated.", show_default=False)
    ] = None,
    tenant: Annotated[str | None, typer.Option(help="Allow only jobs of this tenant.")] = None,
    rate: Annotated[str | None, typer.Option(help="Requests allowed, such as 10/s, 600/m or 5000/h.")] = None,
    expires: Annotated[
        str | None, typer.Option(help="When it expires: 90d, 12h, or an ISO 8601 time with a zone; never by default.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Create an API key.

    Prints the key once. It can't be shown again, since only its hash is stored.

    $ outbound-chat keys create shop --scope enqueue --scope read --tenant shop
    $ outbound-chat keys create ops --scope operate --rate 20/s --expires 365d
    """
    settings = load_settings()
    faults: list[typer.BadParameter] = []

    def checked(check: Callable[..., T], *given: Any) -> T | None:
        try:
            return check(*given)
        except typer.BadParameter as error:
            faults.append(error)
            return None

    wanted = NewApiKey(
        name=checked(_checked_name, name) or "",
        scopes=tuple(one for one in Scope if one in scope),
        tenant=checked(_checked_tenant, tenant),
        senders=checked(_checked_senders, sender, settings),
        rate=checked(_rate, rate),
    )
    lives, until = checked(_end, expires) or (None, None)
    refuse(faults)
    with Store.from_settings(settings) as store:
        token, key = ApiKeys(store).create(wanted, lives=lives, until=until)
    if as_json:
        print_json({"key": token, **_plain(key)})
        return
    typer.echo(token)
    talk.print("Save it now: it is not shown again. Send it as the header  Authorization: Bearer …")


def show(*, as_json: Json = False) -> None:
    """List API keys, with their limits and last use."""
    with Store.from_settings(load_settings()) as store:
        found = ApiKeys(store).all()
    if as_json:
        print_json([_plain(key) for key in found])
        return
    print_keys(found)


def revoke(
    key: Annotated[str, typer.Argument(help="ID of the key, or the key itself.", show_default=False)],
    *,
    as_json: Json = False,
) -> None:
    """Revoke an API key.

    Every process of the service refuses it within a second. A revoked key can't be used again.

    $ outbound-chat keys revoke 3f9k2m5x8q1z
    """
    # Somebody who found a key in a log has the whole key at hand.
    key_id = key.split("_")[1] if key.startswith("oc_") else key  # also one cut short: the rest is part of a secret
    with Store.from_settings(load_settings()) as store:
        known = ApiKeys(store).revoke(key_id)
    if not known:
        raise UnknownId(key_id, f"no API key has the id {key_id!r}; `outbound-chat keys list` lists them")
    if as_json:
        print_json({"id": key_id, "state": KeyState.REVOKED})
    else:
        out.print(f"{key_id} is revoked")


def print_keys(keys: Iterable[ApiKey]) -> None:
    """Prints a table of API keys."""
    columns, lesser = ("id", "state", "name", "allows", "last used", "ends"), ("ends", "last used")
    table = make_table(*columns, folds={"name": 10, "allows": 18}, extras=lesser)
    for key in keys:
        state = Text(key.state, style=_STYLES.get(key.state, "red"))
        used = time_cell(key.last_used_at) or "never"
        table.add_row(key.id, state, key.name, _allows(key), used, time_cell(key.revoked_at or key.expires_at))
    print_table(table, "no API keys")


def _allows(key: ApiKey) -> str:
    parts = [", ".join(key.scopes)]
    if key.tenant is not None:
        parts.append(f"tenant {key.tenant}")
    if key.senders is not None:
        parts.append(f"senders {', '.join(key.senders)}")
    if key.rate:
        parts.append(f"at most {key.rate}")
    return "; ".join(parts)


def _plain(key: ApiKey) -> dict[str, Any]:
    return {**json_default(key), "rate": str(key.rate) if key.rate else None}


def _checked_name(name: str) -> str:
    if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        raise typer.BadParameter(f"must be 1 to {LONGEST_NAME} characters that can be printed", param_hint="NAME")
    return name


def _checked_tenant(tenant: str | None) -> str | None:
    try:
        return tenant if tenant is None else check_name(tenant)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--tenant") from error


def _checked_senders(senders: list[str] | None, settings: Settings) -> tuple[str, ...] | None:
    if not senders:
        return None
    if unknown := sorted(set(senders) - settings.senders.keys()):
        known = ", ".join(sorted(settings.senders)) or "none"
        raise typer.BadParameter(f"the settings have no {', '.join(unknown)}; known: {known}", param_hint="--sender")
    return tuple(sorted(set(senders)))


def _rate(text: str | None) -> RateLimit | None:
    if text is None:
        return None
    found = _RATE.fullmatch(text)
    if not found or int(found[1]) > MOST_REQUESTS:
        message = f"must be 1 to {MOST_REQUESTS:,} requests a second, minute or hour, such as 10/s, 600/m or 5000/h"
        raise typer.BadParameter(message, param_hint="--rate")
    return RateLimit(int(found[1]), _PER[found[2]])


def _end(text: str | None) -> tuple[timedelta | None, datetime | None]:
    if text is None:
        return None, None
    if found := _LIFE.fullmatch(text):
        return int(found[1]) * _UNIT[found[2]], None
    until = parse_time("expires", text)
    if isinstance(until, InvalidJob):
        message = "must be a time from now, such as 90d, 12h or 30m, or an ISO 8601 time with a zone"
        raise typer.BadParameter(message, param_hint="--expires")
    if until is None or until <= datetime.now(UTC):
        raise typer.BadParameter("has passed already", param_hint="--expires")
    return None, until


KEYS = {"create": create, "list": show, "revoke": revoke}
"""The commands after `keys`."""
