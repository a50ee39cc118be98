"""The transport of calls to Connect, beside botocore's own: same bytes out, same answers and errors in."""

import gc
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from itertools import takewhile
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError, HTTPClientError, ReadTimeoutError
from botocore.httpsession import URLLib3Session

from outbound_chat_config import Sender, WorkerSettings
from outbound_chat_worker.connect import Connect
from outbound_chat_worker.pump.retry import judge
from outbound_chat_worker.sandbox import SANDBOX_ENVIRONMENT, running_sandbox
from outbound_chat_worker.transport import Transport
from tests.support.harness import UNLIMITED, number, sender
from tests.support.proxy import running_proxy
from tests.support.tls import make_certificates
from tests.support.waiting import wait_until

SECONDS = 60.0
"""Bites on failure only."""
BODY = b'{"ContactId":"c"}'
OK = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nx-amzn-RequestId: r\r\n\r\n%b" % (len(BODY), BODY)


class _Scripted:
    """A server that answers each request with the same pieces, sent one by one."""

    def __init__(self) -> None:
        self.pieces: tuple[bytes, ...] = (OK,)
        self.closes = False
        self.echoes = False
        """Answers with the body of the request instead."""
        self.left = threading.Event()
        """Set once a client has closed a connection."""
        self.requests: list[bytes] = []
        self.connections: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                connection = self._listener.accept()[0]
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.connections.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as lines, suppress(OSError):
            while head := _head(lines):
                lengths = [int(line.split(b":")[1]) for line in head if line.lower().startswith(b"content-length:")]
                body = lines.read(*lengths)
                self.requests.append(b"".join(head) + b"\r\n" + body)
                echo = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
                for piece in (echo,) if self.echoes else self.pieces:
                    connection.sendall(piece)
                if self.closes:
                    return
            self.left.set()

    def close(self) -> None:
        for each in (self._listener, *self.connections):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


def _head(lines: BinaryIO) -> list[bytes]:
    """The lines before the empty one; none: the connection has ended."""
    return list(takewhile(lambda line: line not in {b"", b"\r\n"}, iter(lines.readline, None)))


@pytest.fixture
def server() -> Iterator[_Scripted]:
    made = _Scripted()
    yield made
    made.close()


@pytest.fixture
def transport() -> Transport:
    return Transport("", SECONDS, SECONDS)


def _request(url: str, body: bytes = b'{"A":"\xc3\xbc"}', **headers: str) -> Any:
    made: Any = AWSRequest("PUT", f"{url}/contact/outbound-chat?a=b", {"User-Agent": "u", **headers}, body)
    made.headers["X-Two"] = b"2"
    return made.prepare()


def _outcome(send: Callable[[Any], Any], url: str) -> tuple[object, ...]:
    try:
        answer = send(_request(url))
    except BotoCoreError as error:
        return judge(error).rule.code, judge(error).rule.maybe_sent
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return answer.status_code, headers, answer.content


def _in_bytes(answer: bytes) -> tuple[bytes, ...]:
    return tuple(answer[at : at + 1] for at in range(len(answer)))


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{}\n\r\n1\r\n \r\n0\r\n\r\n"


@pytest.mark.parametrize("closes", [True, False])
@pytest.mark.parametrize(
    "pieces",
    [
        (OK,),
        _in_bytes(OK),
        (CHUNKED,),
        _in_bytes(CHUNKED),
        (b"HTTP/1.1 100 Continue\r\n\r\n", OK),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK,),
        (b"HTTP/1.1 204 No Content\r\nA: b\r\n\r\n",),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n",),
        (b"HTTP/1.1 503 Oh\r\nRetry-After: 5\r\nVia: a\r\nVia: b\r\nContent-Length: 6\r\n\r\n<html>",),
        (b"HTTP/1.1 400 \r\nX: \xe4\r\nContent-Length: 1\r\n\r\n\xff",),
        (OK + b"more than was announced",),
        (OK + OK,),
    ],
)
def test_an_answer_is_read_as_botocore_reads_it(
    server: _Scripted, transport: Transport, pieces: tuple[bytes, ...], *, closes: bool
) -> None:
    """What retries and reports depend on must not change with what carries the bytes."""
    server.pieces, server.closes = pieces, closes
    theirs = _outcome(URLLib3Session().send, server.url)

    assert _outcome(transport.answer, server.url) == theirs
    assert theirs[0] != "no_answer"


@pytest.mark.parametrize(
    "pieces",
    [
        (),
        (b"HTTP/1.1 20",),
        (b"HTTP/1.1 100 Continue\r\n\r\n",),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end",),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",),
        (b"this is no HTTP\r\n\r\n",),
    ],
)
def test_an_answer_that_is_cut_off_is_read_as_botocore_reads_it(
    server: _Scripted, transport: Transport, pieces: tuple[bytes, ...]
) -> None:
    """A job whose call left without an answer must never be taken for one that was not sent."""
    server.pieces, server.closes = pieces, True

    assert _outcome(transport.answer, server.url) == _outcome(URLLib3Session().send, server.url)


def test_an_answer_that_is_cut_off_after_its_headers_has_their_status(server: _Scripted, transport: Transport) -> None:
    """As newer releases of botocore have it: the status says more than that the rest is missing."""
    server.pieces, server.closes = (b"HTTP/1.1 403 No\r\nContent-Length: 100\r\n\r\nhalf",), True

    assert _outcome(transport.answer, server.url) == (403, {"content-length": "100"}, b"half")


def test_the_same_bytes_leave_as_from_botocore(server: _Scripted, transport: Transport) -> None:
    """The signature covers them, and servers may depend on each header."""
    URLLib3Session().send(_request(server.url))
    transport.answer(_request(server.url))

    theirs, ours = (
        (head.split(b"\r\n"), body) for head, _, body in (one.partition(b"\r\n\r\n") for one in server.requests)
    )
    assert ours[0][0] == theirs[0][0]
    assert sorted(ours[0]) == sorted(theirs[0])
    assert ours[1] == theirs[1]


def test_a_connection_serves_many_calls_until_somebody_closes_it(server: _Scripted, transport: Transport) -> None:
    """A handshake a call would cost more than the call."""
    for _ in range(3):
        transport.answer(_request(server.url))
    assert len(server.connections) == 1

    # The server closes it while it is idle.
    server.connections[0].shutdown(socket.SHUT_RDWR)
    transport.answer(_request(server.url))
    assert len(server.connections) == 2

    server.pieces = (OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),)
    for _ in range(2):
        transport.answer(_request(server.url))
    assert len(server.connections) == 3


def test_each_thread_gets_the_answer_to_its_own_call(server: _Scripted, transport: Transport) -> None:
    """A contact id of another call would be recorded for the wrong customer."""
    server.echoes = True
    bodies = [str(index).encode() for index in range(400)]
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda body: transport.answer(_request(server.url, body)).content, bodies)

    assert list(answers) == bodies
    assert len(server.connections) <= 8


def test_connections_end_with_their_client(server: _Scripted) -> None:
    """A client is replaced whenever its credentials fail; its connections must not pile up."""
    transport = Transport("", SECONDS, SECONDS)
    transport.answer(_request(server.url))
    del transport
    gc.collect()

    assert server.left.wait(SECONDS)


@pytest.mark.parametrize("extra", [b"x", OK])
def test_bytes_that_nobody_asked_for_are_no_answer_to_the_next_call(
    server: _Scripted, transport: Transport, extra: bytes
) -> None:
    """A contact id of another call would be recorded for the wrong customer."""
    server.pieces = (OK + extra,)
    for _ in range(2):
        assert transport.answer(_request(server.url)).content == BODY

    assert len(server.connections) == 2


def test_a_header_with_a_line_break_is_refused_before_anything_leaves(server: _Scripted, transport: Transport) -> None:
    """A session token that was copied with its line end must not write a header of its own."""
    for broken in ("a\r\nX: y", "a\n", "a\r"):
        with pytest.raises(HTTPClientError):
            transport.answer(_request(server.url, Token=broken))

    assert server.requests == []


def test_a_server_that_never_answers_is_left_in_the_time_of_the_settings(server: _Scripted) -> None:
    """Else one silent connection would hold a thread for ever."""
    server.pieces = ()

    with pytest.raises(ReadTimeoutError):
        Transport("", SECONDS, 0.05).answer(_request(server.url))


@pytest.fixture
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "HTTP_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name, value in SANDBOX_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def _call(url: str) -> str:
    settings = WorkerSettings(
        connect_timeout=timedelta(seconds=SECONDS), read_timeout=timedelta(seconds=SECONDS), lease=timedelta(minutes=5)
    )
    identity = Sender.model_validate(sender(endpoint_url=url))
    request = {
        "InstanceId": identity.instance_id,
        "ContactFlowId": identity.contact_flow_id,
        "SourceEndpoint": {"Type": "CONNECT_PHONENUMBER_ARN", "Address": identity.source},
        "DestinationEndpoint": {"Type": "TELEPHONE_NUMBER", "Address": number(1)},
        "SegmentAttributes": {"connect:Subtype": {"ValueString": "connect:SMS"}},
        "ClientToken": "t",
    }
    return Connect(settings).start_chat(identity, request)


@pytest.mark.usefixtures("_credentials")
@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
def test_a_certificate_is_checked_with_the_authorities_that_botocore_would_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """Companies that inspect traffic have an authority of their own."""
    made = make_certificates(tmp_path)
    with running_sandbox(UNLIMITED) as sandbox:
        port = int(sandbox.url.rpartition(":")[2])
        with running_proxy(port, tls=made.server_context) as tls:
            monkeypatch.setenv(variable, str(made.ca))
            assert _call(f"https://localhost:{tls.port}")
            monkeypatch.delenv(variable)
            with pytest.raises(BotoCoreError) as caught:
                _call(f"https://localhost:{tls.port}")
            assert judge(caught.value).rule.code == "unreachable"


@pytest.mark.usefixtures("_credentials")
def test_a_certificate_for_another_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has any certificate of the authority could read what is sent."""
    made = make_certificates(tmp_path, "example.com")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(made.ca))
    with running_sandbox(UNLIMITED) as sandbox:
        port = int(sandbox.url.rpartition(":")[2])
        with running_proxy(port, tls=made.server_context) as tls, pytest.raises(BotoCoreError) as caught:
            _call(f"https://localhost:{tls.port}")

        assert judge(caught.value).rule.code == "unreachable"
        assert sandbox.stats().calls == 0


@pytest.mark.usefixtures("_credentials")
def test_a_proxy_of_the_environment_is_used(server: _Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the only way out of some networks."""
    monkeypatch.setenv("HTTP_PROXY", server.url)
    assert _call("http://connect.example.com") == "c"
    assert server.requests[0].startswith(b"PUT http://connect.example.com/contact/outbound-chat ")

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert _call(server.url) == "c"
    wait_until(lambda: len(server.requests) == 2, what="the call")
    assert server.requests[1].startswith(b"PUT /contact/outbound-chat ")
