"""`watch` in narrow terminals, and while Redis does not answer."""

import contextlib
import fcntl
import io
import json
import os
import pty
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import takewhile

import pytest
from rich.console import Console

from outbound_chat import JobState, Priority
from outbound_chat.cli.watch_snapshot import Looks, Snapshot
from outbound_chat.cli.watch_tables import snapshot_tables
from outbound_chat.model.batches import Batch
from outbound_chat.model.errors import StoreUnavailable
from outbound_chat.model.operations import BudgetStatus, Hold, Lanes, LaneStatus
from outbound_chat.model.why import WaitReason
from outbound_chat_config import Settings
from outbound_chat_worker.cli.checks import worker_checks
from tests.support.harness import Harness, number, running_harness

TIMEOUT = 60.0
UNKNOWN = "main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR"
NOW = datetime(2026, 5, 1, 9, 0, tzinfo=UTC)
LONG = ("support-customer-service-germany", "tenant-of-a-very-large-customer1")
REASON = "credentials: Unable to locate credentials; give the worker some, by one of the usual ways of boto3"


def _snapshot(sender: str, tenant: str, budget: str = "main") -> Snapshot:
    stopped = {"budget": budget, "scope": "sender", "name": sender, "owner": "system", "code": "credentials"}
    hold = Hold(**stopped, reason=REASON, since=NOW, probe_at=None)
    status = BudgetStatus(
        name=budget,
        rate=19.5,
        ceiling=20.0,
        burst=20,
        workers=2,
        pumps=1,
        accepted=1_234_567,
        counts={"waiting": 1_234_567, "leased": 16, "sent": 7},
        oldest_due=NOW,
        holds=(hold,),
        webhooks={},
    )
    batch_id = f"{budget}.01JD2Y8Q6ZK4X0B7V5N3M1C9TR"
    lanes = [
        LaneStatus(
            budget=budget,
            priority=Priority.NORMAL,
            sender=sender,
            tenant=tenant,
            batch_id=batch_id,
            waiting=1_234_567,
            due=1_234_567,
            next_due=NOW,
            stopped_by=stopped_by,
            until=None,
            stop_reason=REASON,
        )
        for stopped_by in (WaitReason.HELD_BY_SYSTEM, WaitReason.HELD_BY_PERSON)
    ]
    batch = Batch(
        id=batch_id,
        name="May news",
        sender=sender,
        tenant=tenant,
        accepted=1_234_567,
        rejected=0,
        counts=dict.fromkeys(JobState, 0),
        unreadable=0,
        created_at=NOW,
        closed=True,
        final=False,
        rate=9.75,
        expected_end=None,
        held_by="no worker runs, and nobody knows when one will",
    )
    return Snapshot(
        at=NOW,
        budgets=[status],
        sent_per_second={budget: 2.5},
        lanes=Lanes(lanes=tuple(lanes), total=2, looked=2),
        batches=[batch],
        more_batches=False,
    )


def _shown(snapshot: Snapshot, width: int, fault: str = "") -> str:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    with console.capture() as capture:
        console.print(snapshot_tables(snapshot, width=width, fault=fault))
    return capture.get()


def _cells(shown: str, head: str, beside: str) -> str:
    """What is under a head, without the breaks between its lines. `beside`: another head of that table."""
    lines = shown.splitlines()
    top = next(place for place, line in enumerate(lines) if {head, beside} <= set(line.split()))
    start = lines[top].index(head)
    under = takewhile(lambda line: line.strip() and not line.startswith("sender "), lines[top + 1 :])
    return "".join(line[start:].partition(" ")[0] for line in under)


HEADS = {
    *("queued", "sending", "sent/s", "rate/s", "workers", "pumps", "budget", "due", "priority", "sender", "tenant"),
    *("batch", "stopped", "by", "done", "of", "failed", "ends"),
}


@pytest.mark.parametrize("width", [60, 80, 100])
@pytest.mark.parametrize("names", [("support", "acme"), LONG], ids=["short", "long"])
def test_names_and_numbers_are_whole_at_any_width(width: int, names: tuple[str, str]) -> None:
    """Just when something is wrong, one must see which sender it is; only the reason is cut."""
    shown = _shown(_snapshot(*names), width)
    assert max(map(len, shown.splitlines())) <= width
    assert set(shown.split()) >= HEADS
    assert shown.count("1,234,567") == 8
    assert shown.count("normal") == 2
    assert _cells(shown, "sender", "priority").count(names[0]) == 2
    assert _cells(shown, "tenant", "priority").count(names[1]) == 2
    assert "AWS refu" in shown
    assert "held: cr" in shown
    assert "no work" in shown


def test_a_terminal_that_is_too_narrow_for_tables_shows_the_names_at_least() -> None:
    """Each table has them first, and what is right of them is cut."""
    shown = _shown(_snapshot("support", "acme"), 40)
    assert max(map(len, shown.splitlines())) <= 40
    assert _cells(shown, "budget", "queued") == "main"
    assert _cells(shown, "sender", "tenant") == "support" * 2
    assert _cells(shown, "tenant", "sender") == "acme" * 2
    assert _cells(shown, "batch", "done") == "main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR"


@pytest.mark.parametrize("width", [60, 80])
def test_a_long_budget_and_its_batches_are_readable(width: int) -> None:
    shown = _shown(_snapshot("support", "acme", "b" * 32), width)
    assert max(map(len, shown.splitlines())) <= width
    assert _cells(shown, "budget", "workers") == "b" * 32


def test_what_was_before_a_silence_is_marked() -> None:
    plain, silent = _shown(_snapshot("support", "acme"), 80), _shown(_snapshot("support", "acme"), 80, "no answer")
    assert "2.5 " in plain
    assert "9.75 " in plain
    assert "?" not in plain
    assert silent.splitlines()[0] == "no answer"
    assert all(rate in silent for rate in ("2.5?", "19.5 of 20?", "9.75?"))


class _Redis:
    """What a snapshot asks: answers, hangs or is down, as the test says."""

    def __init__(self) -> None:
        self.answers = threading.Event()
        self.answers.set()
        self.asked = threading.Semaphore(0)
        self.down = False

    def __call__(self) -> Snapshot:
        self.asked.release()
        assert self.answers.wait(TIMEOUT)
        if self.down:
            raise StoreUnavailable("nobody listens there")
        return _snapshot("support", "acme")


def test_a_redis_that_hangs_or_is_down_is_named_until_it_answers() -> None:
    redis, now = _Redis(), [100.0]
    looks = Looks(redis, now=lambda: now[0])
    looks.look(TIMEOUT)
    assert (looks.fault, looks.last is not None) == ("", True)

    redis.answers.clear()
    for seconds in (3, 8):
        now[0] = 100.0 + seconds
        looks.look(0.0)
        assert looks.fault == f"no answer from Redis for {seconds} s"
    assert redis.asked.acquire(timeout=TIMEOUT)
    assert redis.asked.acquire(timeout=TIMEOUT)
    assert not redis.asked.acquire(blocking=False), "it is asked once, however long it hangs"

    redis.down = True
    redis.answers.set()
    looks.look(TIMEOUT)
    now[0] = 109.0
    looks.look(TIMEOUT)
    assert looks.fault == "no answer from Redis for 9 s: nobody listens there"
    assert looks.last is not None, "the last figures stay"

    redis.down = False
    looks.look(TIMEOUT)
    assert looks.fault == ""


def test_what_is_no_fault_of_redis_is_not_hidden() -> None:
    def broken() -> Snapshot:
        raise ValueError("a bug")

    looks = Looks(broken)
    with pytest.raises(ValueError, match="a bug"):
        looks.look(TIMEOUT)


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    """A stack without a worker, whose Redis is frozen now and then."""
    with running_harness(tmp_path_factory.mktemp("watch")) as harness:
        yield harness


@contextlib.contextmanager
def _frozen(harness: Harness) -> Iterator[None]:
    os.kill(harness.server.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(harness.server.process.pid, signal.SIGCONT)


@contextlib.contextmanager
def _watching(idle: Harness, *options: str, stdout: int, stdin: int) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "outbound_chat.cli", "watch", *options]
    environment = {**idle.environment, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
    process = subprocess.Popen(command, env=environment, stdin=stdin, stdout=stdout, stderr=stdout, cwd=idle.folder)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait(TIMEOUT)


def _seen(master: int, until: bytes) -> bytes:
    seen, deadline = b"", time.monotonic() + TIMEOUT
    while until not in seen:
        assert time.monotonic() < deadline, seen
        if select.select([master], [], [], 0.1)[0]:
            seen += os.read(master, 65536)
    return seen


def test_watch_on_a_terminal_counts_the_seconds_without_an_answer(idle: Harness) -> None:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    try:
        with _watching(idle, stdout=slave, stdin=slave) as process:
            _seen(master, b"q ends")
            with _frozen(idle):
                _seen(master, b"no answer from Redis for 3 s")
                seen = _seen(master, b"no answer from Redis for 5 s")
            seen += _seen(master, b"\x1b[H\x1b[2mbudget")
            with _frozen(idle):
                seen += _seen(master, b"no answer from Redis for 3 s")
                os.write(master, b"q")
                seen += _seen(master, b"\x1b[?1049l")
                assert process.wait(TIMEOUT) == 0
            assert b"Redis does not answer at" not in seen, "it is said once, in the line of its own"
    finally:
        os.close(slave)
        os.close(master)


def test_lines_of_json_say_how_long_there_was_no_answer(idle: Harness) -> None:
    reader, writer = os.pipe()
    with _watching(idle, "--json", stdout=writer, stdin=subprocess.DEVNULL) as process, os.fdopen(reader) as lines:
        os.close(writer)
        assert json.loads(lines.readline())["no_answer_seconds"] is None
        with _frozen(idle):
            silent = next(line for line in map(json.loads, lines) if line["no_answer_seconds"])
            assert silent["budgets"], "the last figures stay"
            assert next(map(json.loads, lines))["no_answer_seconds"] > silent["no_answer_seconds"]
        answered = next(line for line in map(json.loads, lines) if not line["no_answer_seconds"])
        assert answered["at"] > silent["at"]
        process.send_signal(signal.SIGINT)
        process.wait(TIMEOUT)


COMMANDS = (
    ("send", "--sender", "support", "--to", number(1)),
    ("status", UNKNOWN),
    ("why", UNKNOWN),
    ("wait", UNKNOWN),
    ("cancel", UNKNOWN),
    ("list",),
    ("watch", "--once"),
    ("holds",),
    ("hold", "--sender", "support", "--reason", "x"),
    ("dead",),
    ("events",),
    ("suppressed", "--sender", "support"),
)


def test_each_command_ends_at_the_first_call_that_a_hanging_redis_leaves_without_an_answer(idle: Harness) -> None:
    """So it takes `redis_timeout` once, however many calls it would make. Redis hangs until all of them have ended."""
    with _frozen(idle):
        for command in COMMANDS:
            done = idle.run(*command, environment={"OUTBOUND_CHAT_REDIS_TIMEOUT": "0.2"})
            assert (done.returncode, done.stdout) == (3, ""), (command, done.stderr)
            assert done.stderr.count("error:") == 1


def test_doctor_asks_a_hanging_redis_once(idle: Harness) -> None:
    """Not again as the broker, nor for each budget."""
    with _frozen(idle):
        done = idle.run("doctor", environment={"OUTBOUND_CHAT_REDIS_TIMEOUT": "0.2"})
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert [line.split()[:2] for line in lines if line.startswith("error")] == [["error", "redis"], ["error", "broker"]]

    with socket.create_server(("127.0.0.1", 0)) as nobody:
        nobody.settimeout(0)
        values = {**idle.values, "redis_url": f"redis://127.0.0.1:{nobody.getsockname()[1]}"}
        checks = worker_checks(Settings.from_values(**values), redis_answers=False)
        assert next(checks).finding == "can't be reached: it is the Redis of redis_url"
        next(checks)
        with pytest.raises(BlockingIOError):
            nobody.accept()
