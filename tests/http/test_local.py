"""A service without API keys serves this machine's programs, and no page that a browser on it happens to show."""

import httpx
import pytest

from tests.support.harness import Harness, number

from .conftest import start_service
from .keyring import make_key
from .problems import problem

JOB = {"sender": "support", "to": number(1), "text": "hello"}
EVIL = {
    "a name that was made to point here": {"Host": "evil.example"},
    "a name that only looks like this machine's": {"Host": "127.0.0.1.evil.example"},
    "a host that is none": {"Host": "[1:2"},
    "a form of another site": {"Origin": "https://evil.example"},
    "a page without an origin": {"Origin": "null"},
    "a link of another site": {"Sec-Fetch-Site": "cross-site"},
    "another program's page on this machine": {"Sec-Fetch-Site": "same-site"},
}
GOOD = {
    "this machine by name": {"Host": "localhost:8080"},
    "its address of the next kind": {"Host": "[::1]:8080"},
    "its own page": {"Host": "LOCALHOST:8080", "Origin": "http://localhost:8080", "Sec-Fetch-Site": "same-origin"},
    "a form of its own page, which sends no referrer": {"Origin": "null", "Sec-Fetch-Site": "same-origin"},
    "an address that somebody typed": {"Sec-Fetch-Site": "none"},
}


@pytest.mark.parametrize("headers", EVIL.values(), ids=EVIL)
def test_pages_of_other_sites_enqueue_and_read_nothing(http: httpx.Client, headers: dict[str, str]) -> None:
    answer = problem(http.post("/v1/jobs", json=JOB, headers=headers), 403, "forbidden")
    assert "outbound-chat keys create" in answer["detail"]
    problem(http.get("/v1/dead-letters", headers=headers), 403, "forbidden")


@pytest.mark.parametrize("headers", GOOD.values(), ids=GOOD)
def test_this_machines_programs_and_its_own_page_are_served(http: httpx.Client, headers: dict[str, str]) -> None:
    assert http.post("/v1/jobs", json=JOB, headers=headers).status_code == 201


def test_with_a_key_any_name_and_any_page_will_do(stack: Harness) -> None:
    """A browser does not add the key by itself, and a proxy has a public name."""
    key = make_key(stack)
    with start_service(stack).client() as http:
        for headers in EVIL.values():
            assert http.get("/v1/senders", headers={**headers, **key.headers}).status_code == 200
