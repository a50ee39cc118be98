"""The OpenAPI document: complete, checked in, and kept by the running service."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute
from starlette.routing import Route

from outbound_chat.http import PUBLIC, create_app
from outbound_chat.http.app import ROUTERS
from outbound_chat_config import Settings
from tests.docs.pages import DOCS, ROOT

from .conftest import Service
from .keyring import make_key
from .problems import problem

SECONDS = 30
APP = create_app(Settings())
PARTS_OF_DOCS = ("/openapi.json", "/docs/{name}")


def _dependencies(dependant: Any) -> Iterator[Any]:
    yield dependant.call
    for part in dependant.dependencies:
        yield from _dependencies(part)


def test_every_route_asks_for_a_scope_or_is_public() -> None:
    """A route that was forgotten would serve everybody."""
    routes = [route for router in ROUTERS for route in router.routes]
    routes += [route for route in APP.routes if isinstance(route, Route)]
    assert len(routes) > 25
    open_to_all = {
        getattr(route, "path", "")
        for route in routes
        if not (
            isinstance(route, APIRoute)
            and any(hasattr(dependency, "scope") for dependency in _dependencies(route.dependant))
        )
    }
    assert open_to_all == {*PUBLIC, *PARTS_OF_DOCS}


def test_the_document_is_the_one_that_is_checked_in() -> None:
    """Clients are generated from it: a change must be seen in review. Write it anew: make openapi."""
    kept = json.loads((DOCS / "openapi.json").read_text(encoding="utf-8"))
    assert {**kept["info"], "version": ""} == {**APP.openapi()["info"], "version": ""}
    assert kept["paths"] == APP.openapi()["paths"]
    assert kept["components"] == APP.openapi()["components"]


def test_every_operation_is_described_and_names_its_errors() -> None:
    for path, operations in APP.openapi()["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert operation["operationId"], where
            assert operation["summary"], where
            assert operation["description"], where
            assert operation["tags"], where
            assert "500" in operation["responses"], where
            assert "422" not in operation["responses"], where


def test_the_page_of_the_document_needs_nothing_from_elsewhere(service: Service, http: httpx.Client) -> None:
    page = http.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "//cdn" not in page.text
    assert "https://" not in page.text
    for name in ("swagger-ui-bundle.js", "swagger-ui.css", "favicon.png"):
        assert f"docs/{name}" in page.text
        assert len(http.get(f"/docs/{name}").content) > 1_000
    assert http.get("/docs/../secrets").status_code == 404
    assert http.get("/openapi.json").json()["paths"] == APP.openapi()["paths"]
    assert service.process.poll() is None


READ = sorted(path for path, operations in APP.openapi()["paths"].items() if "get" in operations)


@pytest.mark.parametrize("path", [*READ, *PUBLIC, *PARTS_OF_DOCS])
def test_head_is_answered_as_get_without_the_body(http: httpx.Client, path: str) -> None:
    """https://www.rfc-editor.org/rfc/rfc9110#section-9.1"""
    address = re.sub(r"\{\w+\}", "main.none", path.replace("{name}", "favicon.png"))
    head = http.head(address)
    with http.stream("GET", address) as got:
        assert (head.status_code, head.content) == (got.status_code, b"")
        assert head.headers["content-type"] == got.headers["content-type"]
        if path != "/metrics":  # which counts these requests
            assert head.headers.get("content-length") == got.headers.get("content-length")
    assert http.get("/healthz").json() == {"status": "ok"}, "on the same connection"


def test_a_method_that_a_path_does_not_have_is_answered_with_those_it_has(http: httpx.Client) -> None:
    for method, path, allowed in (
        ("OPTIONS", "/healthz", {"GET", "HEAD"}),
        ("OPTIONS", "/v1/jobs", {"GET", "HEAD", "POST"}),
        ("DELETE", "/v1/batches/main.none", {"GET", "HEAD"}),
        ("HEAD", "/v1/jobs/main.none/cancel", {"POST"}),
        ("POST", "/docs", {"GET", "HEAD"}),
    ):
        answer = http.request(method, path)
        assert (answer.status_code, set(answer.headers["allow"].split(", "))) == (405, allowed), (method, path)
    for path in ("/healthz/", "/v1/jobs/", "/v1/batches/main.none/"):
        problem(http.get(path), 404, "not_found")


def test_the_service_keeps_to_its_document(service: Service) -> None:
    """Schemathesis sends what the document allows and what it forbids, and compares every answer with it.

    Left out: that all which fits the document is accepted, since no schema knows which phone numbers are possible; and
    the events, which never end.
    """
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{service.url}/openapi.json"),
        *("--max-time", str(SECONDS), "--phases", "examples,coverage,fuzzing", "--continue-on-failure"),
        *("--exclude-checks", "positive_data_acceptance", "--exclude-operation-id", "followEvents"),
        *("--max-examples", "20", "--seed", "1", "--request-timeout", "90", "--no-color", "--warnings", "off"),
        *("--header", f"Authorization: Bearer {make_key(service.stack).token}"),
    ]
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.http.schemathesis_hooks"}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), environment.get("PYTHONPATH", "")])
    ended = subprocess.run(
        command, capture_output=True, text=True, timeout=600, check=False, env=environment, cwd=service.stack.folder
    )
    if ended.returncode:
        pytest.fail(ended.stdout[-6_000:] + ended.stderr[-2_000:])
    assert "Traceback" not in service.stack.logs()
