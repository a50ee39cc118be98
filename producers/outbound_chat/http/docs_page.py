"""The OpenAPI document and a page that shows it, with nothing loaded from elsewhere."""

import json
from functools import cache
from importlib.resources import files
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from starlette.requests import Request
from starlette.responses import Response

from outbound_chat.http.access.authentication import PUBLIC
from outbound_chat.http.wire.codes import ProblemCode
from outbound_chat.http.wire.problems import Problem
from outbound_chat.http.wire.response_models import complete

_FILES = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon.png": "image/png",
}

_KEY = "An API key, `oc_…`. Where none was ever made, a service that listens on its own machine alone needs none."


def add_docs(app: FastAPI) -> None:
    """Adds `/openapi.json`, `/docs` and what that page is made of."""

    async def document(_: Request) -> Response:
        return Response(_json(app), media_type="application/json")

    async def page(_: Request) -> Response:
        return get_swagger_ui_html(
            openapi_url="openapi.json",
            title=app.title,
            swagger_js_url="docs/swagger-ui-bundle.js",
            swagger_css_url="docs/swagger-ui.css",
            swagger_favicon_url="docs/favicon.png",
        )

    async def part(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in _FILES:
            raise Problem(ProblemCode.NOT_FOUND, "There is nothing at this path.")
        return Response(_content(name), media_type=_FILES[name], headers={"Cache-Control": "max-age=86400"})

    app.add_route("/openapi.json", document, include_in_schema=False)
    app.add_route("/docs", page, include_in_schema=False)
    app.add_route("/docs/{name}", part, include_in_schema=False)
    app.openapi = lambda: openapi_of(app)  # type: ignore[method-assign]  # FastAPI's own way to change it


def openapi_of(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document: FastAPI's, with our errors instead of its own."""
    if app.openapi_schema:
        return app.openapi_schema
    found = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    schemas = found.setdefault("components", {}).setdefault("schemas", {})
    complete(schemas)
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    found["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer", "description": _KEY}}
    for name, path in found["paths"].items():
        for operation in path.values():
            operation["responses"].pop("422", None)
            operation["security"] = [] if name in PUBLIC else [{"key": []}]
    app.openapi_schema = found
    return found


def _json(app: FastAPI) -> bytes:
    return json.dumps(openapi_of(app)).encode()


@cache
def _content(name: str) -> bytes:
    # Swagger UI comes in this package as it is: https://github.com/swagger-api/swagger-ui
    return (files("fastapi_offline") / "static" / name).read_bytes()
