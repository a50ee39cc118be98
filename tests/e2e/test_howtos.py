"""The how-tos of docs/ do what they say: their commands run as they stand, in their order, on a real stack."""

import json
import re
import runpy
import sys
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from outbound_chat import JobState, OutboundChat
from outbound_chat.encryption import new_key
from tests.docs import pages
from tests.docs.pages import DOCS, blocks
from tests.support.contact_events import SMS_NUMBER, receipt_event
from tests.support.harness import Harness, data_of, number
from tests.support.waiting import wait_until

EXAMPLE = "main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR"
SLOW = {"main": {"rate": 2.0, "burst": 2}}
ROWS = 40
MANY = 2_000
"""More than leave in 16 minutes at a slow pace: however busy the machine, some still wait when the test holds them."""
CAMPAIGN = 600
"""The same for 5 minutes."""


def commands(page: str, heading: str = "") -> list[list[str]]:
    """The options of each command for `outbound-chat` that a how-to, or one of its sections, shows; others must be
    marked as not run.
    """
    shown = pages.commands(DOCS / "howto" / page, heading)
    assert {words[0] for words in shown} == {"outbound-chat"}
    return [words[1:] for words in shown]


def run(stack: Harness, command: list[str], *, batch: str = EXAMPLE, expected: int = 0) -> str:
    """Runs one, with a real id in the place of the example."""
    done = stack.run(*(word.replace(EXAMPLE, batch) for word in command), timeout=180)
    assert done.returncode == expected, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture
def slow(stack: Harness) -> Harness:
    """A worker at the pace of a new account, so that there is time to stop something."""
    stack.configure(budgets=SLOW)
    stack.start_worker()
    return stack


def enqueue(chat: OutboundChat, many: int) -> str:
    """Id of a batch of which some jobs have been sent and, at a slow pace, most wait."""
    rows = ({"to": number(index), "text": "Your parcel has left."} for index in range(many))
    receipt = chat.enqueue_batch(rows, sender="support")
    wait_until(lambda: sent(chat, receipt.id), timeout=120, what="a job that was sent")
    return receipt.id


def sent(chat: OutboundChat, batch: str) -> int:
    return chat.batch(batch).counts[JobState.SENT]


def test_stopping_a_campaign(slow: Harness) -> None:
    """Held at once, looked at, released, and ended: what was sent stays sent, what was not is never called."""
    chat = slow.chat()
    batch = enqueue(chat, MANY)
    page = "stop-a-campaign.md"
    found, held = commands(page, "## Hold it")
    assert batch in run(slow, found)
    run(slow, held, batch=batch)
    for command in commands(page, "## See what has been sent"):
        assert batch in run(slow, command, batch=batch)
    wait_until(lambda: not chat.batch(batch).counts[JobState.SENDING], timeout=60, what="calls in flight to end")
    before = sent(chat, batch)

    hold, part, release = commands(page, "## End only part of it")
    run(slow, hold, batch=batch)
    run(slow, [word.replace("15001-20000", "1501-2000") for word in part], batch=batch)
    assert chat.batch(batch).counts[JobState.CANCELLED] == 500
    run(slow, release, batch=batch)
    released, cancel = commands(page, "## Release it, or end it")
    run(slow, released, batch=batch)
    wait_until(lambda: sent(chat, batch) > before, timeout=120, what="the batch to go on")
    run(slow, cancel, batch=batch, expected=1)  # some had been sent, as the page says
    ended = chat.wait_batch(batch, timeout=120)
    assert ended.counts[JobState.SENT] + ended.counts[JobState.CANCELLED] == MANY
    assert ended.counts[JobState.CANCELLED] > 500


def test_sending_the_rest_of_a_campaign_with_the_right_text(slow: Harness) -> None:
    """The commands of the page as they are printed: everybody gets one text, and nobody a second one."""
    chat = slow.chat()
    rows = "".join(f"{number(row)},Ann\n" for row in range(CAMPAIGN))
    (slow.folder / "parcels.csv").write_text(f"to,first_name\n{rows}", encoding="utf-8")
    wrong, *stop, export, check, right = commands("stop-a-campaign.md", "## The text was wrong")
    run(slow, wrong)
    (batch,) = [one.id for one in chat.each_batch(open=True)]
    wait_until(lambda: sent(chat, batch), timeout=120, what="a message with the wrong text")

    assert [command[0] for command in stop] == ["hold", "cancel", "wait"]
    for command in stop:
        run(slow, command, batch=batch, expected=1 if command[0] in {"cancel", "wait"} else 0)
    assert chat.holds() == []
    too_late, cancelled = sent(chat, batch), chat.batch(batch).counts[JobState.CANCELLED]
    assert too_late + cancelled == CAMPAIGN
    run(slow, export, batch=batch)

    # The rest would take minutes at that pace.
    slow.kill(slow.workers.pop())
    slow.configure()
    slow.start_worker()
    assert f"{cancelled:,} accepted, 0 rejected" in run(slow, check)
    run(slow, right)
    texts = {
        contact.destination: contact.body["InitialSystemMessage"]["Content"] for contact in slow.sandbox.contacts()
    }
    assert len(texts) == len(list(slow.sandbox.contacts())) == CAMPAIGN
    assert sorted(texts.values()) == [
        *["Hello Ann, your parcel is here."] * cancelled,
        *["Hello Ann, your parcel is lost."] * too_late,
    ]


def test_finding_a_message(stack: Harness) -> None:
    """Every way to it, with the setting that the page names: by id, key, number and time."""
    page = list(blocks(DOCS / "howto" / "find-a-message.md"))
    (program,) = [block.body for block in page if block.language == "python"]
    stack.configure(encryption={"keys": [new_key()], "number_key": new_key()}, results={"find_by_number": True})
    stack.start_worker()
    chat = stack.chat()
    batch = enqueue(chat, ROWS)
    chat.wait_batch(batch, timeout=120)
    names: dict[str, Any] = {}
    exec(program, names)  # noqa: S102  # the function of the page
    single = names["notify"](chat, "A-17", "+12025550123")
    chat.wait(single, timeout=60)
    refused = chat.wait(chat.enqueue(sender="support", to="+12025550140", text="Hello").id, timeout=60)
    assert (refused.state, refused.error and refused.error.code) == (JobState.FAILED, "refused")
    found = {}
    for command in commands("find-a-message.md"):
        of_batch = any(word.endswith("-42") for word in command) or "--batch" in command
        words = [re.sub(r"-42$", f"-{ROWS}", word) for word in command]
        found[" ".join(command)] = run(stack, words, batch=batch if of_batch else single)
    assert single in found["jobs --idempotency-key A-17-left"]
    assert single in found["jobs --to +12025550123"]
    assert refused.id not in found["jobs --to +12025550123"]
    assert single in found["jobs --since 24h"]
    assert refused.id in found["jobs --since 24h"]
    for filters in ("--sender support --state failed", "--code refused --limit 100"):
        assert refused.id in found[f"jobs {filters}"]
        assert single not in found[f"jobs {filters}"]
    assert names["notify"](chat, "A-17", "+12025550123") == single


def test_sending_at_nine(stack: Harness, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The settings and the program of the page: each job is due at 9 by the clocks of its number."""
    page = list(blocks(DOCS / "howto" / "send-at-nine.md"))
    (settings,) = [tomllib.loads(block.body) for block in page if block.language == "toml"]
    program, function = [block.body for block in page if block.language == "python"]
    (day,) = set(re.findall(r"datetime\((\d+, \d+, \d+), 5, 30", program))
    # As far ahead as the page is, whenever the test runs: `send_at` must not lie in the past.
    month_ahead = datetime.now(UTC) + timedelta(days=30)
    ahead = f"{month_ahead.year}, {month_ahead.month}, {month_ahead.day}"
    stack.configure(senders={"news": {**settings["senders"]["news"], "endpoint_url": stack.sandbox.url}})
    monkeypatch.setenv("OUTBOUND_CHAT_CONFIG", str(stack.settings_file))
    file = tmp_path / "program.py"
    file.write_text(program.replace(day, ahead), encoding="utf-8")

    batch = runpy.run_path(str(file))["receipt"].id
    jobs = stack.chat().statuses([f"{batch}-{row}" for row in (1, 2)]).values()
    zones = ("America/New_York", "America/Los_Angeles")
    times = [
        job.send_at.astimezone(ZoneInfo(zone)) for job, zone in zip(jobs, zones, strict=True) if job and job.send_at
    ]
    assert [(one.hour, one.minute) for one in times] == [(9, 0), (9, 0)]
    assert times[0].date() == times[1].date()
    file.write_text(function, encoding="utf-8")
    assert runpy.run_path(str(file))["row"]["send_at"].isoformat() == "2026-12-01T09:00:00+01:00"


def test_integrating_opt_outs(stack: Harness) -> None:
    (stack.folder / "optouts.csv").write_text("number\n+12025550101\n+12025550102\n", encoding="utf-8")
    stack.start_worker()
    for command in commands("opt-outs.md"):
        said = run(stack, command, expected=1 if command[0] == "send" else 0)
        assert command[0] != "send" or "suppressed" in said
    listed = {entry.number for entry in stack.chat().suppressed(sender="support")}
    assert listed == {"+12025550101", "+12025550102"}
    assert not list(stack.sandbox.arrivals())


def test_moving_to_aws(stack: Harness) -> None:
    """With the sandbox in the place of AWS: held until it is released, then one message."""
    (stack.folder / "parcels.csv").write_text("to,text\n+12025550101,Hello\n", encoding="utf-8")
    steps = commands("sandbox-to-aws.md")
    for command in steps:
        if command[0] == "worker":
            stack.start_worker()
            waiting = stack.chat().enqueue(sender="support", to=number(7), text="Too early")
        elif command[0] == "release":
            assert stack.chat().status(waiting.id).state is JobState.QUEUED
            run(stack, command)
        elif command[0] == "doctor":
            wait_until(lambda: stack.run("doctor", timeout=180).returncode == 0, timeout=300, what="a good doctor")
        else:
            run(stack, command)
    assert stack.chat().wait(waiting.id, timeout=60).state is JobState.SENT


def test_recovering_when_redis_was_lost(stack: Harness) -> None:
    """A file of rows with keys is sent, Redis forgets all, and it is sent again: the same contacts, and no other."""
    stack.broken = True  # the ledger is emptied behind the workers' back
    file = stack.folder / "parcels.csv"
    rows = [f"{number(index)},Hello,order-{index}" for index in range(20)]
    file.write_text("\n".join(["to,text,idempotency_key", *rows]) + "\n", encoding="utf-8")
    (stack.folder / "optouts.csv").write_text("number\n+12025550101\n", encoding="utf-8")
    worker = stack.start_worker()
    run(stack, ["send-batch", "parcels.csv", "--sender", "support", "--follow"])
    before = {contact.token for contact in stack.sandbox.contacts()}
    stack.kill(worker)
    chat = stack.chat()
    assert chat._store.redis.flushall()

    said = []
    for command in commands("redis-lost.md"):
        if command[0] == "send-batch":
            stack.start_worker()
        done = stack.run(*command, timeout=180)
        said.append((command[0], done.returncode))
    assert dict(said) == {"doctor": 0, "audit": 0, "suppress": 0, "keys": 0, "send-batch": 0}
    assert {contact.token for contact in stack.sandbox.contacts()} == before
    assert len(before) == len(list(stack.sandbox.contacts())) == len(rows)


def test_more_calls_several_machines_and_an_upgrade(stack: Harness) -> None:
    """What these pages let an operator type: a worker with several processes, and a look at it."""
    worker, look = commands("several-machines.md")
    assert commands("more-calls.md") == commands("upgrade.md") == [look] == [["doctor"]]
    stack.start([sys.executable, "-m", "outbound_chat.cli", *worker])

    wait_until(lambda: stack.run(*look, timeout=180).returncode == 0, timeout=300, what="a good doctor")


def test_rotating_credentials(stack: Harness) -> None:
    """A new API key is made, the old one is revoked by its id."""
    made = ""
    for command in commands("rotate-credentials.md"):
        if command[:2] == ["keys", "revoke"]:
            run(stack, [*command[:2], made.split("_")[1]])
            assert data_of(run(stack, ["keys", "list", "--json"]))[0]["state"] == "revoked"
            continue
        said = run(stack, command)
        if command[:2] == ["keys", "create"]:
            made = said.strip()


def test_contact_events_from_a_file_and_what_they_show(stack: Harness) -> None:
    """Receipts name no job here, and are true for their source number all the same."""
    status, read = commands("contact-events.md")
    events = [receipt_event(message=f"m-{n}") for n in range(30)]
    events += [receipt_event("TEXT_SPAM", f"s-{n}") for n in range(10)]
    lines = "".join(f"{json.dumps(one)}\n" for one in events)
    (stack.folder / "events.jsonl").write_text(lines, encoding="utf-8")

    assert run(stack, read) == "40 events: 40 changed\n"
    assert run(stack, read) == "40 events: 40 same\n"
    (line,) = [line for line in run(stack, status).splitlines() if line.startswith(SMS_NUMBER)]
    assert [word in line for word in ("40", "10 (25%)", "30 delivered", "10 spam")] == [True] * 4
    (record,) = data_of(run(stack, [*status, "--json"]))
    assert sum(one["refused"] for one in record["receipts"]) == 10
    assert {one["number"] for one in record["receipts"]} == {SMS_NUMBER}
