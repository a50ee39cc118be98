"""Messages are found over HTTP without their ids, by those who may see them."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from outbound_chat.encryption import new_key
from tests.support.harness import Harness, number, running_harness, sender

from .conftest import Service, start_service
from .keyring import Key, make_key
from .problems import fields, problem

BY_NUMBER = {"encryption": {"keys": [new_key()], "number_key": new_key()}, "results": {"find_by_number": True}}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that finds numbers, with two senders; no worker runs."""
    with running_harness(tmp_path_factory.mktemp("find")) as stack:
        stack.configure(senders={**stack.values["senders"], "other": sender()}, **BY_NUMBER)
        yield start_service(stack)


@pytest.fixture(scope="module")
def keys(service: Service) -> dict[str, Key]:
    stack: Harness = service.stack
    return {
        "all": make_key(stack),
        "tenant": make_key(stack, "--tenant", "acme"),
        "sender": make_key(stack, "--sender", "other"),
        "enqueue": make_key(stack, scopes=("enqueue",)),
    }


@pytest.fixture(scope="module")
def made(service: Service, keys: dict[str, Key]) -> dict[str, str]:
    """Ids of messages: plain, of a tenant, of another sender, and of a batch; all to one number."""
    wanted = {"plain": {}, "acme": {"tenant": "acme"}, "other": {"sender": "other"}}
    found = {}
    with service.client() as http:
        http.headers.update(keys["all"].headers)
        for name, more in wanted.items():
            body = {"sender": "support", "to": number(1), "text": "Hello", "idempotency_key": name, **more}
            found[name] = http.post("/v1/jobs", json=body).json()["id"]
        rows = [{"to": number(1)}, {"to": number(2), "idempotency_key": "row"}]
        batch = http.post("/v1/batches", json={"sender": "support", "text": "Hello", "rows": rows}).json()["id"]
    return {**found, "row": f"{batch}-1", "second": f"{batch}-2"}


@pytest.fixture
def http(service: Service, keys: dict[str, Key]) -> Iterator[httpx.Client]:
    with service.client() as client:
        client.headers.update(keys["all"].headers)
        yield client


def ids(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [job["id"] for job in answer.json()["jobs"]]


def listed(http: httpx.Client, **filters: Any) -> list[str]:
    """What the two routes say, which is the same."""
    found = ids(http.get("/v1/jobs", params=filters))
    assert ids(http.post("/v1/jobs/search", json=filters)) == found
    return found


def test_single_messages_are_listed_and_filtered(http: httpx.Client, made: dict[str, str]) -> None:
    assert listed(http) == [made["other"], made["acme"], made["plain"]]
    assert listed(http, sender="support", state="queued", since="2026-01-01T00:00:00Z") == [made["acme"], made["plain"]]
    assert listed(http, tenant="acme") == [made["acme"]]
    assert listed(http, idempotency_key="plain") == [made["plain"]]
    assert listed(http, idempotency_key="row") == [made["second"]]
    assert listed(http, idempotency_key="acme") == []
    assert listed(http, idempotency_key="acme", tenant="acme") == [made["acme"]]
    assert listed(http, code="refused") == listed(http, until="2026-01-01T00:00:00Z") == []


def test_pages_follow_each_other_by_their_cursors(http: httpx.Client, made: dict[str, str]) -> None:
    first = http.get("/v1/jobs", params={"limit": 2}).json()
    second = http.get("/v1/jobs", params={"limit": 2, "cursor": first["cursor"]}).json()
    assert [job["id"] for job in (*first["jobs"], *second["jobs"])] == [made["other"], made["acme"], made["plain"]]
    assert second["cursor"] is None


def test_a_number_in_the_body_finds_its_messages(http: httpx.Client, made: dict[str, str]) -> None:
    wanted = [made["row"], made["other"], made["acme"], made["plain"]]
    assert ids(http.post("/v1/jobs/search", json={"to": number(1)})) == wanted
    assert ids(http.post("/v1/jobs/search", json={"to": number(1), "sender": "other"})) == [made["other"]]
    assert ids(http.post("/v1/jobs/search", json={"to": number(9)})) == []


def test_an_address_takes_no_number(http: httpx.Client) -> None:
    """Proxies write addresses down, and a caller who tries it must not think that it worked."""
    answer = http.get("/v1/jobs", params={"to": number(1)})
    assert fields(problem(answer, 400, "invalid_request")) == [("query.#1", "unknown_field")]
    assert number(1)[2:] not in answer.text


def test_ids_and_filters_are_two_requests(http: httpx.Client, made: dict[str, str]) -> None:
    assert http.get("/v1/jobs", params={"ids": made["plain"]}).json()["jobs"].keys() == {made["plain"]}
    for more in ({"sender": "support"}, {"idempotency_key": "a"}, {"cursor": "1"}):
        answer = http.get("/v1/jobs", params={"ids": made["plain"], **more})
        assert fields(problem(answer, 400, "invalid_request")) == [("ids", "not_allowed")]


def test_the_path_of_the_search_names_its_own_method_alone(http: httpx.Client) -> None:
    answer = http.request("OPTIONS", "/v1/jobs/search")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_wrong_filters_are_named(http: httpx.Client) -> None:
    """All of them at once, where the client finds them."""
    wrong = {"state": "lost", "limit": 501, "since": "2h", "to": "12"}
    answer = http.post("/v1/jobs/search", json=wrong)
    assert {field for field, _ in fields(problem(answer, 400, "invalid_request"))} == {"state", "limit", "since", "to"}
    answer = http.get("/v1/jobs", params={"state": "lost", "limit": "0"})
    assert {field for field, _ in fields(problem(answer, 400, "invalid_request"))} == {"state", "limit"}
    problem(http.get("/v1/jobs", params={"budget": "nosuch"}), 404, "unknown_budget")


@pytest.mark.parametrize(("key", "own"), [("tenant", "acme"), ("sender", "other")])
def test_a_limited_key_finds_its_own_messages_alone(
    service: Service, keys: dict[str, Key], made: dict[str, str], key: str, own: str
) -> None:
    """By whatever it asks: a number and an idempotency key must not say what others have sent."""
    with service.client() as http:
        http.headers.update(keys[key].headers)
        assert listed(http) == [made[own]]
        assert ids(http.post("/v1/jobs/search", json={"to": number(1)})) == [made[own]]
        assert ids(http.post("/v1/jobs/search", json={"to": number(2)})) == []
        assert listed(http, idempotency_key="plain") == listed(http, idempotency_key="row") == []
        assert listed(http, idempotency_key=own) == [made[own]]
        theirs = {"tenant": {"tenant": "theirs"}, "sender": {"sender": "support"}}[key]
        problem(http.get("/v1/jobs", params=theirs), 403, "forbidden")
        problem(http.post("/v1/jobs/search", json={**theirs, "to": number(1)}), 403, "forbidden")


@pytest.mark.parametrize(("key", "own"), [("tenant", "acme"), ("sender", "other")])
def test_a_limited_key_learns_nothing_of_others_from_a_cursor(
    service: Service, keys: dict[str, Key], made: dict[str, str], key: str, own: str
) -> None:
    with service.client() as http:
        http.headers.update(keys[key].headers)
        for filters in ({}, {"to": number(1)}):
            answer = http.post("/v1/jobs/search", json={**filters, "limit": 1})
            assert (ids(answer), answer.json()["cursor"]) == ([made[own]], None)


def test_searching_needs_the_scope_to_read(service: Service, keys: dict[str, Key]) -> None:
    with service.client() as http:
        problem(http.post("/v1/jobs/search", json={}, headers=keys["enqueue"].headers), 403, "forbidden")


def test_no_number_is_in_redis_or_the_log(service: Service, http: httpx.Client, made: dict[str, str]) -> None:
    http.post("/v1/jobs/search", json={"to": number(1)})
    with service.stack.chat() as chat:
        assert made
        names = [str(name) for name in chat._store.redis.scan_iter()]
    assert any("by_number:" in name for name in names)
    assert number(1)[2:] not in "".join(names) + service.stack.logs()
