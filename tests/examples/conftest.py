"""One stack with a worker for all examples. Each example uses numbers of its own, by which its contacts are found."""

import re
import shlex
import ssl
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import httpx
import pytest

from tests.support.harness import Harness, free_port, running_harness, sender
from tests.support.waiting import wait_until

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
TIMEOUT = 120.0
_COMMAND = re.compile(r"\b(?P<program>python|flask|uvicorn|sh|node) (?P<words>[^`\n]*\bexamples\b[^`\n]*)")
_PROGRAMS = {
    "flask": [sys.executable, "-m", "flask"],
    "python": [sys.executable],
    "uvicorn": [sys.executable, "-m", "uvicorn"],
}
# Each client would read all certificates of the machine, for each look anew.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    """The stack; the counts must add up at the end."""
    with running_harness(tmp_path_factory.mktemp("examples")) as stack:
        stack.configure(senders={"demo": sender(endpoint_url=stack.sandbox.url)})
        (stack.folder / "examples").symlink_to(EXAMPLES)
        stack.start_worker()
        yield stack
        assert stack.counts_add_up()
        assert stack.findings() == {}


def said(file: str) -> list[str]:
    """The command in the head of an example, with this Python in the place of `python`."""
    found = _COMMAND.search((EXAMPLES / file).read_text(encoding="utf-8"))
    assert found, f"{file} does not say how it is run"
    return [*_PROGRAMS.get(found["program"], [found["program"]]), *shlex.split(found["words"])]


def contacts(stack: Harness) -> Counter[str]:
    """How many contacts each number has."""
    return Counter(contact.destination for contact in stack.sandbox.contacts())


def serve(stack: Harness, command: Sequence[str], *, environment: Mapping[str, str] | None = None) -> str:
    """Starts a web server, with `{port}` in its arguments; its address, once it answers."""
    port = free_port()
    process = stack.start([word.format(port=port) for word in command], environment)
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        assert process.poll() is None, stack.logs()
        try:
            return bool(httpx.get(url, timeout=TIMEOUT, verify=NO_TLS).status_code)
        except httpx.TransportError:
            return False

    wait_until(answers, timeout=TIMEOUT, what="the server")
    return url


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
