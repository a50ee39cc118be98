"""API keys over HTTP: who is let in, for how long, how often, and what tricks do not help."""

import json
import re
import socket
from collections.abc import Iterator

import httpx
import pytest

from outbound_chat.client.api_keys import ApiKeys
from outbound_chat.model.api_keys import NewApiKey, Scope
from tests.support.harness import Harness, free_port, number, running_harness
from tests.support.waiting import wait_until

from .conftest import TIMEOUT, Service, start_service
from .keyring import Key, make_key, revoke
from .problems import problem

JOB = {"sender": "support", "to": number(1), "text": "a secret text"}
UNKNOWN = "main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR"
ANY_ADDRESS = "0.0.0.0"  # noqa: S104  # one that others reach is what is tested


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


def is_refused(http: httpx.Client, key: Key | None = None) -> bool:
    """Whether the service lets nobody in with it."""
    return http.get(f"/v1/jobs/{UNKNOWN}", headers=key.headers if key else {}).status_code == 401


# --- where it listens ---


def test_without_a_key_only_this_machine_is_served_and_the_log_says_so(fresh: Harness) -> None:
    for host in (ANY_ADDRESS, "::", "::ffff:0.0.0.0", "127.1", "example.com"):
        ended = fresh.run("http", "--host", host, "--port", str(free_port()))
        assert ended.returncode == 2, host
        assert "outbound-chat keys create" in ended.stderr
    service = start_service(fresh)
    assert "unprotected" in fresh.logs()
    with service.client() as http:
        assert http.post("/v1/jobs", json=JOB).status_code == 201
        assert http.get("/v1/senders", headers={"Authorization": "Basic x"}).status_code == 200
        problem(http.get("/v1/senders", headers=Key("", f"oc_{'0' * 12}_{'0' * 64}").headers), 401, "unauthorized")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.8.8", "::1"])
def test_all_addresses_of_this_machine_alone_need_no_key(fresh: Harness, host: str) -> None:
    try:
        socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError:
        # A machine without IPv6: that it can't listen there is then all that is wrong.
        ended = fresh.run("http", "--host", host, "--port", "1")
        assert (ended.returncode, "can't be listened on" in ended.stderr) == (2, True)
        return
    service = start_service(fresh, "--host", host)
    with service.client() as http:
        assert http.get("/v1/senders").status_code == 200


def test_the_first_key_closes_a_service_that_runs_and_to_revoke_it_does_not_open_it(fresh: Harness) -> None:
    with start_service(fresh).client() as http, fresh.chat() as chat, http.stream("GET", "/v1/events") as stream:
        lines = stream.iter_lines()
        assert next(lines).startswith("retry")
        assert http.get("/v1/senders").status_code == 200
        ApiKeys(chat._store).create(NewApiKey(name="first", scopes=(Scope.READ,)))
        assert is_refused(http), "from the first key on, and not a moment later"
        problem(http.post("/v1/jobs", json=JOB), 401, "unauthorized")
        problem(http.get("/metrics"), 401, "unauthorized")
        assert ": the API key is no longer valid" in list(lines), "also of what was begun before"
        key = make_key(fresh)
        assert http.get("/v1/senders", headers=key.headers).status_code == 200
        revoke(fresh, key)
        wait_until(lambda: is_refused(http, key), what="the key to be refused")
        assert is_refused(http)
    with start_service(fresh).client() as http:
        assert is_refused(http)


def test_on_an_address_that_others_reach_everybody_needs_a_key_to_the_end(fresh: Harness) -> None:
    key = make_key(fresh)
    service = start_service(fresh, "--host", ANY_ADDRESS, "--workers", "2")
    with service.client() as http:
        assert http.get("/v1/senders", headers=key.headers).status_code == 200
        assert is_refused(http)
        revoke(fresh, key)
        # Both processes are asked, on connections of their own.
        for _ in range(20):
            wait_until(lambda: _refused_anew(service, key), what="the key to be refused")
        with fresh.chat() as chat:
            # Even when Redis has lost all keys.
            chat._store.redis.delete("oc:{@access}:api_keys")
        assert is_refused(http)
    ended = fresh.run("http", "--host", ANY_ADDRESS, "--port", str(free_port()))
    assert (ended.returncode, "no active API key" in ended.stderr) == (2, True)


def _refused_anew(service: Service, key: Key) -> bool:
    with service.client() as http:
        return is_refused(http, key)


# --- what a key may look like ---


def test_only_one_bearer_token_in_the_header_is_a_key(service: Service) -> None:
    key = make_key(service.stack)
    good = key.headers["Authorization"]
    with service.client() as http:
        for taken in (good, f"bearer {key.token}", f"BEARER   {key.token}"):
            assert http.get("/v1/senders", headers={"Authorization": taken}).status_code == 200
        long = f"oc_{key.id}_{'a' * 20_000}"
        wrong: list[str | bytes] = [
            key.token,
            f"Basic {key.token}",
            f"Bearer {key.token}x",
            f"Bearer {key.token[:-1]}",
            f"Bearer {key.token.upper()}",
            f"Bearer {key.token}, Bearer {key.token}",
            f"Bearer {key.token} {key.token}",
            f"Bearer\t{key.token}",
            f"Bearer {long}",
            f"Bearer oc_{'*' * 12}_{'0' * 64}",
            "Bearer oc_\u00e9\u00e9".encode(),
            b"Bearer \xff\xfe",
        ]
        for value in wrong:
            answer = http.get("/v1/senders", headers=[(b"Authorization", _bytes(value))])
            problem(answer, 401, "unauthorized")
        twice = [("Authorization", good), ("authorization", good)]
        problem(http.get("/v1/senders", headers=twice), 401, "unauthorized")
        for name in ("X-API-Key", "Proxy-Authorization", "Cookie"):
            problem(http.get("/v1/senders", headers={name: good}), 401, "unauthorized")


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode()


def test_a_key_in_the_address_is_called_exposed_and_is_in_no_log(service: Service) -> None:
    key = make_key(service.stack)
    packed = "".join(f"%{ord(letter):02x}" for letter in key.token)
    twice = packed.replace("%", "%25")
    with service.client() as http:
        for address in (
            f"/v1/senders?api_key={key.token}",
            f"/v1/jobs?ids={packed}",
            f"/v1/jobs/{key.token}",
            f"/v1/jobs/x{twice}",
            f"/healthz?{key.token}",
            f"/{key.token}",
        ):
            body = problem(http.get(address, headers=key.headers), 400, "key_exposed")
            assert "evoke" in body["detail"]
            assert key.token not in json.dumps(body)
    assert key.token not in service.stack.logs()
    assert key.token.split("_")[2] not in service.stack.logs()


def test_tricks_with_paths_and_methods_open_nothing(service: Service) -> None:
    key = make_key(service.stack, scopes=("read",))
    with service.client() as http:
        job = http.post("/v1/jobs", json=JOB, headers=make_key(service.stack).headers).json()
        for method, path, headers in (
            ("GET", "/v1/jobs/", {}),
            ("GET", "//v1/senders", {}),
            ("GET", "/V1/senders", {}),
            ("GET", "/healthz/../v1/senders", {}),
            ("GET", "/docs/..%2fv1/senders", {}),
            ("GET", "/docs/%2e%2e/v1/senders", {}),
            ("GET", "/v1/senders;x=/healthz", {}),
            ("GET", "/v1/senders%00/healthz", {}),
            ("HEAD", "/v1/senders", {}),
            ("OPTIONS", "/v1/senders", {}),
            ("TRACE", "/v1/senders", {}),
            ("GET", f"/v1/jobs/{job['id']}", {"X-Original-URL": "/healthz", "X-Forwarded-For": "127.0.0.1"}),
        ):
            answer = http.request(method, path, headers=headers)
            assert answer.status_code in {401, 404, 405}, (method, path, answer.status_code)
            assert "support" not in answer.text
            assert "location" not in answer.headers
        cancel = f"/v1/jobs/{job['id']}"
        for header in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
            http.get(cancel, headers={**key.headers, header: "DELETE"})
        problem(http.post(f"{cancel}/cancel", headers=key.headers), 403, "forbidden")
        assert http.get(cancel, headers=key.headers).json()["state"] == "queued"


# --- how long and how often ---


def test_a_key_expires_by_the_clock_of_redis(service: Service, stack: Harness) -> None:
    key = make_key(stack)
    with service.client() as http:
        assert not is_refused(http, key)
        with stack.chat() as chat:
            redis = chat._store.redis
            created, _, rest = redis.hget("oc:{@access}:api_keys", key.id).split(" ", 2)
            now_ms = redis.time()[0] * 1000
            redis.hset("oc:{@access}:api_keys", key.id, f"{created} {now_ms + 1000} {rest}")
        wait_until(lambda: is_refused(http, key), what="the key to expire")
        answer = http.get("/v1/senders", headers=key.headers)
        assert "expired" in problem(answer, 401, "unauthorized")["detail"]


def test_a_rate_is_kept_over_all_processes(fresh: Harness) -> None:
    key = make_key(fresh, "--rate", "12/h")
    service = start_service(fresh, "--workers", "2")
    answers = []
    for _ in range(15):
        with service.client() as http:
            answers.append(http.get("/v1/senders", headers=key.headers))
    assert [answer.status_code for answer in answers] == [200] * 12 + [429] * 3
    assert answers[0].headers["ratelimit-policy"] == '"key";q=12;w=3600'
    assert re.fullmatch(r'"key";r=11;t=\d+', answers[0].headers["ratelimit"])
    body = problem(answers[-1], 429, "rate_limited")
    assert "12/h" in body["detail"]
    assert 250 < int(answers[-1].headers["retry-after"]) <= 300
    assert answers[-1].headers["ratelimit"].startswith('"key";r=0;')
    with service.client() as http:
        # Whoever knows only the id can't use up what the key may do; nor does another key.
        made_up = Key(key.id, f"oc_{key.id}_{'0' * 64}")
        problem(http.get("/v1/senders", headers=made_up.headers), 401, "unauthorized")
        assert "ratelimit" not in http.get("/v1/senders", headers=make_key(fresh).headers).headers
        assert http.get("/healthz").status_code == 200


def test_a_rate_fills_again(service: Service, stack: Harness) -> None:
    key = make_key(stack, "--rate", "2/s")
    with service.client() as http:
        wait_until(
            lambda: http.get("/v1/senders", headers=key.headers).status_code == 429, what="the rate to be used up"
        )
        wait_until(lambda: http.get("/v1/senders", headers=key.headers).status_code == 200, what="it to fill again")


@pytest.mark.parametrize("path", ["/v1/batches", "/v1/batches/preflight"])
def test_what_goes_on_for_long_ends_when_its_key_is_revoked(service: Service, stack: Harness, path: str) -> None:
    """A stream of events, and a body of rows: both may last for hours."""
    following, sending = make_key(stack), make_key(stack)
    headers = {**sending.headers, "Content-Type": "text/csv"}

    def rows() -> Iterator[bytes]:
        yield b"to\n"
        yield f"{number(1)}\n".encode()
        revoke(stack, sending)
        while True:
            yield f"{number(2)}\n".encode() * 2_000

    with service.client() as http:
        with http.stream("GET", "/v1/events", headers=following.headers) as stream:
            lines = stream.iter_lines()
            assert next(lines).startswith("retry")
            revoke(stack, following)
            assert ": the API key is no longer valid" in list(lines)
        is_cut_off(http, path, rows(), headers)
        wait_until(lambda: f"POST {path} 401" in stack.logs(), timeout=TIMEOUT, what="the body to be given up")


def test_a_body_without_an_end_is_not_read_for_callers_without_a_key(service: Service) -> None:
    def rows() -> Iterator[bytes]:
        while True:
            yield b"x" * 65_536

    with service.client() as http:
        is_cut_off(http, "/v1/batches", rows(), {"Content-Type": "text/csv"})


def is_cut_off(http: httpx.Client, path: str, rows: Iterator[bytes], headers: dict[str, str]) -> None:
    """The service ends the connection: a client that reads no answer before it has sent all would go on for ever."""
    try:
        answer = http.post(path, params={"sender": "support", "text": "x"}, content=rows, headers=headers)
    except httpx.TransportError:
        return  # the answer was lost with the connection
    problem(answer, 401, "unauthorized")


def test_a_long_poll_of_a_revoked_key_tells_nothing(service: Service, stack: Harness) -> None:
    key = make_key(stack)
    with service.client() as http:
        job = http.post("/v1/jobs", json=JOB, headers=key.headers).json()
        revoke(stack, key)
        answer = http.get(f"/v1/jobs/{job['id']}", params={"wait": 3}, headers=key.headers)
        problem(answer, 401, "unauthorized")


def test_while_redis_is_away_a_known_key_still_reads_the_counters(fresh: Harness) -> None:
    """They are wanted most of all then; nobody else is let in, and nobody is told that a good key is wrong."""
    known, other = make_key(fresh), make_key(fresh)
    with start_service(fresh).client() as http:
        assert http.get("/metrics", headers=known.headers).status_code == 200
        fresh.server.stop()
        told = http.get("/metrics", headers=known.headers)
        assert (told.status_code, "outbound_chat_store_up 0.0" in told.text) == (200, True)
        problem(http.get("/metrics", headers=other.headers), 503, "store_unavailable")
        problem(http.get("/metrics"), 401, "unauthorized")
