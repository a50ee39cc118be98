"""Sending: one message, or the rows of a CSV. Both are checked first, and nothing is kept but what is sent then."""

import hashlib
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import closing, nullcontext, suppress
from datetime import datetime
from typing import Any

from starlette.responses import Response, StreamingResponse

from outbound_chat.client import FileKey
from outbound_chat.client.steps.rejections import FaultCounter
from outbound_chat.http.ui.rendering import HEADERS
from outbound_chat.http.ui.view import View, faults_of, page
from outbound_chat.http.wire.batch_bodies import Take, taken_rows
from outbound_chat.http.wire.codes import ProblemCode
from outbound_chat.http.wire.parameters import StreamedOptions
from outbound_chat.http.wire.problems import Problem
from outbound_chat.http.wire.row_streams import RejectedRows, Rejections
from outbound_chat.http.wire.turns import Turns
from outbound_chat.model.api_keys import Scope
from outbound_chat.model.errors import InvalidJob
from outbound_chat.rows import parse_time
from outbound_chat_config import find_zone

_REJECTS = {"Content-Disposition": 'attachment; filename="rejects.csv"'}
_OPTIONS = ("sender", "tenant", "name", "template", "hold", "priority")


@page("/send", Scope.ENQUEUE, method="GET POST")
@page("/upload", Scope.ENQUEUE, method="GET POST")
async def send(view: View) -> Response:  # noqa: C901  # two forms, and each is checked and sent the same way
    """Shows a form, and what would become of its rows. Sends them if it is the form, with the file, that was shown."""
    form, errors, found, batches = await view.form(), dict[str, str](), dict[str, Any](), view.scoped.batches
    is_file, faults, at = view.request.url.path.endswith("/upload"), FaultCounter(), _time(form)
    options: dict[str, Any] = {name: form[name] for name in _OPTIONS if name in form}
    columns = form["column"].split(",") if "column" in form else None
    read: Any = {"country": form.get("country"), "column": columns, "ignore_columns": "ignore_columns" in form}

    async def given_to(take: Take[Any], collected: Rejections | None = None) -> Any:
        """Hands the rows to a call of the client. `collected`: stays open."""
        if not is_file:
            row = at | {name: form[name] for name in ("to", "text") if name in form}
            return await take(Turns(view.request).each([row]), keyed, lambda one: faults.add(1, one.errors))

        async def timed(rows: AsyncIterator[Any], *more: Any) -> Any:
            return await take((at | row if isinstance(row, dict) else row async for row in rows), *more)

        with nullcontext(collected) if collected else closing(Rejections(faults)) as rejections:
            streamed = StreamedOptions(**options, **read)
            return await taken_rows(await view.file() or view.request, streamed, timed, rejections, keyed["batch_key"])

    try:
        if form:
            source = await _file_key(view, [at, read]) if is_file else form.get("token")
            asked = repr([options, source, at, read, form.get("to"), form.get("text")])
            checked = hashlib.sha256(asked.encode()).hexdigest()
            keyed = options | {"batch_key": source if is_file else checked}
            if is_file and "rejects" in form:
                await given_to(batches.preflight, rows := RejectedRows())
                return StreamingResponse(rows.parts(), headers=HEADERS | _REJECTS, media_type="text/csv")
            if form.get("checked") == checked:
                receipt = await given_to(batches.enqueue)
                if receipt.id:
                    if not receipt.repeated:
                        view.service.metrics.count_jobs(receipt.accepted, receipt.rejected)
                    to = f"batches/{receipt.id}" if is_file else f"jobs/{receipt.id}-1"
                    return view.done(to, "repeated" if receipt.repeated else "sent", receipt.accepted)
            if "checked" in form:
                errors["Not sent"] = "the form or the file has changed, or every row was refused. Look again."
            found = {"flight": await given_to(batches.preflight), "faults": faults.faults, "checked": checked}
            found["earlier"] = await batches.earlier(keyed) if is_file else ()
    except InvalidJob as error:
        errors |= faults_of(error)
    except Problem as problem:
        if problem.code is not ProblemCode.UNUSABLE_FILE:
            raise
        errors["file"] = problem.detail.replace("the body", "the file")
    form = {"token": secrets.token_hex(), **form}
    return view.render("send.html", form=form, errors=errors, is_file=is_file, **found)


async def _file_key(view: View, read_as: object) -> FileKey:
    file, content = await view.file(), hashlib.sha256()
    if not file:
        raise Problem(ProblemCode.UNUSABLE_FILE, "is required; choose one")
    async for part in file.stream():
        content.update(part)
    return FileKey(content.hexdigest(), None, repr(read_as))


def _time(form: Mapping[str, str]) -> dict[str, Any]:
    with suppress(KeyError, ValueError):
        return {"send_at": datetime.fromisoformat(form["send_at"]).replace(tzinfo=find_zone(form.get("zone", "UTC")))}
    return {"send_at": parse_time("send_at", form.get("send_at"))}
