"""One stack with a worker for all examples. Each example uses numbers of its own, by which its contacts are found."""

import ssl
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from subprocess import Popen

import httpx
import pytest

from tests.harness import Harness, free_port, running_harness, sender
from tests.waiting import wait_until

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
TIMEOUT = 60.0
# Each client would read all certificates of the machine, for each look anew.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    """The stack; the books must add up at the end."""
    with running_harness(tmp_path_factory.mktemp("examples")) as stack:
        stack.configure(senders={"demo": sender(endpoint_url=stack.sandbox.url)})
        stack.start_worker()
        yield stack
        assert stack.books_add_up()


def contacts(stack: Harness) -> Counter[str]:
    """How many contacts each number has."""
    return Counter(contact.destination for contact in stack.sandbox.contacts())


def serve(stack: Harness, *arguments: str, environment: Mapping[str, str] | None = None) -> tuple[str, Popen[bytes]]:
    """Starts a web server by `python`, with `{port}` in its arguments; its address, once it answers."""
    port = free_port()
    command = [sys.executable, *(argument.format(port=port) for argument in arguments)]
    process = stack.start(command, environment)
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        assert process.poll() is None, stack.logs()
        try:
            return bool(httpx.get(url, timeout=TIMEOUT, verify=NO_TLS).status_code)
        except httpx.TransportError:
            return False

    wait_until(answers, timeout=TIMEOUT, what="the server")
    return url, process


def run(stack: Harness, *command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a program to its end."""
    return subprocess.run(
        [str(word) for word in command],
        env={**stack.environment, **environment},
        cwd=stack.folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=2 * TIMEOUT,
        stdin=subprocess.DEVNULL,
    )
