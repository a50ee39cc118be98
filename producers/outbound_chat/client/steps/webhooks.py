"""Reads the hosts of webhooks and the dead webhooks; posts dead webhooks again."""

import re
from collections.abc import Sequence

from outbound_chat.client.steps.base import Steps, ask
from outbound_chat.client.steps.context import Context
from outbound_chat.model.errors import FieldError, InvalidJob
from outbound_chat.model.operations import DeadWebhook, WebhookHost
from outbound_chat.request import FieldCode
from outbound_chat.store import scripts

_ID = re.compile(
    r"(?P<budget>[A-Za-z0-9_-]{1,32})\.(?P<name>[A-Z0-9]{1,40}(-[0-9]{1,12})?(\.[a-z_]{1,16}){1,2})", re.ASCII
)


def webhook_hosts(context: Context) -> Steps[list[WebhookHost]]:
    """Reads the hosts of all budgets."""
    found: list[WebhookHost] = []
    for budget in context.settings.budgets:
        found += yield from ask(scripts.read_webhook_hosts(context.keys(budget)))
    return found


def dead_webhooks(context: Context, budget: str | None, skip: int, limit: int) -> Steps[list[DeadWebhook]]:
    """Reads the dead webhooks of a budget."""
    message = f"must be from 1 to {scripts.MOST_JOBS}; use `skip` to read further pages"
    errors = [] if 0 < limit <= scripts.MOST_JOBS else [FieldError("limit", FieldCode.OUT_OF_RANGE, message)]
    errors += [FieldError("skip", FieldCode.OUT_OF_RANGE, "must be 0 or more")] if skip < 0 else []
    if errors:
        raise InvalidJob(errors)
    return (yield from ask(scripts.read_dead_webhooks(context.keys(context.budget(budget)), skip=skip, count=limit)))


def replay_webhooks(context: Context, ids: Sequence[str]) -> Steps[dict[str, bool]]:
    """Posts dead webhooks again; returns for each id whether it was a dead webhook."""
    by_budget: dict[str, list[str]] = {}
    for id_ in ids:
        if found := _ID.fullmatch(id_):
            by_budget.setdefault(found["budget"], []).append(found["name"])
    done = dict.fromkeys(ids, False)
    for budget, names in by_budget.items():
        for start in range(0, len(names), scripts.MOST_JOBS):
            chunk = names[start : start + scripts.MOST_JOBS]
            words = yield from ask(scripts.replay_webhooks(context.keys(budget), chunk))
            done.update({f"{budget}.{name}": word for name, word in zip(chunk, words, strict=True)})
    return done


def replay_all_webhooks(context: Context, budget: str | None) -> Steps[int]:
    """Posts all dead webhooks of a budget again; returns how many."""
    name, done = context.budget(budget), 0
    while True:
        dead = yield from dead_webhooks(context, name, 0, scripts.MOST_JOBS)
        again = sum((yield from replay_webhooks(context, [one.id for one in dead])).values())
        done += again
        # Some can't be posted if another program overwrote their records; they are listed until these expire.
        if not again:
            return done
