"""Every route with every kind of wrong key: what the table in docs/http.md says is what the service does."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from outbound_chat.http import PUBLIC, create_app
from outbound_chat_config import Settings
from tests.docs.pages import bare, read, section, table
from tests.support.harness import Harness, number, running_harness, sender

from .conftest import Service, ended_action, start_service
from .keyring import Key, make_key, revoke
from .problems import problem

TEXT = "Your parcel arrives today"
UNKNOWN = "main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR"
OPERATIONS = create_app(Settings()).openapi()["paths"]
ROUTES = [
    (method.upper(), path) for path, operations in OPERATIONS.items() for method in operations if path not in PUBLIC
]
# What each route needs beside its path; `{job}` and so on are put in.
REQUESTS: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/v1/jobs"): {"json": {"sender": "{sender}", "to": number(1), "text": TEXT, "tenant": "{tenant}"}},
    ("POST", "/v1/batches"): {
        "json": {"sender": "{sender}", "text": TEXT, "rows": [{"to": number(1)}], "tenant": "{tenant}"}
    },
    ("POST", "/v1/batches/preflight"): {
        "json": {"sender": "{sender}", "text": TEXT, "rows": [{"to": number(1)}], "tenant": "{tenant}"}
    },
    ("GET", "/v1/jobs"): {"params": {"ids": "{job}"}},
    ("POST", "/v1/jobs/search"): {"json": {"sender": "{sender}", "tenant": "{tenant}"}},
    ("POST", "/v1/statuses"): {"json": {"ids": ["{job}"]}},
    ("POST", "/v1/cancellations"): {"json": {"ids": ["{job}"]}},
    ("GET", "/v1/batches"): {"params": {"sender": "{sender}", "tenant": "{tenant}"}},
    ("POST", "/v1/batches/{batch_id}/hold"): {"json": {"reason": "r"}},
    ("GET", "/v1/dead-letters"): {"params": {"sender": "{sender}", "tenant": "{tenant}"}},
    ("POST", "/v1/actions"): {"json": {"kind": "replay", "sender": "{sender}", "tenant": "{tenant}"}},
    ("POST", "/v1/webhooks/replay"): {"json": {"ids": ["{job}.failed", "{batch}.finished"]}},
    ("POST", "/v1/holds"): {"json": {"scope": "batch", "name": "{batch}", "reason": "r"}},
    ("DELETE", "/v1/holds"): {"params": {"scope": "batch", "name": "{batch}"}},
    ("POST", "/v1/contact-events"): {"json": {"eventType": "DISCONNECTED"}},
    ("POST", "/v1/senders/{sender}/suppressed"): {"json": {"numbers": [number(1)]}},
    ("DELETE", "/v1/senders/{sender}/suppressed"): {"json": {"numbers": [number(1)]}},
}
ECHOES = {
    *(("GET", "/v1/jobs"), ("POST", "/v1/statuses"), ("POST", "/v1/cancellations"), ("POST", "/v1/webhooks/replay")),
}
"""Routes that repeat the ids which they were asked for."""
SCOPES = ("enqueue", "read", "operate", "ingest")


@dataclass(frozen=True, slots=True)
class Things:
    """A tenant's job, batch and bulk action, by one sender."""

    tenant: str
    sender: str
    job: str
    batch: str
    action: str


@dataclass(frozen=True, slots=True)
class Stage:
    """A service with keys of every kind, and things that not all of them show."""

    service: Service
    everything: Key
    tenant: Key
    sender: Key
    revoked: Key
    expired: Key
    of_scope: dict[str, Key]
    others: Things

    def ask(self, route: tuple[str, str], key: Key | None, things: Things) -> httpx.Response:
        """What the route answers the key about the things."""
        method, path = route
        path = path.format(job_id=things.job, batch_id=things.batch, sender=things.sender, action_id=things.action)
        headers = key.headers if key else {}
        with self.service.client() as http:
            return http.request(method, path, headers=headers, **_filled(REQUESTS.get(route, {}), things))


def _filled(value: Any, things: Things) -> Any:
    if isinstance(value, dict):
        return {name: _filled(part, things) for name, part in value.items()}
    if isinstance(value, list):
        return [_filled(part, things) for part in value]
    words = {"{sender}": things.sender, "{tenant}": things.tenant, "{job}": things.job, "{batch}": things.batch}
    return words.get(value, value)


def _things(service: Service, key: Key, tenant: str, by: str) -> Things:
    """A failed job, whose replay is possible, and a batch that waits."""
    with service.client() as http:
        http.headers.update(key.headers)
        job = http.post("/v1/jobs", json={"sender": by, "to": number(9), "text": TEXT, "tenant": tenant}).json()
        assert http.get(f"/v1/jobs/{job['id']}", params={"wait": 60}).json()["state"] == "failed"
        rows = [{"to": number(1)}]
        batch = http.post("/v1/batches", json={"sender": by, "text": TEXT, "rows": rows, "tenant": tenant}).json()
        chosen = {"kind": "replay", "code": "none", "sender": by, "tenant": tenant}
        action = http.post("/v1/actions", json=chosen).json()
        return Things(tenant, by, job["id"], batch["id"], action["id"])


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with running_harness(tmp_path_factory.mktemp("auth")) as stack:
        yield _stage(stack)
        assert "Traceback" not in stack.logs()
        assert stack.counts_add_up()


def _stage(stack: Harness) -> Stage:
    senders = stack.values["senders"]
    stack.configure(senders={**senders, "other": sender(endpoint_url=stack.sandbox.url)})
    service = start_service(stack, "--host", "127.0.0.1")
    everything = make_key(stack)
    revoked, expired = make_key(stack), make_key(stack, "--expires", "1m")
    revoke(stack, revoked)
    _expire(stack, expired)
    stack.start_worker()
    with service.client() as http:
        for by in ("support", "other"):
            answer = http.post(
                f"/v1/senders/{by}/suppressed", json={"numbers": [number(9)]}, headers=everything.headers
            )
            assert answer.status_code == 200, answer.text
    return Stage(
        service,
        everything,
        tenant=make_key(stack, "--tenant", "mine"),
        sender=make_key(stack, "--sender", "support"),
        revoked=revoked,
        expired=expired,
        of_scope={scope: make_key(stack, scopes=(scope,)) for scope in SCOPES},
        others=_things(service, everything, "theirs", "other"),
    )


def _expire(stack: Harness, key: Key) -> None:
    """As if its time had come: the clock of a real server can't be turned on."""
    with stack.chat() as chat:
        redis = chat._store.redis
        kept = redis.hget("oc:{@access}:api_keys", key.id)
        created, _, rest = kept.split(" ", 2)
        redis.hset("oc:{@access}:api_keys", key.id, f"{created} {int(created) + 1} {rest}")


def test_the_table_of_limits_has_every_route() -> None:
    rows = table(section(read("http.md"), "### Limits of a key"), "route")
    assert [tuple(bare(row["route"]).split(" ")) for row in rows] == sorted(ROUTES, key=_order)


def _order(route: tuple[str, str]) -> int:
    named = [bare(row["route"]) for row in table(section(read("http.md"), "### Limits of a key"), "route")]
    return named.index(" ".join(route))


@pytest.mark.parametrize("route", ROUTES, ids=" ".join)
def test_no_key_and_ended_keys_and_made_up_ones_are_refused(stage: Stage, route: tuple[str, str]) -> None:
    made_up = Key("", f"oc_{stage.everything.id}_{'0' * 64}")
    for key in (None, stage.revoked, stage.expired, made_up, Key("", "x")):
        answer = stage.ask(route, key, stage.others)
        problem(answer, 401, "unauthorized")
        assert answer.headers["www-authenticate"].startswith('Bearer realm="outbound-chat"')


@pytest.mark.parametrize("route", ROUTES, ids=" ".join)
def test_a_route_needs_one_scope_and_names_it(stage: Stage, route: tuple[str, str]) -> None:
    refused = set()
    for scope, key in stage.of_scope.items():
        if route == ("GET", "/v1/events") and scope == "read":
            continue  # never ends
        answer = stage.ask(route, key, stage.others)
        if answer.status_code == 403:
            named = problem(answer, 403, "forbidden")["detail"]
            assert f'scope="{named.split(chr(34))[1]}"' in answer.headers["www-authenticate"]
            refused.add(scope)
            wanted = named.split('"')[1]
    assert refused == set(SCOPES) - {wanted}


def _expected(cell: str) -> set[int]:
    found = {int(word.strip("`,;.")) for word in cell.split() if word.strip("`,;.").isdigit()}
    return found or {200}


@pytest.mark.parametrize("kind", ["tenant", "sender"])
@pytest.mark.parametrize("route", ROUTES, ids=" ".join)
def test_a_limited_key_gets_what_the_table_says_about_things_of_others(
    stage: Stage, route: tuple[str, str], kind: str
) -> None:
    """Compared word for word with what it gets for things that never were, so that nothing can be found out."""
    key: Key = getattr(stage, kind)
    (row,) = (
        row for row in table(section(read("http.md"), "### Limits of a key"), "route")
        if bare(row["route"]) == " ".join(route)
    )  # fmt: skip
    cell = row["key of a tenant" if kind == "tenant" else "key of senders"]
    answer = stage.ask(route, key, stage.others)
    nothing = stage.ask(route, key, Things("nobody", "nobody", UNKNOWN, UNKNOWN, UNKNOWN))
    assert answer.status_code in _expected(cell), answer.text
    words = answer.text.replace(stage.others.job, UNKNOWN).replace(stage.others.batch, UNKNOWN)
    assert (answer.status_code, words) == (nothing.status_code, nothing.text)
    ids = (stage.others.job, stage.others.batch, stage.others.action)
    for thing in (stage.others.tenant, *(id_.split(".")[1] for id_ in ids)):
        if route not in ECHOES:
            assert thing not in answer.text


def test_things_of_others_were_left_as_they_were(stage: Stage) -> None:
    """Those who may not see a job may not have changed it either; runs behind all that tried."""
    with stage.service.client() as http:
        http.headers.update(stage.everything.headers)
        for key in (stage.tenant, stage.sender):
            for action in ("cancel", "replay"):
                problem(http.post(f"/v1/jobs/{stage.others.job}/{action}", headers=key.headers), 404, "unknown_job")
            for action in ("cancel", "release"):
                path = f"/v1/batches/{stage.others.batch}/{action}"
                problem(http.post(path, headers=key.headers), 404, "unknown_batch")
            part = http.post(f"/v1/batches/{stage.others.batch}/cancel", json={"rows": "1-"}, headers=key.headers)
            problem(part, 404, "unknown_batch")
            rows = [f"{stage.others.batch}-1", stage.others.job]
            many = http.post("/v1/cancellations", json={"ids": rows}, headers=key.headers).json()
            assert (many["unknown"], many["counts"]) == (rows, {})
        assert http.get(f"/v1/batches/{stage.others.batch}").json()["counts"]["cancelled"] == 0
        again = _things(stage.service, stage.everything, "theirs", "other")
        for key in (stage.tenant, stage.sender):
            begun = http.post("/v1/actions", json={"kind": "replay"}, headers=key.headers)
            assert again.job not in ended_action(http, begun)["first_refused"]
        assert http.get(f"/v1/jobs/{again.job}").json()["replayed_by"] is None
