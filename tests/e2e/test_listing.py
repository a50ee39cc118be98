"""`list`, `watch` and `replay` as an operator runs them."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from typing import Any

import pytest

from outbound_chat import JobState
from outbound_chat.store.records import Field
from outbound_chat_worker.sandbox import Fault, FaultKind
from tests.support.harness import Harness, data_of, number, running_harness, sender
from tests.support.terminal import on_terminal
from tests.support.waiting import wait_until

UNKNOWN = "main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR"
TIMEOUT = 60.0


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    """A stack without a worker."""
    with running_harness(tmp_path_factory.mktemp("list")) as harness:
        yield harness
        assert harness.counts_add_up()


def _rows(count: int) -> list[dict[str, str]]:
    return [{"to": number(row)} for row in range(count)]


def test_list_finds_a_batch_by_its_tenant_and_its_jobs_by_state(idle: Harness) -> None:
    chat = idle.chat()
    batch = chat.enqueue_batch(_rows(5), sender="support", text="x", tenant="listed", name="May news").id
    chat.enqueue_batch(_rows(1), sender="support", text="x", tenant="other")
    chat.cancel(f"{batch}-3")
    chat.hold(batch=batch, reason="wrong text")

    told = idle.run("list", "--tenant", "listed").stdout
    head, line = told.splitlines()
    assert head.split()[:4] == ["batch", "state", "sent", "cancelled"]
    assert re.match(rf"{batch}  held +0/5 +1  May news  20", line)
    assert re.search(r"support  listed  a person holds the batch: wrong text$", line)
    (found,) = data_of(idle.run("list", "--tenant", "listed", "--unfinished", "--json").stdout)
    assert data_of(idle.run("list", "--tenant", "listed", "--unfinished", "--json").stdout) == [found], "its first name"
    (other,) = idle.run("list", "--tenant", "other").stdout.splitlines()[1:]
    assert " in progress " in other
    assert (found["id"], found["counts"]["cancelled"], found["remaining"]) == (batch, 1, 4)

    jobs = idle.run("list", "--batch", batch, "--state", "cancelled")
    head, *lines = jobs.stdout.splitlines()
    assert head.split()[:3] == ["job", "state", "time"]
    assert [line.split()[:2] for line in lines] == [[f"{batch}-3", "cancelled"]]
    page = idle.run("list", "--batch", batch, "--limit", "2")
    assert page.stderr == 'there is more: --cursor "2"\n'
    rest = json.loads(idle.run("list", "--batch", batch, "--cursor", "2", "--json").stdout)
    assert ([job["id"] for job in rest["data"]], rest["cursor"]) == ([f"{batch}-{row}" for row in (3, 4, 5)], None)
    assert idle.run("list", "--sender", "nobody").stderr == "no matching batches\n"


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--state", "failed"), 2, "needs --batch"),
        (("--batch", UNKNOWN, "--unfinished"), 2, "leave out"),
        (("--batch", UNKNOWN), 5, "no batch has the id"),
        (("--cursor", "x"), 2, "must be the cursor that a page returned"),
        (("--limit", "101"), 2, "must be from 1 to 100"),
        (("--budget", "none"), 2, "known budgets: main"),
    ],
)
def test_a_wrong_list_is_refused_in_words(idle: Harness, options: tuple[str, ...], code: int, said: str) -> None:
    done = idle.run("list", *options)
    assert done.returncode == code
    assert said in " ".join(done.stderr.replace("│", " ").split())


def _look(stack: Harness) -> dict[str, Any]:
    done = stack.run("watch", "--once", "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = data_of(done.stdout)
    return found


def test_watch_sees_what_is_sent_what_waits_and_what_stops_it(stack: Harness) -> None:
    stack.configure(
        budgets={"main": {"rate": 20.0, "burst": 20}},
        senders={"support": sender(endpoint_url=stack.sandbox.url), "held": sender(endpoint_url=stack.sandbox.url)},
    )
    chat = stack.chat()
    goes = chat.enqueue_batch(_rows(5_000), sender="support", text="x", tenant="acme").id
    stops = chat.enqueue_batch(_rows(3), sender="held", text="x").id
    chat.hold(sender="held", reason="wrong text")
    stack.start_worker()
    wait_until(lambda: chat.batch(goes).counts[JobState.SENT] > 30, timeout=TIMEOUT, what="sending")

    look = _look(stack)
    (budget,) = look["budgets"]
    assert budget["counts"]["waiting"] > 3_000
    assert 5 < budget["sent_per_second"] < 60
    assert budget["holds"][0]["reason"] == "wrong text"
    first, second = look["lanes"]["lanes"]
    assert (first["tenant"], first["batch_id"], first["stopped_by"], first["priority"]) == ("acme", goes, None, "bulk")
    assert (second["batch_id"], second["waiting"], second["stopped_by"]) == (stops, 3, "held_by_person")
    assert second["stop_reason"] == "wrong text"
    batches = {batch["id"]: batch for batch in look["batches"]}
    assert batches[goes]["expected_end"]
    assert batches[stops]["held_by"]
    tables = stack.run("watch").stdout
    assert goes in tables
    assert "held: wrong text" in tables
    chat.cancel_batch(goes)


def _screen(master: int, seconds: float, until: str) -> str:
    seen, deadline = b"", time.monotonic() + seconds
    while until.encode() not in seen and time.monotonic() < deadline:
        if select.select([master], [], [], 0.1)[0]:
            try:
                seen += os.read(master, 65536)
            except OSError:
                break
    return seen.decode(errors="replace")


@pytest.mark.parametrize("columns", [80, 120])
def test_watch_on_a_terminal_ends_with_q_and_leaves_it_as_it_was(idle: Harness, columns: int) -> None:
    idle.chat().enqueue_batch(_rows(2), sender="support", text="x", name="seen by its name")
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    before = termios.tcgetattr(slave)
    command = [sys.executable, "-m", "outbound_chat.cli", "watch"]
    environment = {**idle.environment, "TERM": "xterm-256color", "COLUMNS": str(columns), "LINES": "24"}
    process = subprocess.Popen(command, env=environment, stdin=slave, stdout=slave, stderr=slave, cwd=idle.folder)
    try:
        seen = _screen(master, TIMEOUT, "q ends")
        assert "unfinished batches" in seen
        assert ("seen by its name" in seen) is (columns >= 100)
        os.write(master, b"q")
        _screen(master, TIMEOUT, "\x1b[?1049l")
        assert process.wait(TIMEOUT) == 0
        assert termios.tcgetattr(slave) == before
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait(60)
        os.close(slave)
        os.close(master)


def test_replay_goes_on_past_jobs_that_can_not_be_replayed(stack: Harness) -> None:
    """One job of a newer version, or without its key, must not keep ten thousand others from going out."""
    stack.sandbox.configure(faults=(Fault(FaultKind.INVALID),))
    stack.start_worker()
    chat = stack.chat()
    batch = chat.enqueue_batch(_rows(5), sender="support", text="x").id
    assert chat.wait_batch(batch, TIMEOUT).counts[JobState.FAILED] == 5
    stack.sandbox.configure(faults=())
    ids = [f"{batch}-{row}" for row in range(1, 6)]
    redis = chat._store.redis
    name = f"oc:{{main}}:j:{ids[2].partition('.')[2]}"
    kept = redis.get(name)
    head, _, request = kept.partition("\n")
    newer = json.loads(head)
    newer[Field.VERSION] += 1
    redis.set(name, f"{json.dumps(newer)}\n{request}", keepttl=True)

    done = stack.run("replay", ids[0], ids[2], UNKNOWN, ids[4], "--json")
    assert done.returncode == 5
    assert [job["replay_of"] for job in data_of(done.stdout)] == [ids[0], ids[4]]
    assert "newer version" in done.stderr
    assert UNKNOWN in done.stderr

    again = stack.run("replay", ids[0], "--text", "")
    assert (again.returncode, again.stdout) == (1, ""), "an empty text is no word for the old one"
    assert "was already replayed" in again.stderr

    redis.set(name, kept, keepttl=True)
    for options in ("--dry-run",), ("--dry-run", "--code", "refused"):
        counted = stack.run("replay", "--all", "--batch", batch, *options)
        assert (counted.returncode, counted.stdout, counted.stderr) == (0, "", "3 failed jobs match: 3 refused\n")
    assert len(chat.dead_letters(batch=batch).jobs) == 3, "it was only counted"
    done = stack.run("replay", "--all", "--batch", batch)
    said = "3 failed jobs match: 3 refused\n3 jobs replayed; follow: outbound-chat watch\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, "", said)
    done = stack.run("replay", "--all", "--batch", batch)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "no matching jobs\n")
    wait_until(lambda: stack.sandbox.stats().accepted == 5, timeout=TIMEOUT, what="the replays")


def test_replay_of_all_asks_first_and_sums_up_what_could_be_a_duplicate(stack: Harness) -> None:
    """Seventy-six texts are not sent by a slip, and two lines a job hid those that were not."""
    stack.configure(retry={"max_attempts": 1, "base": 0.05, "cap": 0.1})
    stack.sandbox.configure(faults=(Fault(FaultKind.HANG_UP, times=3),))
    stack.start_worker()
    chat = stack.chat()
    unsure = chat.enqueue_batch(_rows(3), sender="support", text="x").id
    assert chat.wait_batch(unsure, TIMEOUT).counts[JobState.UNCERTAIN] == 3
    stack.sandbox.configure(faults=(Fault(FaultKind.INVALID),))
    refused = chat.enqueue_batch(_rows(30), sender="support", text="x").id
    assert chat.wait_batch(refused, TIMEOUT).counts[JobState.FAILED] == 30
    stack.sandbox.configure(faults=())
    every = ("replay", "--all", "--text", "Hello again")

    for answer, code, left in ("n\n", 130, 33), (None, 130, 33), ("y\n", 1, 3):
        with on_terminal(stack, *every) as terminal:
            terminal.until("Replay 33 jobs? [y/N]:")
            assert "30 failed jobs match: 30 refused 3 uncertain jobs match: 3" in terminal.words
            terminal.type(answer) if answer else os.kill(terminal.process.pid, signal.SIGINT)
            assert terminal.end() == code
        assert len(chat.dead_letters(limit=100).jobs) == left
    assert "30 of 33 jobs replayed; follow: outbound-chat watch" in terminal.words
    assert terminal.words.count("may have been sent on") == 1, "one line for one reason"
    assert "and 2 more for the same reason" in terminal.words
    assert "to replay 3 that may be duplicates all the same, add --force" in terminal.words

    found = data_of(stack.run(*every, "--dry-run", "--json").stdout)
    assert (found["jobs"], found["maybe_sent"]) == (3, 3)
    assert [(one["state"], one["count"]) for one in found["counts"]] == [("uncertain", 3)]
    with on_terminal(stack, *every, "--force", "--yes") as terminal:
        assert terminal.end() == 0
        assert "[y/N]" not in terminal.words
    assert chat.dead_letters().jobs == ()
