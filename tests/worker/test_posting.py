"""One post of a webhook: to whom it goes, whom it never reaches, and when it ends."""

import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from outbound_chat_config import WebhookSettings
from outbound_chat_worker.webhooks.answers import Answer, rule_of
from outbound_chat_worker.webhooks.posting import Post, Poster
from tests.support.receiver import Receiver
from tests.support.tls import make_certificates

BODY = b'{"type":"job.sent"}'
ID = {"webhook-id": "main.1.sent"}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as one:
        yield one


def poster(resolve: Any = None, **values: Any) -> Poster:
    settings = WebhookSettings(**{"allow_private": True, **values})
    return Poster(settings, resolve) if resolve else Poster(settings)


def post(one: Poster, url: str, *, timeout: float = 5) -> Answer:
    return one.post(url, ID, BODY, Post(timedelta(seconds=timeout)))


def test_a_post_brings_headers_and_body_to_the_url(receiver: Receiver) -> None:
    assert post(poster(), receiver.url) == Answer(status=204)

    (came,) = receiver.received
    assert (came.path, came.body, came.id) == ("/ends?token=secret-in-the-url", BODY, "main.1.sent")
    assert came.headers["host"] == f"127.0.0.1:{receiver.server_port}"
    assert came.headers["content-type"] == "application/json"
    assert came.headers["user-agent"].startswith("outbound-chat/")


def test_the_address_that_was_checked_is_the_one_that_is_posted_to(receiver: Receiver) -> None:
    """A name that answers otherwise the second time (DNS rebinding) is never asked a second time."""
    answers = [["127.0.0.1"], ["127.0.0.2"]]
    asked: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        assert port == receiver.server_port
        asked.append(host)
        return answers[len(asked) - 1]

    assert post(poster(resolve), f"http://rebinds.invalid:{receiver.server_port}/").status == 204
    assert asked == ["rebinds.invalid"]
    assert receiver.received[0].headers["host"] == f"rebinds.invalid:{receiver.server_port}"


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.1.2.3"],
        ["169.254.169.254"],
        ["8.8.8.8", "127.0.0.1"],
        ["::1"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["2002:7f00:1::"],
        ["fe80::1%lo"],
    ],
    ids=" ".join,
)
def test_nothing_is_sent_where_any_address_is_private(addresses: list[str]) -> None:
    """One public address beside it is what an attacker would add."""
    with Receiver() as receiver:
        one = poster(lambda _host, _port: addresses, allow_private=False)
        answer = post(one, f"https://looks-public.example.com:{receiver.server_port}/")

        assert answer.error == "private_address"
        assert receiver.received == []


def test_a_url_that_is_not_allowed_any_more_is_not_posted_to(receiver: Receiver) -> None:
    """It was enqueued while the settings were others."""
    assert post(poster(allow_private=False), receiver.url).error == "invalid_url"
    assert receiver.received == []


def test_redirects_are_not_followed(receiver: Receiver) -> None:
    """A redirect would lead around every check."""
    with Receiver() as other:
        receiver.respond = lambda _: (302, {"Location": other.url})
        answer = post(poster(), receiver.url)

        assert answer.status == 302
        assert rule_of(answer).then == "a few times"
        assert other.received == []


def test_proxies_of_the_environment_are_not_asked(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy would resolve the name again, after it was checked."""
    with Receiver() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.server_port}")

        assert post(poster(), receiver.url).status == 204
        assert proxy.received == []


def test_a_certificate_must_be_trusted_and_of_the_host(tmp_path: Path) -> None:
    """The address is not what proves who answers."""
    good, wrong = make_certificates(tmp_path / "a", "hooks.example.com"), make_certificates(tmp_path / "b", "127.0.0.9")
    here: Any = lambda _host, _port: ["127.0.0.1"]  # noqa: E731  # a resolver of one line
    with Receiver(good) as receiver:
        url = f"https://hooks.example.com:{receiver.server_port}/"
        trusting = poster(here, ca_file=str(good.ca))
        assert post(trusting, url).status == 204
        assert receiver.received[0].headers["host"] == f"hooks.example.com:{receiver.server_port}"
        assert post(trusting, url.replace("hooks.", "other.")).error == "no_tls"
        assert post(poster(here), url).error == "no_tls"
        assert post(poster(here, ca_file=str(wrong.ca)), url).error == "no_tls"
    assert len(receiver.received) == 1


def test_hosts_that_do_not_answer_have_codes_of_their_own() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]

        assert post(poster(), f"http://127.0.0.1:{port}/").error == "unreachable"
    assert post(poster(), "http://nosuch.invalid/").error == "unresolved"


def test_an_answer_that_is_no_http_is_none() -> None:
    assert _answered_by(b"hello\r\n\r\n", timeout=5).error == "no_answer"


def test_a_receiver_that_hangs_ends_with_the_time_out(receiver: Receiver) -> None:
    receiver.respond = receiver.hang

    # It hangs until it is let go, so that only the time-out can end this.
    assert post(poster(), receiver.url, timeout=0.3).error == "no_answer"


def test_a_receiver_that_drips_is_cut_off_from_outside() -> None:
    """Each byte starts the time-out of a socket anew, so a thread could be held for hours."""
    answer = _answered_by(b"HTTP/1.1 200 OK\r\nX-A: ", timeout=0.5, drips=True)
    assert answer.error == "no_answer"


def _answered_by(text: bytes, *, timeout: float, drips: bool = False) -> Answer:
    """What a post makes of a receiver that writes this, and then a byte now and then."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                try:
                    connection.recv(65_536)
                    connection.sendall(text)
                    while drips and not stop.wait(0.05):
                        connection.sendall(b"a")
                except OSError:
                    return

        thread = threading.Thread(target=serve)
        thread.start()
        one = poster()
        running = Post(timedelta(seconds=timeout))
        ender = threading.Timer(timeout, running.end)
        ender.start()
        try:
            return one.post(f"http://127.0.0.1:{server.getsockname()[1]}/", ID, BODY, running)
        finally:
            stop.set()
            thread.join()
            ender.join()


@pytest.mark.parametrize(
    ("status", "then"),
    [
        (200, "delivered"),
        (204, "delivered"),
        (299, "delivered"),
        (301, "a few times"),
        (400, "a few times"),
        (401, "a few times"),
        (404, "a few times"),
        (408, "retry"),
        (410, "dead"),
        (425, "retry"),
        (429, "retry"),
        (500, "retry"),
        (503, "retry"),
        (599, "retry"),
        (999, "a few times"),
    ],
)
def test_an_answer_has_its_row(status: int, then: str) -> None:
    assert rule_of(Answer(status=status)).then == then


@pytest.mark.parametrize(
    ("said", "seconds"), [("7", 7), ("00000007", 7), ("99999999", 300), ("Wed, 21 Oct 2026 07:28:00 GMT", 0)]
)
def test_the_receiver_is_left_alone_for_as_long_as_it_asks(receiver: Receiver, said: str, seconds: int) -> None:
    receiver.respond = lambda _: (429, {"Retry-After": said})

    assert post(poster(), receiver.url) == Answer(status=429, retry_after=timedelta(seconds=seconds))
