"""Batches over HTTP: rows in any of three forms, refused one by one, read and steered."""

import gzip
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from outbound_chat.store import Store
from tests.support.harness import number

from .conftest import Service
from .problems import fields, problem

UNKNOWN = "main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR"
OPTIONS = {"sender": "support", "name": "parcels", "text": "Your parcel has left."}
CSV = {"Content-Type": "text/csv"}
LINES = {"Content-Type": "application/x-ndjson"}


def rows_of_csv(count: int, every: int = 0) -> bytes:
    """Rows, of which each `every`th has no usable number."""
    lines = [f"{'12' if every and row % every == 0 else number(row)},row {row}" for row in range(1, count + 1)]
    return "\n".join(["to,text", *lines, ""]).encode()


def test_json_rows_are_taken_and_the_wrong_ones_named(http: httpx.Client) -> None:
    rows = [{"to": number(1)}, {"to": "12"}, 7, {"to": number(2), "send_at": "tomorrow"}]
    rows.append({"to": number(3), "send_at": "2016-12-01T09:00:00Z"})
    answer = http.post("/v1/batches", json={**OPTIONS, "rows": rows})
    assert answer.status_code == 201, answer.text
    receipt = answer.json()
    assert (receipt["accepted"], receipt["rejected"]) == (1, 4)
    found = [(one["row"], one["line"], *fields(one)) for one in receipt["rejections"]]
    assert found == [
        (2, None, ("to", "invalid_number")),
        (3, None, ("row", "wrong_type")),
        (4, None, ("send_at", "invalid_time")),
        (5, None, ("send_at", "invalid_time")),
    ]
    batch = http.get(answer.headers["location"]).json()
    assert (batch["name"], batch["accepted"], batch["rejected"], batch["closed"]) == ("parcels", 1, 4, True)


@pytest.mark.parametrize("packed", [False, True])
def test_csv_rows_stream_in_and_rejects_have_their_lines(http: httpx.Client, packed: bool) -> None:
    body = b'to,text\r\n%s,"two\nlines"\r\n12,x\r\n\r\n%s,\xff\r\n' % (number(1).encode(), number(2).encode())
    headers = {**CSV, **({"Content-Encoding": "gzip"} if packed else {})}

    def parts() -> Iterator[bytes]:
        whole = gzip.compress(body[:30]) + gzip.compress(body[30:]) if packed else body
        yield from (whole[place : place + 7] for place in range(0, len(whole), 7))

    answer = http.post("/v1/batches", params={"sender": "support"}, content=parts(), headers=headers)
    assert answer.status_code == 201, answer.text
    receipt = answer.json()
    assert receipt["accepted"] == 1
    assert [(one["row"], one["line"], *fields(one)) for one in receipt["rejections"]] == [
        (2, 4, ("to", "invalid_number")),
        (3, 6, ("text", "not_unicode")),
    ]


def test_lines_of_json_stream_in_and_keys_make_them_safe_to_repeat(http: httpx.Client) -> None:
    """After a cut connection the same file is sent again: no customer is texted twice."""
    lines = [{"to": number(row), "idempotency_key": f"lines-{row}"} for row in range(3)]
    body = "\n".join([*map(json.dumps, lines), "no json"])
    first = http.post("/v1/batches", params=OPTIONS, content=body, headers=LINES).json()
    again = http.post("/v1/batches", params={**OPTIONS, "name": "again"}, content=body, headers=LINES).json()
    assert (first["accepted"], first["rejected"], first["duplicates"]) == (3, 1, 0)
    assert (again["accepted"], again["rejected"], again["duplicates"]) == (0, 1, 3)


def test_a_key_that_conflicts_is_a_reject_with_its_line(http: httpx.Client) -> None:
    """It is found only in Redis, hundreds of rows after it was read."""
    body = f"to,text,idempotency_key\n{number(1)},one,conflict\n{number(1)},two,conflict\n"
    receipt = http.post("/v1/batches", params={"sender": "support"}, content=body, headers=CSV).json()
    assert (receipt["accepted"], receipt["rejected"]) == (1, 1)
    assert receipt["rejections"][0]["line"] == 3
    assert fields(receipt["rejections"][0]) == [("idempotency_key", "idempotency_conflict")]


def test_thousands_of_rejects_are_all_told(http: httpx.Client) -> None:
    answer = http.post("/v1/batches", params={"sender": "support"}, content=rows_of_csv(6_000, every=2), headers=CSV)
    receipt = answer.json()
    assert (receipt["accepted"], receipt["rejected"]) == (3_000, 3_000)
    assert [one["row"] for one in receipt["rejections"]] == list(range(2, 6_001, 2))
    assert all(one["line"] == one["row"] + 1 for one in receipt["rejections"])


@pytest.mark.parametrize("charset", ["utf-8", '"UTF-8"', "utf8", "US-ASCII"])
def test_a_body_says_that_it_is_utf_8(http: httpx.Client, charset: str) -> None:
    """As many clients do by themselves."""
    kind = {"Content-Type": f"Text/CSV; charset={charset}; header=present"}
    answer = http.post("/v1/batches", params=OPTIONS, content=f"to\n{number(1)}\n", headers=kind)
    assert answer.json()["accepted"] == 1, answer.text


def test_a_body_that_is_no_batch_opens_none(service: Service, http: httpx.Client) -> None:
    options = {**OPTIONS, "name": "none of ours"}
    before = http.get("/v1/budgets").json()["budgets"][0]["accepted"]
    wrong_columns = http.post("/v1/batches", params=options, content="number\n1\n", headers=CSV)
    assert 'no column "to"' in problem(wrong_columns, 400, "unusable_file")["detail"]
    packed = {**CSV, "Content-Encoding": "gzip"}
    problem(http.post("/v1/batches", params=options, content=b"plain", headers=packed), 400, "unusable_file")
    brotli = {**CSV, "Content-Encoding": "br"}
    problem(http.post("/v1/batches", params=OPTIONS, content=b"", headers=brotli), 415, "unsupported_media_type")
    kind = {"Content-Type": "application/xml"}
    problem(http.post("/v1/batches", content=b"<a/>", headers=kind), 415, "unsupported_media_type")
    for kind_of_body in ("text/csv", "application/json", "application/x-ndjson", "application/jsonl"):
        for charset in ("iso-8859-1", '"Windows-1252"', "utf-16", "", "utf-8; charset=latin1"):
            latin = {"Content-Type": f"{kind_of_body}; header=present; CharSet={charset}"}
            refused = problem(
                http.post("/v1/batches", params=options, content="to\nä".encode("latin-1"), headers=latin),
                415,
                "unsupported_media_type",
            )
            assert charset.rpartition("=")[2].strip('"') in refused["detail"]
            assert "charset" in refused["detail"]
    with Store(service.stack.server.url) as store:
        names = [store.redis.hget(key, "name") for key in store.redis.scan_iter("oc:{main}:b:*", count=1000)]
    assert "none of ours" not in names
    assert http.get("/v1/budgets").json()["budgets"][0]["accepted"] == before


def test_a_quote_that_is_not_closed_says_which_lines_it_takes(http: httpx.Client) -> None:
    """The rows behind it are in no count: the caller must learn where to look. Rows without any value are none."""
    body = f'to,text,\r\n,,\r\n{number(1)},Hello,\r\n{number(2)},"open,\r\n{number(3)},Hello,\r\n'.encode()
    receipt = http.post("/v1/batches", params=OPTIONS, content=body, headers=CSV).json()
    assert (receipt["accepted"], receipt["rejected"]) == (1, 1)
    (rejection,) = receipt["rejections"]
    assert (rejection["row"], rejection["line"]) == (2, 4)
    assert "a quote that is not closed" in rejection["errors"][0]["message"]
    assert "takes 2 lines, 4 to 5" in rejection["errors"][0]["message"]
    utf16 = http.post("/v1/batches", params=OPTIONS, content=body.decode().encode("utf-16"), headers=CSV)
    assert (utf16.status_code, utf16.json()["code"]) == (400, "unusable_file")
    assert "save it as UTF-8" in utf16.json()["detail"]


def test_rows_of_another_form_are_read_as_the_parameters_say(http: httpx.Client) -> None:
    """One reading for files and for bodies. With a key, another form is another request: it calls other numbers."""
    body = b"phone;first name;company\r\n0170 1234567;Ana;Acme\r\n"
    form: dict[str, Any] = {"column": ["to=phone", "attributes.firm=company"], "ignore_columns": True, "country": "DE"}
    options = {"sender": "support", **form, "template": "Hello {first name}"}
    headers = {**CSV, "Idempotency-Key": "form"}
    first = http.post("/v1/batches", params=options, content=body, headers=headers)
    assert first.status_code == 201, first.text
    again = http.post("/v1/batches", params=options, content=body, headers=headers)
    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])
    other = http.post("/v1/batches", params={**options, "country": "AT"}, content=body, headers=headers)
    problem(other, 409, "idempotency_conflict")
    line = {"phone": "+12025550101", "company": "Acme"}
    lines = http.post("/v1/batches", params={**OPTIONS, **form}, json=line, headers=LINES)
    assert lines.json()["accepted"] == 1, lines.text
    refused = problem(http.post("/v1/batches", params=OPTIONS, content=body, headers=CSV), 400, "unusable_file")
    assert 'did you mean "phone"? Then add column to=phone' in refused["detail"]
    wrong = {**OPTIONS, "country": "Germany", "delimiter": ";;", "column": "to"}
    found = fields(problem(http.post("/v1/batches", params=wrong, content=body, headers=CSV), 400, "invalid_request"))
    assert found == [("delimiter", "not_allowed"), ("country", "not_allowed"), ("column", "wrong_type")]
    json_body = http.post("/v1/batches", params={"country": "DE"}, json={"sender": "support", "rows": []})
    assert fields(problem(json_body, 400, "invalid_request")) == [("country", "not_allowed")]


def test_options_that_are_wrong_are_all_named(http: httpx.Client) -> None:
    body = {"sender": "support", "rows": [], "to": number(1), "weight": 1000, "on_rejected": 1, "self": 2}
    assert problem(http.post("/v1/batches", json=body), 400, "invalid_request")["errors"]
    both = http.post("/v1/batches", params={"sender": "support"}, json={"rows": []})
    assert fields(problem(both, 400, "invalid_request")) == [("sender", "not_allowed")]
    missing = http.post("/v1/batches", content=rows_of_csv(1), headers=CSV)
    assert fields(problem(missing, 400, "invalid_request")) == [("sender", "required")]
    assert fields(problem(http.post("/v1/batches", json={"rows": 1}), 400, "invalid_request")) == [
        ("sender", "required"),
        ("rows", "wrong_type"),
    ]


def test_a_batch_may_be_held_before_its_first_job(http: httpx.Client) -> None:
    rows = f"to\n{number(1)}\n".encode()
    streamed = {"params": {"sender": "support", "hold": "look first"}, "content": rows, "headers": CSV}
    in_body = {"json": {**OPTIONS, "hold": "look first", "rows": [{"to": number(1)}]}}
    for given in streamed, in_body:
        answer = http.post("/v1/batches", **given)
        assert answer.status_code == 201, answer.text
        batch = answer.json()["id"]
        (hold,) = http.get("/v1/holds").json()["holds"]
        assert (hold["scope"], hold["name"], hold["reason"]) == ("batch", batch, "look first")
        assert http.post(f"/v1/batches/{batch}/release").json()["id"] == batch
    refused = http.post("/v1/batches", json={**OPTIONS, "hold": " ", "rows": [{"to": number(1)}]})
    assert fields(problem(refused, 400, "invalid_request")) == [("hold", "required")]


def test_a_batch_is_held_released_listed_and_cancelled(http: httpx.Client) -> None:
    receipt = http.post("/v1/batches", params=OPTIONS, content=rows_of_csv(12), headers=CSV).json()
    path = f"/v1/batches/{receipt['id']}"
    held = http.post(f"{path}/hold", json={"reason": "wrong text"})
    assert held.json()["id"] == receipt["id"]
    assert [hold["name"] for hold in http.get("/v1/holds").json()["holds"]] == [receipt["id"]]
    assert fields(problem(http.post(f"{path}/hold", json={}), 400, "invalid_request")) == [("reason", "required")]
    assert http.post(f"{path}/release").json()["id"] == receipt["id"]
    assert http.get("/v1/holds").json()["holds"] == []
    page = http.get(f"{path}/jobs", params={"limit": 5}).json()
    rest = http.get(f"{path}/jobs", params={"cursor": page["cursor"], "limit": 500}).json()
    ids = [job["id"] for job in page["jobs"] + rest["jobs"]]
    assert (ids, rest["cursor"]) == ([f"{receipt['id']}-{row}" for row in range(1, 13)], None)
    # A chunked body has no length in its headers, and a type without a body says nothing.
    problem(http.post(f"{path}/cancel", content=iter([b'{"rows":', b'"1"}'])), 415, "unsupported_media_type")
    as_json = {"Content-Type": "application/json"}
    part = http.post(f"{path}/cancel", content=iter([b'{"rows":', b'"1"}']), headers=as_json).json()["part"]
    assert part["counts"] == {"cancelled": 1}
    ended = http.post(f"{path}/cancel", content=iter([b""])).json()
    assert (ended["counts"]["cancelled"], ended["final"]) == (12, True)
    assert http.get(f"{path}/jobs", params={"state": "queued"}).json()["jobs"] == []
    assert http.get(path, params={"wait": 30}).json()["final"]


def test_what_is_not_there_is_said(http: httpx.Client) -> None:
    for answer in (
        http.get(f"/v1/batches/{UNKNOWN}"),
        http.get(f"/v1/batches/{UNKNOWN}/jobs"),
        http.post(f"/v1/batches/{UNKNOWN}/cancel"),
        http.post(f"/v1/batches/{UNKNOWN}/hold", json={"reason": "r"}),
    ):
        problem(answer, 404, "unknown_batch")
    problem(http.get(f"/v1/batches/{UNKNOWN}/jobs", params={"state": "lost"}), 400, "invalid_request")
