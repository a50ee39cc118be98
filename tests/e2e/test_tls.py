"""Redis over TLS: the store and Celery's broker verify the server, and show a certificate of their own."""

import asyncio
import errno
import math
import os
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from outbound_chat import AsyncOutboundChat, JobState, OutboundChat, SettingsError, StoreError, StoreUnavailable
from outbound_chat.store import AsyncStore, Store, faults, persist
from outbound_chat.store.deadline import Deadline
from outbound_chat_config import Settings
from tests.support.harness import Harness, number, sender
from tests.support.proxy import running_proxy
from tests.support.tls import Certificates, make_certificates
from tests.support.waiting import wait_until

PATIENCE = 60.0
"""Seconds that bite on failure only."""
CUT, MORE = 1, 2
"""How much an error says, as `faults.says` counts it: that the line was cut, and more than that."""
JOB: dict[str, Any] = {"sender": "support", "to": number(0), "text": "Hello"}


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return make_certificates(tmp_path / "tls")


@pytest.fixture
def stranger(tmp_path: Path) -> Certificates:
    """Of another authority."""
    return make_certificates(tmp_path / "stranger")


@pytest.fixture
def port(stack: Harness, certificates: Certificates) -> Iterator[int]:
    """Where the stack's server speaks TLS."""
    with running_proxy(stack.server.port, tls=certificates.server_context) as proxy:
        yield proxy.port


def url(port: int, *files: tuple[str, Path], host: str = "127.0.0.1") -> str:
    return f"rediss://{host}:{port}/0?" + "&".join(f"{name}={file}" for name, file in files)


def test_a_whole_stack_works_over_one_url(stack: Harness, certificates: Certificates, port: int) -> None:
    """Producer, worker and Celery's broker: nothing else has to be set."""
    stack.configure(redis_url=url(port, ("ssl_ca_certs", certificates.ca)))
    stack.start_worker()
    job = stack.chat().enqueue(**JOB)

    assert stack.chat().wait(job.id, 60).state is JobState.SENT

    async def ask() -> JobState:
        async with AsyncOutboundChat.from_settings(stack.settings) as chat:
            return (await chat.status(job.id)).state

    assert asyncio.run(ask()) is JobState.SENT


def test_a_certificate_of_our_own_is_shown_where_it_is_asked_for(stack: Harness, certificates: Certificates) -> None:
    """Mutual TLS."""
    context = certificates.server_context
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(certificates.ca)
    ca = ("ssl_ca_certs", certificates.ca)
    ours = (("ssl_certfile", certificates.certificate), ("ssl_keyfile", certificates.key))
    with running_proxy(stack.server.port, tls=context) as proxy:
        stack.configure(redis_url=url(proxy.port, ca), redis_timeout=1)
        with pytest.raises(StoreUnavailable):
            stack.chat().enqueue(**JOB)

        stack.configure(redis_url=url(proxy.port, ca, *ours))
        worker = stack.start_worker()
        job = stack.chat().enqueue(**JOB)
        assert stack.chat().wait(job.id, 60).state is JobState.SENT
        stack.kill(worker)


class Tries:
    """Ends the time of a call once an error was seen that says enough, however long that takes on a busy machine."""

    def __init__(self, enough: int, monkeypatch: pytest.MonkeyPatch) -> None:
        """`enough`: what `faults.says` gives for it."""
        self._enough = enough
        self._most = 0
        monkeypatch.setattr(persist, "passes", self._passes)
        monkeypatch.setattr(persist, "_BACKOFF", self)

    def _passes(self, error: Exception) -> bool:
        self._most = max(self._most, faults.says(error))
        return faults.passes(error)

    def compute(self, _failures: int) -> float:
        return math.inf if self._most >= self._enough else 0.05


def why_not(address: str, enough: int = 0) -> set[str]:
    """What a thread and what asyncio are told; their tries end with an error that says enough."""
    with pytest.MonkeyPatch.context() as monkeypatch, Store(address, seconds=PATIENCE) as store:
        Tries(enough, monkeypatch)
        with pytest.raises(StoreError) as caught:
            store.ping()

    async def of_tasks() -> str:
        store = AsyncStore(address, seconds=PATIENCE)
        with pytest.raises(StoreError) as caught:
            await store.ping()
        await store.close()
        return str(caught.value)

    with pytest.MonkeyPatch.context() as monkeypatch:
        Tries(enough, monkeypatch)
        return {str(caught.value), asyncio.run(of_tasks())}


@pytest.mark.parametrize("number", [errno.EPIPE, errno.ECONNRESET, errno.ECONNABORTED])
@pytest.mark.parametrize("said", ["Error while reading from 127.0.0.1:6379 : {}", "Error {} while writing to socket."])
def test_a_line_that_was_cut_may_want_a_certificate(number: int, said: str) -> None:
    """Whatever the system calls it: that depends on who was first, the end of the line or our command."""
    cut = OSError(number, os.strerror(number))
    error = redis.ConnectionError(said.format(cut.args))
    error.__cause__ = cut

    assert faults.says(error) == CUT
    assert "whether it requires a client certificate" in str(faults.in_our_words(error, tls=True))
    assert "if it speaks TLS at this port, begin" in str(faults.in_our_words(error, tls=False))


def test_the_likely_cause_is_named_where_only_one_speaks_tls(
    stack: Harness, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each waits for the other, or hears nothing but the end of the line."""
    context = certificates.server_context
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(certificates.ca)
    with running_proxy(stack.server.port, tls=context) as proxy:
        told = {
            "begin redis_url with rediss://": why_not(f"redis://127.0.0.1:{proxy.port}/0", CUT),
            "it requires a client certificate": why_not(url(proxy.port, ("ssl_ca_certs", certificates.ca)), CUT),
        }
    monkeypatch.setattr(Deadline, "silence", 0.1)  # of a server that says nothing for ever
    told["that it speaks TLS at this port"] = why_not(f"rediss://127.0.0.1:{stack.server.port}/0")

    assert [words for words, errors in told.items() for error in errors if words not in error] == []


def test_a_server_that_is_no_redis_or_takes_no_more_is_named(stack: Harness) -> None:
    """An alert of TLS, a page of HTTP, and `maxclients`, at which the server runs."""
    with answering(b"\x15\x03\x03\x00\x02\x02\x50") as tls, answering(b"HTTP/1.1 400 Bad Request\r\n\r\n") as web:
        assert all("it speaks TLS" in error for error in why_not(f"redis://127.0.0.1:{tls}/0"))
        assert all("is not Redis" in error for error in why_not(f"redis://127.0.0.1:{web}/0"))
    with redis.Redis(port=stack.server.port) as bare:
        most = bare.config_get("maxclients")["maxclients"]
        bare.config_set("maxclients", 1)
        told = why_not(stack.server.url, MORE)
        bare.config_set("maxclients", most)

    assert all("maxclients is reached; raise it on the server" in error for error in told)
    assert not any("that the server runs" in error or "may have been accepted" in error for error in told)


def test_doctor_warns_where_any_certificate_is_taken(stack: Harness, port: int) -> None:
    stack.configure(redis_url=f"rediss://127.0.0.1:{port}/0?ssl_cert_reqs=none")
    report = stack.run("doctor").stdout

    assert "redis_url accepts any certificate (ssl_cert_reqs=none)" in " ".join(report.split())


@contextmanager
def answering(answer: bytes) -> Iterator[int]:
    """A port that gives this answer to everything."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(1000)
            self.request.sendall(answer)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield int(server.server_address[1])
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_certificate_that_is_not_trusted_ends_in_one_clear_error(
    stack: Harness, stranger: Certificates, tmp_path: Path, port: int, host: str
) -> None:
    """Of another authority, or for another host: both might be somebody between us and the server."""
    named = make_certificates(tmp_path / "named", "redis.example")
    with ExitStack() as proxies:
        other = proxies.enter_context(running_proxy(stack.server.port, tls=named.server_context))
        for address in (
            url(port, ("ssl_ca_certs", stranger.ca), host=host),
            url(other.port, ("ssl_ca_certs", named.ca), host=host),
        ):
            values: dict[str, Any] = {"redis_url": address, "senders": {"support": sender()}}

            async def ask(values: dict[str, Any] = values) -> None:
                async with AsyncOutboundChat(**values) as chat:
                    await chat.enqueue(**JOB)

            with OutboundChat(**values) as chat, pytest.raises(StoreUnavailable, match="certificate is not trusted"):
                chat.enqueue(**JOB)
            with pytest.raises(StoreUnavailable, match="certificate is not trusted"):
                asyncio.run(ask())


def test_the_cluster_client_verifies_too(port: int, stranger: Certificates) -> None:
    address = url(port, ("ssl_ca_certs", stranger.ca)).replace("rediss://", "rediss+cluster://")
    values: dict[str, Any] = {
        "redis_url": address,
        "broker_url": "redis://127.0.0.1:1/0",
        "senders": {"support": sender()},
    }

    async def ask() -> None:
        async with AsyncOutboundChat(**values) as chat:
            await chat.enqueue(**JOB)

    with OutboundChat(**values) as chat, pytest.raises(StoreUnavailable, match="certificate is not trusted"):
        chat.enqueue(**JOB)
    with pytest.raises(StoreUnavailable, match="certificate is not trusted"):
        asyncio.run(ask())


@pytest.mark.parametrize("broker_only", [True, False])
def test_a_worker_refuses_a_certificate_that_is_not_trusted(
    stack: Harness, stranger: Certificates, port: int, *, broker_only: bool
) -> None:
    """Celery's transport by itself would take any."""
    address = url(port, ("ssl_ca_certs", stranger.ca))
    stack.configure(**({"broker_url": address} if broker_only else {"redis_url": address}))
    stack.start_worker()
    with OutboundChat.from_settings(Settings.from_values(**{**stack.values, "redis_url": stack.server.url})) as chat:
        job = chat.enqueue(**JOB)
        wait_until(lambda: stack.logs().count("CERTIFICATE_VERIFY_FAILED") > 1, timeout=60, what="the refusal")

        # Without its broker a worker begins by itself.
        assert chat.status(job.id).state is JobState.QUEUED or broker_only
    with redis.Redis(port=stack.server.port, decode_responses=True) as bare:
        assert not list(bare.scan_iter("oc:celery:*"))


@pytest.mark.parametrize("field", ["redis_url", "broker_url"])
@pytest.mark.parametrize(
    ("address", "why"),
    [
        (
            "rediss://host:6379/0?ssl_ca_cert=/etc/ca.pem",
            "ssl_ca_cert, which is unknown; use one of username, password, db, ssl_ca_certs",
        ),
        ("rediss://host:6379/0?ssl_ca_certs=/nowhere/ca.pem", "ssl_ca_certs that can't be read: No such file"),
        ("redis://host:6379/0?ssl_ca_certs=/etc/ca.pem", "but no TLS; begin it with rediss://"),
    ],
)
def test_what_can_not_work_is_said_when_the_settings_are_read(field: str, address: str, why: str) -> None:
    with pytest.raises(SettingsError, match=field) as caught:
        Settings.from_values(**{field: address})
    assert why in str(caught.value)
