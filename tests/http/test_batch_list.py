"""The list of batches over HTTP: in pages, narrowed, and for limited keys as if there were no others."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.harness import number, running_harness

from .conftest import Service, start_service
from .keyring import make_key
from .problems import fields, problem


@pytest.fixture(scope="module")
def listing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running_harness(tmp_path_factory.mktemp("list")) as stack:
        make_key(stack)
        yield start_service(stack)
        assert "Traceback" not in stack.logs()
        assert stack.counts_add_up()


def _pages(http: httpx.Client, **params: Any) -> Iterator[dict[str, Any]]:
    cursor = None
    while True:
        answer = http.get("/v1/batches", params={**params, **({"cursor": cursor} if cursor else {})})
        assert answer.status_code == 200, answer.text
        yield answer.json()
        cursor = answer.json()["cursor"]
        if cursor is None:
            return


def _ids(http: httpx.Client, **params: Any) -> list[str]:
    return [batch["id"] for page in _pages(http, **params) for batch in page["batches"]]


def _client(service: Service, *limits: str) -> httpx.Client:
    http = service.client()
    http.headers.update(make_key(service.stack, *limits).headers)
    return http


def _enqueue(http: httpx.Client, **options: Any) -> str:
    body = {"text": "Hello", "rows": [{"to": number(1)}], **options}
    id_: str = http.post("/v1/batches", json=body).json()["id"]
    return id_


def test_a_limited_key_lists_its_own_and_no_cursor_names_another(listing: Service) -> None:
    """Page by page, with one of its own between those of others."""
    with (
        _client(listing) as http,
        _client(listing, "--tenant", "mine") as mine,
        _client(listing, "--sender", "chat") as chat,
        _client(listing, "--sender", "chat", "--sender", "support", "--tenant", "theirs") as both,
    ):
        own: dict[str, list[str]] = {"mine": [], "theirs": []}
        for row in range(8):
            tenant, sender = ("mine", "support") if row % 2 else ("theirs", "chat")
            own[tenant].insert(0, _enqueue(http, sender=sender, tenant=tenant))
        assert sorted(_ids(http, limit=3)) == sorted([*own["mine"], *own["theirs"]])
        assert _ids(http, tenant="mine", sender="support") == _ids(http, tenant="mine") == own["mine"]
        for caller, ids in ((mine, own["mine"]), (chat, own["theirs"]), (both, own["theirs"])):
            assert _ids(caller, limit=1) == _ids(caller, open=True) == ids
            for page in _pages(caller, limit=1):
                assert page["cursor"] is None or page["cursor"].split(" ")[-1] in {
                    "open", "ended", *(id_.partition(".")[2] for id_ in ids)
                }  # fmt: skip
        problem(mine.get("/v1/batches", params={"tenant": "theirs"}), 403, "forbidden")
        problem(chat.get("/v1/batches", params={"sender": "support"}), 403, "forbidden")


def test_a_batch_is_held_from_the_moment_of_the_hold_though_no_worker_ever_ran(listing: Service) -> None:
    with _client(listing) as http:
        held, other = _enqueue(http, sender="support", hold="wrong text"), _enqueue(http, sender="support")
        listed = {batch["id"]: batch["held_by"] for page in _pages(http) for batch in page["batches"]}
        for id_, reason in ((held, "a person holds the batch: wrong text"), (other, "no worker runs")):
            assert (http.get(f"/v1/batches/{id_}").json()["held_by"], listed[id_]) == (reason, reason)
        assert "held" in listing.stack.run("status", held).stdout
        assert "Release" in http.get(f"/ui/batches/{held}").text
        assert "Release" not in http.get(f"/ui/batches/{other}").text
        assert http.post(f"/v1/batches/{held}/release").json()["held_by"] == "no worker runs"


def test_a_wrong_page_is_refused(listing: Service) -> None:
    with _client(listing) as http:
        wrongs = {("cursor", "x"): "not_allowed", ("limit", "0"): "out_of_range", ("limit", "101"): "out_of_range"}
        for (name, value), code in wrongs.items():
            answer = http.get("/v1/batches", params={name: value})
            assert fields(problem(answer, 400, "invalid_request")) == [(name, code)]
        problem(http.get("/v1/batches", params={"budget": "none"}), 404, "unknown_budget")


def test_a_batch_that_ended_is_listed_behind_the_open_ones(tmp_path_factory: pytest.TempPathFactory) -> None:
    with running_harness(tmp_path_factory.mktemp("ended")) as stack, start_service(stack).client() as http:
        ended = _enqueue(http, sender="support")
        http.post(f"/v1/batches/{ended}/cancel")
        waits = _enqueue(http, sender="support")
        first, second = (page for found in _pages(http) for page in found["batches"])
        assert (first["id"], first["held_by"], second["id"]) == (waits, "no worker runs", ended)
        assert (second["final"], second["counts"]["cancelled"]) == (True, 1)
        assert _ids(http, open="true") == [waits]
