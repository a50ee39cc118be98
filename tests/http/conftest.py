"""A real service: `outbound-chat http` in a process of its own, on the real stack."""

import ssl
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from subprocess import Popen
from typing import Any

import httpx
import pytest

from tests.support.harness import Harness, free_port, running_harness
from tests.support.waiting import wait_until

TIMEOUT = 180.0
"""Bites on failure only: longer than the longest poll, a minute, and what a busy machine adds."""
# Each client would read all certificates of the machine, which takes it longer than most tests; none is asked for here.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@dataclass(frozen=True, slots=True)
class Service:
    """A service that listens."""

    stack: Harness
    url: str
    process: Popen[bytes]

    def client(self) -> httpx.Client:
        """A client of it."""
        return httpx.Client(base_url=self.url, timeout=TIMEOUT, verify=NO_TLS)


def start_service(stack: Harness, *options: str) -> Service:
    """Starts the service and waits until it answers."""
    port = free_port()
    process = stack.start([sys.executable, "-m", "outbound_chat.cli", "http", "--port", str(port), *options])
    host = options[options.index("--host") + 1] if "--host" in options else "127.0.0.1"
    reached = "127.0.0.1" if host == "0.0.0.0" else f"[{host}]" if ":" in host else host  # noqa: S104  # all of them
    service = Service(stack, f"http://{reached}:{port}", process)

    def answers() -> bool:
        assert process.poll() is None, stack.logs()
        try:
            return asking.get("/healthz").status_code == 200
        except httpx.TransportError:
            return False

    with service.client() as asking:
        wait_until(answers, timeout=TIMEOUT, what="the service")
    return service


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service for all tests of a module; whoever needs a worker starts it."""
    with running_harness(tmp_path_factory.mktemp("http")) as stack:
        yield start_service(stack)
        assert stack.counts_add_up()


@pytest.fixture
def http(service: Service) -> Iterator[httpx.Client]:
    """A client of the service."""
    with service.client() as client:
        yield client


def ended_action(http: httpx.Client, begun: httpx.Response) -> dict[str, Any]:
    """The bulk action, once workers have carried it out."""
    id_ = begun.json()["id"]

    def ended() -> list[dict[str, Any]]:
        return [one for one in http.get("/v1/actions").json()["actions"] if one["id"] == id_ and one["ended_at"]]

    return wait_until(ended, timeout=60, what="the end of the action")[0]
