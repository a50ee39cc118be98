"""Finds the route of a request, and calls its function with the declared arguments.

FastAPI makes the OpenAPI document from the same declarations, and responds where no route matches. It could do this
part too, but would take longer than the rest of a request: it prepares for files, forms, tasks and generators, which
are not used here, and inspects the declarations each time.
"""

import inspect
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, get_args, get_origin, get_type_hints

from fastapi import APIRouter, Request
from fastapi.params import Depends
from fastapi.routing import APIRoute
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from outbound_chat.http.wire.queries import Parameter, read_parameters, unknown_parameters
from outbound_chat.model.errors import InvalidJob

if TYPE_CHECKING:
    from re import Pattern

    from outbound_chat.model.errors import FieldError


class Endpoint:
    """The function of a route, and the sources of its arguments."""

    def __init__(self, route: APIRoute) -> None:
        self.route = route
        self._function = route.endpoint
        self._request = ""
        """Name of the argument for the request; empty if there is none."""
        self._scoped: tuple[str, Any] | None = None
        """Name of the argument for the caller's client, and what returns the client; None: the route is public."""
        self._of_path: list[str] = []
        self._groups: dict[str, tuple[Any, list[Parameter]]] = {}
        """Arguments that consist of several parameters."""
        self._own: list[Parameter] = []
        hints = get_type_hints(route.endpoint, include_extras=True)
        for name, argument in inspect.signature(route.endpoint).parameters.items():
            self._add(name, hints[name], argument.default)
        self._all = [*self._own, *(one for _, group in self._groups.values() for one in group)]
        self._read_always = any(one.required or one.in_header for one in self._all) or bool(self._groups)

    def _add(self, name: str, declared: Any, default: object) -> None:
        if declared is Request:
            self._request = name
        elif depends := [one for one in getattr(declared, "__metadata__", ()) if isinstance(one, Depends)]:
            made_by: Any = depends[0].dependency
            if hasattr(made_by, "scope"):
                self._scoped = (name, made_by)
            else:
                hints = get_type_hints(made_by, include_extras=True)
                signature = inspect.signature(made_by).parameters
                parts = [Parameter.of(part, hints[part], signature[part].default) for part in signature]
                self._groups[name] = (made_by, parts)
        elif name not in self.route.param_convertors:
            self._own.append(Parameter.of(name, declared, default))
        elif (get_args(declared) or (declared,))[0] is not str or get_origin(declared) is None:
            raise TypeError(f"{self.route.path}: {name} must be Annotated[str, Path(…)], since it is passed as it came")
        else:
            self._of_path.append(name)

    async def __call__(self, request: Request) -> Response:
        """Calls the function."""
        arguments: dict[str, Any] = {name: request.path_params[name] for name in self._of_path}
        if self._request:
            arguments[self._request] = request
        has_query = bool(request.scope["query_string"])
        errors: list[FieldError] = []
        if self._scoped:
            name, client_of = self._scoped
            arguments[name] = await client_of(request)
            if has_query:
                errors = unknown_parameters(request, self._all)
        if has_query or self._read_always:
            arguments |= read_parameters(request, self._own, errors)
            for name, (made_by, parts) in self._groups.items():
                arguments[name] = made_by(**read_parameters(request, parts, errors))
                # They are reported with those of the body.
                arguments[name].faults, errors = errors, []
        if errors:
            raise InvalidJob(errors)
        response: Response = await self._function(**arguments)
        return response


class Endpoints:
    """All routes, as an app."""

    def __init__(self, routers: Iterable[APIRouter], *, otherwise: ASGIApp) -> None:
        """`otherwise`: serves requests without a matching route."""
        self._otherwise = otherwise
        self._fixed: dict[tuple[str, str], Endpoint] = {}
        self._all: dict[str, list[tuple[Pattern[str], Endpoint]]] = {}
        for route in (route for router in routers for route in router.routes if isinstance(route, APIRoute)):
            endpoint = Endpoint(route)
            for method in route.methods or ():
                self._all.setdefault(method, []).append((route.path_regex, endpoint))
                if not route.param_convertors:
                    self._fixed[method, route.path] = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles a request."""
        endpoint = self._find(scope)
        if endpoint is None:
            await self._otherwise(scope, receive, send)
            return
        scope["route"] = endpoint.route
        response = await endpoint(Request(scope, receive, send))
        await response(scope, receive, send)

    def _find(self, scope: Scope) -> Endpoint | None:
        """Returns the endpoint for the method and path; None if there is none."""
        scope["path_params"] = {}
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if fixed := self._fixed.get((scope["method"], path)):
            return fixed
        for pattern, endpoint in self._all.get(scope["method"], ()):
            if match := pattern.match(path):
                scope["path_params"] = match.groupdict()
                return endpoint
        return None
