"""Failed and uncertain jobs, within the restrictions of an API key."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from outbound_chat.client import AsyncOutboundChat
from outbound_chat.http.access.restrictions import Restrictions
from outbound_chat.model.errors import FieldError, InvalidJob
from outbound_chat.model.jobs import Job
from outbound_chat.model.operations import DeadLetters
from outbound_chat.request import FieldCode

PAGE = 500


@dataclass(frozen=True, slots=True)
class ScopedDeadLetters:
    """Dead letters that the key may see."""

    _client: AsyncOutboundChat
    _restrictions: Restrictions

    async def page(self, chosen: Mapping[str, Any], *, limit: int, cursor: str | None) -> DeadLetters:
        """A page of failed and uncertain jobs."""
        options = cast("Any", {**chosen, "budget": self._restrictions.budget(chosen.get("budget"))})
        if not self._restrictions.any:
            return await self._client.dead_letters(limit=limit, cursor=cursor, **options)
        if not 0 < limit <= PAGE:
            raise InvalidJob([FieldError("limit", FieldCode.OUT_OF_RANGE, f"must be from 1 to {PAGE}")])
        options = self._restrictions.own_filter(options)
        jobs: list[Job] = []
        while True:
            page = await self._client.dead_letters(limit=PAGE, cursor=cursor, **options)
            jobs += filter(self._restrictions.show, page.jobs)
            cursor = page.cursor
            if cursor is None or len(jobs) > limit:
                break
        # The store's cursor names the last job that it read, which may be another's.
        following = _cursor_after(jobs[limit - 1]) if len(jobs) > limit else None
        return DeadLetters(jobs=tuple(jobs[:limit]), cursor=following)


def _cursor_after(job: Job) -> str:
    """The cursor of the page that begins behind the job, which is final."""
    ended = job.finished_at or job.created_at
    return f"{round(ended.timestamp() * 1000)} {job.id.partition('.')[2]}"
