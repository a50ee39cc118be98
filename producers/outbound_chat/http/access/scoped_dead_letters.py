"""Dead letters within the restrictions of an API key."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from outbound_chat.http.access.scoped_jobs import Scoped
from outbound_chat.model.errors import FieldError, InvalidJob
from outbound_chat.model.operations import DeadLetters
from outbound_chat.request import FieldCode
from outbound_chat.store.scripts import DeadCursor

if TYPE_CHECKING:
    from outbound_chat.model.jobs import Job, JobState

DEAD_PAGE, MOST_LOOKED = 500, 10_000


class ScopedDeadLetters(Scoped):
    """Dead letters that the key may see."""

    async def page(self, chosen: Mapping[str, Any], *, limit: int, cursor: str | None) -> DeadLetters:
        """Returns a page of failed and uncertain jobs."""
        options = cast("Any", {**chosen, "budget": self._restrictions.budget(chosen.get("budget"))})
        if not self._restrictions.any:
            return await self._client.dead_letters(limit=limit, cursor=cursor, **options)
        if not 0 < limit <= DEAD_PAGE:
            raise InvalidJob([FieldError("limit", FieldCode.OUT_OF_RANGE, f"must be from 1 to {DEAD_PAGE}")])
        options = self._restrictions.own_filter(options)
        jobs: list[Job] = []
        while True:
            page = await self._client.dead_letters(limit=DEAD_PAGE, cursor=cursor, **options)
            jobs += filter(self._restrictions.show, page.jobs)
            cursor = page.cursor
            if cursor is None or len(jobs) > limit:
                break
        # The store's cursor names the last job that it read, which the key may not see.
        following = str(DeadCursor.after(jobs[limit - 1])) if len(jobs) > limit else None
        return DeadLetters(jobs=tuple(jobs[:limit]), cursor=following)

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
        following = str(DeadCursor.after(jobs[limit - 1])) if len(jobs) > limit else None  # as above
        return DeadLetters(jobs=tuple(jobs[:limit]), cursor=following)

    async def counts(self, budget: str) -> Mapping[tuple["JobState", str], int]:
        """Counts all jobs of a budget by state and code. Requires a key without restrictions."""
        self._restrictions.require_none()
        return await self._client.count_dead(budget)
