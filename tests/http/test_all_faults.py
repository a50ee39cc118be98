"""Everything that is wrong with a request is answered at once: its address, its headers and its body."""

import json
from typing import Any

import httpx
import pytest
from hypothesis import given, strategies as st

from tests.fuzz.hostile import fuzzed

from .problems import fields, problem

JOB = {"sender": "support", "to": "+12025550123", "text": "Hello"}
JOB_FAULTS: dict[str, Any] = {
    "sender": "nix",
    "to": "202",
    "text": "",
    "prioritty": "x",
    "tenant": "a b",
    "priority": "quick",
    "send_at": "tomorrow",
    "expires_at": 7,
    "idempotency_key": "",
    "callback_url": "ftp://example.com/",
    "durability": "never",
    "display_name": "",
    "attributes": {"a b": "x"},
    "chat_duration_in_minutes": 5,
}
BATCH_FAULTS: dict[str, Any] = {
    **{name: JOB_FAULTS[name] for name in ("sender", "text", "prioritty", "tenant", "priority", "callback_url")},
    "name": "x" * 201,
    "weight": 0,
    "concurrency": 0,
    "durability": "never",
    "template": {"text": "{"},
    "rows": "none",
    "to": "+12025550123",
}
QUERY_FAULTS: dict[str, str] = {
    **dict.fromkeys(("sender", "tenant", "priority", "callback_url", "durability"), "x y"),
    "text": "",
    "name": "x" * 201,
    "template": "{",
    "weight": "much",
    "concurrency": "1_0",
}


def some_of(wrong: dict[str, Any]) -> st.SearchStrategy[set[str]]:
    """Some fields to spoil."""
    return st.sets(st.sampled_from(sorted(wrong)), min_size=1)


def named(errors: list[dict[str, str]]) -> set[str]:
    """The fields that errors are about, without what is inside of them."""
    return {error["field"].partition(".")[0] for error in errors}


def refused(answer: httpx.Response) -> set[str]:
    """The fields that a request is refused for."""
    return named(problem(answer, 400, "invalid_request")["errors"])


@fuzzed
@given(some_of(JOB_FAULTS))
def test_all_that_is_wrong_with_a_job_is_answered(http: httpx.Client, names: set[str]) -> None:
    job = {**JOB, **{name: JOB_FAULTS[name] for name in names}}
    assert refused(http.post("/v1/jobs", json=job)) == names
    bare = {name: value for name, value in job.items() if name not in {"sender", "to"}}
    assert refused(http.post("/v1/jobs", json=bare)) == names | {"sender", "to"}
    first, second = http.post("/v1/jobs", json=[job, bare]).json()["jobs"]
    assert named(first["problem"]["errors"]) == names
    assert named(second["problem"]["errors"]) == names | {"sender", "to"}


def test_the_key_of_the_header_is_one_fault_among_others(http: httpx.Client) -> None:
    body = {"sender": "nix", "to": "202", "idempotency_key": "one", "InstanceId": "", "send_at": "soon"}
    answer = problem(http.post("/v1/jobs", json=body, headers={"Idempotency-Key": "two"}), 400, "invalid_request")
    assert fields(answer) == [
        ("Idempotency-Key", "given_twice"),
        ("send_at", "invalid_time"),
        ("sender", "unknown_sender"),
        ("DestinationEndpoint", "required"),
        ("to", "not_allowed"),
        ("InstanceId", "too_short"),
    ]


@fuzzed
@given(some_of(BATCH_FAULTS))
def test_all_that_is_wrong_with_a_batch_is_answered(http: httpx.Client, names: set[str]) -> None:
    batch = {"sender": "support", "rows": [], **{name: BATCH_FAULTS[name] for name in names}}
    assert refused(http.post("/v1/batches", json=batch)) == names
    query = {"weight": "much", "nosuch": "1"}
    assert refused(http.post("/v1/batches", json=batch, params=query)) == names | {"weight", "query"}


@fuzzed
@given(some_of(QUERY_FAULTS), st.booleans())
def test_all_that_is_wrong_with_the_parameters_of_a_batch_is_answered(
    http: httpx.Client, names: set[str], is_csv: bool
) -> None:
    query = {"sender": "support", "nosuch": "1", **{name: QUERY_FAULTS[name] for name in names}}
    kind, content = ("text/csv", b"to\n") if is_csv else ("application/x-ndjson", b"")
    answer = http.post("/v1/batches", params=query, content=content, headers={"Content-Type": kind})
    assert refused(answer) == names | {"query"}


@pytest.mark.parametrize("kind", ["json", "csv", "lines"])
def test_all_that_is_wrong_with_a_row_is_answered(http: httpx.Client, kind: str) -> None:
    row = {"to": "202", "text": "x" * 2_000, "send_at": "soon", "tenant": "other", "attributes.a b": "x"}
    if kind == "json":
        answer = http.post("/v1/batches", json={"sender": "support", "rows": [row]})
    elif kind == "csv":
        content = ",".join(row) + "\n" + ",".join(row.values()) + "\n"
        answer = http.post("/v1/batches?sender=support", content=content, headers={"Content-Type": "text/csv"})
    else:
        types = {"Content-Type": "application/x-ndjson"}
        answer = http.post("/v1/batches?sender=support", content=json.dumps(row), headers=types)
    (rejection,) = answer.json()["rejections"]
    assert named(rejection["errors"]) == {"to", "text", "send_at", "tenant", "attributes"}


@pytest.mark.parametrize(
    ("method", "path", "body", "wrong"),
    [
        ("POST", "/v1/holds", {"scope": "all", "name": 7, "reason": " "}, {"scope", "name", "reason"}),
        ("POST", "/v1/holds", {"reason": "\n", "nosuch": 1}, {"scope", "name", "reason", "#2"}),
        ("POST", "/v1/batches/main.X/hold", {"reason": "", "nosuch": 1}, {"reason", "#2"}),
        ("POST", "/v1/senders/support/suppressed", {"numbers": 7, "reason": "x" * 201}, {"numbers", "reason"}),
        ("POST", "/v1/actions", {"kind": "x", "state": "x", "force": 1}, {"kind", "state", "force"}),
        ("POST", "/v1/webhooks/replay", {"ids": [7], "budget": "main", "all": "x"}, {"ids", "budget", "all"}),
        ("POST", "/v1/webhooks/replay", {"ids": ["x"] * 501, "budget": "main"}, {"ids", "budget"}),
    ],
)
def test_all_that_is_wrong_with_other_bodies_is_answered(
    http: httpx.Client, method: str, path: str, body: dict[str, Any], wrong: set[str]
) -> None:
    assert refused(http.request(method, path, json=body)) == wrong


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/v1/batches", {"limit": "0", "cursor": "x", "open": "perhaps"}),
        ("/v1/batches/main.X/jobs", {"limit": "0", "cursor": "x", "state": "lost"}),
        ("/v1/dead-letters", {"limit": "1_0", "cursor": "x", "state": "lost"}),
        ("/v1/webhooks/dead", {"limit": "0", "skip": "-1"}),
        ("/v1/senders/support/suppressed", {"cursor": "x"}),
        ("/v1/jobs/main.X", {"wait": "x"}),
    ],
)
def test_all_parameters_that_are_wrong_are_answered(http: httpx.Client, path: str, query: dict[str, str]) -> None:
    assert refused(http.get(path, params=query)) == query.keys()
    assert refused(http.get(path, params={**query, "nosuch": "1"})) == {*query, "query"}


def test_headers_and_parameters_are_answered_together(http: httpx.Client) -> None:
    answer = http.get("/v1/events", params={"since": "x"}, headers={"Last-Event-ID": "last"})
    assert refused(answer) == {"since", "last-event-id"}


def test_the_cursors_of_pages_are_taken(http: httpx.Client) -> None:
    """Their form is checked with the parameters, so each list's own must pass."""
    for _ in range(2):
        for _ in range(2):
            http.post("/v1/batches", json={"sender": "support", "rows": [JOB | {"to": "+12025550124"}]})
        page = http.get("/v1/batches", params={"limit": 1}).json()
        assert http.get("/v1/batches", params={"limit": 1, "cursor": page["cursor"]}).status_code == 200
    for path in ("/v1/batches", "/v1/dead-letters"):
        assert http.get(path, params={"cursor": ""}).status_code == 200
    batch = http.post("/v1/batches", json={"sender": "support", "rows": [{"to": "+12025550125"}] * 3}).json()["id"]
    page = http.get(f"/v1/batches/{batch}/jobs", params={"limit": 1}).json()
    assert http.get(f"/v1/batches/{batch}/jobs", params={"cursor": page["cursor"]}).json()["jobs"]
    cursor = "1700000000000 01JD2Y8Q6ZK4X0B7V5N3M1C9TR-7"
    assert http.get("/v1/dead-letters", params={"cursor": cursor}).status_code == 200
