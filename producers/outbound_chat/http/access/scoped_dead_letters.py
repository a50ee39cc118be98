"""Dead letters, and actions on them, within the restrictions of an API key."""

from collections.abc import Mapping
from typing import Any

from outbound_chat.http.access.audit import Scoped
from outbound_chat.http.wire.codes import ProblemCode
from outbound_chat.http.wire.problems import Problem
from outbound_chat.model.actions import BulkAction
from outbound_chat.model.jobs import Job, JobState
from outbound_chat.model.operations import DeadLetters
from outbound_chat.store.scripts import DeadCursor

DEAD_PAGE, MOST_LOOKED = 500, 10_000


class ScopedDeadLetters(Scoped):
    """Dead letters that the key may see."""

    async def page(self, chosen: Mapping[str, Any], *, limit: int, cursor: str | None) -> DeadLetters:
        """Returns a page of failed and uncertain jobs."""
        return await self._client.dead_letters(limit=limit, cursor=cursor, **self._restrictions.own_list(chosen))

    async def matching(self, chosen: Mapping[str, Any], cursor: str | None, limit: int = 100) -> DeadLetters:
        """Returns a page of those among the next `MOST_LOOKED` of a state and code, so that it has a fixed cost."""
        own = self._restrictions.own_list(chosen)
        rest = {name: chosen[name] for name in ("sender", "tenant") if name in chosen}
        read = {name: own[name] for name in own if name not in {"sender", "tenant"}}
        jobs: list[Job] = []
        for _ in range(MOST_LOOKED // DEAD_PAGE):
            page = await self._client.dead_letters(limit=DEAD_PAGE, cursor=cursor, **read)
            seen = filter(self._restrictions.show, page.jobs)
            jobs += (job for job in seen if all(getattr(job, name) == rest[name] for name in rest))
            cursor = page.cursor
            if cursor is None or len(jobs) > limit:
                break
        # The store's cursor names the last job that it read, which the key may not see.
        following = str(DeadCursor.after(jobs[limit - 1])) if len(jobs) > limit else None
        return DeadLetters(jobs=tuple(jobs[:limit]), cursor=following)

    async def counts(self, budget: str) -> Mapping[tuple[JobState, str], int]:
        """Counts all jobs of a budget by state and code. Requires a key without restrictions."""
        self._restrictions.require_none()
        return await self._client.count_dead(budget)


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

    async def stop(self, action_id: str) -> BulkAction:
        """Stops an action."""
        async with self.audited("stop_action", f"action {action_id}"):
            seen = any(one.id == action_id for one in await self.all())
            if not seen or (stopped := await self._client.stop_action(action_id)) is None:
                raise Problem(ProblemCode.NOT_FOUND, "No action has this id.")
            return stopped
