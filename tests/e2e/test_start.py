"""What programs say when they start: with which settings, or why they can't."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from outbound_chat import JobState, OutboundChat, SettingsError
from tests.http.conftest import start_service
from tests.support import warm
from tests.support.harness import Harness, free_port, number
from tests.support.waiting import wait_until

ID = f"main.{'0' * 26}"
COMMANDS = (
    *("worker", "http", "doctor", "list", "watch", "holds", "dead", "events", "audit", "webhooks hosts"),
    *("keys list", f"status {ID}", f"wait {ID}", f"why {ID}", f"cancel {ID}", "send --sender s --to +12025550123"),
    *("hold --sender s --reason r", "release --sender s", "suppressed --sender s"),
    # Before anything is said of ids.
    *(f"{command} x" for command in ("status", "wait", "why", "cancel", "export", "replay", "webhooks replay")),
)


def _run(folder: Path, words: str, variables: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Runs a command in a folder, without any settings but these variables."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OUTBOUND_CHAT_")}
    command = [sys.executable, "-m", "outbound_chat.cli", *words.split()]
    return warm.run(command, environment={**kept, **(variables or {})}, folder=folder, timeout=60)


@pytest.mark.parametrize("words", COMMANDS)
def test_without_settings_a_command_ends_with_a_sentence(tmp_path: Path, words: str) -> None:
    """It would work with whatever Redis runs on this machine, and say that all is well."""
    done = _run(tmp_path, words)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: no outbound-chat.toml in {tmp_path}, and OUTBOUND_CHAT_CONFIG is not set; ")
    assert "outbound-chat dev" in done.stderr
    assert done.stderr.count("\n") == 1


def test_without_settings_a_program_gets_the_same_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("OUTBOUND_CHAT_")]:
        monkeypatch.delenv(name)

    # Modules that only make it can be imported.
    with OutboundChat.from_settings() as chat:
        for ask in (lambda: chat.enqueue(sender="demo", to="+12025550123"), chat.ping):
            with pytest.raises(SettingsError, match=r"^no outbound-chat\.toml in "):
                ask()


def test_celery_s_own_command_ends_with_the_sentence_too(tmp_path: Path) -> None:
    """Whoever starts workers with it gets no traceback either."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OUTBOUND_CHAT_")}
    command = [sys.executable, "-m", "celery", "-A", "outbound_chat_worker", "worker"]
    done = warm.run(command, environment=kept, folder=tmp_path, timeout=60)

    assert done.returncode == 2
    assert "no outbound-chat.toml in " in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("program", ["worker", "http", "doctor", "list"])
@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("missing.toml", None, "missing.toml can't be read: No such file or directory"),
        (".", None, "can't be read: Is a directory"),
        ("notes.md", "# Notes\n\nHello.\n", "notes.md is not valid TOML"),
        ("pyproject.toml", "[project]\nname = 'shop'\n", "pyproject.toml is not a file of outbound-chat"),
    ],
)
def test_a_wrong_settings_file_is_a_line_that_names_it(
    tmp_path: Path, program: str, name: str, content: str | None, said: str
) -> None:
    """Named by the variable; --config sets the same."""
    if content:
        (tmp_path / name).write_text(content)
    done = _run(tmp_path, program, {"OUTBOUND_CHAT_CONFIG": name})

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {tmp_path}")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_worker_without_senders_does_not_start(tmp_path: Path) -> None:
    """It would claim jobs of senders that it does not know, and hold these for all other workers."""
    done = _run(tmp_path, "worker", {"OUTBOUND_CHAT_REDIS_URL": "redis://127.0.0.1:1"})

    assert done.returncode == 2
    assert done.stderr == (
        "error: no sender is configured (no file, environment variables only (OUTBOUND_CHAT_REDIS_URL)); "
        "add [senders.NAME] (docs/settings.md)\n"
    )


def test_a_worker_says_once_with_what_it_works_and_what_it_sent(stack: Harness) -> None:
    """Of two processes, too; and nothing of Celery's messages, which carry no jobs."""
    worker = stack.start([sys.executable, "-m", "outbound_chat.cli", "worker", "--processes", "2"])
    chat = stack.chat()
    receipt = chat.enqueue_batch(({"to": number(index)} for index in range(30)), sender="support", text="Hello")
    assert chat.wait_batch(receipt.id, timeout=90).counts[JobState.SENT] == 30
    wait_until(lambda: sum(map(int, re.findall(r"budget main: sent (\d+) in", stack.logs()))) == 30, what="all pumps")
    worker.send_signal(signal.SIGTERM)
    worker.wait(60)

    logs = stack.logs()
    assert logs.count(f"INFO/supervisor] settings: {stack.settings_file}\n") == 1
    line = f"Redis: {stack.server.url}; budgets: main (5000/s, burst 500); senders: support, chat\n"
    assert logs.count(f"INFO/supervisor] {line}") == 1
    assert "outbound_chat.pump" not in logs
    assert "SecurityWarning" not in logs


def test_doctor_begins_with_the_settings(stack: Harness) -> None:
    first = stack.run("doctor").stdout.split("\n")[0]

    assert first.startswith(
        f"ok       settings              {stack.settings_file}; Redis: {stack.server.url}; budgets: main (5000/s,"
    )


def test_the_service_says_with_what_it_works_and_an_outage_is_not_a_line_a_request(stack: Harness) -> None:
    """A service that many call would fill its log with the same sentence."""
    service = start_service(stack)
    with service.client() as http:
        http.get("/v1/senders")
        stack.kill(stack.server.process)
        for _ in range(10):
            assert http.get(f"/v1/jobs/{ID}").status_code == 503
        stack.server.restart()
        wait_until(lambda: http.get(f"/v1/jobs/{ID}").status_code == 404, timeout=60, what="Redis")
        wait_until(lambda: "Redis works again" in stack.logs(), what="the end of the outage in the log")

    logs = stack.logs()
    assert logs.count(f" settings: {stack.settings_file}\n") == 1
    assert logs.count(f"Redis: {stack.server.url}; budgets: main (5000/s, burst 500); senders: support, chat\n") == 1
    assert 1 <= logs.count("Redis can't be reached") < 10
    assert "Traceback" not in logs


def test_a_service_that_starts_while_redis_hangs_says_so_and_serves_later(stack: Harness) -> None:
    """Its first lines come at once, and the reason once the time for a call is over."""
    stack.configure(redis_timeout=0.3)
    stack.server.process.send_signal(signal.SIGSTOP)
    try:
        port = free_port()
        stack.start([sys.executable, "-m", "outbound_chat.cli", "http", "--port", str(port)])
        wait_until(lambda: "listening on" in stack.logs(), timeout=60, what="the service")
    finally:
        stack.server.process.send_signal(signal.SIGCONT)
    first, second, third = stack.logs().splitlines()[:3]

    assert "settings: " in first
    assert "Redis: redis://" in second
    assert "can't check for API keys yet" in third
    assert "tried for 0.3 s" in third
