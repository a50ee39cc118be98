"""The control client, the child process and plain HTTP."""

import http.client
import itertools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from outbound_chat_worker.sandbox import Fault, FaultKind, SandboxClient, SandboxError, SandboxOptions, running_sandbox

if TYPE_CHECKING:
    from types_boto3_connect import ConnectClient

TimedSandbox = Callable[[SandboxOptions], tuple[SandboxClient, Callable[[timedelta], None]]]


def test_arrivals_tell_when_how_and_for_whom(
    connect: "ConnectClient",
    sandbox: SandboxClient,
    request_to: Callable[..., dict[str, Any]],
    outcome: Callable[..., str],
) -> None:
    """What a check of pacing needs; the sum of all outcomes is the number of calls."""
    numbers = ["+12025550100", "+12025550149", "+12025550142"]
    for number in numbers:
        outcome(connect, request_to(number))

    arrivals = list(sandbox.arrivals())
    assert [arrival.destination for arrival in arrivals] == numbers
    assert [arrival.code for arrival in arrivals] == ["accepted", "ConflictException", "ThrottlingException"]
    assert all(a.seconds <= b.seconds for a, b in itertools.pairwise(arrivals))
    stats = sandbox.stats()
    assert stats.calls == sum(stats.by_code.values()) == 3
    assert (stats.refused, stats.throttled, stats.accepted) == (2, 1, 1)


def test_long_lists_come_in_pages_and_in_order(
    timed_sandbox: TimedSandbox, request_to: Callable[..., dict[str, Any]]
) -> None:
    """More than one page. No signature is checked, so one serves every request here."""
    before = datetime.now(UTC) - timedelta(microseconds=1)
    # Its clock stands from here on.
    sandbox, _ = timed_sandbox(SandboxOptions(rate=None, max_chats=2_000, verify_signatures=False))
    date = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    headers = {
        "Content-Type": "application/json",
        "X-Amz-Date": date,
        "Authorization": f"AWS4-HMAC-SHA256 Credential=testing/{date[:8]}/us-east-1/connect/aws4_request, "
        f"SignedHeaders=host;x-amz-date, Signature={'0' * 64}",
    }
    numbers = [f"+1202666{number:04}" for number in range(1_001)]
    connection = http.client.HTTPConnection(sandbox.url.removeprefix("http://"), timeout=60)
    for number in numbers:
        connection.request("PUT", "/contact/outbound-chat", json.dumps(request_to(number)), headers)
        assert connection.getresponse().read().startswith(b'{"ContactId":')
    connection.close()

    contacts = list(sandbox.contacts())
    assert [contact.destination for contact in contacts] == numbers
    assert len({contact.contact_id for contact in contacts}) == len(list(sandbox.arrivals())) == 1_001
    assert before < contacts[0].started_at <= contacts[-1].started_at


def test_a_repr_shows_no_number_and_no_text(
    connect: "ConnectClient", sandbox: SandboxClient, request_body: dict[str, Any]
) -> None:
    """Failed assertions of users end in the logs of their CI."""
    connect.start_outbound_chat_contact(
        **request_body, InitialSystemMessage={"ContentType": "text/plain", "Content": "secret"}
    )

    shown = repr([*sandbox.contacts(), *sandbox.arrivals()])
    assert "+1202" not in shown
    assert "secret" not in shown


def test_a_reset_forgets_everything_and_undoes_changes(
    connect: "ConnectClient", sandbox: SandboxClient, request_body: dict[str, Any], outcome: Callable[..., str]
) -> None:
    """So that one process serves a whole suite of tests."""
    first = connect.start_outbound_chat_contact(**request_body, ClientToken="t")["ContactId"]
    sandbox.configure(rate=1.0, burst=1, max_chats=0, latency=timedelta(seconds=1), faults=(Fault(FaultKind.INVALID),))
    sandbox.reset()

    assert (sandbox.stats().calls, list(sandbox.contacts()), list(sandbox.arrivals())) == (0, [], [])
    assert connect.start_outbound_chat_contact(**request_body, ClientToken="t")["ContactId"] != first
    assert outcome(connect, request_body) == "accepted"


def test_impossible_changes_are_refused_and_change_nothing(sandbox: SandboxClient) -> None:
    """With the sentence the options themselves would give."""
    with pytest.raises(SandboxError, match="rate must be above 0"):
        sandbox.configure(rate=0)
    with pytest.raises(SandboxError, match="port can't be changed"):
        sandbox.configure(port=1)  # type: ignore[call-arg]  # what the type checker refuses, the server must too


def test_a_chat_that_is_not_open_cannot_be_closed(sandbox: SandboxClient) -> None:
    """A test that closes the wrong chat should fail there."""
    with pytest.raises(SandboxError, match="no open chat"):
        sandbox.close_chat("unknown")


def test_an_unknown_control_route_is_named(sandbox: SandboxClient) -> None:
    """A client of another version notices."""
    with pytest.raises(SandboxError, match="no such control route"):
        SandboxClient(f"{sandbox.url}/_sandbox/x/..").stats()


@pytest.mark.parametrize(
    "answer",
    [
        b"-ERR unknown command\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}",
        *(b"HTTP/1.1 200 OK\r\n\r\n" + body for body in (b"{}", b"1", b"null", b"[1]", b'{"at": 1}', b"<html>")),
        b"HTTP/1.1 200 OK\r\nx-sandbox-next: soon\r\n\r\n",
        b"",
    ],
)
@pytest.mark.parametrize(
    "ask",
    [
        lambda client: client.stats(),
        lambda client: list(client.contacts()),
        lambda client: list(client.arrivals()),
        lambda client: list(client.inbox()),
        lambda client: client.message("x"),
    ],
)
def test_something_else_that_answers_is_no_sandbox(ask: Callable[[SandboxClient], Any], answer: bytes) -> None:
    """Another program may have the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(SandboxError, match="is not a sandbox"):
            ask(SandboxClient(f"http://127.0.0.1:{server.getsockname()[1]}"))
        thread.join()


def test_a_child_that_cannot_start_says_so(tmp_path: Path) -> None:
    """Here the port is taken."""
    log = tmp_path / "sandbox.log"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            log.open("wb") as errors,
            pytest.raises(SandboxError, match=re.escape(f"did not start; its own message is in {log}")) as caught,
            running_sandbox(SandboxOptions(port=port), errors=errors),
        ):
            pass
    assert caught.value.code == "no_sandbox"
    assert log.read_text()


def test_all_options_reach_the_child(
    make_connect: Callable[..., "ConnectClient"], request_body: dict[str, Any], outcome: Callable[..., str]
) -> None:
    """They cross the process border as JSON. The block's end is the child's end."""
    options = SandboxOptions(
        rate=0.001,
        burst=3,
        max_chats=1,
        latency=timedelta(milliseconds=1.5),
        verify_signatures=False,
        faults=(Fault(FaultKind.LATE, times=1, delay=timedelta(milliseconds=2)), Fault(FaultKind.CONFLICT, times=1)),
    )
    with running_sandbox(options) as sandbox:
        connect = make_connect(sandbox.url, aws_secret_access_key="wrong")
        codes = [outcome(connect, request_body) for _ in range(4)]
        connect.close()
    assert codes == ["accepted", "ConflictException", "LimitExceededException", "ThrottlingException"]
    address = urlsplit(sandbox.url)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address.hostname, address.port or 0))


_PARENT = """
import signal
from outbound_chat_worker.sandbox import running_sandbox
with running_sandbox() as sandbox:
    print(sandbox.url, flush=True)
    signal.pause()
"""


def test_a_child_ends_with_a_parent_that_is_killed() -> None:
    """No sandbox may be left behind by a test run that was shot. Its end shows as the end of an open connection."""
    with subprocess.Popen([sys.executable, "-c", _PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        address = urlsplit(parent.stdout.readline().strip())
        with socket.create_connection((address.hostname, address.port or 0), timeout=60) as connection:
            os.kill(parent.pid, signal.SIGKILL)
            assert connection.recv(1) == b""


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nbad header\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n folded: x\r\n\r\n", 400),
        (b"PUT / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"PUT / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
        (b"PUT / HTTP/1.1\r\nContent-Length: 1048577\r\n\r\n", 413),
        (b"GET / HTTP/1.1\r\nx: " + b"x" * 70_000, 431),
        (b"PUT / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", 501),
        (b"GET /x HTTP/1.0\r\n\r\n", 404),
        (b"GET /x HTTP/1.1\r\nConnection: close\r\n\r\n", 404),
    ],
)
def test_what_is_no_http_is_answered_and_closed(sandbox: SandboxClient, sent: bytes, status: int) -> None:
    """A client that hangs instead would be hard to understand."""
    address = urlsplit(sandbox.url)
    with socket.create_connection((address.hostname, address.port or 0), timeout=60) as connection:
        connection.sendall(sent)
        received = connection.makefile("rb").read()

    assert received.startswith(f"HTTP/1.1 {status} ".encode())


def test_a_body_that_is_too_long_gets_its_answer_while_it_is_still_being_sent(sandbox: SandboxClient) -> None:
    """A connection that is closed under its sender is reset, and most clients report that in place of the answer."""
    for _ in range(20):
        connection = http.client.HTTPConnection(sandbox.url.removeprefix("http://"), timeout=60)
        connection.request("PUT", "/contact/outbound-chat", b"a" * 5_000_000)
        response = connection.getresponse()
        assert (response.status, response.read()) == (413, b"")
        connection.close()


def test_a_body_in_pieces_and_requests_in_one_piece_are_both_understood(sandbox: SandboxClient) -> None:
    """TCP has no borders, and curl waits for 100 Continue before a large body."""
    address = urlsplit(sandbox.url)
    head = b"PUT /x HTTP/1.1\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"
    with socket.create_connection((address.hostname, address.port or 0), timeout=60) as connection:
        answers = connection.makefile("rb")
        connection.sendall(head[:20])
        connection.sendall(head[20:])
        assert answers.readline() == b"HTTP/1.1 100 Continue\r\n"
        connection.sendall(b"ab")
        connection.sendall(b"cd" + b"GET /y HTTP/1.1\r\n\r\n" + b"GET /z HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert answers.read().count(b"HTTP/1.1 404 ") == 3


def test_requests_behind_a_late_answer_wait_for_their_turn(sandbox: SandboxClient) -> None:
    """HTTP tells answers apart by their order alone; also the answer to nonsense comes last, and then the end."""
    sandbox.configure(latency=timedelta(milliseconds=20))
    address = urlsplit(sandbox.url)
    with socket.create_connection((address.hostname, address.port or 0), timeout=60) as connection:
        connection.sendall(
            b"GET /late HTTP/1.1\r\n\r\n"
            b"GET /_sandbox/stats HTTP/1.1\r\n\r\n"
            b"PUT /_sandbox/reset HTTP/1.1\r\nContent-Length: 20\r\n\r\n" + b" " * 20 + b"nonsense\r\n\r\n"
        )
        received = connection.makefile("rb").read()

    assert re.findall(rb"HTTP/1.1 (\d+) ", received) == [b"404", b"200", b"200", b"400"]


def test_a_body_is_as_large_as_the_limit_and_the_connection_lives_on(sandbox: SandboxClient) -> None:
    """Many pieces make one request, and none of its bytes is taken for the next."""
    connection = http.client.HTTPConnection(sandbox.url.removeprefix("http://"), timeout=60)
    statuses = []
    for body in (b"x" * 1_048_576, b""):
        connection.request("PUT", "/x", body)
        with connection.getresponse() as response:
            statuses.append(response.status)
            response.read()
    connection.close()

    assert statuses == [404, 404]


@pytest.mark.parametrize("query", ["after=x", "after=-1", "after=1_0", "after=" + "9" * 19, "since=1"])
def test_a_page_that_begins_at_no_number_is_refused_in_plain_words(sandbox: SandboxClient, query: str) -> None:
    """Whoever reads the pages by hand learns the form of the query."""
    connection = http.client.HTTPConnection(sandbox.url.removeprefix("http://"), timeout=60)
    connection.request("GET", f"/_sandbox/contacts?{query}")
    with connection.getresponse() as response:
        found = response.status, response.read()
    connection.close()

    assert found == (400, b"the query must be after=N, the number of rows to skip, in at most 18 digits")
