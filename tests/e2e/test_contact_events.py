"""Contact events through the command line: from files of every form, and from a pipe, line by line."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from outbound_chat.cli.files.event_file import LONGEST_LINE, EventFile
from outbound_chat.model.contact_events import ContactEventStatus
from tests.support.contact_events import ended
from tests.support.harness import INSTANCE_ID, Harness, data_of, number, running_harness, sender
from tests.support.killing import kill_tree
from tests.support.memory import least_peak
from tests.support.proxy import running_proxy
from tests.support.terminal import on_terminal
from tests.support.waiting import wait_until

INGEST = ("contact-events", "ingest")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    """No table `[contact_events]`: it is not needed."""
    with running_harness(tmp_path_factory.mktemp("events")) as harness:
        harness.configure(senders={"support": sender(endpoint_url=harness.sandbox.url, max_open_chats=5)})
        yield harness
        assert harness.counts_add_up()


def status(stack: Harness) -> ContactEventStatus:
    with stack.chat() as chat:
        (found,) = chat.contact_event_status()
        return found


def ingest(stack: Harness, text: str, *options: str) -> subprocess.CompletedProcess[str]:
    (stack.folder / "events.json").write_text(text, encoding="utf-8")
    return stack.run(*INGEST, "events.json", *options)


def test_the_first_events_make_workers_record_contacts_and_the_next_find_their_jobs(stack: Harness) -> None:
    """Somebody who tries it with one file must learn why nothing matched."""
    chat = stack.chat()
    stack.start_worker()
    before = chat.wait(chat.enqueue(sender="support", to=number(1), text="Hello").id, 60)
    assert not status(stack).records_contacts

    told = ingest(stack, ended(before.contact_id or ""))

    assert (told.returncode, told.stdout.startswith("1 event: 1 ")) == (0, True)
    assert "budget main did not record contacts before: only jobs sent from now on are matched" in told.stderr
    after = chat.wait(chat.enqueue(sender="support", to=number(2), text="Hello").id, 60)
    told = ingest(stack, ended(after.contact_id or ""))
    assert (told.stdout, told.stderr) == ("1 event: 1 changed\n", "")
    found = status(stack)
    assert found.records_contacts
    assert found.matched == {"contact": 1}
    assert found.last_events[INSTANCE_ID] is not None


@pytest.mark.parametrize("form", ["lines", "document", "list", "list over lines"])
def test_every_form_of_json_is_read(stack: Harness, form: str) -> None:
    """What EventBridge, jq and the AWS command line write."""
    events = [json.loads(ended(f"c-{place}")) for place in range(3)]
    text = {
        "lines": "\n".join(map(json.dumps, events)),
        "document": json.dumps(events[0], indent=4),
        "list": json.dumps(events),
        "list over lines": json.dumps(events, indent=2),
    }[form]

    done = ingest(stack, text, "--json")

    assert done.returncode == 0, done.stderr
    assert data_of(done.stdout)["events"] == (1 if form == "document" else 3)
    assert data_of(done.stdout)["outcomes"]["unreadable"] == 0


def test_wrong_lines_are_named_and_stop_nothing(stack: Harness) -> None:
    good = ended("c-1")
    lines = [good, "no JSON", "", good, '{"cut": "of', good, f'{{"x": "{"y" * LONGEST_LINE}"}}', good, "[1]", good[:50]]

    done = ingest(stack, "\n".join(lines), "--json")

    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert found["data"]["outcomes"]["unreadable"] == 5
    assert found["data"]["events"] == 9
    assert [error["field"] for error in found["errors"]] == ["line 2", "line 5", "line 7", "line 9", "line 10"]
    told = ingest(stack, "\n".join(["x"] * 30))
    assert (told.returncode, told.stdout) == (1, "30 events: 30 unreadable\n")
    assert "  line 1: must be one JSON object" in told.stderr
    assert "  and 10 more" in told.stderr


def test_a_broken_list_is_read_up_to_the_fault(stack: Harness) -> None:
    """Where the next event begins is not known."""
    before = sum(status(stack).outcomes.values())
    done = ingest(stack, f"[{ended('c-1')},\n{ended('c-2')},\n{{]")
    assert (done.returncode, done.stdout) == (2, "")
    assert "is not a JSON list from line 3 on" in done.stderr
    assert sum(status(stack).outcomes.values()) == before + 2
    over_lines = json.dumps(json.loads(ended("c-3")), indent=2)
    done = ingest(stack, f"{over_lines}\n{over_lines}")
    assert (done.returncode, done.stdout) == (2, "")
    assert "which has one event over several lines, is not a JSON list from line" in done.stderr
    with pipe(stack) as process:
        process.communicate(b"[{")
    assert (stack.folder / "err").read_text().startswith("error: standard input is not a JSON list")


@contextmanager
def pipe(stack: Harness, **environment: str) -> Iterator[Any]:
    """The command that reads a pipe, whose output is in files."""
    command = [sys.executable, "-m", "outbound_chat.cli", *INGEST, "-"]
    with (stack.folder / "out").open("wb") as out, (stack.folder / "err").open("wb") as err:
        given: Any = {"stdin": subprocess.PIPE, "stdout": out, "stderr": err, "cwd": stack.folder}
        process: Any = subprocess.Popen(command, env={**stack.environment, **environment}, **given)
    try:
        yield process
    finally:
        kill_tree(process)
        process.stdin.close()


def write(stack: Harness, process: Any, contact: str) -> Callable[[], bool]:
    """Writes a line; returns what says whether it was applied."""
    wanted = sum(status(stack).outcomes.values()) + 1
    process.stdin.write(f"{ended(contact)}\n".encode())
    process.stdin.flush()
    return lambda: sum(status(stack).outcomes.values()) == wanted


def test_each_line_of_a_pipe_is_applied_as_it_arrives(stack: Harness) -> None:
    """The other program may write a line an hour, and never end."""
    with pipe(stack) as process:
        for contact in ("p-1", "p-2"):
            wait_until(write(stack, process, contact))
        process.communicate(b'{"cut')
    assert process.returncode == 1
    assert (stack.folder / "out").read_text() == "3 events: 2 unmatched, 1 unreadable\n"


def test_ctrl_c_ends_a_pipe_with_its_summary(stack: Harness) -> None:
    with pipe(stack) as process:
        wait_until(write(stack, process, "p-3"))
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    assert (stack.folder / "out").read_text() == "1 event: 1 unmatched\n"


def test_ctrl_c_counts_what_redis_has_applied(stack: Harness) -> None:
    """It comes before the answer does."""
    with running_proxy(stack.server.port) as proxy:
        url = {"OUTBOUND_CHAT_REDIS_URL": f"redis://127.0.0.1:{proxy.port}/0", "OUTBOUND_CHAT_REDIS_TIMEOUT": "60"}
        with pipe(stack, **url) as process:
            wait_until(write(stack, process, "p-6"))
            proxy.hold("answers")
            wait_until(write(stack, process, "p-7"))
            process.send_signal(signal.SIGINT)
            proxy.let_pass()
            assert process.wait(60) == 0
    assert (stack.folder / "out").read_text() == "2 events: 2 unmatched\n"


def test_a_pipe_loses_nothing_while_redis_is_away(stack: Harness) -> None:
    """What was read from it can't be read again."""
    with running_proxy(stack.server.port) as proxy:
        url = {"OUTBOUND_CHAT_REDIS_URL": f"redis://127.0.0.1:{proxy.port}/0", "OUTBOUND_CHAT_REDIS_TIMEOUT": "5"}
        with pipe(stack, **url) as process:
            wait_until(write(stack, process, "p-4"))
            proxy.refuse()
            proxy.cut()
            applied = write(stack, process, "p-5")
            wait_until(lambda: "trying again" in (stack.folder / "err").read_text(), what="the warning")
            proxy.listen()
            wait_until(applied)
            process.communicate()
    assert process.returncode == 0
    assert (stack.folder / "out").read_text() == "2 events: 2 unmatched\n"
    assert (stack.folder / "err").read_text().count("trying again") == 1


def test_a_large_file_takes_little_memory(tmp_path: Path) -> None:
    """It may have a million lines, or one of 10 MB."""
    path, whole = tmp_path / "events.jsonl", ended("c-1").encode() + b"\n"
    with path.open("wb") as file:
        for _ in range(10):
            file.write(whole * 1_000)
        file.write(b'{"x": "' + b"y" * 10_000_000 + b'"}\n' + whole)

    def read() -> None:
        with closing(EventFile(path)) as source:
            found = [(line, len(event)) for events in source for line, event in events if len(event) < 10]
        assert found == [(10_001, 0)]

    assert least_peak(read) < 5_000_000


def test_status_is_for_people_too(stack: Harness) -> None:
    ingest(stack, ended("c-1"))
    with on_terminal(stack, "contact-events", "status") as terminal:
        assert terminal.end() == 0
        assert "contacts" in terminal.written
        assert INSTANCE_ID in terminal.written
    (plain,) = data_of(stack.run("contact-events", "status", "--json").stdout)
    assert {
        "budget",
        "records_contacts",
        "outcomes",
        "matched",
        "last_events",
        "open_chats",
    } <= plain.keys()
