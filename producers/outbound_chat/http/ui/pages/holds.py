"""What is not sent: holds, and suppression lists. A number is only in bodies: of a form, and of the answer to it."""

from collections.abc import AsyncIterator, Mapping
from urllib.parse import urlencode

from starlette.responses import Response

from outbound_chat.http.routes.budgets import SCOPES
from outbound_chat.http.ui.view import View, faults_of, page
from outbound_chat.http.wire.row_streams import CSV_TYPE, RowsBody
from outbound_chat.http.wire.turns import Turns
from outbound_chat.model.api_keys import Scope
from outbound_chat.model.errors import InvalidJob, InvalidNumbers
from outbound_chat.rows import Form


@page("/holds", Scope.READ)
@page("/holds", Scope.OPERATE, method="POST")
async def holds(view: View) -> Response:
    """Lists them. A form holds or releases; that of a batch leads back to its page."""
    form, errors = await view.form(), dict[str, str]()
    if view.request.method == "POST":
        scope, name = form.get("scope", ""), form.get("name", "")
        target = {scope if scope in SCOPES else SCOPES[0]: name}
        back = f"batches/{name}" if "back" in form else "holds"
        try:
            if "release" in form:
                return view.done(back, "released" if await view.scoped.holds.release(target) else "not_held")
            await view.scoped.holds.hold(target, form.get("reason", ""))
            return view.done(back, "held")
        except InvalidJob as error:
            errors |= faults_of(error)
    found = await view.shared("holds", view.scoped.holds.all)
    offered = filter(view.principal.restrictions.has_some, SCOPES)
    return view.render("holds.html", holds=found, scopes=list(offered), form=form, errors=errors)


@page("/suppression", Scope.OPERATE, method="GET POST")
@page("/suppression/add", Scope.OPERATE, method="POST")
@page("/suppression/remove", Scope.OPERATE, method="POST")
async def suppression(view: View) -> Response:
    """Shows which numbers are on a list, or adds or removes them."""
    form, errors, lists, found = await view.form(), dict[str, str](), view.scoped.suppression, None
    action, numbers = view.request.url.path.rpartition("/")[2], _numbers(view, form)
    sender = form.get("sender") or view.query.get("sender", "")
    back = f"suppression?{urlencode({'sender': sender})}"
    try:
        if action == "add":
            return view.done(back, "added", await lists.add(numbers, sender, form.get("reason", "")))
        if action == "remove":
            return view.done(back, "removed", await lists.remove(numbers, sender))
        found = await lists.among(numbers, sender) if form else None
    except (InvalidJob, InvalidNumbers) as error:
        errors |= faults_of(error)
    total = (await lists.page(sender, None)).total if sender else None
    form = {"sender": sender, **form}
    return view.render("suppression.html", form=form, errors=errors, found=found, total=total)


async def _numbers(view: View, form: Mapping[str, str]) -> AsyncIterator[str]:
    """Yields the numbers of the form and of its file; empty text for a row that can't be read."""
    async for line in Turns(view.request).each(form.get("numbers", "").splitlines()):
        yield line.strip()
    if file := await view.file():
        async for row in RowsBody(file, CSV_TYPE, None, Form(ignore_columns=True)).rows():
            yield "" if isinstance(row, InvalidJob) else str(row.get("to", ""))
