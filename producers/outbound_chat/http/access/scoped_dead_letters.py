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

DEAD_PAGE = 500


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

    async def matching(self, chosen: Mapping[str, Any], cursor: str | None) -> DeadLetters:
        """Reads jobs of a state and code at once, and returns those of the sender and tenant: a few, or none."""
        own = self._restrictions.own_filter(chosen)
        rest = {name: own[name] for name in ("sender", "tenant") if name in own}
        read = {name: value for name, value in own.items() if name not in rest}
        limit = DEAD_PAGE if rest or self._restrictions.any else 100
        page = await self._client.dead_letters(limit=limit, cursor=cursor, **read)
        seen = filter(self._restrictions.show, page.jobs)
        jobs = tuple(job for job in seen if all(getattr(job, name) == rest[name] for name in rest))
        # Not the id of a job that the key may not see; what ended in the same millisecond is listed twice.
        if page.cursor and self._restrictions.any:
            return DeadLetters(jobs=jobs, cursor=str(DeadCursor.parse(page.cursor)._replace(local_id="Z")))
        return DeadLetters(jobs=jobs, cursor=page.cursor)

    async def counts(self, budget: str) -> Mapping[tuple["JobState", str], int]:
        """Counts all jobs of a budget by state and code. Requires a key without restrictions."""
        self._restrictions.require_none()
        return await self._client.count_dead(budget)
