"""The verbs for webhooks, as both clients have them: how the hosts do, what was given up, and once more."""

import re
from collections.abc import Sequence
from typing import TypeVar

from outbound_chat.client.documented import documented_by
from outbound_chat.client.steps.base import Steps, ask
from outbound_chat.client.steps.jobs import Verbs
from outbound_chat.model.errors import FieldError, InvalidJob
from outbound_chat.model.operations import DeadWebhook, WebhookHost
from outbound_chat.request import FieldCode
from outbound_chat.store import scripts

T = TypeVar("T")

_ID = re.compile(r"(?P<budget>[A-Za-z0-9_-]{1,32})\.(?P<name>[A-Z0-9]{1,40}(-[0-9]{1,12})?\.[a-z]{1,16})", re.ASCII)


def _hosts(verbs: Verbs) -> Steps[list[WebhookHost]]:
    found: list[WebhookHost] = []
    for budget in verbs.settings.budgets:
        found += yield from ask(scripts.read_webhook_hosts(verbs.keys(budget)))
    return found


def _dead(verbs: Verbs, budget: str | None, skip: int, limit: int) -> Steps[list[DeadWebhook]]:
    if not 0 < limit <= scripts.MOST_JOBS or skip < 0:
        message = f"must be from 1 to {scripts.MOST_JOBS}; read more pages with `skip`"
        raise InvalidJob([FieldError("limit", FieldCode.OUT_OF_RANGE, message)])
    return (yield from ask(scripts.read_dead_webhooks(verbs.keys(verbs.budget(budget)), skip=skip, count=limit)))


def _replay(verbs: Verbs, ids: Sequence[str]) -> Steps[dict[str, bool]]:
    by_budget: dict[str, list[str]] = {}
    for id_ in ids:
        if found := _ID.fullmatch(id_):
            by_budget.setdefault(found["budget"], []).append(found["name"])
    done = dict.fromkeys(ids, False)
    for budget, names in by_budget.items():
        for start in range(0, len(names), scripts.MOST_JOBS):
            chunk = names[start : start + scripts.MOST_JOBS]
            words = yield from ask(scripts.replay_webhooks(verbs.keys(budget), chunk))
            done.update({f"{budget}.{name}": word for name, word in zip(chunk, words, strict=True)})
    return done


def _replay_all(verbs: Verbs, budget: str | None) -> Steps[int]:
    name, done = verbs.budget(budget), 0
    while True:
        dead = yield from _dead(verbs, name, 0, scripts.MOST_JOBS)
        again = sum((yield from _replay(verbs, [one.id for one in dead])).values())
        done += again
        # Of some, another program may have written over what is known; they are listed until their time is over.
        if not again:
            return done


class Webhooks:
    """Verbs for webhooks."""

    _verbs: Verbs

    def _run(self, steps: Steps[T]) -> T:
        raise NotImplementedError

    def webhook_hosts(self) -> list[WebhookHost]:
        """The hosts that webhooks wait for, in all budgets of the settings; at most 500 of each."""
        return self._run(_hosts(self._verbs))

    def dead_webhooks(self, *, limit: int = 100, skip: int = 0, budget: str | None = None) -> list[DeadWebhook]:
        """Webhooks of a budget that were given up, the newest first. They are listed for `results.keep`.

        `limit`: 1 to 500. `skip`: how many of the newest to pass over.

        Raises:
            InvalidJob: `limit` or `skip` is out of range.
            SettingsError: the settings have no such budget, or several and none is named.
        """
        return self._run(_dead(self._verbs, budget, skip, limit))

    def replay_webhooks(self, ids: Sequence[str]) -> dict[str, bool]:
        """Has dead webhooks posted once more, with the ids that they had; whether each was dead."""
        return self._run(_replay(self._verbs, ids))

    def replay_all_webhooks(self, budget: str | None = None) -> int:
        """Has all dead webhooks of a budget posted once more; how many.

        Raises:
            SettingsError: the settings have no such budget, or several and none is named.
        """
        return self._run(_replay_all(self._verbs, budget))


class AsyncWebhooks:
    """Verbs for webhooks."""

    _verbs: Verbs

    async def _run(self, steps: Steps[T]) -> T:
        raise NotImplementedError

    @documented_by(Webhooks.webhook_hosts)
    async def webhook_hosts(self) -> list[WebhookHost]:
        return await self._run(_hosts(self._verbs))

    @documented_by(Webhooks.dead_webhooks)
    async def dead_webhooks(self, *, limit: int = 100, skip: int = 0, budget: str | None = None) -> list[DeadWebhook]:
        return await self._run(_dead(self._verbs, budget, skip, limit))

    @documented_by(Webhooks.replay_webhooks)
    async def replay_webhooks(self, ids: Sequence[str]) -> dict[str, bool]:
        return await self._run(_replay(self._verbs, ids))

    @documented_by(Webhooks.replay_all_webhooks)
    async def replay_all_webhooks(self, budget: str | None = None) -> int:
        return await self._run(_replay_all(self._verbs, budget))
