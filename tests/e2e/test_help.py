"""What helps while a command is typed: examples of the help, completion, and a look at what happened."""

import json
import os
import re
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.docs.test_help import EVERY, examples_of
from tests.e2e.test_json import start
from tests.support.contact_events import ended
from tests.support.harness import (
    FLOW_ID,
    INSTANCE_ID,
    SOURCE,
    Harness,
    data_of,
    free_port,
    number,
    running_harness,
)
from tests.support.terminal import on_terminal
from tests.support.waiting import wait_until

REFUSED = "+12025550140"
BATCH = "main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR"
KEY = "3f9k2m5x8q1z"
INBOX = "http://127.0.0.1:8399"
WITHOUT_END = ("worker", "http", "ui", "dev", "demo", "sandbox")
"""They start programs, or need one that runs, and have tests of their own."""


class World:
    """A stack with a batch whose first row was sent and whose second failed."""

    def __init__(self, harness: Harness) -> None:
        self.harness = harness
        (harness.folder / "parcels.csv").write_text(
            f"to,text,_first_name\n{number(1)},Hello,Ann\n{REFUSED},Hello,\n", encoding="utf-8"
        )
        (harness.folder / "optouts.csv").write_text("number\n+12025550101\n", encoding="utf-8")
        (harness.folder / "events.jsonl").write_text(ended("c-1"), encoding="utf-8")
        request = {
            "InstanceId": INSTANCE_ID,
            "ContactFlowId": FLOW_ID,
            "SourceEndpoint": {"Type": "CONNECT_PHONENUMBER_ARN", "Address": SOURCE},
            "DestinationEndpoint": {"Type": "TELEPHONE_NUMBER", "Address": number(2)},
            "SegmentAttributes": {"connect:Subtype": {"ValueString": "connect:SMS"}},
        }
        (harness.folder / "request.json").write_text(json.dumps(request), encoding="utf-8")
        sent = harness.run("send-batch", "parcels.csv", "--sender", "support", "--tenant", "acme", "--json")
        self.batch: str = data_of(sent.stdout)["receipt"]["id"]
        harness.start_worker()
        harness.chat().wait_batch(self.batch, timeout=60)
        self.key: str = data_of(harness.run("keys", "create", "shop", "--scope", "read", "--json").stdout)["id"]

    def complete(self, *words: str, program: str = "bash", **environment: str) -> list[str]:
        """What a shell gets for the last word; nothing is ever printed beside it."""
        line = " ".join(("outbound-chat", *words))
        given = {
            "_OUTBOUND_CHAT_COMPLETE": f"complete_{program}",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(words)),
            "_TYPER_COMPLETE_ARGS": line,
            "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        }
        done = self.harness.run(environment={**given, **environment})
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.split("\n")[:-1] if done.stdout.strip() else []


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running_harness(tmp_path_factory.mktemp("help")) as harness:
        yield World(harness)


def test_completion_knows_settings_and_what_redis_has(world: World) -> None:
    """Nobody remembers the id of a batch."""
    assert world.complete("send", "--sender", "") == ["support", "chat"]
    assert world.complete("send", "--sender", "s") == ["support"]
    assert world.complete("audit", "--budget", "") == ["main"]
    assert world.complete("hold", "--instance", "") == [INSTANCE_ID]
    for command in (("status", ""), ("hold", "--batch", "main."), ("export", ""), ("events", "--batch", "")):
        assert world.complete(*command) == [world.batch]
    assert world.complete("cancel", "--tenant", "") == ["acme"]
    assert world.complete("dead", "--code", "") == ["refused"]


def test_completion_knows_the_words_of_each_option(world: World) -> None:
    assert world.complete("send", "--priority", "") == ["urgent", "normal", "bulk"]
    assert world.complete("send", "--durability", "f") == ["fsync"]
    assert world.complete("keys", "create", "--scope", "") == ["enqueue", "read", "operate", "ingest"]
    assert world.complete("worker", "--log-level", "W") == ["WARNING"]
    assert world.complete("list", "--state", "s") == ["scheduled", "sending", "sent"]
    assert world.complete("dead", "--state", "") == ["failed", "uncertain"]
    assert world.complete("export", "x", "--state", "s") == ["scheduled", "sending", "sent"]
    assert world.complete("events", "--kind", "batch") == ["batch_accepted", "batch_final"]
    assert world.complete("webhooks", "") == ["hosts", "dead", "replay", "secret"]
    assert world.complete("help", "w") == ["why", "watch", "wait", "webhooks", "worker"]
    assert world.complete("help", "keys", "") == ["create", "list", "revoke"]
    assert "--send-at" in world.complete("send", "--")


def test_each_shell_gets_the_values_in_its_form(world: World) -> None:
    assert world.complete("send", "--sender", "", program="zsh") == ['_arguments \'*: :(("support"', '"chat"))\'']
    assert world.complete("send", "--sender", "", program="fish") == ["support", "chat"]
    assert "send-batch\tSend a file of messages as one batch" in world.complete("", program="fish")


@pytest.mark.parametrize(
    "away",
    [
        {"OUTBOUND_CHAT_REDIS_URL": f"redis://127.0.0.1:{free_port()}/0", "OUTBOUND_CHAT_REDIS_TIMEOUT": "1"},
        {"OUTBOUND_CHAT_CONFIG": "missing.toml"},
        {"OUTBOUND_CHAT_BUDGETS": "nonsense"},
    ],
    ids=lambda away: next(iter(away)),
)
def test_completion_without_an_answer_is_silent(world: World, away: dict[str, str]) -> None:
    """A message would stand in the middle of what somebody types."""
    assert world.complete("hold", "--batch", "", **away) == []
    assert world.complete("send", "--priority", "u", **away) == ["urgent"]


def test_events_show_the_last_and_filter(world: World) -> None:
    def shown(*options: str) -> list[tuple[str, str | None]]:
        done = world.harness.run("events", "--json", *options)
        assert done.returncode == 0, done.stderr
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        return [(line["id"].removeprefix(world.batch), line["state"] or line["kind"]) for line in lines]

    whole = shown("--batch", world.batch)
    assert sorted(whole) == [("", "batch_accepted"), ("", "batch_final"), ("-1", "sent"), ("-2", "failed")]
    assert shown("--batch", world.batch, "--tail", "1") == [("", "batch_final")]
    assert shown("--batch", world.batch, "--since", "0") == whole
    assert shown("--tail", "0") == []
    assert shown("--batch", world.batch, "--state", "failed") == [("-2", "failed")]
    assert shown("--batch", world.batch, "--code", "refused") == [("-2", "failed")]
    assert shown("--batch", world.batch, "--kind", "job_final", "--sender", "support", "--sender", "chat") == whole[1:3]
    assert shown("--sender", "chat") == []
    wrong = world.harness.run("events", "--since", "1h")
    assert (wrong.returncode, "must be the number of an event" in wrong.stderr) == (2, True)


def test_many_events_are_more_than_a_look(world: World) -> None:
    """The last 50, across pages of 500; on a terminal each is one line of columns."""
    chat = world.harness.chat()
    rows = ({"to": number(index)} for index in range(10, 720))
    many = chat.enqueue_batch(rows, sender="support", text="Hello").id
    chat.wait_batch(many, timeout=60)

    lines = world.harness.run("events").stdout.splitlines()
    assert len(lines) == 50
    assert all(many in line for line in lines)
    assert lines[-1].endswith("batch final")
    with on_terminal(world.harness, "events", "--batch", world.batch) as terminal:
        assert terminal.end() == 0
        printed = re.sub(r"\x1b\[[0-9;]*m", "", terminal.written).replace("\r", "").splitlines()
        assert len(printed) == 5
        assert printed[0].split("  ")[0] == "time", "each row has its own zone"
        assert {line.index(world.batch) for line in printed[1:]} == {printed[0].index("job or batch")}
        assert {line[printed[0].index("event") - 1] for line in printed} == {" "}
        assert f"{world.batch}-2  " in terminal.written
        assert "failed" in terminal.written


def test_followers_see_only_what_is_new(world: World) -> None:
    """It began with all that is kept: 10,000 lines."""
    process, log = start(world.harness, "events", "--follow", "--tail", "1", "--json", "--sender", "support")
    wait_until(lambda: log.read_text().count("\n") == 1, timeout=60, what="the last event")
    chat = world.harness.chat()
    other = chat.wait(chat.enqueue(sender="chat", to=number(3), text="Hello").id, timeout=60)
    job = chat.wait(chat.enqueue(sender="support", to=number(3), text="Hello").id, timeout=60)
    wait_until(lambda: log.read_text().count("\n") == 2, timeout=60, what="what came then")
    os.kill(process.pid, signal.SIGINT)

    assert process.wait(60) == 0
    assert json.loads(log.read_text().splitlines()[1])["id"] == job.id
    assert other.id not in log.read_text()


def test_every_example_of_the_help_that_ends_works(world: World) -> None:
    """In the order of the help: what is held by one is released by the next."""
    row = {"to": number(4), "send_at": datetime.now(UTC) + timedelta(days=1)}
    later = world.harness.chat().enqueue_batch([row], sender="support", text="Hello").id
    tried = 0
    for name in EVERY:
        for example in examples_of(name):
            goes_on = "--follow" in example and example[0] != "send-batch"
            if goes_on or (example[0] in WITHOUT_END and example[1:2] not in (["inbox"], ["events"])):
                continue
            job = {"why": f"{world.batch}-2", "replay": f"{world.batch}-2", "hold": later, "release": later}
            places = {
                f"{BATCH}-42": f"{world.batch}-1",
                BATCH: job.get(name, world.batch),
                KEY: world.key,
                INBOX: world.harness.sandbox.url,
            }
            done = world.harness.run(*(places.get(word, word) for word in example))
            assert done.returncode in {0, 1}, (example, done.stderr)
            assert "error: " not in done.stderr, (example, done.stderr)
            tried += 1
    assert tried > 30
