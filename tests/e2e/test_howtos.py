"""The how-tos of docs/ do what they say: their commands run as they stand, in their order, on a real stack."""

import re
import runpy
import sys
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from outbound_chat import JobState, OutboundChat
from tests.docs import pages
from tests.docs.pages import DOCS, blocks
from tests.support.harness import Harness, data_of, number
from tests.support.waiting import wait_until

EXAMPLE = "main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR"
SLOW = {"main": {"rate": 2.0, "burst": 2}}
ROWS = 40
MANY = 2_000
"""More than leave in 16 minutes at a slow pace: however busy the machine, some still wait when the test holds them."""


def commands(page: str) -> list[list[str]]:
    """The options of each command for `outbound-chat` that a how-to shows; others must be marked as not run."""
    shown = pages.commands(DOCS / "howto" / page)
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
    by_verb = {command[0]: command for command in commands("stop-a-campaign.md")}
    assert list(by_verb) == ["hold", "events", "status", "holds", "release", "cancel"]

    for verb in ("hold", "events", "status", "holds"):
        said = run(slow, by_verb[verb], batch=batch)
        assert batch in said or verb == "hold"
    wait_until(lambda: not chat.batch(batch).counts[JobState.SENDING], timeout=60, what="calls in flight to end")
    held = sent(chat, batch)
    run(slow, by_verb["release"], batch=batch)
    wait_until(lambda: sent(chat, batch) > held, timeout=120, what="the batch to go on")
    run(slow, by_verb["cancel"], batch=batch, expected=1)  # some had been sent, as the page says
    ended = chat.wait_batch(batch, timeout=120)
    assert ended.counts[JobState.SENT] + ended.counts[JobState.CANCELLED] == MANY
    assert ended.counts[JobState.CANCELLED] > 0


def test_finding_a_message(stack: Harness) -> None:
    stack.start_worker()
    chat = stack.chat()
    batch = enqueue(chat, ROWS)
    chat.wait_batch(batch, timeout=120)
    single = chat.enqueue(sender="support", to=number(1), text="Hello", idempotency_key="A-17-left")
    chat.wait(single.id, timeout=60)
    for command in commands("find-a-message.md"):
        row = any(word.endswith("-42") for word in command)
        words = [re.sub(r"-42$", f"-{ROWS}", word) for word in command]
        run(stack, words, batch=batch if row else single.id)
    again = chat.enqueue(sender="support", to=number(1), text="Hello", idempotency_key="A-17-left")
    assert again.id == single.id


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
