"""A request for a page: who asks, within which rights, and how the page is made."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Message

from outbound_chat.http.access.authentication import Principal
from outbound_chat.http.access.loopback import refuse_cross_site
from outbound_chat.http.access.scoped_client import ScopedClient
from outbound_chat.http.access.sessions import authenticate_page
from outbound_chat.http.service import Service, service_of
from outbound_chat.http.ui.rendering import path_of, redirect, render
from outbound_chat.http.wire.codes import TITLES, ProblemCode
from outbound_chat.http.wire.problems import EXPECTED, Problem, problem_of
from outbound_chat.model.api_keys import Scope
from outbound_chat.model.diagnostics import Check, Level
from outbound_chat.model.errors import InvalidJob, InvalidNumbers

T = TypeVar("T")
router = APIRouter(prefix="/ui", include_in_schema=False)
SAFE = frozenset({"GET", "HEAD"})
EXPECTED_OF_PAGES = (*EXPECTED, HTTPException)
MOST_FIELDS, MOST_UPLOADED, PART = 100, 100_000_000, 65_536

NAV = (
    ("", "Overview", Scope.READ, True),
    ("batches", "Batches", Scope.READ, False),
    ("dead", "Dead letters", Scope.READ, False),
    ("holds", "Holds", Scope.READ, False),
    ("send", "Send", Scope.ENQUEUE, False),
    ("upload", "Upload CSV", Scope.ENQUEUE, False),
    ("suppression", "Suppression", Scope.OPERATE, True),
    ("webhooks", "Webhooks", Scope.READ, False),
    ("workers", "Workers", Scope.READ, True),
    ("keys", "API keys", Scope.OPERATE, True),
    ("audit", "Audit", Scope.READ, True),
)
"""Each page of the menu: path, title, the scope that it needs, and whether it needs a key without restrictions."""


@dataclass(frozen=True, slots=True)
class View:
    """A request for a page."""

    request: Request
    principal: Principal
    scoped: ScopedClient
    """The client within the restrictions of the key."""

    @property
    def service(self) -> Service:
        """What all requests of the process share."""
        return service_of(self.request)

    @property
    def path(self) -> Mapping[str, str]:
        """Parts of the path, such as the id of a job."""
        return self.request.path_params

    @property
    def query(self) -> Mapping[str, str]:
        """Parameters of the URL; without those that a form left empty."""
        return {name: value for name, value in self.request.query_params.items() if value}

    def may(self, scope: str) -> bool:
        """Whether the key has the scope: pages offer nothing that would be refused."""
        return scope in self.principal.scopes

    def chosen(self, *names: str) -> dict[str, str]:
        """Returns the filter in the URL, with the first budget if it names none."""
        first = {"budget": min(self.service.settings.budgets)}
        return first | {name: value for name, value in self.query.items() if name in {"budget", *names}}

    def same(self, **changes: str | None) -> str:
        """Returns a link to this page with other parameters; None leaves one out."""
        given = {**self.query, "done": None, "n": None, **changes}
        return "?" + urlencode({name: value for name, value in given.items() if value is not None})

    @property
    def whole(self) -> bool:
        """Whether the key is not restricted to a tenant or to senders."""
        return not self.principal.restrictions.any

    async def form(self) -> Mapping[str, str]:
        """Returns the fields of a form that are not empty, without blanks around them. A file: `file`."""
        form = await self._form()
        return {name: text for name, value in form.items() if isinstance(value, str) and (text := value.strip())}

    async def file(self) -> Request | None:
        """Returns a request whose body is the file of the form, so that it is read like one; None without a file."""
        file = (await self._form()).get("file")
        if not isinstance(file, UploadFile) or not file.filename:
            return None
        await file.seek(0)

        async def receive() -> Message:
            part = await file.read(PART)
            return {"type": "http.request", "body": part, "more_body": bool(part)}

        return Request({**self.request.scope, "headers": [(b"content-type", b"text/csv")]}, receive)

    async def _form(self) -> FormData:
        headers = self.request.headers
        if "transfer-encoding" in headers or int(headers.get("content-length", "0")) > MOST_UPLOADED:
            raise Problem(ProblemCode.BODY_TOO_LARGE, f"A form with its file may have {MOST_UPLOADED:,} bytes.")
        return await self.request.form(max_files=1, max_fields=MOST_FIELDS)

    async def shared(self, name: str, load: Callable[[], Awaitable[T]], seconds: float = 1.0) -> T:
        """Returns what `load` returned to anybody with the same key in the last second, and calls it otherwise."""
        if "done" in self.query:  # what was read before an action is old
            return await load()
        return await self.service.snapshots.get((self.principal.restrictions.key_id, name), load, seconds)

    async def checks(self) -> list[Check]:
        """Returns what the doctor finds, the worst first. Requires a key without restrictions."""
        found = await self.scoped.budgets.doctor(self.service.snapshots)
        return sorted(found, key=lambda check: list(Level).index(check.level), reverse=True)

    def render(self, template: str, **data: Any) -> Response:
        """Returns the page. `errors`: what is wrong with the form, by field."""
        status = 400 if data.get("errors") else 200
        return render(self.request, template, {"view": self, "menu": self.menu(), "nav": NAV, **data}, status=status)

    def done(self, to: str, done: str = "", number: int = 0) -> Response:
        """Leads to a page after an action. `done`: a key of `DONE`, what the page says; `number`: what `{n}` means."""
        return redirect(self.request, to, done, number)

    def menu(self) -> list[tuple[str, str]]:
        """Returns the path and title of each page that the key may see."""
        return [(path, title) for path, title, scope, whole in NAV if self.may(scope) and self.whole >= whole]


Page = Callable[[View], Awaitable[Response]]


def page(path: str, scope: Scope, *, method: str = "GET") -> Callable[[Page], Page]:
    """Registers a page, or what its form is posted to. `path`: below `/ui`, with `{id}`. `method`: or `GET POST`."""

    def register(function: Page) -> Page:
        async def endpoint(request: Request) -> Response:
            view = None
            try:
                refuse_cross_site(request)
                principal = await authenticate_page(request)
                view = View(request, principal, ScopedClient(service_of(request).client, principal.restrictions))
                if not path.strip("/") and (menu := view.menu()) and menu[0][0]:  # not everybody may see the overview
                    return view.done(menu[0][0])
                if scope not in principal.scopes:
                    raise Problem(ProblemCode.FORBIDDEN, f'The API key does not have the scope "{scope}".')
                return await function(view)
            except EXPECTED_OF_PAGES as error:
                return problem_page(request, error, view)
            finally:
                await request.close()

        router.add_api_route(path, endpoint, methods=method.split())
        return function

    return register


def problem_of_page(error: Exception) -> Problem:
    """Returns the problem for an error; one of `HTTPException`, which Starlette's reader of forms raises."""
    return (
        Problem(ProblemCode.INVALID_REQUEST, str(error.detail))
        if isinstance(error, HTTPException)
        else problem_of(error)
    )


def problem_page(request: Request, error: Exception, view: View | None = None) -> Response:
    """Returns the page for an error, with the menu of `view`; leads to the login if a key is missing."""
    problem = problem_of_page(error)
    if problem.code is ProblemCode.UNAUTHORIZED and not request.headers.get("hx-request"):
        query = f"?{request.url.query}" if request.url.query else ""
        asked = path_of(request)[len("/ui/") :] + query if request.method in SAFE else ""
        return redirect(request, f"login?next={quote(asked)}" if asked else "login")
    data = {"problem": problem, "title": TITLES[problem.code][1], "view": view, "menu": view.menu() if view else ()}
    response = render(request, "problem.html", data, status=problem.status)
    response.headers.update(problem.headers)
    return response


def faults_of(error: InvalidJob | InvalidNumbers) -> Mapping[str, str]:
    """Returns what is wrong with each field of a form."""
    return {fault.field: fault.message for fault in reversed(error.errors)}
