"""Dead letters, and actions on them, within the restrictions of an API key."""

from collections.abc import Mapping
from typing import Any

from outbound_chat.http.access.audit import Scoped
from outbound_chat.model.actions import BulkAction
from outbound_chat.model.operations import DeadLetters


class ScopedDeadLetters(Scoped):
    """Dead letters that the key may see."""

    async def page(self, chosen: Mapping[str, Any], *, limit: int, cursor: str | None) -> DeadLetters:
        """Returns a page of failed and uncertain jobs."""
        return await self._client.dead_letters(limit=limit, cursor=cursor, **self._restrictions.own_list(chosen))


class ScopedActions(Scoped):
    """Bulk actions on what the key may see: those that it could have started."""

    async def start_replay(self, chosen: Mapping[str, Any], *, force: bool = False) -> BulkAction:
        """Starts a replay of all dead letters that match."""
        async with self.audited("replay", "action") as targets:
            own, key_id = self._restrictions.own_list(chosen), self._restrictions.key_id
            action = await self._client.start_replay(force=force, key_id=key_id, **own)
            targets.append(f"action {action.id}")
            return action

    async def all(self, budget: str | None = None) -> list[BulkAction]:
        """Returns the actions of a budget, or of all."""
        found = await self._client.actions(None if budget is None else self._restrictions.budget(budget))
        return [one for one in found if self._restrictions.allow(one.filter)]

    async def stop(self, action_id: str) -> BulkAction | None:
        """Stops an action; None: there is none with this id."""
        async with self.audited("stop_action", f"action {action_id}"):
            seen = any(one.id == action_id for one in await self.all())
            return await self._client.stop_action(action_id) if seen else None
