"""The pages over HTTP, without a browser: who may see what, and what surrounds each of them."""

from collections.abc import Iterator

import httpx
import pytest
from fastapi.routing import APIRoute

from outbound_chat.http.ui import router

from .conftest import Service
from .keyring import make_key

OPEN = {"/ui/login", "/ui/static/{name}", "/ui/{rest:path}"}
"""What anybody may ask for."""
ROUTES = [route for route in router.routes if isinstance(route, APIRoute) and route.path not in OPEN]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_every_page_leads_to_the_login_without_a_key(guarded: httpx.Client, route: APIRoute) -> None:
    answer = guarded.request(
        next(iter(route.methods or ())), route.path.format(id="main.x"), headers={"Sec-Fetch-Site": "same-origin"}
    )

    assert answer.status_code == 303
    assert "login" in answer.headers["location"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.fixture(scope="module")
def guarded(service: Service) -> Iterator[httpx.Client]:
    """A client without a key, of a service that has one."""
    make_key(service.stack)
    with service.client() as client:
        yield client


def test_pages_load_only_what_the_service_itself_serves(http: httpx.Client) -> None:
    page = http.get("/ui/login").text

    assert "://" not in page
    assert " style=" not in page
    assert "<script>" not in page


@pytest.mark.parametrize("path", ["/ui", "/ui/none", "/docs", "/docs/errors"])
def test_also_what_no_route_answers_has_a_policy(http: httpx.Client, path: str) -> None:
    for answer in (http.put(path), http.get(f"{path}/x/y"), http.get(path, headers={"X-Long": "x" * 40_000})):
        assert answer.status_code in {404, 405, 431}
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
