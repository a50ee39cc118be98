"""Batches, and one of them: its counts, its rows, when it ends, and the file of its results."""

import asyncio
import csv
from collections.abc import AsyncIterator, Iterable
from io import StringIO
from typing import Any

from starlette.responses import Response, StreamingResponse

from outbound_chat.http.ui.rendering import HEADERS
from outbound_chat.http.ui.view import View, page
from outbound_chat.model.api_keys import Scope
from outbound_chat.model.batches import Batch, batch_state, failed, is_held
from outbound_chat.rows.results import RESULT_COLUMNS, values_of

BATCHES, ROWS, ROWS_OF_PART = 20, 50, 500


@page("/batches", Scope.READ)
async def batches(view: View) -> Response:
    """Lists batches with their predicted ends."""
    chosen: dict[str, Any] = view.chosen("sender", "tenant")
    chosen["open"], cursor = "open" in view.query, view.query.get("cursor")

    async def load() -> tuple[list[Batch], str | None]:
        found = await view.scoped.batches.page(chosen, cursor, BATCHES, fill=False)
        return await view.scoped.batches.predicted(found.batches), found.cursor

    found, more = await view.shared(f"batches {chosen} {cursor}", load)
    return view.render("batches.html", chosen=chosen, batches=found, more=more, state=batch_state, failed=failed)


@page("/batches/{id}", Scope.READ)
async def batch(view: View) -> Response:
    """Shows one batch and its rows."""
    id_, state, cursor = view.path["id"], view.query.get("state"), view.query.get("cursor")

    async def load() -> tuple[Any, ...]:
        read = view.scoped.batches
        return await asyncio.gather(read.status(id_), read.jobs(id_, state, cursor, ROWS))

    one, jobs = await view.shared(f"batch {id_} {state} {cursor}", load)
    return view.render("batch.html", batch=one, jobs=jobs, state=state, words=batch_state(one), held=is_held(one))


@page("/batches/{id}/cancel", Scope.OPERATE, method="POST")
async def cancel(view: View) -> Response:
    """Cancels it, or its jobs of a state."""
    id_, state = view.path["id"], (await view.form()).get("state")
    read = view.scoped.batches
    await (read.cancel_part(id_, {"state": state}) if state else read.cancel(id_))
    return view.done(f"batches/{id_}", "cancelled")


@page("/batches/{id}/export", Scope.READ)
async def export(view: View) -> Response:
    """Returns the file that `outbound-chat export` writes, page by page."""
    id_, state = view.path["id"], view.query.get("state")
    first = await view.scoped.batches.jobs(id_, state, None, ROWS_OF_PART)  # what it raises has a page

    async def parts() -> AsyncIterator[str]:
        found, rows = first, list[Iterable[Any]]([RESULT_COLUMNS])
        while True:
            text = StringIO(newline="")
            rows += [values_of(job) for job in found.jobs if state or job.final]
            csv.writer(text, lineterminator="\n").writerows(rows)
            yield text.getvalue()
            if found.cursor is None:
                return
            await view.principal.restrictions.check()
            found, rows = await view.scoped.batches.jobs(id_, state, found.cursor, ROWS_OF_PART), []

    headers = {**HEADERS, "Content-Disposition": f'attachment; filename="{id_}.csv"'}
    return StreamingResponse(parts(), headers=headers, media_type="text/csv")
