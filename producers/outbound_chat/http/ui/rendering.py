"""Turns templates into responses: links, times and headers that all pages have in common."""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse

from outbound_chat.model.durations import length_of

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
TYPES = {"css": "text/css", "js": "text/javascript", "LICENSE": "text/plain"}
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
    "replaying": "Workers replay them. You may close this page.",
    "stopped": "The action is stopped. What it has replayed stays replayed.",
}
"""What a page says after an action, by the name that its URL has; `{n}` is a number of jobs, numbers or webhooks."""
MOST_DIGITS = 12


def path_of(request: Request) -> str:
    """Returns the path below `/ui/`, without the prefix of an app that mounts this one; empty for the first page."""
    return _own_path(request).removeprefix("/ui").removeprefix("/")


def _own_path(request: Request) -> str:
    path: str = request.scope["path"]
    return path.removeprefix(request.scope.get("root_path", ""))


def link(request: Request, to: str) -> str:
    """Returns a relative URL, since a proxy may serve all of this below another path. `to`: a path below `/ui/`."""
    levels = _own_path(request).count("/") - 1
    return "../" * levels + "ui" + (f"/{to}" if to else "")


@cache
def static_file(name: str) -> tuple[bytes, str, str]:
    """Returns the content of a file, its media type, and the version that its URL has.

    Raises:
        FileNotFoundError: there is no such file.
    """
    content = files("outbound_chat.http.ui").joinpath("static", name).read_bytes()
    return content, TYPES[name.rpartition(".")[2]], hashlib.sha256(content).hexdigest()[:12]


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
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:,.3g}"


def _duration(seconds: float) -> str:
    return length_of(timedelta(seconds=seconds))


@cache
def advice() -> dict[str, str]:
    """Returns what to do about each code of an attempt, in plain text, from the page of errors."""
    page = files("outbound_chat.http").joinpath("errors.html").read_text()
    rows = re.findall(r'<tr id="attempt-(\w+)">' + "<td>(.*?)</td>" * 5, page)
    return {code: Markup(cells[-1]).striptags() for code, *cells in rows}  # noqa: S704  # our own


_templates = Environment(
    loader=PackageLoader("outbound_chat.http.ui"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
    lstrip_blocks=True,
)  # fmt: skip
_templates.filters |= {"time": _time, "ago": _ago, "number": _number, "duration": _duration}
_templates.globals["m"] = _templates.get_template("macros.html").module


def render(request: Request, template: str, data: Mapping[str, Any], *, status: int = 200) -> HTMLResponse:
    """Returns a page. A poll of the page's script gets the same page without what surrounds it."""
    path = path_of(request)
    given = {
        "url": lambda to: link(request, to),
        "asset": lambda name: f"{link(request, 'static/' + name)}?v={static_file(name)[2]}",
        "path": path,
        "advice": advice(),
        "layout": "fragment.html" if request.headers.get("hx-request") else "layout.html",
        "notice": _notice(request),
        **data,
    }
    return HTMLResponse(_templates.get_template(template).render(given), status, headers=HEADERS)


def redirect(request: Request, to: str, done: str = "", number: int = 0) -> RedirectResponse:
    """Returns a response that leads to a page. `done`: a key of `DONE`, which the page says once."""
    query = ("&" if "?" in to else "?") + urlencode({"done": done, "n": number}) if done else ""
    return RedirectResponse(link(request, to + query), 303, headers=HEADERS)


def _notice(request: Request) -> str:
    """What the request before has done. It is one of our own sentences, so that a link can't make a page say others."""
    number = request.query_params.get("n", "")
    sentence = DONE.get(request.query_params.get("done", ""), "")
    return sentence.format(n=f"{int(number):,}" if number.isdecimal() and len(number) < MOST_DIGITS else "0")
