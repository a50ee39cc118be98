"""The service as a process: its limits, its log, its end, and Redis away."""

import asyncio
import contextlib
import http.client
import json
import re
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from outbound_chat import OutboundChat
from outbound_chat.http.server import _listener
from outbound_chat.store import inspection
from outbound_chat_config import Settings
from outbound_chat_worker.local.embedded import EmbeddedServer
from tests.support.harness import Harness, free_port, number, running_harness
from tests.support.waiting import wait_until

from .conftest import NO_TLS, TIMEOUT, Service, start_service
from .problems import problem

JOB: dict[str, Any] = {"sender": "support", "to": number(1), "text": "a secret text"}


def test_a_long_poll_ends_with_what_stands_when_the_service_is_told_to_end(stack: Harness) -> None:
    """A restart must not cost a caller an error."""
    service = start_service(stack)
    answers: list[httpx.Response] = []
    with service.client() as http:
        job = http.post("/v1/jobs", json=JOB).json()
        batch = http.post("/v1/batches", json={"sender": "support", "text": "x", "rows": [{"to": number(1)}]}).json()
        paths = [f"/v1/jobs/{job['id']}", f"/v1/batches/{batch['id']}"]

        def wait(path: str) -> None:
            answers.append(httpx.get(service.url + path, params={"wait": 60}, timeout=TIMEOUT, verify=NO_TLS))

        waiting = [threading.Thread(target=wait, args=(path,)) for path in paths]
        for one in waiting:
            one.start()
        channels = [f"oc:*done:{one['id'].partition('.')[2]}" for one in (job, batch)]
        with stack.chat() as chat:
            redis = chat._store.redis
            wait_until(lambda: all(redis.pubsub_channels(channel) for channel in channels), what="both to wait")
        service.process.send_signal(signal.SIGTERM)
        for one in waiting:
            one.join(TIMEOUT)
    assert service.process.wait(TIMEOUT) == 0
    assert [answer.status_code for answer in answers] == [200, 200]
    assert {answer.json()["final"] for answer in answers} == {False}


def test_followers_of_events_are_let_go_when_the_service_ends(stack: Harness) -> None:
    service = start_service(stack)
    with service.client() as http, http.stream("GET", "/v1/events") as stream:
        lines = stream.iter_lines()
        assert next(lines).startswith("retry")
        service.process.send_signal(signal.SIGTERM)
        assert list(lines) is not None
    assert service.process.wait(TIMEOUT) == 0


def test_redis_away_is_said_at_once_and_it_recovers(tmp_path: Path) -> None:
    with running_harness(tmp_path) as stack:
        _check_an_outage(stack)


def _check_an_outage(stack: Harness) -> None:
    service = start_service(stack)
    with service.client() as http:
        assert http.get("/readyz").json() == {"status": "ok"}
        stack.server.stop()
        away = http.post("/v1/jobs", json=JOB)
        assert "127.0.0.1" not in problem(away, 503, "store_unavailable")["detail"]
        assert int(away.headers["retry-after"]) > 0
        problem(http.get("/readyz"), 503, "store_unavailable")
        assert http.get("/healthz").status_code == 200
        assert "outbound_chat_store_up 0.0" in http.get("/metrics").text
    stack.server = EmbeddedServer(stack.folder / "valkey", port=stack.server.port)
    with contextlib.ExitStack() as ends, service.client() as http:
        ends.callback(stack.server.stop)
        wait_until(lambda: http.get("/readyz").status_code == 200, timeout=TIMEOUT, what="the service to recover")
        assert stack.counts_add_up()


def test_a_redis_that_hangs_is_said_too_and_the_same_key_gives_the_same_job(stack: Harness) -> None:
    """Each answer comes while it hangs. What the service gave up on is done when it goes on, and done once."""
    stack.configure(redis_timeout=0.3)
    service = start_service(stack)
    key = {"Idempotency-Key": "order-1"}
    patient = Settings.from_values(**{**stack.values, "redis_timeout": 60})
    with service.client() as http, OutboundChat.from_settings(patient) as chat:
        known = chat.enqueue(**JOB).id
        stack.server.process.send_signal(signal.SIGSTOP)
        try:
            for answer in (
                http.post("/v1/jobs", json=JOB, headers=key),
                http.post("/v1/jobs", json=JOB, headers=key),
                http.get(f"/v1/jobs/{known}"),
                http.get(f"/v1/jobs/{known}", params={"wait": 60}),
            ):
                problem(answer, 503, "store_unavailable")
        finally:
            stack.server.process.send_signal(signal.SIGCONT)
        wait_until(lambda: http.get("/readyz").status_code == 200, timeout=TIMEOUT, what="the service to recover")

        def enqueue() -> httpx.Response:
            return http.post("/v1/jobs", json=JOB, headers=key)

        wait_until(lambda: enqueue().is_success, timeout=TIMEOUT, what="an answer")
        assert inspection.counts(chat._store, chat._store.keys("main"))["accepted"] == 2


@pytest.mark.parametrize("media_type", ["application/json", "text/plain"])
def test_a_body_that_is_too_long_gets_its_response_while_it_is_still_being_sent(
    stack: Harness, media_type: str
) -> None:
    """Most clients send the whole body before they read, and report a reset in place of the response."""
    service = start_service(stack)
    for body in (b"a" * 30_000_000, iter([b"a" * 1_000_000] * 30)):
        connection = http.client.HTTPConnection(service.url.removeprefix("http://"), timeout=TIMEOUT)
        connection.request("POST", "/v1/jobs", body, {"Content-Type": media_type})
        with connection.getresponse() as response:
            assert response.status == (413 if media_type == "application/json" else 415)
            assert "code" in json.load(response)
        connection.close()


def test_bodies_have_limits(stack: Harness) -> None:
    stack.configure(http={"max_body_bytes": 2_000, "body_timeout": 0.5, "max_header_bytes": 4_000})
    service = start_service(stack)
    with service.client() as http:
        long = {**JOB, "text": "x" * 3_000}
        problem(http.post("/v1/jobs", json=long), 413, "body_too_large")
        problem(http.post("/v1/jobs", content=b"{", headers={"Content-Type": "application/json"}), 400, "invalid_json")
        problem(http.post("/v1/jobs", content=b"17", headers={"Content-Type": "application/json"}), 400, "invalid_json")
        problem(http.post("/v1/jobs", content=b"to=1"), 415, "unsupported_media_type")
        latin = {"Content-Type": "application/json; charset=latin1"}
        problem(http.post("/v1/jobs", content=b"{}", headers=latin), 415, "unsupported_media_type")
        problem(http.get("/healthz", headers={"X-Long": "x" * 8_000}), 431, "head_too_large")
        never = threading.Event()

        def slow() -> Iterator[bytes]:
            yield b'{"sender":'
            never.wait(TIMEOUT)

        sending = threading.Thread(target=lambda: _ignore(lambda: http.post("/v1/jobs", content=slow(), headers=kind)))
        kind = {"Content-Type": "application/json"}
        sending.start()
        wait_until(lambda: " 408 " in stack.logs(), timeout=TIMEOUT, what="the slow body to be given up")
        never.set()
        sending.join(TIMEOUT)


def _ignore(call: object) -> None:
    try:
        call()  # type: ignore[operator]  # a function
    except httpx.TransportError:
        return


def test_a_slow_body_gets_its_answer(stack: Harness) -> None:
    """Read by hand: a client library would go on sending."""
    stack.configure(http={"body_timeout": 0.3})
    service = start_service(stack)
    host, port = service.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=TIMEOUT) as line:
        line.sendall(
            b"POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
        )
        answer = line.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 408")


def test_the_log_tells_requests_apart_and_holds_nothing_private(stack: Harness) -> None:
    service = start_service(stack)
    with service.client() as http:
        http.post("/v1/jobs", json=JOB, headers={"X-Request-Id": "trace-17"})
        http.get(f"/v1/jobs/{number(2)}", params={"wait": 1})
        http.get(f"/{number(3)}", params={"to": number(4)})
        given = http.get("/healthz", headers={"X-Request-Id": "no good\tid"}).headers["x-request-id"]
    assert re.fullmatch(r"[0-9A-Z]{26}", given)
    wait_until(lambda: "/healthz" in stack.logs(), what="the log")
    logs = stack.logs()
    assert re.search(r"POST /v1/jobs 201 [\d.]+ ms trace-17", logs)
    assert re.search(r"GET /v1/jobs/\{job_id\} 404", logs)
    assert "a secret text" not in logs
    assert [number(index) for index in range(1, 5) if number(index) in logs] == []


def test_an_address_that_others_reach_is_refused(stack: Harness) -> None:
    """Nobody is asked for a key yet."""
    for host in ("0.0.0.0", "::", "example.com"):  # noqa: S104  # that is the point
        ended = stack.run("http", "--host", host, "--port", str(free_port()))
        assert ended.returncode == 2
        assert "can be reached from other machines" in ended.stderr


def test_a_port_that_is_taken_is_named(stack: Harness) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = stack.run("http", "--port", port)
    assert ended.returncode == 2
    assert port in ended.stderr


def test_several_processes_serve_count_together_and_end_together(stack: Harness) -> None:
    service = start_service(stack, "--workers", "2")
    with service.client() as http:
        for index in range(20):
            job = {**JOB, "to": number(index)}
            assert httpx.post(f"{service.url}/v1/jobs", json=job, timeout=TIMEOUT, verify=NO_TLS).status_code == 201
        text = http.get("/metrics").text
        assert 'outbound_chat_http_requests_total{method="POST",route="/v1/jobs",status="201"} 20.0' in text
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(TIMEOUT) == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{service.url}/healthz", timeout=TIMEOUT, verify=NO_TLS)


def test_processes_end_when_the_one_that_started_them_is_killed(stack: Harness) -> None:
    """No process of a service may go on alone, on the port that its successor wants."""
    service = start_service(stack, "--workers", "2")
    service.process.kill()
    service.process.wait(TIMEOUT)

    def free() -> bool:
        try:
            httpx.get(f"{service.url}/healthz", timeout=TIMEOUT, verify=NO_TLS)
        except httpx.TransportError:
            return True
        return False

    wait_until(free, timeout=TIMEOUT, what="the port to be free")


def test_a_poller_that_leaves_is_let_go(service: Service) -> None:
    """Else each reload of a page would hold a place for a minute."""

    async def walk() -> None:
        async with httpx.AsyncClient(base_url=service.url, timeout=TIMEOUT) as http:
            job = (await http.post("/v1/jobs", json=JOB)).json()
            waiting = asyncio.create_task(http.get(f"/v1/jobs/{job['id']}", params={"wait": 60}))
            channel = f"oc:*done:{job['id'].partition('.')[2]}"
            with service.stack.chat() as chat:
                redis = chat._store.redis
                await asyncio.to_thread(wait_until, lambda: redis.pubsub_channels(channel), what="the poller")
                waiting.cancel()
                await asyncio.to_thread(wait_until, lambda: not redis.pubsub_channels(channel), what="its end")

    asyncio.run(walk())


def test_answers_do_not_wait_for_acknowledgements() -> None:
    """Nagle's algorithm would hold back the end of each answer for 40 ms, on a connection that is kept."""

    async def is_off() -> int:
        accepted: asyncio.Future[socket.socket] = asyncio.get_running_loop().create_future()

        async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            accepted.set_result(writer.get_extra_info("socket"))
            writer.close()

        # As uvicorn listens: asyncio sets the option, where the socket says that it is one of TCP.
        with _listener("127.0.0.1", free_port()) as listener:
            async with await asyncio.start_server(accept, sock=listener) as server:
                _, writer = await asyncio.open_connection(*listener.getsockname())
                found = (await accepted).getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
                writer.close()
                await writer.wait_closed()
                server.close()
                return found

    assert asyncio.run(is_off())
