"""Sessions of the pages: how one begins, what it allows, when it ends, and what no other site can do with it."""

import asyncio
import hashlib
import logging
import secrets
from collections.abc import Iterator
from functools import partial

import httpx
import pytest
import redis

from outbound_chat.http import create_app
from tests.support.harness import Harness, running_harness
from tests.support.memory import least_peak
from tests.support.waiting import wait_until

from .conftest import Service, start_service
from .keyring import Key, make_key, revoke
from .test_auth_routes import _expire

OWN = {"Sec-Fetch-Site": "same-origin"}
SESSIONS = "oc:{@access}:session:"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that asks for keys."""
    with running_harness(tmp_path_factory.mktemp("sessions")) as stack:
        make_key(stack)
        yield start_service(stack)
        assert "Traceback" not in stack.logs()


@pytest.fixture
def stack(service: Service) -> Harness:
    """Its stack."""
    return service.stack


def signed_in(http: httpx.Client, key: Key) -> httpx.Response:
    """What the login answers. The client then sends the cookie."""
    return http.post("/ui/login", data={"key": key.token}, headers=OWN)


def is_out(http: httpx.Client) -> bool:
    """Whether the login is shown instead."""
    return http.get("/ui").status_code == 303


def is_in(http: httpx.Client) -> bool:
    """Whether pages are shown."""
    return http.get("/ui").status_code == 200


@pytest.mark.parametrize("page", ["batches?open=1&sender=a%26b", "batches/main.X?state=failed", "?budget=main"])
def test_the_login_leads_back_to_the_page_that_was_asked_for_with_its_filter(
    stack: Harness, http: httpx.Client, page: str
) -> None:
    login = http.get(f"/ui/{page}").next_request
    assert login
    fields = {"key": make_key(stack).token, "next": login.url.params["next"]}
    led = http.post("/ui/login", data=fields, headers=OWN).next_request

    assert led
    assert led.url.raw_path.decode() == f"/ui/{page}"


@pytest.mark.parametrize(
    "to", ["//evil.example", "https://evil.example", "\\\\evil.example", "..//evil.example", "?\n//e"]
)
def test_the_login_leads_to_no_other_site(stack: Harness, http: httpx.Client, to: str) -> None:
    answer = http.post("/ui/login", data={"key": make_key(stack).token, "next": to}, headers=OWN)

    assert answer.headers["location"].startswith("../ui/")


def test_a_key_is_exchanged_for_a_cookie_that_only_pages_read(stack: Harness, http: httpx.Client) -> None:
    key = make_key(stack)
    assert not is_in(http)
    answer = signed_in(http, key)

    assert (answer.status_code, answer.headers["location"]) == (303, "../ui")
    cookie, *flags = answer.headers["set-cookie"].split("; ")
    assert flags == ["HttpOnly", "SameSite=Strict", "Max-Age=43200"], "no Path: it follows the prefix of a proxy"
    assert is_in(http)
    assert http.get("/v1/senders").status_code == 401
    with redis.Redis(port=stack.server.port, decode_responses=True) as server:
        token = cookie.partition("=")[2]
        name = SESSIONS + hashlib.sha256(token.encode()).hexdigest()
        assert server.get(name) == key.id
        assert 43_000 < server.ttl(name) <= 43_200
        assert token not in str(server.keys("*"))
    assert key.token not in stack.logs()


def test_a_header_and_no_cookie_shows_pages_too(stack: Harness, http: httpx.Client) -> None:
    assert http.get("/ui", headers=make_key(stack).headers).status_code == 200


def test_signing_out_ends_the_session_and_not_that_of_others(stack: Harness, service: Service) -> None:
    key = make_key(stack)
    with service.client() as http, service.client() as other:
        signed_in(http, key)
        signed_in(other, key)
        kept = dict(http.cookies)
        assert is_in(http)
        answer = http.post("/ui/logout", headers=OWN)
        assert answer.headers["set-cookie"].startswith("oc_session=; HttpOnly; SameSite=Strict; Max-Age=0")
        assert not is_in(http)
        http.cookies.update(kept)
        assert not is_in(http), "whoever has copied the cookie has nothing"
        assert is_in(other)


def test_a_session_ends_with_its_key(stack: Harness, service: Service) -> None:
    """Within the second that is promised to those who revoke one."""
    for ended in (revoke, _expire):
        key = make_key(stack)
        with service.client() as http:
            signed_in(http, key)
            assert is_in(http)
            ended(stack, key)
            wait_until(partial(is_out, http), timeout=5, what="the session to end")
            assert signed_in(http, key).status_code == 401


@pytest.mark.parametrize("token", ["", "not a key", "oc_" + "0" * 12 + "_" + "0" * 64, "ö" * 80, "oc_" * 2_000])
def test_a_wrong_key_begins_nothing(http: httpx.Client, token: str) -> None:
    answer = http.post("/ui/login", data={"key": token}, headers=OWN)

    assert answer.status_code in {401, 413}
    assert "set-cookie" not in answer.headers
    assert token not in answer.text or not token


def test_what_is_no_form_begins_nothing(http: httpx.Client) -> None:
    answer = http.post("/ui/login", content=b"x", headers={**OWN, "Content-Type": "multipart/form-data; boundary=b"})

    assert (answer.status_code, answer.headers["content-type"]) == (400, "text/html; charset=utf-8")


def test_the_limits_of_the_key_are_those_of_its_pages(stack: Harness, service: Service) -> None:
    """The page that covers all tenants is not for a tenant's key, nor any page for one without the scope."""
    with service.client() as http:
        signed_in(http, make_key(stack, "--tenant", "mine"))
        assert http.get("/ui").headers["location"].endswith("ui/batches")
        signed_in(http, make_key(stack, scopes=("enqueue",)))
        assert http.get("/ui").headers["location"].endswith("ui/send"), "the first page that it may see"
        refused = http.get("/ui/batches")
        assert (refused.status_code, ">Upload CSV</a>" in refused.text) == (403, True), "no page is a dead end"
        signed_in(http, make_key(stack, scopes=("ingest",)))
        assert http.get("/ui").status_code == 403
        signed_in(http, make_key(stack, "--rate", "2/h"))
        assert is_in(http)
        limited = http.get("/ui")
        assert (limited.status_code, int(limited.headers["retry-after"]) > 0) == (429, True), "signing in counts too"


@pytest.mark.parametrize(
    ("headers", "accepted"),
    [
        (OWN, True),
        ({"Origin": "{own}"}, True),
        ({"Sec-Fetch-Site": "same-origin", "Host": "127.0.0.1:1", "Origin": "https://chat.example.com"}, True),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "{own}"}, False),
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Origin": "https://evil.example.com"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "{own}0"}, False),
        ({}, False),
    ],
    ids=str,
)
def test_no_other_site_can_send_a_form(
    stack: Harness, service: Service, headers: dict[str, str], accepted: bool
) -> None:
    """Neither with the session of somebody, nor to sign them in with a key of its own."""
    headers = {name: value.format(own=service.url) for name, value in headers.items()}
    key = make_key(stack)
    with service.client() as http:
        signed_in(http, key)
        for path, data in (("/ui/login", {"key": key.token}), ("/ui/logout", {})):
            answer = http.post(path, data=data, headers=headers)
            assert answer.status_code == (303 if accepted else 403), path
            assert ("set-cookie" in answer.headers) == accepted


def test_a_program_without_cookies_needs_none_of_these_headers(stack: Harness, http: httpx.Client) -> None:
    http.cookies.clear()
    assert http.post("/ui/login", data={"key": make_key(stack).token}).status_code == 303


@pytest.mark.parametrize(
    ("host", "secure"),
    [("127.0.0.1:8080", False), ("localhost:8080", False), ("[::1]:8080", False), ("chat.example.com", True)],
)
def test_the_cookie_is_secure_unless_it_stays_on_this_machine(
    stack: Harness, http: httpx.Client, host: str, secure: bool
) -> None:
    answer = http.post("/ui/login", data={"key": make_key(stack).token}, headers={**OWN, "Host": host})

    assert ("Secure" in answer.headers["set-cookie"].split("; ")) == secure


def test_over_plain_http_from_elsewhere_the_login_says_that_it_needs_https(stack: Harness, http: httpx.Client) -> None:
    """A browser would drop the cookie without a word. There it sends no `Sec-Fetch-Site`, and `null` as the origin."""
    headers = {"Host": "chat.example.com", "Origin": "null"}
    answer = http.post("/ui/login", data={"key": make_key(stack).token}, headers=headers)
    assert (answer.status_code, "use HTTPS" in answer.text) == (403, True)


def test_made_up_cookies_take_no_memory(stack: Harness) -> None:
    """Anybody can send them."""
    app = create_app(stack.settings, local=True)

    async def asked(number: int) -> None:
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http,
        ):
            for _ in range(number):
                answer = await http.get("/ui", headers={"Cookie": f"oc_session={secrets.token_urlsafe(32)}"})
                assert answer.status_code == 303

    # Pytest keeps what is logged in a test, if one before it has turned on the log of the service.
    logging.disable()
    try:
        few, many = (least_peak(lambda: asyncio.run(asked(number))) for number in (1_000, 4_000))  # noqa: B023
        assert many - few < 300_000
    finally:
        logging.disable(logging.NOTSET)


def test_viewers_with_their_own_sessions_cost_redis_what_one_does(stack: Harness, service: Service) -> None:
    """Fifty browsers with one key: only what each session belongs to is asked for each, and that every ten seconds."""
    key = make_key(stack)
    with redis.Redis(port=stack.server.port) as server, service.client() as http:
        cookies = []
        for _ in range(50):
            cookies.append(signed_in(http, key).headers["set-cookie"].partition(";")[0])
            http.cookies.clear()

        def commands() -> int:
            found = server.info("commandstats")
            return sum(found[name]["calls"] for name in found if name in {"cmdstat_get", "cmdstat_hget"})

        def look() -> None:
            for cookie in cookies:
                assert http.get("/ui", headers={"Cookie": cookie}).status_code == 200

        look()
        before = commands()
        look()
        assert commands() - before < 50, "not one for each request"
