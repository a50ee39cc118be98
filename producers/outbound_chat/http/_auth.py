"""Who calls, and what they may do. Every route but the public ones takes its `View` from `require`.

Until API keys exist, a caller is whoever reaches the service, which therefore listens on this machine only.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from fastapi import Depends, Request

from outbound_chat.errors import FieldError
from outbound_chat.http._codes import Code
from outbound_chat.http._problems import Problem
from outbound_chat.http._service import service_of
from outbound_chat.http._view import View
from outbound_chat.request import Code as FieldCode

PUBLIC = ("/healthz", "/readyz", "/docs")
"""The only paths that anybody may see; of `/docs` also what it is made of: `/openapi.json`, `/docs/…`."""


class Scope(StrEnum):
    """What an API key may do."""

    ENQUEUE = "enqueue"
    """Enqueue jobs and batches."""
    READ = "read"
    """See jobs, batches, budgets and events."""
    OPERATE = "operate"
    """Cancel, hold, release, replay, and keep suppression lists."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls."""

    key_id: str
    scopes: frozenset[Scope]
    tenant: str | None = None
    """The only tenant whose jobs it may see and enqueue; None: all."""
    senders: frozenset[str] | None = None
    """The only senders it may use; None: all."""


LOCAL = Caller("local", frozenset(Scope))


async def caller_of(request: Request) -> Caller:  # noqa: ARG001  # keys will be found in its headers
    """Who sent the request."""
    return LOCAL


def require(scope: Scope) -> Callable[..., Awaitable[View]]:
    """A dependency that gives the caller's view, if it has the scope."""

    async def view(request: Request, caller: Annotated[Caller, Depends(caller_of)]) -> View:
        if scope not in caller.scopes:
            raise Problem(Code.FORBIDDEN, f'The API key has no scope "{scope}".')
        _refuse_unknown_parameters(request)
        service = service_of(request)
        return View(service.client, service.settings, tenant=caller.tenant, senders=caller.senders)

    view.scope = scope  # type: ignore[attr-defined]  # by which a test finds what each route asks for
    return view


def _refuse_unknown_parameters(request: Request) -> None:
    """A misspelt option must not be passed over: the message would go at the wrong time, or to the wrong queue."""
    paths = request.app.openapi()["paths"]
    operation = paths[request.scope["route"].path_format][request.method.lower()]
    known = {parameter["name"] for parameter in operation.get("parameters", ()) if parameter["in"] == "query"}
    if unknown := sorted(set(request.query_params) - known):
        names = ", ".join(sorted(known)) or "none"
        errors = [
            FieldError(f"query.#{place}", FieldCode.UNKNOWN_FIELD, f"is no parameter of this path; known: {names}")
            for place, _ in enumerate(unknown, start=1)
        ]
        raise Problem(Code.INVALID_REQUEST, "Nothing was done; see errors.", errors=errors)


CanEnqueue = Annotated[View, Depends(require(Scope.ENQUEUE))]
CanRead = Annotated[View, Depends(require(Scope.READ))]
CanOperate = Annotated[View, Depends(require(Scope.OPERATE))]
