"""Celery users find what they expect: pools, inspect, Flower, and a supervisor that starts dead workers again."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from outbound_chat import JobState
from outbound_chat_worker.local.supervisor import supervised_workers
from tests.support.harness import Harness, number
from tests.support.waiting import wait_until
from tests.worker.test_environment import OTHERS, READ_BY_THE_APP, READ_BY_THE_COMMAND

# Celery's own command reads the others before any of our code is there, and ends with an error, whatever the app.
PLAIN = {name: OTHERS[name] for name in (*READ_BY_THE_APP, "CELERY_CONFIG_MODULE", *READ_BY_THE_COMMAND)}
CELERY = [sys.executable, "-m", "celery", "-A", "outbound_chat_worker"]


def start_celery(stack: Harness, *options: str) -> subprocess.Popen[bytes]:
    """A worker as plain Celery starts it, with all its commands and plugins."""
    return stack.start([*CELERY, "worker", "--loglevel", "INFO", *options])


@pytest.mark.parametrize(("pool", "shown"), [("threads", "thread"), ("processes", "prefork"), ("solo", "solo")])
def test_each_pool_sends_jobs_and_stops_cleanly(stack: Harness, pool: str, shown: str) -> None:
    """Threads is the default, but nobody may be forced to it."""
    worker = start_celery(stack, "--pool", pool, "--concurrency", "2")
    chat = stack.chat()
    receipt = chat.enqueue_batch(({"to": number(index)} for index in range(100)), sender="support", text="Hello")

    assert chat.wait_batch(receipt.id, timeout=90).counts[JobState.SENT] == 100
    assert f"({shown})" in stack.logs()
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(60) == 0


def test_the_threads_pool_is_the_default(stack: Harness) -> None:
    """Calls to AWS wait for the network; processes would only cost memory."""
    start_celery(stack)
    wait_until(lambda: "outbound_chat.pump" in stack.logs(), timeout=60, what="the worker's banner")

    assert "(thread)" in stack.logs()


def test_inspect_ping_answers_from_our_worker_only(stack: Harness) -> None:
    """Operators and health checks ask Celery itself whether a worker lives."""
    start_celery(stack, "-n", "sender@here")
    wait_until(lambda: "sender@here ready" in stack.logs(), timeout=60, what="the worker")

    assert stack.start([*CELERY, "inspect", "ping", "--json", "--timeout", "3"]).wait(60) == 0
    assert '{"sender@here": {"ok": "pong"}}' in stack.logs()


def test_variables_of_other_celery_and_django_programs_change_nothing(stack: Harness) -> None:
    """A worker beside a shop that uses Celery, too: it would take the shop's broker and queues, or not start."""
    (stack.folder / "celeryconfig.py").write_text("imports = ['shop.tasks']\n")
    worker = stack.start_worker(environment=OTHERS, wrapper=("env",))  # `env`: so that it imports Celery itself
    plain = stack.start([*CELERY, "worker", "--loglevel", "INFO", "-n", "plain@here"], PLAIN)
    chat = stack.chat()
    job = chat.enqueue(sender="support", to=number(1), text="Hello")

    assert chat.wait(job.id, timeout=60).state is JobState.SENT
    wait_until(lambda: stack.logs().count(" ready.") == 2, timeout=60, what="both workers")
    assert "(thread)" in stack.logs()
    for process in (worker, plain):
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--queues", "emails"), "does not consume the queue outbound-chat"),
        (("--exclude-queues", "outbound-chat"), "does not consume the queue outbound-chat"),
        (("--time-limit", "60"), "--time-limit"),
        (("--pool", "processes", "--soft-time-limit", "60"), "--soft-time-limit"),
        (("--autoscale", "4,1"), "--autoscale"),
        (("--", "task.time_limit=60"), "--time-limit"),
    ],
    ids=str,
)
def test_options_that_break_a_promise_are_refused_with_a_word(
    stack: Harness, options: tuple[str, ...], said: str
) -> None:
    """A worker without its queue sends nothing, and nobody is told; a limit kills pumps in the middle of calls."""
    refused = stack.start_worker(*options)

    assert refused.wait(60) == 2
    assert said in stack.logs()
    assert "Traceback" not in stack.logs()


def test_two_workers_with_one_node_name_are_told_so(stack: Harness) -> None:
    """`inspect` and `control` reach one of them, and a health check takes the one for the other."""
    for _ in range(2):
        stack.start_worker("-n", "sender@here")
    wait_until(lambda: stack.logs().count("another worker has the node name sender@here") == 2, timeout=60)

    assert "two workers have the node name sender@here" in stack.run("doctor").stdout


def test_flower_shows_the_worker(stack: Harness) -> None:
    """Many teams watch Celery through Flower."""
    start_celery(stack, "-n", "sender@here")
    port = 20_000 + os.getpid() % 20_000
    stack.start([*CELERY, "flower", f"--port={port}", "--address=127.0.0.1"], {"FLOWER_UNAUTHENTICATED_API": "true"})

    def workers() -> list[str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/workers?refresh=true", timeout=60) as answer:
                return list(json.load(answer))
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return []

    assert wait_until(workers, timeout=90, what="Flower's list of workers") == ["sender@here"]


def test_the_supervisor_starts_a_killed_worker_again(stack: Harness, tmp_path: Path) -> None:
    """One bad message or a bug in a library can end a process: the machine must not stand still over night."""
    with (tmp_path / "process-supervised.log").open("wb") as log:
        supervisor = supervised_workers(2, environment=stack.environment, folder=tmp_path, output=log)
        try:
            first, second = supervisor.pids
            os.kill(first, signal.SIGKILL)
            wait_until(lambda: first not in supervisor.pids, what="the worker's death")
            supervisor.look()
            assert len(supervisor.pids) == 2
            assert second in supervisor.pids
            chat = stack.chat()
            job = chat.enqueue(sender="support", to=number(1), text="Hello")
            assert chat.wait(job.id, timeout=60).state is JobState.SENT
        finally:
            supervisor.end()
    assert supervisor.pids == []
