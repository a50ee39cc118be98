"""Turns templates into responses: links, times and headers that all pages have in common."""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse

from outbound_chat.model.durations import length_of
from outbound_chat.model.words import number_of

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Nothing inline and nothing from elsewhere. https://www.w3.org/TR/CSP3/"""
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
FILES = {one.name: one.read_bytes() for one in files("outbound_chat.http.ui").joinpath("static").iterdir()}
"""What pages load. URLs have the version of all."""
VERSION = hashlib.sha256(b"".join(FILES[name] for name in sorted(FILES))).hexdigest()[:12]
DONE = {
    "added": "Numbers added to the list: {n}.",
    "removed": "Numbers removed from the list: {n}.",
    "repeated": "This was sent before. Nothing was added to its messages: {n}.",
    "replayed": "Webhooks that will be posted again: {n}.",
    "sent": "Messages accepted: {n}.",
    "signed_out": "You are signed out.",
    "held": "Nothing of it is sent until it is released.",
    "released": "The hold has ended.",
    "not_held": "No person holds it.",
    "cancelled": "Cancelled. What is being sent now may still arrive.",
    "new_job": "This is the new job.",
    "stopped": "It does no more. What it did remains.",
    "replaying": "Workers replay them. You may close this page.",
}
"""What a page says after an action, by the name that its URL has; `{n}` is a number of jobs, numbers or webhooks."""
_ROW = r'<tr id="attempt-(\w+)">' + "<td>(.*?)</td>" * 5
_ROWS = re.findall(_ROW, files("outbound_chat.http").joinpath("errors.html").read_text())
ADVICE = {code: Markup(cells[-1]).striptags() for code, *cells in _ROWS}  # noqa: S704  # our own
"""What to do about each code of an attempt, in plain text, from the page of errors."""


def path_of(request: Request) -> str:
    """Returns the path, such as `/ui/batches`, without the prefix of an app that mounts this one."""
    path: str = request.scope["path"]
    return path.removeprefix(request.scope.get("root_path", ""))


def link(request: Request, to: str) -> str:
    """Returns a relative URL, since a proxy may serve all of this below another path. `to`: a path below `/ui/`."""
    return "../" * (path_of(request).count("/") - 1) + "ui" + (f"/{to}" if to else "")


def _time(moment: datetime | None, otherwise: str = "-") -> Markup | str:
    """A time in UTC; the script of the page shows it in the zone of the viewer."""
    if moment is None:
        return otherwise
    utc = moment.astimezone(UTC)
    return Markup('<time datetime="{}">{}</time>').format(utc.isoformat(), f"{utc:%Y-%m-%d %H:%M:%S} UTC")


def _ago(moment: datetime | None) -> str:
    """How long ago a time was, or how far away it is, such as `5 min`; empty if there is none."""
    return "" if moment is None else length_of(abs(moment - datetime.now(UTC)))


def _number(value: float | None) -> str:
    """A number to three digits; all digits before the point."""
    return "-" if value is None else f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004  # 3 digits


_templates = Environment(
    loader=PackageLoader("outbound_chat.http.ui"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
    lstrip_blocks=True,
)  # fmt: skip
_templates.filters |= {"time": _time, "ago": _ago, "number": _number, "count": number_of}
_templates.globals |= {"advice": ADVICE, "errors": {}, "form": {}, "menu": []}


def render(request: Request, template: str, data: Mapping[str, Any], *, status: int = 200) -> HTMLResponse:
    """Returns a page. A poll of the page's script gets the same page without what surrounds it."""
    given = {
        "url": lambda to: link(request, to),
        "asset": lambda name: f"{link(request, 'static/' + name)}?v={VERSION}",
        "path": path_of(request)[len("/ui/") :],
        "layout": "fragment.html" if request.headers.get("hx-request") else "layout.html",
        "notice": _notice(request),
        **data,
    }
    macros = _templates.get_template("macros.html").make_module(given)
    return HTMLResponse(_templates.get_template(template).render(given, m=macros), status, headers=HEADERS)


def redirect(request: Request, to: str, done: str = "", number: int = 0, *, cookie: str = "") -> RedirectResponse:
    """Returns a response that leads to a page. `done`: a key of `DONE`, which the page says once."""
    query = ("&" if "?" in to else "?") + urlencode({"done": done, "n": number}) if done else ""
    headers = HEADERS | ({"Set-Cookie": cookie} if cookie else {})
    return RedirectResponse(link(request, to + query), 303, headers=headers)


def _notice(request: Request) -> str:
    """What the request before has done. It is one of our own sentences, so that a link can't make a page say others."""
    given = request.query_params
    number = given["n"][:12] if given.get("n", "").isdecimal() else "0"
    return DONE.get(given.get("done", ""), "").format(n=f"{int(number):,}")
