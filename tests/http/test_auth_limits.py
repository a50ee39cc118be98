"""What keys with limits do with their own, and what they can't find out about the rest."""

from collections.abc import Iterator

import httpx
import pytest

from tests.support.harness import Harness, number, running_harness

from .conftest import Service, start_service
from .keyring import Key, make_key
from .problems import fields, problem

JOB = {"sender": "support", "to": number(1), "text": "a secret text"}
UNKNOWN = "main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that asks for keys."""
    with running_harness(tmp_path_factory.mktemp("auth")) as stack:
        make_key(stack)
        yield start_service(stack)
        assert "Traceback" not in stack.logs()
        assert stack.counts_add_up()


@pytest.fixture
def stack(service: Service) -> Harness:
    """Its stack."""
    return service.stack


@pytest.fixture
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    """A stack without keys."""
    with running_harness(tmp_path_factory.mktemp("fresh")) as stack:
        yield stack


def test_a_tenant_does_everything_with_its_own(service: Service, stack: Harness) -> None:
    mine, theirs = make_key(stack, "--tenant", "mine"), make_key(stack, "--tenant", "theirs")
    with service.client() as http:
        http.headers.update(mine.headers)
        job = http.post("/v1/jobs", json=JOB).json()
        assert job["tenant"] == "mine"
        receipt = http.post("/v1/batches", json={"sender": "support", "text": "x", "rows": [{"to": number(1)}]}).json()
        assert http.get(f"/v1/batches/{receipt['id']}").json()["tenant"] == "mine"
        for scope, name in (("tenant", "mine"), ("batch", receipt["id"])):
            http.post("/v1/holds", json={"scope": scope, "name": name, "reason": "r"})
        http.post("/v1/holds", json={"scope": "tenant", "name": "theirs", "reason": "r"}, headers=theirs.headers)
        holds = http.get("/v1/holds").json()["holds"]
        assert {(hold["scope"], hold["name"]) for hold in holds} == {("tenant", "mine"), ("batch", receipt["id"])}
        assert [hold["name"] for hold in http.get("/v1/holds", headers=theirs.headers).json()["holds"]] == ["theirs"]
        for scope, name in (("tenant", "theirs"), ("sender", "support"), ("budget", "main"), ("instance", "x")):
            problem(http.post("/v1/holds", json={"scope": scope, "name": name, "reason": "r"}), 403, "forbidden")
        assert http.request("DELETE", "/v1/holds", params={"scope": "tenant", "name": "mine"}).json()["released"]
        assert http.get(f"/v1/jobs/{job['id']}/why").status_code == 200
        found = http.get("/v1/jobs", params={"ids": f"{job['id']},{receipt['id']}-1"}, headers=theirs.headers)
        assert set(found.json()["jobs"].values()) == {None}
        assert http.post(f"/v1/jobs/{job['id']}/cancel").json()["state"] == "cancelled"


def test_rows_can_not_name_another_tenant_or_sender(service: Service, stack: Harness) -> None:
    key = make_key(stack, "--tenant", "mine", "--sender", "support")
    body = f"to,text,tenant,sender\n{number(1)},x,theirs,support\n{number(2)},x,mine,chat\n{number(3)},x,,\n"
    with service.client() as http:
        http.headers.update(key.headers)
        kind = {"Content-Type": "text/csv"}
        receipt = http.post("/v1/batches", params={"sender": "support"}, content=body, headers=kind).json()
        assert (receipt["accepted"], [fields(one)[0][0] for one in receipt["rejections"]]) == (1, ["tenant", "sender"])
        for wrong in ({"sender": "chat"}, {"sender": "support", "tenant": "theirs"}, {}):
            answer = http.post("/v1/batches", params=wrong, content=body, headers=kind)
            problem(answer, 403, "forbidden")
        for body_of_another in ({"tenant": ""}, {"tenant": ["mine"]}, {"sender": None}, {"sender": ["support"]}):
            problem(http.post("/v1/jobs", json={**JOB, **body_of_another}), 403, "forbidden")


def test_a_raw_request_of_a_limited_key_finds_only_its_senders(service: Service, stack: Harness) -> None:
    key = make_key(stack, "--sender", "chat")
    support = stack.values["senders"]["support"]
    raw = {
        "InstanceId": support["instance_id"],
        "ContactFlowId": support["contact_flow_id"],
        "SourceEndpoint": {"Type": "CONNECT_PHONENUMBER_ARN", "Address": support["source"]},
        "DestinationEndpoint": {"Type": "TELEPHONE_NUMBER", "Address": number(1)},
        "SegmentAttributes": {"connect:Subtype": {"ValueString": "connect:SMS"}},
        "InitialSystemMessage": {"ContentType": "text/plain", "Content": "x"},
    }
    with service.client() as http:
        answer = http.post("/v1/jobs", json=raw, headers=key.headers)
        assert answer.status_code == 400
        assert "support" not in answer.text
        for sender in ("chat", "support"):
            answer = http.post("/v1/jobs", json={**raw, "sender": sender}, headers=key.headers)
            assert answer.status_code in {400, 403}, answer.text
        wrong = http.post("/v1/jobs", json={**raw, "priority": "x", "ContactFlowId": 7}, headers=key.headers)
        named = {field for field, _ in fields(problem(wrong, 400, "invalid_request"))}
        assert named == {"SourceEndpoint.Address", "priority", "ContactFlowId"}, "what is not found hides nothing"
        assert http.post("/v1/jobs", json=raw, headers=make_key(stack).headers).status_code == 201


def test_idempotency_keys_of_others_can_not_be_found_out(service: Service, stack: Harness) -> None:
    mine, theirs = make_key(stack, "--tenant", "mine"), make_key(stack, "--tenant", "theirs")
    by_chat = make_key(stack, "--sender", "chat")
    job = {**JOB, "idempotency_key": "order-17"}
    with service.client() as http:
        first = http.post("/v1/jobs", json=job, headers=mine.headers)
        second = http.post("/v1/jobs", json={**job, "text": "other"}, headers=theirs.headers)
        assert (first.status_code, second.status_code) == (201, 201)
        # Within a tenant the key is shared; the job is not shown to a key that may not see its sender.
        third = http.post("/v1/jobs", json={**job, "sender": "chat", "tenant": "mine"}, headers=by_chat.headers)
        assert "job_id" not in problem(third, 409, "idempotency_conflict")
        assert first.json()["id"] not in third.text
        rows = {
            "sender": "chat",
            "text": "x",
            "tenant": "mine",
            "rows": [{"to": number(1), "idempotency_key": "order-17"}],
        }
        batch = http.post("/v1/batches", json=rows, headers=by_chat.headers)
        assert fields(batch.json()["rejections"][0]) == [("idempotency_key", "idempotency_conflict")]
        assert first.json()["id"] not in batch.text


def test_pages_of_dead_letters_hold_and_name_only_ones_own(fresh: Harness) -> None:
    fresh.start_worker()
    all_, mine, chat = make_key(fresh), make_key(fresh, "--tenant", "mine"), make_key(fresh, "--sender", "chat")
    with start_service(fresh).client() as http:
        http.headers.update(all_.headers)
        ids: dict[str, list[str]] = {"mine": [], "theirs": []}
        for sender in ("support", "chat"):
            http.post(f"/v1/senders/{sender}/suppressed", json={"numbers": [number(1)]})
        for row in range(8):
            tenant, sender = ("mine", "support") if row % 2 else ("theirs", "chat")
            job = {"sender": sender, "to": number(1), "text": "x", "tenant": tenant}
            made = http.post("/v1/jobs", json=job).json()
            assert http.get(f"/v1/jobs/{made['id']}", params={"wait": 60}).json()["state"] == "failed"
            ids[tenant].insert(0, made["id"])
        for key, own in ((mine, ids["mine"]), (chat, ids["theirs"])):
            found, cursor = [], None
            for _ in range(4):
                page = http.get("/v1/dead-letters", params=_page(cursor), headers=key.headers).json()
                found += [job["id"] for job in page["jobs"]]
                cursor = page["cursor"]
                assert cursor is None or cursor.split(" ")[1] in {id_.partition(".")[2] for id_ in own}
            assert (found, cursor) == (own, None)
        assert http.get("/v1/dead-letters", params={"batch": UNKNOWN}, headers=mine.headers).json()["jobs"] == []


def _page(cursor: str | None) -> dict[str, str]:
    return {"limit": "1", **({"cursor": cursor} if cursor else {})}


def test_a_limited_key_acts_only_on_what_it_may_see(service: Service, stack: Harness) -> None:
    """It sees the actions that it could have started itself, whoever started them."""
    everything = make_key(stack)
    keys = {name: make_key(stack, *options) for name, options in {
        "acme": ("--tenant", "acme"),
        "support": ("--sender", "support"),
        "both": ("--sender", "support", "--sender", "chat"),
    }.items()}  # fmt: skip
    with service.client() as http:

        def start(key: Key, **chosen: str) -> httpx.Response:
            return http.post("/v1/actions", json={"kind": "replay", "code": "none", **chosen}, headers=key.headers)

        own = {name: start(key).json() for name, key in keys.items()}
        assert own["acme"]["filter"] == {"code": "none", "tenant": "acme"}
        assert own["support"]["filter"] == {"code": "none", "sender": ["support"]}
        assert own["both"]["filter"] == {"code": "none", "sender": ["chat", "support"]}
        problem(start(keys["acme"], tenant="other"), 403, "forbidden")
        problem(start(keys["support"], sender="chat"), 403, "forbidden")
        wide, of_acme = start(everything).json()["id"], start(everything, tenant="acme", sender="chat").json()["id"]

        seen = {
            name: {one["id"] for one in http.get("/v1/actions", headers=key.headers).json()["actions"]}
            for name, key in {**keys, "everything": everything}.items()
        }
        ids = {name: one["id"] for name, one in own.items()}
        assert seen["acme"] == {ids["acme"], of_acme}
        assert seen["support"] == {ids["support"]}
        assert seen["both"] == {ids["support"], ids["both"], of_acme}
        assert seen["everything"] == {*ids.values(), wide, of_acme}
        for name, key in keys.items():
            for id_ in seen["everything"] - seen[name]:
                problem(http.post(f"/v1/actions/{id_}/stop", headers=key.headers), 404, "not_found")
            stopped = http.post(f"/v1/actions/{ids[name]}/stop", headers=key.headers).json()
            assert (stopped["state"], stopped["done"], stopped["first_refused"]) == ("stopped", 0, {})
        assert start(everything).json()["id"] == wide
