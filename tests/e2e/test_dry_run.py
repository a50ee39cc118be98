"""`send-batch --dry-run` as an operator uses it, before anything is stored."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from outbound_chat.store import Store
from tests.support.harness import Harness, data_of, number, sender

PLACES: dict[str, dict[str, Any]] = {"sandbox": {"endpoint_url": "http://127.0.0.1:9"}, "aws": {"instance_id": "other"}}
BAD = 'to,text,expires_at\n{0},"two\nlines",\n12,Hello,\n{1},Hello,yesterday\n{2},Hello,\n'


def write(stack: Harness, text: str, name: str = "rows.csv") -> Path:
    path = stack.folder / name
    path.write_text(text, encoding="utf-8")
    return path


def stored(stack: Harness) -> list[str]:
    with Store(stack.server.url) as store:
        return [key for key in store.redis.keys("*") if ":b:" in key or ":j:" in key]


def test_a_dry_run_names_each_bad_row_and_stores_nothing(stack: Harness) -> None:
    """The rejects are those of the real run, to the letter; so is the exit code."""
    write(stack, BAD.format(number(1), number(2), number(3)))

    done = stack.run("send-batch", "rows.csv", "--sender", "support", "--dry-run", "--json")
    told = stack.run("send-batch", "rows.csv", "--sender", "support", "--dry-run")

    assert (done.returncode, told.returncode) == (1, 1), done.stderr
    answer = data_of(done.stdout)
    assert stored(stack) == []
    assert (answer["preflight"]["accepted"], answer["preflight"]["rejected"]) == (2, 2)
    assert [
        (one["line"], one["errors"][0]["field"], one["errors"][0]["code"]) for one in answer["preflight"]["rejections"]
    ] == [(4, "to", "invalid_number"), (5, "expires_at", "invalid_time")]
    assert told.stdout.splitlines()[0] == "2 accepted, 2 rejected; nothing was stored"
    assert "  1 \N{MULTIPLICATION SIGN} to: invalid_number (line 4)\n    must be" in told.stdout
    assert "add them, or give their country with --country\n" in told.stdout
    named = answer["preflight"]["faults"]
    faults = [(one["field"], one["count"], *one["first_rows"], *one["first_lines"]) for one in named]
    assert faults == [("to", 1, 2, 4), ("expires_at", 1, 3, 5)]
    rejects = (stack.folder / answer["rejects"]).read_bytes()
    stack.run("send-batch", "rows.csv", "--sender", "support")
    assert (stack.folder / answer["rejects"]).read_bytes() == rejects


def test_a_dry_run_tells_when_a_file_would_be_sent_and_what_would_expire(stack: Harness) -> None:
    """100 messages at one in 32 seconds; the last one must be out before its turn, long after this test."""
    stack.configure(budgets={"main": {"rate": 1 / 32, "burst": 5}})
    soon = (datetime.now(UTC) + timedelta(minutes=45)).isoformat()
    rows = "".join(f'{number(index)},"two\nlines",{soon if index == 99 else ""}\n' for index in range(100))
    write(stack, f"to,text,expires_at\n{rows}")

    done = stack.run("send-batch", "rows.csv", "--sender", "support", "--dry-run", "--json")
    told = stack.run("send-batch", "rows.csv", "--sender", "support", "--dry-run")

    assert (done.returncode, told.returncode) == (0, 0), done.stderr
    found = data_of(done.stdout)["preflight"]
    starts, ends = (datetime.fromisoformat(found[name]) for name in ("starts_at", "ends_at"))
    assert 47 * 64 <= (ends - starts).total_seconds() <= 49 * 64
    assert (found["rate"], found["expiring"], found["assumed_idle"]) == (1 / 32, 1, True)
    assert [(one["line"], one["row"]) for one in found["first_expiring"]] == [(200, 100)]
    assert "1 would expire before they are sent" in told.stdout
    (late,) = (line.split() for line in told.stdout.splitlines() if line.split()[:1] == ["200"])
    assert len(late) == 1 + 2 * len(["date", "time", "zone"])
    times = (
        r"^parts   100\nstarts  [-0-9]{10} [:0-9]{8} \S+, at 0.0312/s\nends    [-0-9]{10} [:0-9]{8} \S+, \d+ min later$"
    )
    assert re.search(times, told.stdout, re.MULTILINE)
    assert "no worker of this budget was ever started" in told.stderr


def test_a_dry_run_counts_what_waits_and_says_what_is_held(stack: Harness) -> None:
    """A file of an hour behind a backlog of a day ends tomorrow."""
    stack.configure(budgets={"main": {"rate": 20.0, "burst": 20}})
    stack.start_worker()
    chat = stack.chat()
    chat.wait(chat.enqueue(sender="support", to=number(1), text="Hello").id)
    chat.hold(sender="chat", reason="number is being ported")
    backlog = chat.enqueue_batch(({"to": number(index)} for index in range(200)), sender="support", tenant="other")
    write(stack, "to\n" + "".join(f"{number(index)}\n" for index in range(100)))

    beside = data_of(stack.run("send-batch", "rows.csv", "--sender", "support", "--dry-run", "--json").stdout)
    held = stack.run("send-batch", "rows.csv", "--sender", "chat", "--dry-run", "--json")

    found = beside["preflight"]
    assert (found["rate"], found["workers"], found["held_by"], found["assumed_idle"]) == (10.0, 1, "", False)
    assert "a person holds sender chat: number is being ported; times assume that the hold ends now" in held.stderr
    assert held.returncode == 0
    chat.wait_batch(backlog.id)


def test_a_dry_run_needs_no_redis_and_warns_of_chats(stack: Harness) -> None:
    """A file is checked where it is made."""
    senders = {name: sender(max_open_chats=2, **more) for name, more in PLACES.items()}
    stack.configure(senders=senders)
    stack.kill(stack.server.process)
    write(stack, "to\n" + "".join(f"{number(index)}\n" for index in range(5)))

    sandbox, done = (stack.run("send-batch", "rows.csv", "--sender", name, "--dry-run") for name in PLACES)

    assert done.returncode == 0, done.stderr
    assert "open 5 chats" not in sandbox.stderr, "it has no quota, and doctor says ok there"
    assert "5 accepted, 0 rejected; nothing was stored" in done.stdout
    assert "Redis can't be reached" in done.stderr
    assert "5 messages open 5 chats for 25 h each, the instance holds 2" in done.stderr
    assert "2 days later" in done.stdout
    assert "days" not in done.stderr, "there is one predicted end"
    stack.server.restart()


def test_a_dry_run_shows_what_recipients_get_and_no_number(stack: Harness) -> None:
    """A wrong placeholder or a text of two parts is seen before it costs anything."""
    write(stack, f"to,name,_order\n{number(1)},Ann,1\n{number(2)},Bo,2\n{number(3)},{'x' * 160},3\n")
    command = ("send-batch", "rows.csv", "--sender", "support", "--template", "Dear {name}: {_order}", "--dry-run")

    done, text = stack.run(*command, "--json"), stack.run(*command).stdout

    found = data_of(done.stdout)["preflight"]
    long = f"Dear {'x' * 160}: 3"
    assert [(one["line"], one["row"], one["parts"], one["text"]) for one in found["previews"]] == [
        (2, 1, 1, "Dear Ann: 1"),
        (3, 2, 1, "Dear Bo: 2"),
        (4, 3, 2, long),
    ]
    assert found["parts"] == 4
    lines = [line.rstrip().split(maxsplit=2) for line in text.splitlines()]
    assert ["2", "1", "Dear Ann: 1"] in lines
    assert long.replace(" ", "") in "".join(text.split())
    assert number(1) not in done.stdout + done.stderr + text


def test_rejected_rows_never_overwrite_the_file_they_came_from(stack: Harness, tmp_path: Path) -> None:
    """A slip in one option must not cost the list of recipients."""
    file = tmp_path / "rows.csv"
    file.write_text(f"to,text\n{number(1)},Hello\n12,Hello\n", encoding="utf-8")
    before = file.read_bytes()
    for rejects in (file, tmp_path / "nowhere" / "x.csv"):
        done = stack.run("send-batch", str(file), "--sender", "support", "--dry-run", "--rejects", str(rejects))
        assert (done.returncode, "--rejects" in done.stderr, "Traceback" in done.stderr) == (2, True, False)
    assert file.read_bytes() == before


def test_wrong_input_of_lists_and_events_is_not_blamed_on_redis(stack: Harness) -> None:
    """Exit code 3 would send an operator to the server."""
    assert stack.run("events", "--since", "-1").returncode == 2
    assert stack.run("dead", "--cursor", "zzz").returncode == 2
