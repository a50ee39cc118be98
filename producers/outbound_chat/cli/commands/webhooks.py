"""The command for webhooks: lists hosts and dead webhooks, replays dead ones, and makes a secret."""

import base64
import secrets
from enum import StrEnum
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from outbound_chat.cli.errors import UnknownId
from outbound_chat.cli.options import Budget, Json
from outbound_chat.cli.output import clock_time, end_with, number_of, out, print_json, talk
from outbound_chat.client import OutboundChat
from outbound_chat_config import SECRET_PREFIX, load_settings

SECRET_BYTES = 32


class Action(StrEnum):
    """What to do."""

    HOSTS = "hosts"
    DEAD = "dead"
    REPLAY = "replay"
    SECRET = "secret"  # noqa: S105  # a word


def webhooks(
    action: Annotated[Action, typer.Argument(help="hosts, dead, replay or secret.", show_default=False)],
    ids: Annotated[list[str] | None, typer.Argument(help="Webhooks to replay.", show_default=False)] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Replay all dead webhooks.")] = False,
    budget: Budget = None,
    limit: Annotated[int, typer.Option(help="Dead webhooks per page, 1 to 500.")] = 50,
    skip: Annotated[int, typer.Option(help="Dead webhooks to skip, the newest first.")] = 0,
    as_json: Json = False,
) -> None:
    """Inspect webhooks, and deliver failed ones again.

    hosts shows where webhooks are waiting. dead lists those that were given up, and replay posts them again. secret
    prints a new secret for webhooks.secrets.

    $ outbound-chat webhooks hosts
    $ outbound-chat webhooks dead
    $ outbound-chat webhooks replay --all
    $ outbound-chat webhooks secret
    """
    if action is Action.SECRET:
        secret = _new_secret()
        print_json({"secret": secret}) if as_json else out.print(secret)
        return
    if action is not Action.REPLAY and (ids or every):
        raise typer.BadParameter("belongs to replay", param_hint="IDS or --all")
    with OutboundChat.from_settings(load_settings()) as chat:
        match action:
            case Action.HOSTS:
                _print_hosts(chat, as_json)
            case Action.DEAD:
                _print_dead(chat, budget, limit, skip, as_json)
            case _:
                _replay(chat, ids or [], every, budget, as_json)


def _new_secret() -> str:
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def _print_hosts(chat: OutboundChat, as_json: bool) -> None:
    found = chat.webhook_hosts()
    if as_json:
        print_json(found)
        return
    table = Table("budget", "host", "waiting", "posting", "failures", "left alone until", box=None)
    for one in found:
        until = clock_time(one.paused_until) if one.paused_until else ""
        table.add_row(one.budget, Text(one.host), f"{one.waiting:,}", str(one.posting), str(one.failures), until)
    if found:
        out.print(table)
    else:
        talk.print("no webhooks are waiting")


def _print_dead(chat: OutboundChat, budget: str | None, limit: int, skip: int, as_json: bool) -> None:
    found = chat.dead_webhooks(limit=limit, skip=skip, budget=budget)
    if as_json:
        print_json(found)
        return
    for one in found:
        out.print(f"{one.id}  {one.host}  attempts {one.attempts}  {one.code}  given up {clock_time(one.dead_at)}")
    if not found:
        talk.print("no dead webhooks")
    elif len(found) == limit:
        talk.print(f"there may be more: --skip {skip + limit}")


def _replay(chat: OutboundChat, ids: list[str], every: bool, budget: str | None, as_json: bool) -> None:
    if bool(ids) is every:
        raise typer.BadParameter("name ids of webhooks, or --all", param_hint="IDS")
    if every:
        count = chat.replay_all_webhooks(budget)
        unknown: list[UnknownId] = []
    else:
        done = chat.replay_webhooks(ids)
        advice = "`outbound-chat webhooks dead` lists them"
        missing = (id_ for id_, word in done.items() if not word)
        count = sum(done.values())
        unknown = [UnknownId(id_, f"no dead webhook has the id {id_!r}; {advice}") for id_ in missing]
    if as_json:
        print_json({"replayed": count}, unknown)
    else:
        talk.print(f"{number_of(count, 'webhook')} will be posted again")
    end_with(unknown)
