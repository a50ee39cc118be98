"""The OpenAPI document: complete, checked in, and kept by the running service."""

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema_rs
import pytest
from fastapi.routing import APIRoute
from starlette.routing import Route

from outbound_chat.http import PUBLIC, create_app
from outbound_chat.http.app import ROUTERS
from outbound_chat.http.wire.codes import ProblemCode
from outbound_chat.http.wire.problems import Problem
from outbound_chat_config import Settings
from tests.docs.pages import DOCS, ROOT

from .conftest import Service
from .keyring import make_key
from .problems import problem

SECONDS = 30
APP = create_app(Settings())
PARTS_OF_DOCS = ("/openapi.json", "/docs/{name}")
OF_KEYS = {"401", "403", "429"}
HOLDERS = ("properties", "schemas")
"""Members that hold schemas by their names."""
HOLDS_ONE = ("schema", "items", "additionalProperties")
HOLD_SEVERAL = ("anyOf", "oneOf", "allOf")


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
    # Pages lead to the login instead of an error; tests/http/test_pages.py asks for each of them without a key.
    assert {path for path in open_to_all if not path.startswith("/ui")} == {*PUBLIC, *PARTS_OF_DOCS}


def test_the_document_is_the_one_that_is_checked_in() -> None:
    """Clients are generated from it: a change must be seen in review. Write it anew: make openapi."""
    kept = json.loads((DOCS / "openapi.json").read_text(encoding="utf-8"))
    assert {**kept["info"], "version": ""} == {**APP.openapi()["info"], "version": ""}
    assert kept["paths"] == APP.openapi()["paths"]
    assert kept["components"] == APP.openapi()["components"]


def _schemas(node: Any, place: str = "", *, is_schema: bool = False) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema of the document, with its place."""
    if isinstance(node, list):
        for number, item in enumerate(node):
            yield from _schemas(item, f"{place}/{number}", is_schema=is_schema)
    elif isinstance(node, dict):
        if is_schema:
            yield place, node
        for name, value in node.items():
            if name in HOLDERS:
                for of, one in value.items():
                    yield from _schemas(one, f"{place}/{of}", is_schema=True)
            elif not name.startswith("example"):
                is_one = name in {*HOLDS_ONE, *HOLD_SEVERAL}
                yield from _schemas(value, f"{place}/{name}", is_schema=is_one)


def test_every_schema_says_what_it_is_of() -> None:
    """A bare object is `Record<string, never>` in TypeScript: nobody could send a template with the types."""
    found = dict(_schemas(APP.openapi()))
    assert len(found) > 300
    kinds = {"$ref", "type", *HOLD_SEVERAL}
    assert [place for place, schema in found.items() if kinds.isdisjoint(schema)] == []
    bare = [
        place
        for place, schema in found.items()
        if schema.get("type") == "object" and not schema.get("properties") and "additionalProperties" not in schema
    ]
    assert bare == []
    names = {schema["$ref"].rpartition("/")[2] for schema in found.values() if "$ref" in schema}
    assert names == APP.openapi()["components"]["schemas"].keys(), "each is used, and none is missing"


def test_names_are_fit_for_generated_clients() -> None:
    names = [name for name in APP.openapi()["components"]["schemas"] if not re.fullmatch("[A-Z][A-Za-z]+", name)]
    assert names == []
    assert not [name for name in APP.openapi()["components"]["schemas"] if "Model" in name]
    # Generators name what has no name by its place: `…AdditionalProperty` and `…StateType0`.
    maps = [
        one["additionalProperties"]
        for _, one in _schemas(APP.openapi())
        if isinstance(one.get("additionalProperties"), dict)
    ]
    assert [one for one in maps if "additionalProperties" in one and "title" not in one] == []
    parameters = [
        one for path in APP.openapi()["paths"].values() for how in path.values() for one in how.get("parameters", ())
    ]
    assert len(parameters) > 50
    assert [one["name"] for one in parameters if {"type": "null"} in one["schema"].get("anyOf", ())] == []
    operations = [one["operationId"] for methods in APP.openapi()["paths"].values() for one in methods.values()]
    assert len(operations) == len({*operations})
    assert [name for name in operations if not re.fullmatch("[a-z]+([A-Z][a-z]+)*", name)] == []


def test_an_operation_names_only_what_it_answers() -> None:
    for path, operations in APP.openapi()["paths"].items():
        for method, operation in operations.items():
            told = operation["responses"].keys()
            assert (told & OF_KEYS) == (set() if path in PUBLIC else OF_KEYS), path
            has_body = "requestBody" in operation
            assert ({"408", "413", "415"} <= told) == has_body, (method, path)
            named = "{" in path or {"budget", "scope"} & {one["name"] for one in operation.get("parameters", [])}
            assert "404" not in told or named or has_body, (method, path)
    paths = APP.openapi()["paths"]
    assert paths["/healthz"]["get"]["responses"].keys() == {"200", "400", "431", "500"}
    assert paths["/readyz"]["get"]["responses"].keys() == {"200", "400", "431", "500", "503"}


def test_every_body_has_an_example_that_fits_it() -> None:
    document = APP.openapi()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for kind, content in operation.get("requestBody", {}).get("content", {}).items():
                examples = [one["value"] for one in content.get("examples", {}).values()]
                examples += [content["example"]] if "example" in content else []
                assert examples, (method, path, kind)
                for example in examples:
                    schema = {**content["schema"], "components": document["components"]}
                    assert jsonschema_rs.is_valid(schema, example), (method, path, example)


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
            said = [one.get("description") for one in operation["responses"].values()]
            assert "Successful Response" not in said, where
            assert all(said), where
            named = {one["name"]: one.get("description") for one in operation.get("parameters", [])}
            assert all(named.values()), (where, named)


def test_every_schema_and_each_member_has_a_description() -> None:
    for name, schema in APP.openapi()["components"]["schemas"].items():
        assert schema.get("description"), name
        said = {member: one.get("description") for member, one in schema.get("properties", {}).items()}
        assert all(said.values()), (name, said)


def test_the_page_of_the_document_needs_nothing_from_elsewhere(service: Service, http: httpx.Client) -> None:
    page = http.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "//cdn" not in page.text
    assert "https://" not in page.text
    for name in ("swagger-ui-bundle.js", "swagger-ui.css", "favicon.png", "init.js"):
        assert f"docs/{name}" in page.text
        assert len(http.get(f"/docs/{name}").content) > 200
    for path in ("/docs", "/docs/errors", "/docs/init.js"):
        answer = http.get(path)
        assert answer.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'; ")
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert (answer.headers["x-content-type-options"], answer.headers["referrer-policy"]) == (
            "nosniff",
            "no-referrer",
        )
        assert not re.search(r"<script>|<style|style=| on\w+=", answer.text), "nothing inline, which would be refused"
    assert http.get("/docs/../secrets").status_code == 404
    assert http.get("/openapi.json").json()["paths"] == APP.openapi()["paths"]
    assert service.process.poll() is None


def test_the_root_leads_to_the_documentation(http: httpx.Client) -> None:
    found = http.get("/", follow_redirects=True)
    assert found.url.path == "/docs"
    assert http.head("/").headers["location"] == "docs", "relative, for services below another path"


def test_the_type_of_each_problem_leads_to_a_page_of_the_service(http: httpx.Client) -> None:
    """Without a key, and with nothing from elsewhere. https://www.rfc-editor.org/rfc/rfc9457#section-3.1.1"""
    found = problem(http.get("/v1/jobs/main.none"), 404, "unknown_job")
    page = http.get(found["type"])
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page.text)
    for code in ProblemCode:
        path, _, row = Problem(code, "").body()["type"].partition("#")
        assert path == "/docs/errors"
        assert page.text.count(f'<tr id="{row}">') == 1, code


def test_an_app_below_another_path_leads_there(service: Service) -> None:
    """As `app.mount("/chat", create_app(…))` does."""
    app = create_app(service.stack.settings, local=True)

    async def walk() -> None:
        transport = httpx.ASGITransport(app, root_path="/chat")
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http,
        ):
            for answer in (await http.get("/chat/v1/jobs/main.none"), await http.get("/chat/nothing")):
                assert answer.json()["type"].startswith("/chat/docs/errors#")
                assert (await http.get(answer.json()["type"])).status_code == 200
            listed = (await http.post("/chat/v1/jobs", json=[{}])).json()["jobs"]
            assert listed[0]["problem"]["type"] == "/chat/docs/errors#invalid_request"
            assert (await http.get("/chat/", follow_redirects=True)).url.path == "/chat/docs"

    asyncio.run(walk())


READ = sorted(path for path, operations in APP.openapi()["paths"].items() if "get" in operations)


@pytest.mark.parametrize("path", [*READ, *PUBLIC, *PARTS_OF_DOCS])
def test_head_is_answered_as_get_without_the_body(http: httpx.Client, path: str) -> None:
    """https://www.rfc-editor.org/rfc/rfc9110#section-9.1"""
    address = re.sub(r"\{\w+\}", "main.none", path.replace("{name}", "favicon.png"))
    head = http.head(address)
    with http.stream("GET", address) as got:
        assert (head.status_code, head.content) == (got.status_code, b"")
        assert head.headers.get("content-type") == got.headers.get("content-type")
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
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(ROOT / "tests/http/schemathesis.toml")),
        *("run", f"{service.url}/openapi.json"),
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
