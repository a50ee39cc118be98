"""What commands say while they wait, and when their time is over: always why, and how to go on."""

import json
import os
import re
import signal
import socket
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from outbound_chat import OutboundChat
from outbound_chat.cli import waiting
from outbound_chat.model.errors import StoreUnavailable
from outbound_chat.store import Store, persist
from tests.support.contact_events import contact_event
from tests.support.facts import delivered, ended, write_facts
from tests.support.harness import Harness, free_port, number, running_harness, sender
from tests.support.terminal import ERASED, on_terminal
from tests.support.waiting import wait_until

NO_WORKER = "No worker runs for the budget main (outbound-chat worker starts one"
SEND = ("send", "--sender", "support", "--to", number(1), "--text", "Hello", "--wait")
AT_ONCE = "0.05"


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    """A stack without a worker: one was there before, and has left the settings."""
    with running_harness(tmp_path_factory.mktemp("waiting")) as harness:
        endpoint = {"endpoint_url": harness.sandbox.url}
        now = datetime.now(ZoneInfo("America/New_York"))
        night = f"{now - timedelta(hours=1):%H:%M}-{now + timedelta(hours=3):%H:%M}"
        senders = {"support": {}, "held": {}, "night": {"quiet_hours": night}}
        harness.configure(senders={name: sender(**endpoint, **values) for name, values in senders.items()})
        worker = harness.start_worker()
        chat = harness.chat()
        chat.wait(chat.enqueue(sender="support", to=number(0), text="Hello").id, timeout=120)
        harness.kill(worker)
        chat._store.redis.delete("oc:{main}:workers")
        yield harness
        assert harness.counts_add_up()


def _enqueued(chat: OutboundChat, **options: Any) -> str:
    return chat.enqueue(**{"sender": "support", "to": number(1), "text": "Hello", **options}).id


def test_send_that_runs_out_of_time_prints_the_job_and_why_it_waits(idle: Harness) -> None:
    """No worker runs: the first mistake of every newcomer. A script goes on from the id."""
    done = idle.run(*SEND, AT_ONCE)

    assert done.returncode == 4
    record = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    job_id = record["job"]
    assert record["state"] == "queued"
    error = done.stderr.partition("error: ")[2].splitlines()
    assert error[0].startswith(f"{job_id} is not final yet: {NO_WORKER}")
    assert error[0].endswith(" It continues; wait again with the same id:")
    assert error[1:] == [f"  outbound-chat wait {job_id}"]


def test_as_json_it_is_one_document_with_the_job_and_the_error(idle: Harness) -> None:
    """Programs read nothing else."""
    done = idle.run(*SEND, AT_ONCE, "--json")

    told = json.loads(done.stdout)
    assert (done.returncode, told["data"]["state"]) == (4, "queued")
    (error,) = told["errors"]
    assert (error["code"], error["id"]) == ("wait_timeout", told["data"]["id"])
    assert NO_WORKER in error["message"]


def test_wait_says_of_each_job_and_batch_why_it_waits(idle: Harness) -> None:
    """Each may wait for something else."""
    chat = idle.chat()
    chat.hold(sender="held", reason="number is being ported")
    rows = [{"to": number(1)}, {"to": number(2)}]
    ids = [_enqueued(chat), chat.enqueue_batch(rows, sender="held", text="Hello").id]
    done = idle.run("wait", *ids, "--timeout", AT_ONCE)

    assert done.returncode == 4
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["job", ids[0], "batch", ids[1]]
    _, of_job, of_batch = done.stderr.split("error: ")
    assert NO_WORKER in of_job
    assert f"2 of its 2 jobs wait. The next of them: {NO_WORKER}" in of_batch
    assert (
        'A person put the sender held on hold: "number is being ported" (outbound-chat release --sender held'
        in of_batch
    )
    told = json.loads(idle.run("wait", *ids, "--timeout", AT_ONCE, "--json").stdout)
    assert [one["id"] for one in told["data"]] == [one["id"] for one in told["errors"]] == ids
    chat.release(sender="held")


def test_quiet_hours_are_said_to_be_the_reason(idle: Harness) -> None:
    """Nothing is wrong: it is night where the number is."""
    done = idle.run("send", "--sender", "night", "--to", number(1), "--text", "Hello", "--wait", AT_ONCE)

    assert done.returncode == 4
    assert "when the quiet hours of the sender night end in the recipient's time zone" in done.stderr


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_following_a_batch_that_runs_out_of_time_prints_the_batch_and_why(idle: Harness, options: list[str]) -> None:
    """The id of the batch is printed nowhere else."""
    (idle.folder / "rows.csv").write_text(f"to\n{number(1)}\n{number(2)}\n", encoding="utf-8")
    command = ("send-batch", "rows.csv", "--sender", "support", "--text", "Hello", "--batch-key", f"key{len(options)}")
    done = idle.run(*command, "--follow", "--timeout", AT_ONCE, *options)

    assert done.returncode == 4
    assert NO_WORKER in done.stderr
    if options:
        told = json.loads(done.stdout)
        assert told["data"]["batch"]["id"] == told["data"]["receipt"]["id"] == told["errors"][0]["id"]
    else:
        assert re.match(r"batch +main\.", done.stdout)
        assert "no end known: no worker runs" in done.stdout
        assert "held" not in done.stdout


def test_send_prints_the_job_also_when_redis_goes_away_meanwhile(stack: Harness) -> None:
    """Its id is all that is left of it."""
    stack.configure(redis_timeout=2)
    process = stack.start([sys.executable, "-m", "outbound_chat.cli", *SEND, "600", "--json"])
    wait_until(lambda: "waiting …" in stack.logs(), what="the job")
    stack.kill(stack.server.process)

    assert process.wait(120) == 3
    told = json.loads(next(line for line in stack.logs().splitlines() if line.startswith("{")))
    assert told["data"]["id"].startswith("main.")
    assert told["errors"][0]["code"] == "store_unavailable"
    assert "Redis can't be reached" in told["errors"][0]["message"]
    stack.server.restart()


def test_on_a_terminal_a_long_wait_says_what_it_waits_for_and_ctrl_c_how_to_go_on(idle: Harness) -> None:
    """Silence looks like a crash. The reason changes, and so do the words."""
    chat = idle.chat()
    with on_terminal(idle, *SEND, "600") as terminal:
        terminal.until(NO_WORKER)
        chat.hold(budget="main", reason="agents first")
        terminal.until("agents first")
        os.kill(terminal.process.pid, signal.SIGINT)
        assert terminal.end() == 130

    chat.release(budget="main")
    job_id = terminal.words.partition("job ")[2].partition(" ")[0]
    assert f"job {job_id} continues; to wait again: outbound-chat wait {job_id}" in terminal.words
    assert terminal.written.rindex(ERASED) > terminal.written.rindex("agents"), "the line disappears"


def test_a_batch_that_stands_still_on_a_terminal_says_what_its_next_job_waits_for(idle: Harness) -> None:
    """A bar alone does not tell a slow batch from one that nobody sends."""
    batch = idle.chat().enqueue_batch([{"to": number(1)}], sender="support", text="Hello")
    with on_terminal(idle, "wait", batch.id) as terminal:
        terminal.until(f"The next of them: {NO_WORKER}")
        os.kill(terminal.process.pid, signal.SIGINT)
        assert terminal.end() == 130
    assert f"batch {batch.id} continues; to wait again: outbound-chat wait {batch.id}" in terminal.words


def test_on_a_terminal_every_command_says_that_redis_is_silent(stack: Harness) -> None:
    """A network that swallows everything looks the same. When Redis answers, the line is gone."""
    os.kill(stack.server.process.pid, signal.SIGSTOP)
    with on_terminal(stack, "list") as terminal:
        try:
            terminal.until(f"Redis does not answer at 127.0.0.1:{stack.server.port}; waiting up to 60 s")
        finally:
            os.kill(stack.server.process.pid, signal.SIGCONT)
        assert terminal.end() == 0
    assert terminal.written.rindex(ERASED) > terminal.written.rindex("Redis does not answer")


def test_the_line_names_the_redis_of_the_call_and_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """`dev` has settings of its own, and those of the working directory may be others, or none."""
    shown: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]

        def show(_: object, words: str) -> None:
            shown.append(words)
            silent.close()

        monkeypatch.setattr(waiting.StatusLine, "show", show)
        monkeypatch.setattr(waiting, "SILENT_SECONDS", 0.0)
        monkeypatch.setattr(persist, "deadline_of_call", persist.deadline_of_call)
        waiting.say_when_redis_is_silent()
        with Store(f"redis://user:secret@127.0.0.1:{port}/0", seconds=20.0) as store, pytest.raises(StoreUnavailable):
            store.ping()
    assert shown[0] == f"Redis does not answer at 127.0.0.1:{port}; waiting up to 20 s (redis_timeout)"


def test_an_endpoint_that_is_dead_is_named_with_the_time_since_when(stack: Harness) -> None:
    """The sandbox was not started again; jobs would wait in silence."""
    endpoint = f"http://127.0.0.1:{free_port()}"
    stack.configure(senders={"support": sender(endpoint_url=endpoint)})
    stack.start_worker()
    chat = stack.chat()
    job = _enqueued(chat)
    wait_until(lambda: len(chat.status(job).history) > 1, what="two calls")
    said = stack.run("wait", job, "--timeout", AT_ONCE).stderr

    assert "calls created no contact, the first of them" in said
    assert endpoint in said
    assert "Check the network, the proxy and the sender's endpoint_url." in said
    chat.cancel(job)
    chat.wait(job, timeout=120)


def test_doctor_on_a_terminal_says_that_it_waits_for_an_answer(stack: Harness) -> None:
    """Its checks ask several servers, each of which may take its time."""
    os.kill(stack.server.process.pid, signal.SIGSTOP)
    try:
        with on_terminal(stack, "doctor") as terminal:
            terminal.until("waiting for Redis, the broker or AWS")
    finally:
        os.kill(stack.server.process.pid, signal.SIGCONT)


def test_wait_until_the_chat_has_ended_or_until_nothing_more_can_be_known(idle: Harness) -> None:
    """A message of which nothing is known is never taken for one that arrived."""
    chat = idle.chat()
    job = next(one for one in chat.jobs(state="sent").jobs)
    done = idle.run("wait", job.id, "--until", "delivered")
    assert (done.returncode, "unknown: no receipt names this contact" in done.stdout) == (1, True)
    done = idle.run("wait", job.id, "--until", "ended", "--json")
    (told,) = json.loads(done.stdout)["data"]
    assert (done.returncode, told["contact"], told["delivery"]["state"]) == (1, None, "unknown")

    # From now on events come.
    chat.ingest_contact_events([contact_event("DISCONNECTED", "c-1")])
    about = {"ended": "the contact of", "delivered": "it is not known yet what became of the message of"}
    for until, words in about.items():
        done = idle.run("wait", job.id, "--until", until, "--timeout", AT_ONCE)
        assert done.returncode == 4
        assert f"error: {words} {job.id}" in done.stderr
        assert done.stderr.endswith(f"\n  outbound-chat wait {job.id} --until {until}\n")
    write_facts(chat._store.redis, job.id, {**ended(), **delivered("read")})
    shown = idle.run("wait", job.id, "--until", "delivered")
    assert shown.returncode == 0
    assert "ended 20" in shown.stdout
    assert "(basis: context)" in shown.stdout
    write_facts(chat._store.redis, job.id, {**ended(), **delivered("undelivered", code="spam")})
    assert idle.run("wait", job.id, "--until", "delivered").returncode == 1
    assert idle.run("wait", job.id, "--until", "ended").returncode == 0
    batch = chat.enqueue_batch([{"to": number(1)}], sender="support", text="Hello").id
    refused = idle.run("wait", batch, "--until", "ended")
    assert (refused.returncode, "batches can only be waited for until final" in refused.stderr) == (2, True)
    chat.cancel_batch(batch)
