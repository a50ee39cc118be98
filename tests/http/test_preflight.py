"""Rows that are only checked: refused as if they were enqueued, with a prediction, and nothing is stored."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.harness import Harness, number

from .conftest import Service
from .keyring import make_key
from .problems import fields, problem

CSV = {"Content-Type": "text/csv"}
LINES = {"Content-Type": "application/x-ndjson"}
ROWS: list[dict[str, str]] = [
    {"to": number(1), "first": "Ana"},
    {"to": "12", "first": "Bo"},
    {"to": number(2), "first": "<script>"},
    {"to": "13", "first": "Cy"},
    {"to": number(3), "first": "x" * 400},
]
OPTIONS = {"sender": "support", "name": "parcels", "template": "Hello {first}"}
KINDS = ("csv", "json", "lines")


def ask(http: httpx.Client, path: str, kind: str, **options: Any) -> httpx.Response:
    """Asks with the rows in a body of that kind."""
    given = {**OPTIONS, **options}
    if kind == "json":
        return http.post(path, json={**given, "rows": ROWS})
    if kind == "csv":
        lines = ["to,first", "", *(f"{row['to']},{row['first']}" for row in ROWS)]
        return http.post(path, params=given, content="\n".join(lines), headers=CSV)
    return http.post(path, params=given, content="\n".join(map(json.dumps, ROWS)), headers=LINES)


def kept(stack: Harness) -> set[str]:
    """The keys of the budget, without those of workers."""
    with stack.chat() as chat:
        return {key for key in chat._store.redis.scan_iter("oc:{main}:*") if not key.endswith((":workers", ":wake"))}


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_refused_as_by_the_real_request_and_nothing_is_stored(
    service: Service, http: httpx.Client, kind: str
) -> None:
    before = kept(service.stack)
    answer = ask(http, "/v1/batches/preflight", kind)
    assert answer.status_code == 200, answer.text
    flight = answer.json()
    assert kept(service.stack) == before

    receipt = ask(http, "/v1/batches", kind).json()
    same = ("accepted", "rejected", "rejections", "rejections_omitted")
    assert {name: flight[name] for name in same} == {name: receipt[name] for name in same}
    (fault,) = flight["faults"]
    lines = {"json": [], "csv": [4, 6], "lines": [2, 4]}[kind]
    assert (fault["field"], fault["code"], fault["count"], fault["first_rows"], fault["first_lines"]) == (
        *("to", "invalid_number", 2, [2, 4]),
        lines,
    )
    http.post(f"/v1/batches/{receipt['id']}/cancel")


def test_what_would_happen_is_predicted(http: httpx.Client) -> None:
    flight = ask(http, "/v1/batches/preflight", "csv").json()
    assert [(one["row"], one["text"][:14], one["parts"]) for one in flight["previews"]] == [
        (1, "Hello Ana", 1),
        (3, "Hello <script>", 1),
        (5, "Hello xxxxxxxx", 3),
    ]
    assert all(one.keys() == {"row", "text", "parts"} for one in flight["previews"]), "the flow is no caller's business"
    assert flight["parts"] == 5
    assert flight["rate"] > 0
    assert flight["starts_at"] <= flight["ends_at"]
    assert (flight["open_chats"], flight["max_open_chats"], flight["expiring"]) == (3, None, 0)
    assert (flight["assumed_idle"], flight["workers"], flight["held_by"]) == (True, 0, "")
    empty = http.post("/v1/batches/preflight", json={**OPTIONS, "rows": []}).json()
    assert (empty["accepted"], empty["starts_at"], empty["open_chats"], empty["previews"]) == (0, None, None, [])


@pytest.mark.parametrize(
    ("params", "content", "headers"),
    [
        (OPTIONS, b"number\n1\n", CSV),
        (OPTIONS, b'to,first\n"' + number(1).encode(), CSV),
        (OPTIONS, "to,first\nä".encode("utf-16"), CSV),
        (OPTIONS, b"plain", {**CSV, "Content-Encoding": "gzip"}),
        (OPTIONS, b"", {**CSV, "Content-Encoding": "br"}),
        (OPTIONS, b"", CSV),
        (OPTIONS, b"<a/>", {"Content-Type": "application/xml"}),
        (OPTIONS, b"to\n1\n", {"Content-Type": "text/csv; charset=latin1"}),
        (OPTIONS, b"to\n" + b"\n" * 50_100_000, CSV),
        (OPTIONS, b"{]\n[]\n7\n" + b"[" * 100_000 + b"\n", LINES),
        ({}, b"{", {"Content-Type": "application/json"}),
        ({}, b"[]", {"Content-Type": "application/json"}),
        ({}, b'{"sender":"support","rows":7}', {"Content-Type": "application/json"}),
        ({}, b'{"sender":"support","rows":[[],"x",{}],"nosuch":1}', {"Content-Type": "application/json"}),
        ({"country": "DE"}, b'{"sender":"support","rows":[]}', {"Content-Type": "application/json"}),
        ({**OPTIONS, "weight": "much", "nosuch": "1", "tenant": "a:b"}, b"to\n1\n", CSV),
        ({**OPTIONS, "name": "x" * 500, "hold": "", "durability": "maybe"}, b"{}", LINES),
        ({"sender": "nobody"}, b"to\n1\n", CSV),
        ({}, b"to\n1\n", CSV),
    ],
)
def test_a_body_or_option_that_is_wrong_is_answered_as_by_the_real_request(
    http: httpx.Client, params: dict[str, str], content: bytes, headers: dict[str, str]
) -> None:
    flight = http.post("/v1/batches/preflight", params=params, content=content, headers=headers)
    real = http.post("/v1/batches", params=params, content=content, headers=headers)
    if real.status_code == 201:
        assert (flight.status_code, flight.json()["rejections"]) == (200, real.json()["rejections"])
    else:
        assert (flight.status_code, flight.json()) == (real.status_code, real.json())


@pytest.mark.parametrize("kind", KINDS)
def test_a_limited_key_checks_rows_of_its_tenant_and_senders_only(service: Service, kind: str) -> None:
    stack = service.stack
    key, reader = make_key(stack, "--tenant", "mine", "--sender", "support"), make_key(stack, scopes=("read",))
    with service.client() as http:
        http.headers.update(key.headers)
        assert ask(http, "/v1/batches/preflight", kind).json()["accepted"] == 3
        for wrong in ({"sender": "chat"}, {"tenant": "theirs"}):
            problem(ask(http, "/v1/batches/preflight", kind, **wrong), 403, "forbidden")
        rows = f"to,text,tenant\n{number(1)},x,theirs\n{number(2)},x,mine\n"
        flight = http.post("/v1/batches/preflight?sender=support", content=rows, headers=CSV).json()
        assert (flight["accepted"], [fields(one) for one in flight["rejections"]]) == (
            1,
            [[("tenant", "not_in_batch")]],
        )
        http.headers.update(reader.headers)
        problem(ask(http, "/v1/batches/preflight", kind), 403, "forbidden")


def test_a_file_of_any_length_is_checked_while_it_arrives(service: Service) -> None:
    def body() -> Iterator[bytes]:
        yield b"to,first\n"
        for start in range(0, 30_000, 1_000):
            yield "".join(f"{number(row)},{row}\n" for row in range(start, start + 1_000)).encode()

    with service.client() as http:
        http.headers.update(make_key(service.stack).headers)
        flight = http.post("/v1/batches/preflight", params=OPTIONS, content=body(), headers=CSV).json()
    assert (flight["accepted"], flight["rejected"], flight["parts"]) == (30_000, 0, 30_000)
