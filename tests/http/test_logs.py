"""The logs of the service and of workers: one style, or JSON from the first line to the last."""

import json
import logging
import os
import re
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from outbound_chat.logs import JsonFormatter
from tests.support.harness import Harness, number
from tests.support.waiting import wait_until

from .conftest import TIMEOUT, start_service
from .keyring import make_key

EVERY = {"time", "level", "logger", "message"}
STYLE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (INFO|WARNING|ERROR) outbound_chat\S* \S.*")


def read(stack: Harness) -> list[dict[str, Any]]:
    """Every line that the programs wrote."""
    lines = [line for log in sorted(stack.folder.glob("process-*.log")) for line in log.read_text().splitlines()]
    return [json.loads(line) for line in lines]


def test_the_log_of_the_service_has_one_style(stack: Harness) -> None:
    """No line of its frameworks, and a route for each page."""
    service = start_service(stack)
    with service.client() as http:
        for path in ("/", "/docs", "/openapi.json", "/docs/errors", "/docs/swagger-ui.css", "/v1/jobs/main.none"):
            http.get(path)
        text = http.get("/metrics").text
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(TIMEOUT) == 0

    lines = stack.logs().splitlines()
    assert [line for line in lines if not STYLE.fullmatch(line)] == []
    begun = f"listening on {service.url}; the documentation is at {service.url}/docs; callers need no API key"
    assert any(line.endswith(begun) for line in lines)
    assert lines[-1].endswith("stopped")
    for route in ("/", "/docs", "/openapi.json", "/docs/{name}", "/v1/jobs/{job_id}"):
        assert f"GET {route} " in stack.logs()
        assert f'route="{route}"' in text
    assert "GET - " not in stack.logs()


def test_a_service_with_keys_says_so_and_names_the_key_of_a_request(stack: Harness) -> None:
    made = make_key(stack)
    service = start_service(stack, "--host", "::1")
    with service.client() as http:
        http.get("/v1/senders", headers={"Authorization": f"Bearer {made.token}", "X-Request-Id": "one"})
        http.get("/v1/senders", headers={"Authorization": f"Bearer {made.token[:-1]}x", "X-Request-Id": "two"})
    wait_until(lambda: " two" in stack.logs(), what="the log")
    assert f"listening on {service.url}; " in stack.logs()
    assert "callers need an API key" in stack.logs()
    assert re.search(rf"GET /v1/senders 200 [\d.]+ ms one key {made.id}$", stack.logs(), re.MULTILINE)
    assert re.search(r"GET /v1/senders 401 [\d.]+ ms two$", stack.logs(), re.MULTILINE)
    assert made.token not in stack.logs()


def test_each_line_of_service_and_workers_is_json_from_start_to_end(stack: Harness) -> None:
    """One line of text among them, and what collects the logs would lose it."""
    stack.configure(log_format="json")
    made = make_key(stack)
    service = start_service(stack, "--workers", "2")
    worker = stack.start([sys.executable, "-m", "outbound_chat.cli", "worker"])
    with service.client() as http:
        http.headers["Authorization"] = f"Bearer {made.token}"
        job = {"sender": "support", "to": number(1), "text": "a secret text"}
        sent = http.post("/v1/jobs", json=job, headers={"X-Request-Id": "one"}).json()
        assert http.get(f"/v1/jobs/{sent['id']}", params={"wait": 60}).json()["state"] == "sent"
    os.kill(_child_of(service.process.pid), signal.SIGKILL)
    os.kill(_child_of(worker.pid), signal.SIGKILL)
    wait_until(
        lambda: stack.logs().count('"outbound_chat.children"') == 2,
        timeout=TIMEOUT,
        what="both supervisors to say that a process died",
    )
    wait_until(lambda: stack.logs().count(" ready.") > 1, timeout=TIMEOUT, what="another worker")
    for program in (service.process, worker):
        program.send_signal(signal.SIGTERM)
        assert program.wait(TIMEOUT) == 0

    lines = read(stack)
    assert [line for line in lines if not line.keys() >= EVERY] == []
    access = next(line for line in lines if line.get("request_id") == "one")
    assert {"method": "POST", "route": "/v1/jobs", "status": 201, "key": made.id}.items() <= access.items()
    assert {line["logger"].partition(".")[0] for line in lines} >= {"outbound_chat", "celery"}
    assert "worker: Warm shutdown (MainProcess)" in {line["message"] for line in lines}
    assert number(1) not in stack.logs()
    assert "a secret text" not in stack.logs()


def test_a_worker_of_the_celery_command_writes_json_too(stack: Harness) -> None:
    """Also where a pool forks its processes, at every level, and where Celery writes past the logs."""
    stack.configure(log_format="json")
    celery = [sys.executable, "-m", "celery", "-A", "outbound_chat_worker", "--quiet", "worker"]
    worker = stack.start([*celery, "--pool", "prefork", "--loglevel", "DEBUG"])
    chat = stack.chat()
    assert chat.wait(chat.enqueue(sender="support", to=number(1), text="x").id, TIMEOUT).state == "sent"
    worker.send_signal(signal.SIGUSR1)  # Celery writes where each thread stands
    wait_until(lambda: "MainThread" in stack.logs(), timeout=TIMEOUT, what="the threads")
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(TIMEOUT) == 0
    assert [line for line in read(stack) if not line.keys() >= EVERY] == []


def _child_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def record(
    message: str, *args: Any, name: str = "outbound_chat.tests", error: Exception | None = None
) -> dict[str, Any]:
    """A line as JSON."""
    info = (type(error), error, None) if error else None
    line = JsonFormatter().format(logging.LogRecord(name, logging.ERROR, "", 0, message, args, info))
    assert "\n" not in line
    found: dict[str, Any] = json.loads(line)
    return found


def test_an_exception_is_a_member_and_breaks_no_line() -> None:
    failed = {"request_id": "one", "level": "none of the first four"}
    line = record("request %(request_id)s failed", failed, error=ValueError("two\nlines"))
    assert line == {
        "time": line["time"],
        "level": "ERROR",
        "logger": "outbound_chat.tests",
        "message": "request one failed",
        "request_id": "one",
        "exception": "ValueError: two\nlines",
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])


def test_a_line_may_have_any_text() -> None:
    assert record("a snowman ☃ and half of a pair \ud83d")["message"] == "a snowman ☃ and half of a pair \ud83d"


def test_members_of_others_stay_in_the_message() -> None:
    """A library's dictionary may hold anything."""
    assert record("%(name)s", {"name": "x", "kwargs": "private"}, name="celery").keys() == EVERY


@pytest.mark.parametrize("value", ["xml", "JSON"])
def test_another_format_is_refused(stack: Harness, value: str) -> None:
    ended = stack.run("http", environment={"OUTBOUND_CHAT_LOG_FORMAT": value})
    assert ended.returncode == 2
    assert "log_format" in ended.stderr
