"""Lists of jobs over HTTP: each job is answered as if it came alone."""

import json
from typing import Any

import httpx
import pytest

from outbound_chat.model.jobs import Priority
from tests.support.asgi import running_app
from tests.support.harness import Harness, number, sender

from .conftest import start_service
from .keyring import Key, make_key
from .problems import fields, problem
from .test_jobs import JOB, RAW, UNKNOWN


def short(row: int, **more: Any) -> dict[str, Any]:
    """A job in its short form."""
    return {**JOB, "to": number(row), **more}


def post(http: httpx.Client, jobs: list[Any], **more: Any) -> list[dict[str, Any]]:
    """The entries of the answer."""
    answer = http.post("/v1/jobs", json=jobs, **more)
    assert answer.status_code == 207, answer.text
    entries: list[dict[str, Any]] = answer.json()["jobs"]
    assert len(entries) == len(jobs)
    for entry in entries:
        assert (entry["job"] is None) == (entry["status"] >= 400) == (entry["problem"] is not None)
        assert entry["problem"] is None or entry["problem"]["status"] == entry["status"]
    return entries


def test_each_job_is_answered_in_its_place(http: httpx.Client) -> None:
    known = http.post("/v1/jobs", json=short(1, idempotency_key="known")).json()
    jobs = [
        short(2, priority="urgent", tenant="shop"),
        short(3, to="+12", send_at="tomorrow"),
        short(1, idempotency_key="known"),
        short(4, idempotency_key="known"),
        RAW,
        {**RAW, "text": "twice"},
        17,
        short(5, nosuch=1),
    ]
    found = post(http, jobs)
    assert [entry["status"] for entry in found] == [201, 400, 200, 409, 201, 400, 400, 400]
    assert found[0]["job"]["priority"] == Priority.URGENT.name.lower()
    assert http.get(f"/v1/jobs/{found[0]['job']['id']}").json() == found[0]["job"]
    assert [error["field"] for error in found[1]["problem"]["errors"]] == ["send_at", "to"]
    assert found[2]["job"]["id"] == known["id"]
    assert (found[3]["problem"]["code"], found[3]["problem"]["job_id"]) == ("idempotency_conflict", known["id"])
    assert fields(found[5]["problem"]) == [("text", "not_allowed")]
    assert fields(found[6]["problem"]) == [("job", "wrong_type")]


def test_a_job_of_a_list_is_refused_as_a_single_one_is(http: httpx.Client) -> None:
    """The same problem, word for word."""
    for wrong in (
        short(1, to="+12"),
        short(1, sender="nobody"),
        short(1, send_at="2001-01-01T00:00:00Z"),
        short(1, text=""),
        {**RAW, "Attributes": {"a": 1}},
    ):
        alone = http.post("/v1/jobs", json=wrong)
        (entry,) = post(http, [wrong])
        assert (entry["status"], entry["problem"]) == (alone.status_code, alone.json())


def test_a_list_that_is_none_is_refused_as_a_whole(http: httpx.Client) -> None:
    body = problem(http.post("/v1/jobs", json=[JOB] * 501), 400, "invalid_request")
    assert fields(body) == [("body", "out_of_range")]
    keyed = http.post("/v1/jobs", json=[JOB], headers={"Idempotency-Key": "a"})
    assert fields(problem(keyed, 400, "invalid_request")) == [("Idempotency-Key", "not_allowed")]
    problem(http.post("/v1/jobs", json="text"), 400, "invalid_json")
    assert post(http, []) == []


def test_five_hundred_are_taken_and_read_at_once(http: httpx.Client) -> None:
    before = http.get("/v1/budgets").json()["budgets"][0]["accepted"]
    entries = post(http, [short(row) for row in range(500)]) + post(http, [short(row) for row in range(500)])
    assert {entry["status"] for entry in entries} == {201}
    assert http.get("/v1/budgets").json()["budgets"][0]["accepted"] == before + 1_000
    made = {entry["job"]["id"]: entry["job"] for entry in entries}
    assert len(made) == 1_000
    assert http.post("/v1/statuses", json={"ids": list(made)}).json()["jobs"] == made
    some = list(made)[:800]
    assert list(http.get("/v1/jobs", params={"ids": ",".join(some)}).json()["jobs"]) == some


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"ids": [UNKNOWN] * 1_001}, "ids", "out_of_range"),
        ({"ids": [1]}, "ids", "wrong_type"),
        ({"ids": UNKNOWN}, "ids", "wrong_type"),
        ({}, "ids", "required"),
        ({"ids": [], "id": UNKNOWN}, "#2", "unknown_field"),
    ],
)
def test_ids_that_can_not_be_read_are_refused(http: httpx.Client, body: Any, field: str, code: str) -> None:
    assert fields(problem(http.post("/v1/statuses", json=body), 400, "invalid_request")) == [(field, code)]


def test_ids_that_no_job_has_are_null(http: httpx.Client) -> None:
    assert http.post("/v1/statuses", json={"ids": [UNKNOWN, "x", UNKNOWN]}).json() == {
        "jobs": {UNKNOWN: None, "x": None}
    }


def _with(http: httpx.Client, key: Key) -> httpx.Client:
    http.headers.update(key.headers)
    return http


def test_the_limits_of_a_key_hold_for_each_job(stack: Harness) -> None:
    """Tenant, senders, scope and rate: a list is no way around them, nor to find out what others have."""
    stack.configure(senders={**stack.values["senders"], "other": sender(endpoint_url=stack.sandbox.url)})
    service = start_service(stack)
    tenant, by = make_key(stack, "--tenant", "mine"), make_key(stack, "--sender", "support")
    rated, reads = make_key(stack, "--rate", "10/h"), make_key(stack, scopes=("read",))
    with service.client() as http:
        found = post(_with(http, tenant), [short(1), short(2, tenant="theirs"), short(3, tenant="mine")])
        assert [entry["status"] for entry in found] == [201, 403, 201]
        assert [entry["job"]["tenant"] for entry in found if entry["job"]] == ["mine", "mine"]

        theirs = post(_with(http, make_key(stack)), [short(1, sender="other", idempotency_key="k")])[0]["job"]["id"]
        jobs = [short(1, sender="other"), short(2), RAW, short(3, idempotency_key="k")]
        answer = http.post("/v1/jobs", json=jobs, headers=by.headers)
        assert [entry["status"] for entry in answer.json()["jobs"]] == [403, 201, 201, 409]
        assert theirs not in answer.text

        problem(http.post("/v1/jobs", json=[JOB], headers=reads.headers), 403, "forbidden")

        answer = http.post("/v1/jobs", json=[short(row) for row in range(8)], headers=rated.headers)
        assert {entry["status"] for entry in answer.json()["jobs"]} == {201}
        assert '"key";r=2;' in answer.headers["ratelimit"]
        found = post(_with(http, rated), [short(row) for row in range(5)])
        assert [entry["status"] for entry in found] == [201, 201, 429, 429, 429]
        assert {entry["problem"]["code"] for entry in found[2:]} == {"rate_limited"}
        problem(http.post("/v1/jobs", json=[JOB]), 429, "rate_limited")


def test_a_store_that_is_away_is_an_error_of_the_whole(stack: Harness) -> None:
    """A program that looks at the status alone then repeats the list, which is right."""
    stack.configure(redis_url="redis://127.0.0.1:1/0", redis_timeout=1)
    body = json.dumps([short(row, tenant=f"t{row}") for row in range(20)]).encode()
    with running_app(stack.settings, token="") as app:
        assert app.ask("POST", "/v1/jobs", body).status == 503
