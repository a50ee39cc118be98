"""README and quickstart: their commands run as they are printed, in `outbound-chat dev` as a newcomer starts it."""

import os
import signal
import string
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from outbound_chat import JobState, OutboundChat
from outbound_chat_config import Settings
from tests.docs.pages import DOCS, ROOT, commands
from tests.support.harness import Harness, free_port, number, running_harness
from tests.support.waiting import wait_until

QUICKSTART = DOCS / "quickstart.md"
EXAMPLE = "main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR"
DEV = ["outbound-chat", "dev"]
EXPORT = "OUTBOUND_CHAT_CONFIG=$PWD/.outbound-chat/outbound-chat.toml"
FREE_PORTS = ("--port", "0", "--sandbox-port", "0", "--http-port", "0")
"""In place of the fixed ports, which another program of this machine may have."""
EXITS = {"+12025550140": 1, "+12025550144": 4}
"""Numbers that fail, as the page says."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    with running_harness(tmp_path_factory.mktemp("first")) as harness:
        harness.start([sys.executable, "-m", "outbound_chat.cli", *DEV[1:], *FREE_PORTS])
        wait_until(lambda: "Messages are shown here" in harness.logs(), what="the stack of dev")
        (_, words) = next(words for words in commands(ROOT / "README.md") if words[0] == "export")
        assert words == EXPORT
        path = string.Template(words.partition("=")[2]).substitute(PWD=harness.folder)
        harness.settings_file = Path(path)
        yield harness


@pytest.fixture(scope="module")
def chat(stack: Harness) -> Iterator[OutboundChat]:
    values = tomllib.loads(stack.settings_file.read_text(encoding="utf-8"))
    with OutboundChat.from_settings(Settings.from_values(**values)) as chat:
        yield chat


def test_the_commands_of_the_quickstart(stack: Harness) -> None:
    """Sent, looked at, and failed as the page says, and the way out of a hold is the one that it names."""
    shown = commands(QUICKSTART)
    assert [words[1] for words in shown] == ["dev", EXPORT, "send", "doctor", "send", "send", "release"]
    for words in [words for words in shown if words[0] == "outbound-chat" and words != DEV]:
        expected = next((code for failing, code in EXITS.items() if failing in words), 0)
        done = stack.run(*words[1:], timeout=180)
        assert done.returncode == expected, f"{words}: {done.stdout}{done.stderr}"
    assert "sent       demo  +12025550123  Hello" in stack.logs()


def test_the_commands_of_the_readme(stack: Harness, chat: OutboundChat) -> None:
    """Each does what it is there for, on a job that waits, since an id of a page is nobody's."""
    later = datetime.now(UTC) + timedelta(days=1)
    job = chat.enqueue(sender="demo", to=number(1), text="Hello", send_at=later)
    (stack.folder / "parcels.csv").write_text(f"to,text\n{number(2)},Your parcel has left.\n", encoding="utf-8")
    (stack.folder / "optouts.csv").write_text(f"number\n{number(3)}\n", encoding="utf-8")
    endless: dict[str, tuple[str, Callable[[], object]]] = {
        "events": ("batch accepted", lambda: chat.enqueue_batch([{"to": number(4)}], sender="demo", text="Hello")),
        "worker": ("ready", lambda: None),
    }
    elsewhere = [words[1:] for words in commands(QUICKSTART)]
    shown = [words[1:] for words in commands(ROOT / "README.md") if words[0] == "outbound-chat"]
    assert {*endless} < {words[0] for words in shown}
    shown = [words for words in shown if words not in elsewhere]
    for words in shown:
        typed = [word.replace(EXAMPLE, job.id) for word in words]
        if words[0] in endless:
            _until(stack, typed, *endless[words[0]])
        else:
            done = stack.run(*typed, timeout=180)
            assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        if words[0] == "hold":
            assert chat.release(sender="demo")
    assert chat.status(job.id).state is JobState.CANCELLED
    assert [entry.number for entry in chat.suppressed(sender="demo")] == [number(3)]


def _until(stack: Harness, words: list[str], text: str, prompt: Callable[[], object]) -> None:
    """Runs a command that does not end by itself until it has printed the text; then Ctrl-C."""
    before = stack.logs().count(text)
    command = [sys.executable, "-m", "outbound_chat.cli", *words]
    process = stack.start(command, {"OUTBOUND_CHAT_HTTP__PORT": str(free_port())})

    def seen() -> bool:
        prompt()
        return stack.logs().count(text) > before

    wait_until(seen, what=f"{text!r} of {words}")
    os.kill(process.pid, signal.SIGINT)
    try:
        assert process.wait(60) in {0, 130, -signal.SIGINT}
    except subprocess.TimeoutExpired as error:
        raise AssertionError(stack.logs()) from error
