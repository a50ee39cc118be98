"""Callers who hang up, and callers who have the service work for more than they send."""

import asyncio
import gzip
import json
import re
import socket
import struct
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from starlette.types import Message

from outbound_chat.http import create_app
from tests.support.harness import number
from tests.support.waiting import wait_until

from .conftest import TIMEOUT, Service
from .problems import problem
from .test_batches import CSV, LINES, OPTIONS

JSON = {"Content-Type": "application/json"}
PACKED = {"Content-Encoding": "gzip"}
BATCHES = "/v1/batches?sender=support&text=x"
KINDS = ("csv", "lines of json", "json", "numbers", "preflight")


def work(kind: str, number: int) -> tuple[str, bytes, dict[str, str]]:
    """A body of so many rows or numbers that are all refused, packed to a hundredth: path, body, headers."""
    path, body, headers = {
        "csv": (BATCHES, b"to\n" + b"1\n" * number, CSV),
        "preflight": (BATCHES.replace("?", "/preflight?"), b"to\n" + b"1\n" * number, CSV),
        "lines of json": (BATCHES, b"1\n" * number, LINES),
        "json": ("/v1/batches", b'{"sender":"support","rows":[' + b"1," * number + b"1]}", JSON),
        "numbers": ("/v1/senders/support/suppressed", b'{"numbers":[' + b'"+120255",' * (number // 4) + b"1]}", JSON),
    }[kind]
    packed = gzip.compress(body)
    return path, packed, {**headers, **PACKED, "Content-Length": str(len(packed))}


def connected(service: Service) -> socket.socket:
    """A line to the service, to be used by hand: a client library would wait for answers."""
    host, port = service.url.removeprefix("http://").split(":")
    line = socket.create_connection((host, int(port)), timeout=TIMEOUT)
    # Closed with a reset, as a program does that ends before it has read everything.
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return line


def head(method: str, path: str, headers: dict[str, str]) -> bytes:
    """The head of a request, as it is sent."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def status_of(service: Service, request_id: str) -> int:
    """The status that the log has for a request, once it has ended."""

    def logged() -> int:
        found = re.search(rf" (\d+) [\d.]+ ms {request_id}$", service.stack.logs(), re.MULTILINE)
        return int(found[1]) if found else 0

    return wait_until(logged, timeout=TIMEOUT, what=f"the end of {request_id}")


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("POST", "/v1/jobs", JSON),
        ("POST", BATCHES, CSV),
        ("POST", BATCHES, LINES),
        ("POST", "/v1/batches", JSON),
        ("POST", "/v1/holds", JSON),
        ("POST", "/v1/actions", JSON),
        ("POST", "/v1/webhooks/replay", JSON),
        ("POST", "/v1/senders/support/suppressed", JSON),
        ("DELETE", "/v1/senders/support/suppressed", JSON),
        ("POST", "/v1/jobs/x/replay", JSON),
    ],
)
def test_to_hang_up_in_the_middle_of_a_body_is_no_error_of_the_service(
    service: Service, method: str, path: str, kind: dict[str, str]
) -> None:
    """Else anybody could fill the log, and sound an alarm."""
    name = f"half-{method}-{path.partition('?')[0].replace('/', '-')}-{kind['Content-Type'].partition('/')[2]}"
    with connected(service) as line:
        line.sendall(head(method, path, {**kind, "X-Request-Id": name, "Content-Length": "1000"}) + b'{"a":')

    assert status_of(service, name) == 499
    assert "Traceback" not in service.stack.logs()
    with service.client() as http:
        assert re.search(rf'requests_total{{method="{method}",route="[^"]+",status="499"}}', http.get("/metrics").text)


def long_answer(service: Service, kind: str) -> tuple[str, str, bytes, dict[str, str]]:
    """A request whose answer streams in many parts: method, path, body, headers."""
    if kind == "rejected rows":
        path, body, headers = work("csv", 100_000)
        return "POST", path, body, headers
    with service.stack.chat() as chat:
        rows = [{"to": number(row)} for row in range(4_000)]
        chat.cancel_batch(chat.enqueue_batch(rows, sender="support", text="x").id)
    return "GET", "/v1/events?since=0", b"", {}


@pytest.mark.parametrize("kind", ["events", "rejected rows"])
def test_a_reader_who_hangs_up_writes_nothing_into_the_log(service: Service, kind: str) -> None:
    """Python warns of each write to a line that is closed: whoever has a key could fill the disk."""
    method, path, body, headers = long_answer(service, kind)
    name = f"reader-{kind.replace(' ', '-')}"
    with connected(service) as line:
        line.sendall(head(method, path, {**headers, "X-Request-Id": name}) + body)
        # Most of the answer is still to come, and the service has no reason to pause.
        for _ in range(8):
            assert line.recv(65_536)

    assert status_of(service, name) in {200, 201}
    assert "socket.send() raised" not in service.stack.logs()


@pytest.mark.parametrize("kind", ["events", "rejected rows"])
def test_the_server_has_a_turn_after_each_part_of_an_answer(service: Service, kind: str) -> None:
    """In it the server learns that the line is closed, and then drops what comes."""
    method, path, body, headers = long_answer(service, kind)
    app = create_app(service.stack.settings, local=True)
    written = 0

    async def walk() -> None:
        closed = asyncio.Event()
        coming: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Message:
            if not coming:
                await closed.wait()
            return coming.pop() if coming else {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            nonlocal written
            if message["type"] == "http.response.body" and not closed.is_set():
                written += 1
                # A write that fails has asyncio call `connection_lost` in the next turn of its loop.
                asyncio.get_running_loop().call_soon(closed.set)

        raw_path, _, query = path.partition("?")
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "path": raw_path,
        }
        scope |= {"raw_path": raw_path.encode(), "query_string": query.encode(), "root_path": "", "scheme": "http"}
        given = {**headers, "Host": "127.0.0.1"}
        scope["headers"] = [(name.lower().encode(), value.encode()) for name, value in given.items()]
        async with app.router.lifespan_context(app):
            await app(scope, receive, send)

    asyncio.run(walk())
    assert written == 1


@pytest.mark.parametrize("kind", KINDS)
def test_work_for_a_caller_who_has_gone_ends(service: Service, kind: str) -> None:
    """4 KB may stand for half a minute of work, and nobody reads what becomes of it."""
    path, body, headers = work(kind, 380_000)
    name = f"gone-{kind.replace(' ', '-')}"
    with connected(service) as line:
        line.sendall(head("POST", path, {**headers, "X-Request-Id": name}) + body)

    assert status_of(service, name) == 499


@pytest.mark.parametrize("kind", ["csv", "lines of json", "json", "preflight"])
def test_others_are_served_while_one_request_is_worked_on(service: Service, kind: str) -> None:
    """A liveness probe must not fail, and have the service restarted, because of one body."""
    path, body, headers = work(kind, 100_000)
    served = 0
    with connected(service) as line, service.client() as http:
        http.get("/healthz")
        line.sendall(head("POST", path, headers) + body)
        line.setblocking(False)
        while not has_answer(line):
            assert http.get("/healthz").status_code == 200
            served += 1
    # Without rests it is one or two, or one for each 64 KiB.
    assert served > 10


def has_answer(line: socket.socket) -> bool:
    """Whether the first byte of an answer has come, or the end of the line."""
    try:
        line.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    return True


def test_what_a_few_bytes_unpack_to_is_bounded(http: httpx.Client) -> None:
    bodies: list[tuple[bytes, dict[str, str]]] = [
        (b"to\n" + (b"1" * 999 + b"\n") * 1_100, CSV),
        (b"to\n" + b"\n" * 2_000_000, CSV),
        (b"\n" * 2_000_000, LINES),
    ]
    for body, kind in bodies:
        answer = http.post("/v1/batches", params=OPTIONS, content=gzip.compress(body), headers={**kind, **PACKED})
        assert "decompresses" in problem(answer, 413, "body_too_large")["detail"]
    # What a campaign packs to is none of these: the same long text in all rows.
    rows = b"to,text\n" + b"".join(b"%s,%s\n" % (number(row).encode(), b"Your parcel " * 80) for row in range(2_000))
    taken = http.post("/v1/batches", params={"sender": "support"}, content=gzip.compress(rows), headers=CSV)
    assert taken.json()["accepted"] == 2_000


def test_a_body_of_blank_lines_alone_ends(http: httpx.Client) -> None:
    def lines() -> Iterator[bytes]:
        for _ in range(60):
            yield b" " * 999_999 + b"\n"

    body = problem(http.post("/v1/batches", params=OPTIONS, content=lines(), headers=LINES), 400, "unusable_file")
    assert "blank lines" in body["detail"]


def test_refused_rows_beyond_what_is_kept_of_them_are_counted(http: httpx.Client) -> None:
    """What is said of a row is a hundred times what was sent of it, and lies on the disk until the answer is read."""
    rows = 70_000
    body = gzip.compress(b"to,send_at,expires_at\n" + b"1,x,x\n" * rows)
    answer = http.post("/v1/batches", params=OPTIONS, content=body, headers=CSV)
    receipt: dict[str, Any] = json.loads(answer.content)
    listed = len(receipt["rejections"])
    assert receipt["rejected"] == rows
    assert listed + receipt["rejections_omitted"] == rows
    assert 0 < receipt["rejections_omitted"] < rows
    assert [one["row"] for one in receipt["rejections"]] == list(range(1, listed + 1))
    assert len(answer.content) < 21_000_000


def test_readers_of_events_who_leave_write_nothing_into_the_log(service: Service, http: httpx.Client) -> None:
    """`curl … | head` in a loop would fill the disk."""
    rows = [{"to": number(row)} for row in range(5_000)]
    receipt = http.post("/v1/batches", json={**OPTIONS, "rows": rows}).json()
    http.post(f"/v1/batches/{receipt['id']}/cancel")

    def has_events() -> bool:
        with http.stream("GET", "/v1/events") as stream:
            return next(number for number in map(_number, stream.iter_lines()) if number) > 0

    assert has_events()
    for reader in range(10):
        with connected(service) as line:
            line.sendall(head("GET", "/v1/events?since=0", {"X-Request-Id": f"reader-{reader}"}))
            line.recv(100)
    for reader in range(10):
        status_of(service, f"reader-{reader}")
    assert "socket.send() raised" not in service.stack.logs()


def _number(line: str) -> int:
    return int(line.removeprefix("id: ")) if line.startswith("id: ") else 0


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/batches", "/v1/holds", "/v1/actions"])
@pytest.mark.parametrize("inside", [False, True])
def test_a_body_with_more_members_than_a_job_can_have_is_refused_unread(
    http: httpx.Client, path: str, inside: bool
) -> None:
    """To look at each of 100,000 would hold up all others meanwhile."""
    members = {f"a{place:05}": 1 for place in range(50_000)}
    body = {"sender": "support", "rows": [{"attributes": members}]} if inside else members
    answer = problem(http.post(path, json=body), 413, "body_too_large")
    assert "50,000 members" in answer["detail"]
    assert "13,000" in answer["detail"]
