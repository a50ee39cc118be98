"""HTTP that no client of good will sends: each is refused or cut off, and the next call is answered as ever."""

import contextlib
import socket
from urllib.parse import urlsplit

import pytest

from outbound_chat_worker.sandbox import SandboxClient

PUT = b"PUT /contact/outbound-chat HTTP/1.1\r\nHost: x\r\n"
CONFIGURE = b"POST /_sandbox/configure HTTP/1.1\r\nHost: x\r\n"


def body(content: bytes, head: bytes = CONFIGURE) -> bytes:
    return head + b"Content-Length: %d\r\n\r\n" % len(content) + content


def answer_to(sandbox: SandboxClient, sent: bytes) -> bytes:
    """Sends bytes and says that no more come; what is answered until the connection is closed."""
    address = urlsplit(sandbox.url)
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=60) as connection:
        try:
            connection.sendall(sent)
            with contextlib.suppress(OSError):  # refused and closed before all was sent
                connection.shutdown(socket.SHUT_WR)
            answer = b""
            while part := connection.recv(65_536):
                answer += part
        except ConnectionError:
            # It was cut off in the midst of sending.
            return b""
        return answer


HOSTILE = {
    "a header of 10 MB": (PUT + b"X: " + b"x" * 10_000_000 + b"\r\n\r\n", b"431"),
    "100,000 headers": (PUT + b"X: y\r\n" * 100_000 + b"\r\n", b"431"),
    "a length of many digits": (PUT + b"Content-Length: " + b"9" * 5_000 + b"\r\n\r\n", b"4"),
    "two lengths": (PUT + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nx", b"400"),
    "a length below nothing": (PUT + b"Content-Length: -1\r\n\r\n", b"400"),
    "chunks": (PUT + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nx\r\n0\r\n\r\n", b"4"),
    "chunks and a length": (PUT + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", b"4"),
    "a method that nobody knows": (b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n", b"4"),
    "CONNECT": (b"CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n", b""),
    "an upgrade": (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", b"501"),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"4"),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 200, b"400"),
    "zeros": (b"\0" * 1_000_000, b"400"),
    "a path that is no URL": (b"PUT http://[::1 HTTP/1.1\r\nHost: x\r\n\r\n", b"4"),
    "bytes in the path": (b"PUT /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n", b"4"),
    "a control body nested without end": (body(b"[" * 500_000), b"400"),
    "a control body that is no text": (body(b"\xff\xfe\x80"), b"400"),
    "a rate without end": (body(b'{"rate": 1e400, "latency": 1e400}'), b"400"),
    "a latency that is no number": (body(b'{"latency": NaN}'), b"400"),
    "a burst of many digits": (body(b'{"burst": ' + b"9" * 5_000 + b"}"), b"400"),
    "half a character": (body(b'{"\\ud800": 1}'), b"400"),
    "a contact that is none": (body(b'{"contact_id": ["\\ud800"]}', CONFIGURE.replace(b"configure", b"close")), b"404"),
    "a page far behind": (b"GET /_sandbox/contacts?after=" + b"9" * 5_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"4"),
    "a request nested without end": (body(b'{"Attributes":' * 50_000, PUT), b"4"),
    "a request cut off": (PUT + b"Content-Length: 100\r\n\r\n{", b""),
}


@pytest.mark.parametrize(("sent", "status"), HOSTILE.values(), ids=HOSTILE.keys())
def test_it_is_refused_and_the_sandbox_lives(sandbox: SandboxClient, sent: bytes, status: bytes) -> None:
    """A sandbox that stands in a network is met by scanners; one that died would fail tests that are not at fault."""
    answer = answer_to(sandbox, sent)

    assert not answer or answer.startswith(b"HTTP/1.1 " + status), answer[:100]
    assert sandbox.stats().calls >= 0


def test_clients_that_never_end_a_request_keep_nobody_out(sandbox: SandboxClient) -> None:
    """Two hundred connections, each with half a head."""
    address = urlsplit(sandbox.url)
    idle = [socket.create_connection((address.hostname or "", address.port or 0), timeout=60) for _ in range(200)]
    try:
        for connection in idle:
            connection.sendall(PUT)
        assert sandbox.stats().calls >= 0
    finally:
        for connection in idle:
            connection.close()
