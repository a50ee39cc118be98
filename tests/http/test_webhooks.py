"""Webhooks over HTTP: named by jobs and batches, shown with the job, listed and replayed by whoever may see it."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from outbound_chat.webhooks import verify
from tests.support.contact_events import contact_event
from tests.support.harness import Harness, number, running_harness
from tests.support.receiver import Received, Receiver
from tests.support.waiting import wait_until

from .conftest import TIMEOUT, Service, start_service
from .keyring import Key, make_key
from .problems import fields, problem

SECRET = "whsec_" + base64.b64encode(b"0" * 32).decode()
TEXT = "Your parcel arrives today"


@dataclass(frozen=True, slots=True)
class Stage:
    """A service, a worker that posts, a receiver, and keys."""

    service: Service
    receiver: Receiver
    everything: Key
    mine: Key
    theirs: Key

    def ask(self, key: Key, method: str, path: str, **options: Any) -> httpx.Response:
        with self.service.client() as http:
            headers = {**key.headers, **options.pop("headers", {})}
            return http.request(method, path, headers=headers, **options)

    def enqueue(self, key: Key, row: int) -> str:
        job = {"sender": "support", "to": number(row), "text": TEXT, "callback_url": self.receiver.url}
        answer = self.ask(key, "POST", "/v1/jobs", json=job)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def webhook(self, key: Key, job_id: str) -> dict[str, Any] | None:
        found: dict[str, Any] | None = self.ask(key, "GET", f"/v1/jobs/{job_id}").json()["webhook"]
        return found

    def dead(self, key: Key, **params: Any) -> list[str]:
        answer = self.ask(key, "GET", "/v1/webhooks/dead", params=params)
        assert answer.status_code == 200, answer.text
        assert "secret-in-the-url" not in answer.text
        return [one["id"] for one in answer.json()["webhooks"]]

    def until_webhook(self, key: Key, job_id: str, state: str) -> dict[str, Any]:
        wait_until(lambda: (self.webhook(key, job_id) or {}).get("state") == state, timeout=TIMEOUT, what=state)
        return self.webhook(key, job_id) or {}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with running_harness(tmp_path_factory.mktemp("webhooks")) as stack, Receiver() as receiver:
        yield _stage(stack, receiver)
        assert "Traceback" not in stack.logs()
        assert "secret-in-the-url" not in stack.logs()
        assert stack.counts_add_up()


def _stage(stack: Harness, receiver: Receiver) -> Stage:
    stack.configure(
        webhooks={"secrets": [SECRET], "allow_private": True, "base": 0.1, "cap": 0.3, "timeout": 5.0},
    )
    service = start_service(stack)
    keys = [make_key(stack), make_key(stack, "--tenant", "mine"), make_key(stack, "--tenant", "theirs")]
    stack.start_worker()
    return Stage(service, receiver, *keys)


def refuse(_: Received) -> tuple[int, dict[str, str]]:
    return 410, {}


def take(_: Received) -> tuple[int, dict[str, str]]:
    return 204, {}


def test_a_job_shows_what_became_of_its_webhook(stage: Stage) -> None:
    """Whoever asks for the job need not ask elsewhere whether somebody was told."""
    stage.receiver.respond = take
    job_id = stage.enqueue(stage.everything, 1)
    shown = stage.until_webhook(stage.everything, job_id, "delivered")
    assert shown["at"]
    assert shown["code"] == ""
    (came,) = (one for one in stage.receiver.received if one.id == f"{job_id}.sent")
    assert verify(came.headers, came.body, SECRET)["data"]["webhook"] == {"state": "pending", "at": None, "code": ""}
    explained = stage.ask(stage.everything, "GET", f"/v1/jobs/{job_id}/why").json()
    assert explained["job"]["webhook"] == shown


@pytest.mark.parametrize("kind", ["json", "csv", "ndjson"])
def test_a_batch_names_who_is_told_of_its_ends(stage: Stage, kind: str) -> None:
    """In the body of JSON, and in the query of rows that stream in; a row may name its own."""
    stage.receiver.respond = take
    url = stage.receiver.url
    own = f"{url}&own={kind}"
    if kind == "json":
        rows = [{"to": number(1)}, {"to": number(2), "callback_url": own}]
        body = {"sender": "support", "text": TEXT, "callback_url": url, "rows": rows}
        answer = stage.ask(stage.everything, "POST", "/v1/batches", json=body)
    else:
        csv = f"to,callback_url\n{number(1)},\n{number(2)},{own}\n"
        lines = f"{json.dumps({'to': number(1)})}\n{json.dumps({'to': number(2), 'callback_url': own})}\n"
        params = {"sender": "support", "text": TEXT, "callback_url": url}
        headers = {"Content-Type": "text/csv" if kind == "csv" else "application/x-ndjson"}
        content = csv if kind == "csv" else lines
        answer = stage.ask(stage.everything, "POST", "/v1/batches", params=params, headers=headers, content=content)
    assert (answer.status_code, answer.json()["accepted"]) == (201, 2), answer.text
    batch_id = answer.json()["id"]
    wanted = {f"{batch_id}-1.sent", f"{batch_id}-2.sent", f"{batch_id}.finished"}
    wait_until(lambda: wanted <= set(stage.receiver.ids()), timeout=TIMEOUT, what="three webhooks")
    paths = {one.id: one.path for one in stage.receiver.received}
    assert paths[f"{batch_id}-2.sent"].endswith(f"own={kind}")
    assert "own=" not in paths[f"{batch_id}-1.sent"]
    last = stage.until_webhook(stage.everything, f"{batch_id}-1", "delivered")
    jobs = stage.ask(stage.everything, "GET", f"/v1/batches/{batch_id}/jobs").json()["jobs"]
    assert jobs[0]["webhook"] == last


def test_dead_webhooks_are_listed_and_replayed_by_those_who_see_the_job(stage: Stage) -> None:
    """Another tenant's webhooks are nobody's business: neither their ids nor where they go."""
    stage.receiver.respond = refuse
    mine, theirs = stage.enqueue(stage.mine, 1), stage.enqueue(stage.theirs, 2)
    for key, job_id in ((stage.mine, mine), (stage.theirs, theirs)):
        assert stage.until_webhook(key, job_id, "dead")["code"] == "status_410"
    rows = {"sender": "support", "text": TEXT, "callback_url": stage.receiver.url, "rows": [{"to": number(3)}]}
    batch_id = stage.ask(stage.mine, "POST", "/v1/batches", json=rows).json()["id"]
    of_mine = {f"{mine}.sent", f"{batch_id}-1.sent", f"{batch_id}.finished"}
    wait_until(lambda: set(stage.dead(stage.mine)) == of_mine, timeout=TIMEOUT, what="three dead webhooks")
    (budget,) = stage.ask(stage.everything, "GET", "/v1/budgets").json()["budgets"]
    assert budget["webhooks"] == {"waiting": 0, "posting": 0, "dead": 4}
    metrics = stage.ask(stage.everything, "GET", "/metrics").text
    assert 'outbound_chat_webhooks{budget="main",place="dead"} 4.0' in metrics
    assert stage.dead(stage.theirs) == [f"{theirs}.sent"]
    assert set(stage.dead(stage.everything)) == {*of_mine, f"{theirs}.sent"}
    pages = [stage.dead(stage.mine, limit=2), stage.dead(stage.mine, limit=2, skip=2)]
    assert ([len(page) for page in pages], {*pages[0], *pages[1]}) == ([2, 1], of_mine)

    stage.receiver.respond = take
    answer = stage.ask(stage.mine, "POST", "/v1/webhooks/replay", json={"ids": [f"{theirs}.sent", f"{mine}.sent"]})
    assert answer.json() == {"replayed": 1, "not_dead": [f"{theirs}.sent"]}
    assert stage.until_webhook(stage.mine, mine, "delivered")["code"] == ""
    answer = stage.ask(stage.mine, "POST", "/v1/webhooks/replay", json={"all": True})
    assert answer.json() == {"replayed": 2, "not_dead": []}
    assert stage.dead(stage.everything) == [f"{theirs}.sent"], "all of one tenant's, and none of another's"
    answer = stage.ask(stage.everything, "POST", "/v1/webhooks/replay", json={"all": True})
    assert answer.json()["replayed"] == 1
    assert stage.until_webhook(stage.theirs, theirs, "delivered")["at"]
    wait_until(
        lambda: stage.ask(stage.everything, "GET", "/v1/webhooks/hosts").json() == {"hosts": []},
        timeout=TIMEOUT,
        what="no host that webhooks wait for",
    )


def test_a_webhook_about_a_contact_belongs_to_those_who_see_its_job(stage: Stage) -> None:
    chat = stage.service.stack.chat()
    # From the first event on, calls are recorded with their contacts.
    assert chat.ingest_contact_events([contact_event("DISCONNECTED", "c-1")]) == ["unmatched"]
    mine = stage.enqueue(stage.mine, 1)
    stage.until_webhook(stage.mine, mine, "delivered")
    stage.receiver.respond = refuse
    contact = stage.ask(stage.mine, "GET", f"/v1/jobs/{mine}").json()["contact_id"]
    assert chat.ingest_contact_events([contact_event("DISCONNECTED", contact)]) == ["changed"]
    name = f"{mine}.contact_ended"
    wait_until(lambda: stage.dead(stage.mine) == [name], timeout=TIMEOUT, what="it is given up")
    assert stage.dead(stage.theirs) == []

    stage.receiver.respond = take
    answers = [(stage.theirs, {"replayed": 0, "not_dead": [name]}), (stage.mine, {"replayed": 1, "not_dead": []})]
    for key, answer in answers:
        assert stage.ask(key, "POST", "/v1/webhooks/replay", json={"ids": [name]}).json() == answer
    wait_until(lambda: stage.receiver.ids().count(name) == 2, timeout=TIMEOUT, what="its second post")


def test_a_page_lists_dead_webhooks_with_what_to_do_and_replays_them(stage: Stage) -> None:
    stage.receiver.respond = refuse
    mine, theirs = stage.enqueue(stage.mine, 1), stage.enqueue(stage.theirs, 2)
    for key, job_id in ((stage.mine, mine), (stage.theirs, theirs)):
        stage.until_webhook(key, job_id, "dead")
    reads = make_key(stage.service.stack, scopes=("read",))
    own, whole, reader = (stage.ask(key, "GET", "/ui/webhooks").text for key in (stage.mine, stage.everything, reads))
    assert f"jobs/{mine}" in own
    assert theirs not in own
    assert "status_410</code> Correct callback_url" in whole
    assert "secret-in-the-url" not in whole
    assert "Replay" not in reader
    assert stage.ask(reads, "POST", "/ui/webhooks/replay", data={"id": f"{mine}.sent"}).status_code == 403

    stage.receiver.respond = take
    for form, count in (({"id": f"{theirs}.sent"}, 0), ({"id": f"{mine}.sent"}, 1), ({"budget": "main"}, 0)):
        answer = stage.ask(stage.mine, "POST", "/ui/webhooks/replay", data=form)
        assert answer.headers["location"].endswith(f"webhooks?done=replayed&n={count}")
    answer = stage.ask(stage.everything, "POST", "/ui/webhooks/replay", data={"budget": "main"})
    assert answer.headers["location"].endswith("n=1")
    assert stage.dead(stage.everything) == []


def test_what_is_wrong_is_named_and_the_url_is_not_repeated(stage: Stage) -> None:
    job = {"sender": "support", "to": number(1), "text": TEXT, "callback_url": "ftp://hooks.example.com/token-of-mine"}
    answer = stage.ask(stage.everything, "POST", "/v1/jobs", json=job)
    assert fields(problem(answer, 400, "invalid_request")) == [("callback_url", "invalid_url")]
    assert "token-of-mine" not in answer.text
    for body, field in (
        ({}, "ids"),
        ({"ids": ["a"], "all": True}, "ids"),
        ({"ids": [7]}, "ids.#1"),
        ({"ids": ["a"], "budget": "main"}, "budget"),
    ):
        answer = stage.ask(stage.everything, "POST", "/v1/webhooks/replay", json=body)
        assert [name for name, _ in fields(problem(answer, 400, "invalid_request"))] == [field]
    unknown = {"all": True, "budget": "nothing"}
    problem(stage.ask(stage.everything, "POST", "/v1/webhooks/replay", json=unknown), 404, "unknown_budget")
