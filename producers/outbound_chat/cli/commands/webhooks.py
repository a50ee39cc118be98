"""The command for webhooks: lists hosts and dead webhooks, replays dead ones, and makes a secret."""

import base64
import secrets
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

import typer

from outbound_chat.cli.errors import UnknownId
from outbound_chat.cli.options import Budget, Json
from outbound_chat.cli.output import end_with, number_of, out, print_json, talk
from outbound_chat.cli.tables import make_table, print_table, time_cell
from outbound_chat.client import OutboundChat
from outbound_chat.model.operations import DeadWebhook, WebhookHost
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
    skip: Annotated[int, typer.Option(help="Dead webhooks to skip, newest first.")] = 0,
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
                hosts = chat.webhook_hosts()
                print_json(hosts) if as_json else print_hosts(hosts)
            case Action.DEAD:
                dead = chat.dead_webhooks(limit=limit, skip=skip, budget=budget)
                print_json(dead) if as_json else print_dead(dead)
                if len(dead) == limit and not as_json:
                    talk.print(f"there may be more: --skip {skip + limit}")
            case _:
                _replay(chat, ids or [], every, budget, as_json)


def _new_secret() -> str:
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def print_hosts(hosts: Sequence[WebhookHost]) -> None:
    """Prints a table of the hosts that webhooks wait for."""
    numbers = ("waiting", "posting", "failures")
    columns = ("budget", "host", *numbers, "paused until")
    table = make_table(*columns, numbers=numbers, folds={"host": 15}, extras=("failures", "posting"))
    for one in hosts:
        counts = (f"{number:,}" for number in (one.waiting, one.posting, one.failures))
        table.add_row(one.budget, one.host, *counts, time_cell(one.paused_until))
    print_table(table, "no webhooks are waiting")


def print_dead(webhooks: Sequence[DeadWebhook]) -> None:
    """Prints a table of the webhooks that were given up."""
    lesser = ("attempts", "given up", "host")
    columns = ("webhook", "code", "host", "given up", "attempts")
    table = make_table(*columns, numbers=("attempts",), folds={"host": 15}, extras=lesser)
    for one in webhooks:
        table.add_row(one.id, one.code, one.host, time_cell(one.dead_at), f"{one.attempts:,}")
    print_table(table, "no dead webhooks")


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
