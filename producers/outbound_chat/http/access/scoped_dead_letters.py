"""Dead letters, and actions on them, within the restrictions of an API key."""

from collections.abc import Mapping
from typing import Any

from outbound_chat.http.access.audit import Scoped
from outbound_chat.http.wire.codes import ProblemCode
from outbound_chat.http.wire.problems import Problem
from outbound_chat.model.actions import BulkAction
from outbound_chat.model.operations import DeadLetters


class ScopedDeadLetters(Scoped):
    """Dead letters that the key may see."""

    async def page(self, chosen: Mapping[str, Any], *, limit: int, cursor: str | None) -> DeadLetters:
        """Returns a page. `most_looked` in `chosen`: it is the last one after so many jobs, for a bounded cost."""
        return await self._client.dead_letters(limit=limit, cursor=cursor, **self._restrictions.own_list(chosen))


class ScopedActions(Scoped):
    """Bulk actions on what the key may see: those that it could have started."""

    async def start_replay(self, chosen: Mapping[str, Any]) -> BulkAction:
        """Starts a replay of all dead letters that match. `chosen`: may have `force`, too."""
        async with self.audited("replay", "action") as targets:
            action = await self._client.start_replay(**self._restrictions.own_list(chosen))
            targets.append(f"action {action.id}")
            return action

    async def all(self) -> list[BulkAction]:
        """Returns the actions of all budgets."""
        return [one for one in await self._client.actions() if self._restrictions.allow(one.filter)]

    async def stop(self, action_id: str) -> BulkAction:
        """Stops an action."""
        async with self.audited("stop_action", f"action {action_id}"):
            seen = any(one.id == action_id for one in await self.all())
            if not seen or (stopped := await self._client.stop_action(action_id)) is None:
                raise Problem(ProblemCode.NOT_FOUND, "No action has this id.")
            return stopped
