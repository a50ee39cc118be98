"""Suppression lists that are encrypted, or were begun before, over HTTP."""

from typing import Any

import httpx

from outbound_chat.encryption import new_key
from tests.support.harness import Harness, number

from .conftest import ended_action, start_service
from .problems import problem

PATH = "/v1/senders/support/suppressed"
JOB = {"sender": "support", "text": "Your parcel arrives today", "to": number(1)}


def _put(http: httpx.Client, first: int, count: int) -> None:
    given = [number(index) for index in range(first, first + count)]
    assert http.post(PATH, json={"numbers": given, "reason": "STOP"}).json() == {"changed": count}


def _pages(http: httpx.Client) -> tuple[list[dict[str, Any]], list[str]]:
    """All entries, and the cursors that led to them."""
    entries: list[dict[str, Any]] = []
    cursors: list[str] = []
    while True:
        page = http.get(PATH, params={"cursor": cursors[-1]} if cursors else {}).json()
        entries += page["numbers"]
        if page["cursor"] is None:
            return entries, cursors
        cursors.append(page["cursor"])


def test_both_forms_of_a_list_are_read_as_one(stack: Harness) -> None:
    """Whoever said STOP before encryption was switched on is on the list all the same."""
    with start_service(stack).client() as http:
        _put(http, 0, 700)
    stack.configure(encryption={"keys": [new_key()], "number_key": new_key()})
    with start_service(stack).client() as http:
        _put(http, 700, 800)
        entries, cursors = _pages(http)
        assert {entry["number"] for entry in entries} == {number(index) for index in range(1_500)}
        assert {entry["reason"] for entry in entries} == {"STOP"}
        problem(http.get(PATH, params={"cursor": "mm0"}), 400, "invalid_request")
    stack.configure()
    with start_service(stack).client() as http:
        # Also from the middle: what is encrypted must not be left out in silence.
        for cursor in (cursors[0], cursors[-1]):
            answer = http.get(PATH, params={"cursor": cursor})
            while answer.status_code == 200:
                answer = http.get(PATH, params={"cursor": answer.json()["cursor"]})
            problem(answer, 503, "missing_encryption_key")


def test_a_job_whose_key_is_gone_does_not_stop_the_replay_of_others(stack: Harness) -> None:
    """An operator replays what can be, and is told of the rest."""
    old, new, number_key = new_key(), new_key(), new_key()
    ids: list[str] = []
    for key in (old, new):
        stack.configure(encryption={"keys": [key], "number_key": number_key})
        with start_service(stack).client() as http:
            http.post(PATH, json={"numbers": [number(1)]})
            ids.append(http.post("/v1/jobs", json=JOB).json()["id"])
    stack.start_worker()
    with start_service(stack).client() as http:
        ends = [http.get(f"/v1/jobs/{id_}", params={"wait": 60}).json() for id_ in ids]
        assert [job["error"]["code"] for job in ends] == ["suppressed", "suppressed"]

        problem(http.post(f"/v1/jobs/{ids[0]}/replay"), 503, "missing_encryption_key")
        done = ended_action(http, http.post("/v1/actions", json={"kind": "replay"}))
        assert http.get(f"/v1/jobs/{ids[1]}").json()["replayed_by"]
    assert (done["done"], done["refused"], [*done["first_refused"]]) == (1, {"missing_encryption_key": 1}, [ids[0]])
