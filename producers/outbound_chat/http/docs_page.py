"""The OpenAPI document and a page that shows it, which loads nothing from other sites."""

import json
from functools import cache
from importlib.resources import files
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Path, Request
from fastapi.openapi.utils import get_openapi
from starlette.responses import RedirectResponse, Response

from outbound_chat.http.access.authentication import PUBLIC
from outbound_chat.http.ui.rendering import HEADERS
from outbound_chat.http.wire.codes import ProblemCode
from outbound_chat.http.wire.problems import Problem
from outbound_chat.http.wire.response_models import complete
from outbound_chat.http.wire.shape_schemas import SCHEMAS

router = APIRouter(include_in_schema=False)

# Swagger UI comes in the package fastapi_offline as it is: https://github.com/swagger-api/swagger-ui
_PARTS = {
    "swagger-ui-bundle.js": ("fastapi_offline", "static/swagger-ui-bundle.js", "text/javascript"),
    "swagger-ui.css": ("fastapi_offline", "static/swagger-ui.css", "text/css"),
    "favicon.png": ("fastapi_offline", "static/favicon.png", "image/png"),
    "init.js": ("outbound_chat.http", "docs.js", "text/javascript"),
    "errors.css": ("outbound_chat.http", "errors.css", "text/css"),
    "errors": ("outbound_chat.http", "errors.html", "text/html"),
}
"""Files below `/docs`. The page of errors, to which problems refer, is made from `docs/errors.md`."""
_KEPT = {**HEADERS, "Cache-Control": "max-age=86400"}
_KEY = "An API key, `oc_…`. Not needed as long as none exists and the service only listens on its own machine."


@router.get("/")
async def root() -> Response:
    """Redirects to the documentation with a relative URL, since a proxy may serve all of this below another path."""
    return RedirectResponse("docs")


@router.get("/docs")
async def page() -> Response:
    """Shows the document."""
    return Response(_content("outbound_chat.http", "docs.html"), media_type="text/html", headers=HEADERS)


@router.get("/openapi.json")
async def document(request: Request) -> Response:
    """Returns the document."""
    return Response(json.dumps(openapi_of(request.app)), media_type="application/json")


@router.get("/docs/{name}")
async def part(name: Annotated[str, Path()]) -> Response:
    """Returns a file that the page loads, or the page of errors."""
    if name not in _PARTS:
        raise Problem(ProblemCode.NOT_FOUND, "There is nothing at this path.")
    package, path, media_type = _PARTS[name]
    return Response(_content(package, path), media_type=media_type, headers=_KEPT)


def openapi_of(app: FastAPI) -> dict[str, Any]:
    """Returns the OpenAPI document of FastAPI, with our errors instead of its own."""
    if app.openapi_schema:
        return app.openapi_schema
    found = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    schemas = found.setdefault("components", {}).setdefault("schemas", {})
    schemas |= SCHEMAS
    complete(schemas)
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    found["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer", "description": _KEY}}
    for name, path in found["paths"].items():
        for operation in path.values():
            for parameter in operation.get("parameters", ()):
                _never_null(parameter["schema"])
            operation["responses"].pop("422", None)
            operation["security"] = [] if name in PUBLIC else [{"key": []}]
    app.openapi_schema = found
    return found


def _never_null(schema: dict[str, Any]) -> None:
    # A parameter is left out: there is no null in a query. Generators name an enum beside null by its position.
    kinds = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    if len(kinds) == 1:
        del schema["anyOf"]
        schema |= kinds[0] | schema


@cache
def _content(package: str, path: str) -> bytes:
    return files(package).joinpath(path).read_bytes()
