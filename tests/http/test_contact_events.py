"""Contact events over HTTP: what EventBridge and SNS post, and who may."""

import json

import httpx

from tests.support.contact_events import ended
from tests.support.harness import Harness, number

from .conftest import Service, start_service
from .problems import fields, problem

PATH = "/v1/contact-events"
NONE = {"changed": 0, "same": 0, "unmatched": 0, "late": 0, "foreign": 0, "unknown": 0, "unreadable": 0}


def test_an_event_as_eventbridge_posts_it_finds_its_job(service: Service, http: httpx.Client) -> None:
    service.stack.start_worker()
    ids = [http.post("/v1/jobs", json={"sender": "support", "to": number(1), "text": "Hi"}).json()["id"]]
    # The first event of all is what tells workers to record contacts.
    assert http.post(PATH, json=json.loads(ended("before"))).json()["counts"] == {**NONE, "unmatched": 1}
    ids.append(http.post("/v1/jobs", json={"sender": "support", "to": number(2), "text": "Hi"}).json()["id"])
    contact = [http.get(f"/v1/jobs/{id_}", params={"wait": 60}).json() for id_ in ids][1]["contact_id"]
    event = ended(contact)

    answer = http.post(PATH, content=event, headers={"Content-Type": "application/json; charset=utf-8"})

    assert (answer.status_code, answer.json()) == (200, {"counts": {**NONE, "changed": 1}, "outcomes": ["changed"]})
    assert http.post(PATH, json=json.loads(event)).json()["outcomes"] == ["same"]


def test_a_list_has_an_outcome_for_each_whatever_is_in_it(http: httpx.Client) -> None:
    foreign = json.loads(ended("c-1").replace("123456789012", "999999999999"))
    sns = {"Type": "Notification", "TopicArn": "arn:aws:sns:us-east-1:123456789012:t", "Message": ended("c-2")}

    answer = http.post(PATH, json=[foreign, 7, {"x": 1}, sns, None, []])

    outcomes = ["foreign", "unreadable", "unknown", "unmatched", "unreadable", "unreadable"]
    assert answer.json()["outcomes"] == outcomes
    assert sum(answer.json()["counts"].values()) == len(outcomes)
    assert http.post(PATH, json=[]).json() == {"counts": NONE, "outcomes": []}


def test_an_envelope_of_sns_may_be_called_text(http: httpx.Client) -> None:
    """SNS posts JSON as text/plain."""
    sns = {"Type": "Notification", "TopicArn": "arn:aws:sns:us-east-1:123456789012:t", "Message": ended("c-3")}
    answer = http.post(PATH, content=json.dumps(sns), headers={"Content-Type": "text/plain; charset=UTF-8"})
    assert answer.json()["outcomes"] == ["unmatched"]


def test_bodies_have_the_limits_of_all_bodies(http: httpx.Client) -> None:
    problem(http.post(PATH, content=b"{", headers={"Content-Type": "application/json"}), 400, "invalid_json")
    problem(http.post(PATH, json="x"), 400, "invalid_json")
    problem(http.post(PATH, content=b"a,b", headers={"Content-Type": "text/csv"}), 415, "unsupported_media_type")
    problem(http.post(PATH, json={"x": "y" * 1_100_000}), 413, "body_too_large")
    many = problem(http.post(PATH, json=[{}] * 1_001), 400, "invalid_request")
    assert fields(many) == [("body", "out_of_range")]


def test_without_redis_the_caller_is_to_repeat_it(stack: Harness) -> None:
    """EventBridge does so by itself after 503, and never after 200."""
    service = start_service(stack)
    stack.server.stop()
    with service.client() as http:
        answer = http.post(PATH, json=json.loads(ended("c-1")))
    problem(answer, 503, "store_unavailable")
    assert answer.headers["retry-after"]
    stack.broken = True
