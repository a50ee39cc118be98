"""The pages of batches, jobs, dead letters, bulk actions and holds: who sees what, and what their forms do."""

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import httpx
import pytest
import redis

from tests.support.harness import number
from tests.support.waiting import wait_until

from .conftest import Service
from .keyring import make_key

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def operator(service: Service) -> Iterator[httpx.Client]:
    """A client that may do everything, of a service with a worker."""
    service.stack.start_worker()
    with _client(service) as client:
        yield client


def _client(service: Service, *limits: str, scopes: tuple[str, ...] = ("enqueue", "read", "operate")) -> httpx.Client:
    client = service.client()
    client.follow_redirects = True
    client.headers.update({**make_key(service.stack, *limits, scopes=scopes).headers, "Sec-Fetch-Site": "same-origin"})
    return client


def _job(client: httpx.Client, index: int, **options: Any) -> str:
    job: str = client.post("/v1/jobs", json={"sender": "support", "text": "x", "to": number(index), **options}).json()[
        "id"
    ]
    return job


def _batch(client: httpx.Client, *indexes: int, **options: Any) -> str:
    rows = [{"to": number(index)} for index in indexes]
    body = {"sender": "support", "text": "x", "rows": rows, **options}
    batch: str = client.post("/v1/batches", json=body).json()["id"]
    return batch


def _suppress(client: httpx.Client, *indexes: int, method: str = "POST") -> None:
    client.request(method, "/v1/senders/support/suppressed", json={"numbers": [number(index) for index in indexes]})


def test_an_operator_looks_at_a_batch_and_exports_what_the_command_does(
    service: Service, operator: httpx.Client
) -> None:
    _suppress(operator, 2)
    batch = _batch(operator, 1, 2, 3, name=HOSTILE)
    operator.get(f"/v1/batches/{batch}", params={"wait": 60})

    listed, failed = operator.get("/ui/batches").text, operator.get(f"/ui/batches/{batch}?state=failed").text
    assert "3 of 3" in listed
    assert HOSTILE not in listed + failed
    assert unescape(failed).count(HOSTILE) == 2, "the title and the heading"
    assert f"jobs/{batch}-2" in failed
    assert f"jobs/{batch}-1" not in failed
    export = operator.get(f"/ui/batches/{batch}/export")
    assert export.headers["content-disposition"] == f'attachment; filename="{batch}.csv"'
    assert export.text == service.stack.run("export", batch).stdout
    assert operator.get(f"/ui/batches/{batch}/export?state=failed").text.count("\n") == 2
    assert operator.get("/ui/batches/main.x/export").status_code == 404


def test_a_batch_that_is_gone_once_it_was_listed_is_shown_without_a_prediction(
    service: Service, operator: httpx.Client
) -> None:
    """Another program gives one a name that no id has, so that it can only be listed."""
    batch = _batch(operator, 1, hold="wait")
    with redis.Redis(port=service.stack.server.port) as server:
        server.copy(f"oc:{{main}}:b:{batch.partition('.')[2]}", "oc:{main}:b:gone")
        server.zadd("oc:{main}:open_batches", {"gone": 10**13})
        listed = operator.get("/ui/batches?done=held")  # with it nothing is shared
        server.zrem("oc:{main}:open_batches", "gone")
        server.delete("oc:{main}:b:gone")

    assert listed.status_code == 200, listed.text
    assert "main.gone" in listed.text
    assert batch in listed.text


def test_an_operator_holds_releases_and_cancels_a_batch(operator: httpx.Client) -> None:
    operator.get(f"/v1/jobs/{_job(operator, 1)}", params={"wait": 60})  # without a worker that would be the reason
    batch = _batch(operator, 1, hold="not yet")
    this = {"scope": "batch", "name": batch, "back": "1"}

    assert "not yet" in operator.get(f"/ui/batches/{batch}").text
    assert "Release" in operator.post("/ui/holds", data={**this, "reason": f"later {HOSTILE}"}).text
    assert HOSTILE not in operator.get("/ui/holds").text
    wrong = operator.post("/ui/holds", data={**this, "reason": ""})
    assert (wrong.status_code, "Reason: is required" in wrong.text) == (400, True)
    assert operator.post("/ui/holds", data={"scope": "world", "name": "x", "reason": "y"}).status_code == 404
    operator.post(f"/ui/batches/{batch}/cancel", data={"state": "queued"})
    assert operator.get(f"/v1/batches/{batch}").json()["counts"]["cancelled"] == 1
    other = {**this, "name": _batch(operator, 1, hold="not yet"), "release": "1"}
    assert "The hold has ended." in operator.post("/ui/holds", data=other).text
    assert "No person holds it." in operator.post("/ui/holds", data=other).text


def test_the_page_of_a_job_tells_why_it_waits_then_what_happened(operator: httpx.Client) -> None:
    operator.post("/ui/holds", data={"scope": "tenant", "name": "acme", "reason": HOSTILE})
    waiting = _job(operator, 1, tenant="acme")
    page = operator.get(f"/ui/jobs/{waiting}").text
    assert "Why it waits" in page
    assert HOSTILE in unescape(page)
    assert HOSTILE not in page
    page = operator.post(f"/ui/jobs/{waiting}/cancel").text
    assert "What happened" in page

    _suppress(operator, 4)
    failed = _job(operator, 4)
    operator.get(f"/v1/jobs/{failed}", params={"wait": 60})
    page = operator.get(f"/ui/jobs/{failed}").text
    assert 'docs/errors#attempt-suppressed"' in page
    assert "this is the purpose of the list" in page, "what to do about the code"
    assert 'id="attempt-suppressed"' in operator.get("/docs/errors").text
    _suppress(operator, 4, method="DELETE")
    replayed = operator.post(f"/ui/jobs/{failed}/replay")
    assert f"jobs/{failed}" in replayed.text, "it leads back to the job that it replays"
    assert replayed.url.path == f"/ui/jobs/{operator.get(f'/v1/jobs/{failed}').json()['replayed_by']}"
    assert operator.post(f"/ui/jobs/{waiting}/replay").status_code == 409


def test_what_is_sought_leads_to_its_page_and_a_number_stands_in_no_address(operator: httpx.Client) -> None:
    job, batch = _job(operator, 5, idempotency_key="order-17"), _batch(operator, 6)
    found = {wanted: operator.post("/ui/find", data={"id": wanted}) for wanted in (job, batch, "order-17", number(5))}

    assert [one.url.path for one in found.values()] == [
        f"/ui/jobs/{job}", f"/ui/batches/{batch}", f"/ui/jobs/{job}", "/ui/find",
    ]  # fmt: skip
    assert "find_by_number" in found[number(5)].text
    assert number(5) not in found[number(5)].text
    assert "Nothing was found" in operator.post("/ui/find", data={"id": "no such"}).text


def test_dead_letters_are_replayed_by_code_in_the_background(operator: httpx.Client) -> None:
    _suppress(operator, 7, 8)
    batch = _batch(operator, 7, 8)
    operator.get(f"/v1/batches/{batch}", params={"wait": 60})
    page = operator.get("/ui/dead?code=suppressed&sender=support").text
    assert "Replay all…" in page
    assert f"{batch}-1" in page

    _suppress(operator, 7, 8, method="DELETE")
    fields = {"budget": "main", "state": "failed", "code": "suppressed", "sender": "support"}
    begun = operator.post("/ui/dead/replay", data=fields)
    assert begun.url.path == "/ui/actions"
    assert "sender support" in begun.text
    wait_until(
        lambda: "state running" not in operator.get("/ui/actions").text, timeout=60, what="the end of the action"
    )
    assert f"{batch}-1" not in operator.get("/ui/dead").text
    action = operator.get("/v1/actions").json()["actions"][0]["id"]
    assert "It does no more." in operator.post(f"/ui/actions/{action}/stop").text
    assert operator.post("/ui/actions/none/stop").status_code == 404


def test_a_replay_of_all_dead_letters_names_a_filter_or_says_so(operator: httpx.Client) -> None:
    before = operator.get("/v1/actions").json()
    refused = operator.post("/ui/dead/replay", data={"budget": "main", "state": " "})

    assert refused.status_code == 400
    assert "or say all" in refused.text
    assert operator.get("/v1/actions").json() == before
    assert operator.post("/ui/dead/replay", data={"budget": "main", "all": "1"}).url.path == "/ui/actions"


def test_who_may_only_read_is_offered_nothing_else(service: Service, operator: httpx.Client) -> None:
    batch, job = _batch(operator, 9, hold="wait"), _job(operator, 9, tenant="acme")
    with _client(service, scopes=("read",)) as reader:
        for path in (f"batches/{batch}", f"jobs/{job}", "holds", "dead", "actions"):
            page = reader.get(f"/ui/{path}")
            assert page.status_code == 200, page.text
            assert page.text.count('method="post"') == 2, "only to find and to sign out"
        for path in (f"batches/{batch}/cancel", f"jobs/{job}/cancel", f"jobs/{job}/replay", "holds", "dead/replay"):
            assert reader.post(f"/ui/{path}", data={"replay": "1"}).status_code == 403


def test_a_key_that_may_only_enqueue_is_led_to_its_first_page(service: Service) -> None:
    with _client(service, scopes=("enqueue",)) as sender:
        found = [sender.get(path, follow_redirects=False) for path in ("/ui", "/ui/")]

    assert [(one.status_code, one.headers["location"]) for one in found] == [(303, "ui/send"), (303, "../ui/send")]


def test_a_tenant_sees_only_its_own(service: Service, operator: httpx.Client) -> None:
    _suppress(operator, 10)
    with _client(service, "--tenant", "mine") as mine:
        own = _job(mine, 10)
        operator.get(f"/v1/jobs/{own}", params={"wait": 60})
        theirs = _batch(operator, *[10] * 520, tenant="theirs")
        operator.get(f"/v1/batches/{theirs}", params={"wait": 60})

        page = mine.get("/ui/dead").text
        assert own in page
        assert theirs.partition(".")[2] not in page
        assert "1</td>" in page, "how many of a code, on this page"
        assert mine.get(f"/ui/jobs/{theirs}-1").status_code == 404
        assert mine.get(f"/ui/batches/{theirs}").status_code == 404
        assert theirs not in mine.get("/ui/batches").text
        assert "theirs" not in mine.get("/ui/holds").text + mine.get("/ui/actions").text
        assert mine.post("/ui/find", data={"id": theirs}).url.path == "/ui/find"


@pytest.mark.parametrize(
    ("limits", "offered"),
    [
        ((), ["budget", "sender", "instance", "tenant", "batch"]),
        (("--tenant", "mine"), ["tenant", "batch"]),
        (("--sender", "support"), ["sender", "batch"]),
        (("--tenant", "mine", "--sender", "support"), ["batch"]),
    ],
)
def test_a_key_is_offered_the_holds_that_it_may_make(
    service: Service, limits: tuple[str, ...], offered: list[str]
) -> None:
    with _client(service, *limits) as client:
        assert re.findall("<option>(.*?)</option>", client.get("/ui/holds").text) == offered


def test_of_many_holds_the_first_are_shown_and_how_many_are_left_out(service: Service, operator: httpx.Client) -> None:
    """A page with all of them would be renewed each second."""
    with redis.Redis(port=service.stack.server.port) as server:
        kept = {f"person:tenant:many{index}": '{"reason":"x","since_ms":1}' for index in range(250)}
        server.hset("oc:{main}:holds", mapping=kept)
        before = len(operator.get("/v1/holds").json()["holds"])
        holds, workers = operator.get("/ui/holds?done=held").text, operator.get("/ui/workers?done=held").text
        server.hdel("oc:{main}:holds", *kept)

    assert holds.count('scope="row"') == 200
    assert f"And {before - 200} more" in holds
    assert "more: <code>outbound-chat doctor</code>" in workers
    assert workers.count("held by a person") <= 200


def test_the_holds_of_a_tenant_are_read_at_once(service: Service, operator: httpx.Client) -> None:
    """However many batches are held, which a page asks each second."""
    with _client(service, "--tenant", "mine") as mine, redis.Redis(port=service.stack.server.port) as server:

        def reads() -> int:
            before = int(server.info("stats")["total_reads_processed"])
            mine.get("/ui/holds?done=held")  # with it nothing is shared
            return int(server.info("stats")["total_reads_processed"]) - before

        few = min(reads() for _ in range(3))
        names = [_batch(operator, 1, hold="later", tenant="theirs") for _ in range(30)]
        assert min(reads() for _ in range(3)) < few + 15
        for name in names:
            operator.post(f"/v1/batches/{name}/cancel")
