"""Single jobs over HTTP, on the real stack."""

import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import httpx
import pytest

from tests.support.contact_events import contact_event
from tests.support.harness import Harness

from .conftest import start_service
from .problems import fields, problem

JOB = {"sender": "support", "to": "+12025550123", "text": "Your parcel arrives today"}
RAW = {
    "sender": "support",
    "DestinationEndpoint": {"Type": "TELEPHONE_NUMBER", "Address": "+12025550123"},
    "SegmentAttributes": {"connect:Subtype": {"ValueString": "connect:SMS"}},
    "InitialSystemMessage": {"ContentType": "text/plain", "Content": "Your parcel arrives today"},
}
JSON = {"Content-Type": "application/json"}
UNKNOWN = "main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR"


def test_a_job_is_taken_sent_and_read(stack: Harness) -> None:
    stack.start_worker()
    with start_service(stack).client() as http:
        _check_that_a_job_is_sent(http)


def _check_that_a_job_is_sent(http: httpx.Client) -> None:
    taken = http.post("/v1/jobs", json=JOB)
    assert taken.status_code == 201
    location = taken.headers["location"]
    assert location == f"/v1/jobs/{taken.json()['id']}"
    ended = http.get(location, params={"wait": 30}).json()
    assert ended["state"] == "sent"
    assert ended["contact_id"]
    assert http.get(location).json() == ended
    assert (ended["contact"], ended["delivery"]["state"]) == (None, "unknown")


def test_a_wait_for_what_events_report_lasts_until_they_come_or_none_can(stack: Harness) -> None:
    """`until`: the end of the chat, and what became of the message, which most often stays unknown."""
    stack.configure(contact_events={})
    chat = stack.chat()
    stack.start_worker()
    with start_service(stack).client() as http:
        job = http.post("/v1/jobs", json=JOB).json()
        url = f"/v1/jobs/{job['id']}"
        assert job["delivery"] is None
        sent = http.get(url, params={"wait": 30}).json()
        running = http.get(url, params={"wait": 0.01, "until": "ended"}).json()
        assert running == sent, "nobody knows why its chat goes on"
        with ThreadPoolExecutor(1) as pool:
            ends = pool.submit(http.get, url, params={"wait": 60, "until": "ended"})
            assert chat.ingest_contact_events([contact_event("DISCONNECTED", sent["contact_id"])]) == ["changed"]
            ended = ends.result().json()
        assert (ended["contact"]["open"], ended["contact"]["ended_at"][:16]) == (False, "2026-05-01T09:05")
        unknown = http.get(url, params={"wait": 60, "until": "delivered"}).json()
        assert unknown["delivery"]["state"] == "unknown", "no receipt ever came, so it is not waited for"
        problem(http.get(url, params={"wait": 1, "until": "read"}), 400, "invalid_request")


def test_a_wait_that_runs_out_says_what_it_waits_for(http: httpx.Client) -> None:
    """No worker runs. Who does not wait pays for no look at the rules."""
    job = http.post("/v1/jobs", json=JOB).json()
    batch = http.post("/v1/batches", json={"sender": "support", "rows": [JOB | {"sender": "support"}]}).json()
    assert batch["accepted"] == 1, batch
    for path, explained in (("jobs", job["id"]), ("batches", f"{batch['id']}-1")):
        url = f"/v1/{path}/{job['id'] if path == 'jobs' else batch['id']}"
        waited = http.get(url, params={"wait": 0.01}).json()
        why = http.get(f"/v1/jobs/{explained}/why").json()
        assert waited["why"]["reason"] == "no_settings"
        assert waited["why"].keys() == why.keys() - {"job"}
        assert "why" not in http.get(url).json()
    http.post(f"/v1/jobs/{job['id']}/cancel")
    assert "why" not in http.get(f"/v1/jobs/{job['id']}", params={"wait": 1}).json()


def test_a_raw_request_is_taken(http: httpx.Client) -> None:
    taken = http.post("/v1/jobs", json=RAW)
    assert taken.status_code == 201, taken.text
    assert taken.json()["sender"] == "support"


def test_the_two_forms_do_not_mix(http: httpx.Client) -> None:
    body = problem(http.post("/v1/jobs", json={**RAW, "text": "twice"}), 400, "invalid_request")
    assert fields(body) == [("text", "not_allowed")]


def test_every_fault_is_named_and_no_value_repeated(http: httpx.Client) -> None:
    wrong = {"sender": "nobody", "to": "+1202secret", "send_at": "tomorrow", "nosuch": 1}
    answer = http.post("/v1/jobs", json=wrong)
    body = problem(answer, 400, "invalid_request")
    assert body["errors"]
    assert "secret" not in answer.text


@pytest.mark.parametrize("time", [1_700_000_000, True, []])
def test_a_time_that_is_no_text_is_refused_in_words_of_json(http: httpx.Client, time: object) -> None:
    answer = http.post("/v1/jobs", json={**JOB, "send_at": time})
    assert fields(problem(answer, 400, "invalid_request")) == [("send_at", "invalid_time")]
    assert "ISO 8601" in answer.text


def test_a_body_may_begin_with_a_byte_order_mark(http: httpx.Client) -> None:
    """Programs of Windows write one, and files of rows and settings may have it too."""
    answer = http.post("/v1/jobs", content=json.dumps(JOB).encode("utf-8-sig"), headers=JSON)
    assert answer.status_code == 201, answer.text


def test_the_same_key_gives_the_same_job(http: httpx.Client) -> None:
    """Whoever lost the answer asks again; the customer must not be texted twice."""
    key = {"Idempotency-Key": "order-17"}
    first = http.post("/v1/jobs", json=JOB, headers=key)
    again = http.post("/v1/jobs", json={**JOB, "idempotency_key": "order-17"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    other = problem(http.post("/v1/jobs", json={**JOB, "text": "other"}, headers=key), 409, "idempotency_conflict")
    assert other["job_id"] == first.json()["id"]
    differing = http.post("/v1/jobs", json={**JOB, "idempotency_key": "order-18"}, headers=key)
    assert problem(differing, 400, "invalid_request")["errors"][0]["field"] == "Idempotency-Key"


def test_many_jobs_are_read_at_once(http: httpx.Client) -> None:
    job = http.post("/v1/jobs", json=JOB).json()
    found = http.get("/v1/jobs", params={"ids": f"{job['id']},{UNKNOWN}"}).json()["jobs"]
    assert found == {job["id"]: job, UNKNOWN: None}
    problem(http.get("/v1/jobs", params={"ids": ",".join(["x"] * 1_001)}), 400, "invalid_request")


def test_a_job_is_cancelled_and_explained(http: httpx.Client) -> None:
    job = http.post("/v1/jobs", json=JOB).json()
    assert http.get(f"/v1/jobs/{job['id']}/why").json()["reason"] == "no_settings"
    assert http.post(f"/v1/jobs/{job['id']}/cancel").json()["state"] == "cancelled"


def test_what_is_not_there_is_said(http: httpx.Client) -> None:
    problem(http.get(f"/v1/jobs/{UNKNOWN}"), 404, "unknown_job")
    problem(http.get("/v1/jobs/+12025550123"), 404, "unknown_job")
    problem(http.get("/v1/nothing"), 404, "not_found")
    allowed = http.put("/v1/jobs", json=JOB)
    problem(allowed, 405, "method_not_allowed")
    assert "POST" in allowed.headers["allow"]
    problem(http.get(f"/v1/jobs/{UNKNOWN}", params={"wiat": 3}), 400, "invalid_request")
    problem(http.get(f"/v1/jobs/{UNKNOWN}", params={"wait": 61}), 400, "invalid_request")


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("Idempotency-Key", "order-18", "order-19"),
        ("Content-Type", "application/json", "text/csv"),
        ("Content-Encoding", "identity", "gzip"),
        ("Last-Event-ID", "1", "2"),
    ],
)
def test_a_header_with_two_values_is_refused(http: httpx.Client, name: str, one: str, other: str) -> None:
    """The job would belong to one of two keys, and its repetition to the other."""
    body = {} if name == "Content-Type" else {"Content-Type": "application/json"}
    two = [*body.items(), (name, one), (name, other)]
    answer = http.post("/v1/jobs", content=json.dumps(JOB), headers=two)
    assert fields(problem(answer, 400, "invalid_request")) == [(name, "given_twice")]


def test_a_header_that_says_the_same_twice_is_taken(http: httpx.Client) -> None:
    twice = [("Idempotency-Key", "order-20"), ("Idempotency-Key", "order-20")]
    assert http.post("/v1/jobs", json=JOB, headers=twice).status_code == 201
    packed_twice = [("Content-Type", "application/json"), ("Content-Encoding", "gzip"), ("Content-Encoding", "gzip")]
    answer = http.post("/v1/jobs", content=gzip.compress(gzip.compress(b"{}")), headers=packed_twice)
    problem(answer, 415, "unsupported_media_type")


def test_a_parameter_that_is_given_twice_is_refused(http: httpx.Client) -> None:
    for path, name in (("/v1/jobs?ids=a&ids=b", "ids"), (f"/v1/jobs/{UNKNOWN}?wait=1&wait=0", "wait")):
        assert fields(problem(http.get(path), 400, "invalid_request")) == [(name, "given_twice")]


@pytest.mark.parametrize("written", ["1_0", "\uff11\uff10", " 10", "10 ", "1e", "ten", ""])
def test_a_number_is_written_in_plain_digits(http: httpx.Client, written: str) -> None:
    """Python would read some of these as 10."""
    for path, name in (("/v1/batches", "limit"), ("/v1/dead-letters", "limit"), (f"/v1/jobs/{UNKNOWN}", "wait")):
        answer = http.get(path, params={name: written})
        assert fields(problem(answer, 400, "invalid_request")) == [(name, "wrong_type")]


def test_the_same_letter_spelt_otherwise_is_another_key(http: httpx.Client) -> None:
    """Keys are compared byte by byte, as Redis does; docs/http.md says so."""
    spelt = ["caf\u00e9".encode(), "cafe\u0301".encode(), b"caf\xe9"]
    ids = [http.post("/v1/jobs", json=JOB, headers=[(b"Idempotency-Key", key)]).json()["id"] for key in spelt]
    assert len(set(ids)) == 3


def test_a_job_may_expire_after_a_duration(http: httpx.Client) -> None:
    """The same request with the same key is the same job, though its end would now be another."""
    asked = {**JOB, "expires_in": "10m", "idempotency_key": "code-of-order-17"}
    taken = http.post("/v1/jobs", json=asked)
    assert taken.status_code == 201, taken.text
    created, expires = (datetime.fromisoformat(taken.json()[field]) for field in ("created_at", "expires_at"))
    assert expires - created < timedelta(hours=1)
    again = http.post("/v1/jobs", json=asked)
    assert (again.status_code, again.json()["id"]) == (200, taken.json()["id"])

    body = problem(http.post("/v1/jobs", json={**JOB, "expires_in": 600}), 400, "invalid_request")
    assert fields(body) == [("expires_in", "invalid_time")]
    both = {**JOB, "expires_in": "10m", "expires_at": "2126-01-01T00:00:00Z"}
    body = problem(http.post("/v1/jobs", json=both), 400, "invalid_request")
    assert ("expires_in", "given_twice") in fields(body)
