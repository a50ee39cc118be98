"""`--json`: one document of one shape from every command, with the exit code of the text, also when it fails."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from docs.generate import commands
from tests.docs.pages import bare, read, section, table
from tests.support.contact_events import ended
from tests.support.harness import Harness, data_of, free_port, number, running_harness
from tests.support.waiting import wait_until

NOBODY = f"main.{'0' * 26}"
REFUSED = "+12025550140"
BATCH = ("--sender", "support", "--text", "Hello")

GOOD = {
    "send": ("--sender", "support", "--to", number(5), "--text", "Hello"),
    "send-batch": ("good.csv", *BATCH),
    "send-batch --dry-run": ("good.csv", *BATCH),
    "status": ("{sent}",),
    "why": ("{later}",),
    "jobs": ("--sender", "support"),
    "list": (),
    "watch": ("--once",),
    "wait": ("{sent}",),
    "cancel": ("{unwanted}",),
    "cancel --batch": ("{batch}", "--rows", "1"),
    "hold": ("--sender", "chat", "--reason", "it is being ported"),
    "release": ("--sender", "chat"),
    "holds": (),
    "dead": (),
    "dead --counts": (),
    "replay": ("{dead}",),
    "replay --all": ("--code", "nosuch"),
    "replay --all --dry-run": (),
    "suppress": ("--sender", "support", number(8)),
    "suppressed": ("--sender", "support"),
    "unsuppress": ("--sender", "support", number(8)),
    "optouts sync": ("--sender", "support"),
    "webhooks hosts": (),
    "webhooks dead": (),
    "webhooks replay": ("--all",),
    "webhooks secret": (),
    "new-key": (),
    "encryption-keys": (),
    "rewrite-suppressed": (),
    "audit": (),
    "doctor": (),
    "contact-events ingest": ("events.jsonl",),
    "contact-events status": (),
    "keys create": ("test", "--scope", "read"),
    "keys list": (),
    "keys revoke": ("{key}",),
}
"""Arguments with which each command does what it is asked."""
LISTS = {
    *("status", "jobs", "list", "wait", "cancel", "holds", "dead", "dead --counts", "replay", "replay --all"),
    *("suppressed", "optouts sync", "webhooks hosts", "contact-events status"),
    *("webhooks dead", "encryption-keys", "rewrite-suppressed", "audit", "doctor", "keys list", "hold", "release"),
}
"""Those that may be about many things: a list, however many there are."""
PAGES = {"jobs", "list", "dead"}
LINES = ("events",)
STARTED_ELSEWHERE = {"demo", "dev", "sandbox", "sandbox inbox", "sandbox events"}
"""They start programs of their own; their tests read what they print."""
NO_REDIS = ("webhooks secret", "new-key", "doctor", "send-batch --dry-run")

BAD: dict[str, tuple[tuple[str, ...], int, set[str]]] = {
    "send": (("--sender", "support", "--to", "12", "--send-at", "soon"), 2, {"invalid_number", "invalid_time"}),
    "send --request missing.json": (("--sender", "support"), 2, {"unusable_file"}),
    "send --wait 0.1": (("--sender", "support", "--to", number(6)), 4, {"wait_timeout"}),
    "send-batch": (("missing.csv", *BATCH), 2, {"unusable_file"}),
    "send-batch --follow": (
        ("bad.csv", "--name", "{run}", "--timeout", "0", *BATCH),
        4,
        {"invalid_number", "wait_timeout"},
    ),
    "send-batch --country Germany": (("good.csv", *BATCH), 2, {"not_allowed"}),
    "send-batch --dry-run": (("bad.csv", *BATCH), 1, {"invalid_number"}),
    "send-batch --test-to 12": (("good.csv", *BATCH), 2, {"invalid_number"}),
    "status": ((NOBODY, "{sent}"), 5, {"unknown_id"}),
    "why": ((NOBODY,), 5, {"unknown_id"}),
    "jobs": (("--since", "soon", "--to", number(1)), 2, {"invalid_time", "not_allowed"}),
    "jobs --limit": (("501",), 2, {"out_of_range"}),
    "list": (("--limit", "0"), 2, {"out_of_range"}),
    "list --batch": ((NOBODY,), 5, {"unknown_batch"}),
    "watch": (("--limit", "0"), 2, {"invalid_arguments"}),
    "wait": (("{later}", "--timeout", "0.1"), 4, {"wait_timeout"}),
    "wait --timeout 60": (("{later}", NOBODY), 5, {"unknown_id"}),
    "cancel": (("{second}", NOBODY), 5, {"unknown_id"}),
    "cancel --batch": ((NOBODY, "--rows", "1-5"), 5, {"unknown_batch"}),
    "cancel --ids-from": (("missing.txt",), 2, {"unusable_file"}),
    "hold": (("--batch", NOBODY, "--reason", "wrong text"), 5, {"unknown_batch"}),
    "release": (("--batch", "x", "--sender", "support"), 2, {"not_allowed"}),
    "holds": (("--nosuch",), 2, {"invalid_arguments"}),
    "dead": (("--budget", "nosuch"), 2, {"invalid_settings"}),
    "replay": (("{sent}", "{dead}", NOBODY), 5, {"not_replayable", "unknown_id"}),
    "replay --dry-run": (("{dead}",), 2, {"invalid_arguments"}),
    "replay --force": (("{sent}", "{dead}"), 1, {"not_replayable"}),
    "events": (("--since", "soon"), 2, {"invalid_arguments"}),
    "events --since 1": (("--tail", "5"), 2, {"invalid_arguments"}),
    "events --sender": (("nosuch", "--follow"), 2, {"invalid_settings"}),
    "suppress": (("--sender", "support", "12", number(9)), 1, {"invalid_number"}),
    "suppress --delimiter aa": (("--sender", "support", "--file", "good.csv"), 2, {"not_allowed"}),
    "suppressed": (("--sender", "nosuch"), 2, {"invalid_settings"}),
    "unsuppress": (("--sender", "support", "--file", "missing.csv"), 2, {"unusable_file"}),
    "optouts sync": (("--sender", "nosuch"), 2, {"invalid_settings"}),
    "webhooks": (("nosuch",), 2, {"invalid_arguments"}),
    "webhooks replay": (("nosuch",), 5, {"unknown_id"}),
    "new-key": (("more",), 2, {"invalid_arguments"}),
    "encryption-keys": (("--nosuch",), 2, {"invalid_arguments"}),
    "rewrite-suppressed": (("--sender", "nosuch"), 2, {"invalid_settings"}),
    "audit": (("--budget", "nosuch"), 2, {"invalid_settings"}),
    "doctor": (("--nosuch",), 2, {"invalid_arguments"}),
    "contact-events ingest": (("missing.jsonl",), 2, {"unusable_file"}),
    "contact-events ingest bad.jsonl": ((), 1, {"invalid_json"}),
    "contact-events status": (("--nosuch",), 2, {"invalid_arguments"}),
    "keys create": (("test",), 2, {"invalid_arguments"}),
    "keys list": (("--nosuch",), 2, {"invalid_arguments"}),
    "keys revoke": (("nosuch",), 5, {"unknown_id"}),
    "demo": (("--nosuch",), 2, {"invalid_arguments"}),
    "dev": (("--port", "{taken}"), 2, {"cannot_listen"}),
    "sandbox": (("--port", "{taken}"), 2, {"cannot_listen"}),
    "sandbox inbox": (("--url", "http://127.0.0.1:1"), 2, {"no_sandbox"}),
    "sandbox events": (("--url", "http://127.0.0.1:1"), 2, {"no_sandbox"}),
    "sandbox inbox --url": (("127.0.0.1",), 2, {"no_sandbox"}),
    "sandbox inbox --follow --url": (("http://127.0.0.1:port",), 2, {"no_sandbox"}),
}
"""Arguments with which each command fails, its exit code, and the codes of its errors."""
PARTLY = {
    *("send --wait 0.1", "send-batch --follow", "send-batch --dry-run", "status", "wait", "wait --timeout 60"),
    *("cancel", "replay", "replay --force", "suppress", "webhooks replay", "contact-events ingest bad.jsonl"),
}
"""Those that have data all the same."""
SENTENCES = {
    "unusable_file": "missing.",
    "cannot_listen": "port ",
    "wait_timeout": "main.",
    "unknown_id": "no ",
}
"""How the errors of some situations begin for people, as docs/cli.md says."""
DOCUMENTED = {
    bare(row["code"])
    for heading in ("## Codes of a refused request", "## Codes of commands")
    for row in table(section(read("errors.md"), heading), "code")
}


class World:
    """A stack with something for every command."""

    def __init__(self, harness: Harness, taken: int) -> None:
        chat, self.harness = harness.chat(), harness
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        jobs = {
            "sent": chat.enqueue(sender="support", to=number(1), text="Hello"),
            "dead": chat.enqueue(sender="support", to=REFUSED, text="Hello"),
            **{
                name: chat.enqueue(sender="support", to=number(place), text="Hello", send_at=tomorrow)
                for place, name in enumerate(("later", "unwanted", "second"), start=2)
            },
        }
        batch = chat.enqueue_batch([{"to": number(7), "send_at": tomorrow}], sender="support", text="Hello")
        harness.start_worker()
        chat.wait(jobs["sent"].id, timeout=60)
        chat.wait(jobs["dead"].id, timeout=60)
        harness.kill(harness.workers.pop())
        (harness.folder / "good.csv").write_text(f"to\n{number(10)}\n", encoding="utf-8")
        (harness.folder / "events.jsonl").write_text(f"{ended('c-1')}\n", encoding="utf-8")
        (harness.folder / "bad.jsonl").write_text(f"{ended('c-1')}\n12\n", encoding="utf-8")
        (harness.folder / "bad.csv").write_text(f"to\n{number(11)}\n12\n", encoding="utf-8")
        self.values = {
            **{name: job.id for name, job in jobs.items()},
            "batch": batch.id,
            "key": data_of(harness.run("keys", "create", "shop", "--scope", "read", "--json").stdout)["id"],
            "taken": str(taken),
        }

    def run(self, name: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Runs a command; `{sent}` and the like in its arguments are replaced."""
        self.values["run"] = str(int(self.values.get("run", "0")) + 1)
        given = [argument.format_map(self.values) for argument in arguments]
        return self.harness.run(*name.split(), *given, environment=environment)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A stack whose worker has ended, and a port that is taken."""
    with running_harness(tmp_path_factory.mktemp("json")) as harness, socket.create_server(("127.0.0.1", 0)) as taken:
        yield World(harness, taken.getsockname()[1])
        assert harness.counts_add_up()


def document(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """What a command printed, which is one document of the one shape."""
    found: dict[str, Any] = json.loads(done.stdout)
    assert set(found) - {"cursor"} == {"data", "errors"}
    check_errors(found["errors"], done.stderr)
    return found


def check_errors(errors: list[dict[str, str]], told: str) -> None:
    """Each error has the members that the page names, and a code that is on the page."""
    for error in errors:
        assert {"code", "message"} <= error.keys() <= {"code", "message", "field", "id"}
        assert error["code"] in DOCUMENTED
        assert error["message"].splitlines()[0] in told or error["code"] == "invalid_number", "people are told, too"


def test_no_command_is_forgotten() -> None:
    """A command that is added gets a line in both tables."""
    with_json = {name for name, one in commands().items() if any("--json" in option.opts for option in one.params)}
    for tried in ({*GOOD, *LINES, *STARTED_ELSEWHERE}, BAD):
        assert {name for name in with_json if not any(f"{key} ".startswith(f"{name} ") for key in tried)} == set()


@pytest.mark.parametrize("name", GOOD)
def test_a_command_that_succeeds_prints_one_document_without_errors(world: World, name: str) -> None:
    """Scripts read `data`, and need not know which command it came from."""
    done = world.run(name, *GOOD[name], "--json")

    found = document(done)
    assert (found["errors"], done.returncode) == ([], world.run(name, *GOOD[name]).returncode)
    assert isinstance(found["data"], list) is (name in LISTS)
    assert ("cursor" in found) is (name in PAGES)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", BAD)
def test_a_command_that_fails_prints_one_document_with_its_errors(world: World, name: str) -> None:
    """The exit code is that of the text, whose every error begins alike."""
    arguments, code, codes = BAD[name]
    told, done = world.run(name, *arguments), world.run(name, *arguments, "--json")

    assert (told.returncode, done.returncode) == (code, code), told.stderr
    assert "Traceback" not in told.stderr
    found = document(done)
    assert {error["code"] for error in found["errors"]} == codes
    for situation in codes & SENTENCES.keys():
        assert f"error: {SENTENCES[situation]}" in told.stderr
    assert bool(found["data"]) is (name in PARTLY)
    if not {"invalid_number"} & codes:
        assert "error: " in told.stderr


def test_commands_that_follow_print_lines(world: World) -> None:
    """An envelope around them would end only with the program."""
    done = world.run("events", "--json")

    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {"job_final", "batch_accepted"} <= {line["kind"] for line in lines}
    assert all("data" not in line for line in lines)


@pytest.mark.parametrize("name", sorted({*GOOD, *LINES} - {*NO_REDIS}))
def test_every_command_without_redis_ends_with_3(world: World, name: str) -> None:
    """And with one sentence."""
    away = {"OUTBOUND_CHAT_REDIS_URL": f"redis://127.0.0.1:{free_port()}/0", "OUTBOUND_CHAT_REDIS_TIMEOUT": "0.1"}
    done = world.run(name, *GOOD.get(name, ()), "--json", **away)

    assert done.returncode == 3, done.stderr
    assert [error["code"] for error in document(done)["errors"]] == ["store_unavailable"]
    assert "error: Redis can't be reached" in done.stderr


def test_without_settings_every_command_ends_with_2(world: World) -> None:
    """The error names the file."""
    for name in ("holds", "send-batch", "keys list", "audit"):
        done = world.run("--config missing.toml", *name.split(), *GOOD[name], "--json")
        assert done.returncode == 2, done.stderr
        (error,) = document(done)["errors"]
        assert (error["code"], "missing.toml" in error["message"]) == ("invalid_settings", True)


@pytest.mark.parametrize("before", [("--nosuch",), ("--sender",), ("nosuch",)])
def test_json_may_come_after_what_is_wrong(world: World, before: tuple[str, ...]) -> None:
    """The parser does not get as far as `--json`."""
    done = world.run("holds", *before, "--json")

    assert done.returncode == 2
    (error,) = document(done)["errors"]
    assert error["code"] == "invalid_arguments"


def test_a_job_that_is_not_final_in_time_is_printed(world: World) -> None:
    """A script goes on with its id."""
    done = world.run("send --wait 0.1", "--sender", "support", "--to", number(12), "--json")

    assert document(done)["data"]["state"] == "queued"
    told = world.run("send --wait 0.1", "--sender", "support", "--to", number(13))
    assert told.stdout.split()[:1] == ["job"]
    assert told.stdout.split()[1].startswith("main.")


def test_an_error_names_the_option_that_its_value_came_from(world: World) -> None:
    """`send_at` is no option."""
    done = world.run("send", "--sender", "support", "--to", "12", "--text", "", "--json")

    fields = {error["field"] for error in document(done)["errors"]}
    assert fields == {"--to", "--text"}
    assert "--to: " in done.stderr
    (error,) = document(world.run("list", "--limit", "0", "--json"))["errors"]
    assert error["field"] == "--limit"


@pytest.mark.parametrize("command", ["dev", "http", "sandbox"])
def test_a_port_in_use_is_one_sentence_and_one_exit_code(world: World, command: str) -> None:
    """Whoever runs several of them learns it once."""
    done = world.run(command, "--port", "{taken}")

    assert (done.returncode, done.stdout) == (2, "")
    port = world.values["taken"]
    said = f"error: port {port} of 127.0.0.1 is in use by another program; choose another one with --port"
    assert done.stderr.splitlines()[-1] == said


@pytest.mark.parametrize("number_", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("command", [("watch", "--json"), ("events", "--follow", "--tail", "9", "--json")])
def test_a_command_that_runs_until_it_is_stopped_ends_with_0(
    world: World, command: tuple[str, ...], number_: signal.Signals
) -> None:
    """As workers and services do: nothing went wrong."""
    process, log = start(world.harness, *command)
    wait_until(lambda: log.read_text().count("\n") > 0, timeout=60, what="the first line")
    os.kill(process.pid, number_)

    assert process.wait(60) == 0
    assert all("errors" not in json.loads(line) for line in log.read_text().splitlines())


def test_an_interrupted_command_prints_what_it_has_and_ends_with_130(world: World) -> None:
    """The job was enqueued, and its id is known."""
    process, log = start(world.harness, "send", "--sender", "support", "--to", number(14), "--wait", "600", "--json")
    wait_until(lambda: "waiting" in log.read_text(), timeout=60, what="the word that it waits")
    os.kill(process.pid, signal.SIGINT)

    assert process.wait(60) == 130
    found = json.loads(log.read_text().splitlines()[-1])
    assert (found["data"]["state"], [error["code"] for error in found["errors"]]) == ("queued", ["interrupted"])


def test_lines_end_with_the_errors_that_ended_them(stack: Harness) -> None:
    """A reader of lines learns why there are no more."""
    stack.configure(redis_timeout=0.5)
    stack.chat().enqueue_batch([{"to": number(1)}], sender="support", text="Hello")
    process, log = start(stack, "events", "--follow", "--tail", "1", "--json")
    wait_until(lambda: log.read_text().count("\n") > 0, timeout=60, what="the first line")
    stack.kill(stack.server.process)

    assert process.wait(60) == 3
    printed = [line for line in log.read_text().splitlines() if line.startswith("{")]
    last = json.loads(printed[-1])
    assert (set(last), last["errors"][0]["code"]) == ({"errors"}, "store_unavailable")
    stack.server.restart()


def start(harness: Harness, *command: str) -> tuple["subprocess.Popen[bytes]", Any]:
    """Starts a command; returns it and the file to which it prints."""
    # A shell starts what it puts into the background with this signal ignored, and children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    process = harness.start([sys.executable, "-m", "outbound_chat.cli", *command])
    return process, max(harness.folder.glob("process-*.log"), key=lambda path: path.stat().st_ctime_ns)
