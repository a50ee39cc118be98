"""Bad input at the command line: one clear error that names the field and the fix, an exit code, and nothing lost."""

import csv
import gzip
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup, TyperOption
from typer.main import get_command

from outbound_chat import JobState
from outbound_chat.cli.app import app
from outbound_chat.model.ids import new_local_id
from outbound_chat.store import Store, inspection
from tests.support.harness import Harness, data_of, number, running_harness
from tests.support.terminal import on_terminal


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    """A stack that several tests share, since none of them stores anything."""
    with running_harness(tmp_path_factory.mktemp("idle")) as harness:
        yield harness
        with Store(harness.server.url) as store:
            assert inspection.counts(store, store.keys("main")) == {}


HEADER = "to,text,attributes.order,send_at\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"redis_url = [", "is not valid TOML"),
        (b"redis_url = '\xff'", "is not UTF-8 text (byte 13); save it as UTF-8"),
        (b"redis_url = 'http://x'", "redis_url must start with one of redis://"),
        (b"[senders.a]\nchannel = 'fax'", "senders.a.channel"),
        (b"reddis_url = 'redis://x'", "reddis_url is not a setting of outbound-chat"),
    ],
)
def test_settings_that_can_not_be_used_are_one_error_with_the_field(idle: Harness, content: bytes, said: str) -> None:
    """Every command reads them first; a traceback would help nobody."""
    file = idle.folder / "unusable.toml"
    file.write_bytes(content)

    done = idle.run("--config", str(file), "send", "--sender", "support", "--to", number(1))

    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("module", ["typer", "rich"])
def test_ctrl_c_while_the_command_line_is_loaded_ends_it_quietly(tmp_path: Path, module: str) -> None:
    """It may come at any time: a traceback says that something broke."""
    (tmp_path / f"{module}.py").write_text("raise KeyboardInterrupt\n", encoding="utf-8")
    code = (
        f"import outbound_chat.cli, sys; sys.path.insert(0, {str(tmp_path)!r}); "
        "sys.argv[1:] = ['status', 'of-no-job']; outbound_chat.cli.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        capture_output=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


@pytest.mark.parametrize("module", ["outbound_chat.cli.streams", "outbound_chat.cli.app", "redis", "pydantic_settings"])
def test_ctrl_c_at_an_import_ends_it_quietly(tmp_path: Path, module: str) -> None:
    """Also at the first of our own, which once stood outside of what catches it."""
    code = (
        f"import signal, sys; stop = lambda event, given: event == 'import' and given[0] == {module!r} "
        "and signal.raise_signal(signal.SIGINT); sys.addaudithook(stop); sys.argv[1:] = ['list']; "
        "import outbound_chat.cli; outbound_chat.cli.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, timeout=60, cwd=tmp_path)

    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


@pytest.mark.parametrize(("module", "says"), [("rich", "outbound-chat[cli]"), ("httptools", "outbound-chat[all]")])
def test_a_command_whose_extra_is_missing_names_what_to_install(tmp_path: Path, module: str, says: str) -> None:
    """With any arguments: they are those of the command that is missing."""
    (tmp_path / f"{module}.py").write_text(f"raise ModuleNotFoundError(name={module!r})\n", encoding="utf-8")
    arguments = ["status", "of-no-job"] if module == "rich" else ["sandbox", "--rate", "2", "more"]
    code = f"import outbound_chat.cli, sys; sys.path.insert(0, {str(tmp_path)!r}); sys.argv[1:] = {arguments}; "

    for last, printed in (("", False), ("sys.argv.append('--json'); ", True)):
        command = [sys.executable, "-c", f"{code}{last}outbound_chat.cli.main()"]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert (done.returncode, bool(done.stdout)) == (2, printed)
        assert done.stderr.startswith("error: ")
        assert says in done.stderr
    found = json.loads(done.stdout)
    assert (found["data"], [error["code"] for error in found["errors"]]) == (None, ["missing_extra"])


def test_broken_commands_of_another_package_spoil_none_of_ours(tmp_path: Path) -> None:
    """Any package may bring commands: one whose module is gone, or with a name that is taken."""
    (tmp_path / "other-1.dist-info").mkdir()
    points = "[outbound_chat.commands]\nextra = gone.away:extra\nsend = gone.away:send\n"
    (tmp_path / "other-1.dist-info" / "entry_points.txt").write_text(points, encoding="utf-8")
    code = f"import outbound_chat.cli, sys; sys.path.insert(0, {str(tmp_path)!r}); outbound_chat.cli.main()"

    listed, ours, gone = (
        subprocess.run([sys.executable, "-c", code, *arguments], check=False, capture_output=True, text=True)
        for arguments in (["--help"], ["send", "--help"], ["extra"])
    )

    assert (listed.returncode, listed.stdout.count("\n  send "), "\n  extra" in listed.stdout) == (0, 1, True)
    assert (ours.returncode, "--text" in ours.stdout) == (0, True)
    assert (gone.returncode, "'extra' needs gone" in gone.stderr) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (("send", "--to", number(1), "--sender", "support", "--to", number(2)), "--to"),
        (("send-batch", "-", "--sender=support", "--weight", "1", "--weight=1"), "--weight"),
        (("--config", "a.toml", "--config", "b.toml", "holds"), "--config"),
        (("keys", "create", "a", "--rate", "1/s", "--rate", "2/s"), "--rate"),
        (("worker", "--processes", "1", "--processes", "2"), "--processes"),
    ],
)
def test_an_option_of_one_value_that_is_given_twice_is_refused(
    idle: Harness, arguments: tuple[str, ...], option: str
) -> None:
    """Nobody knows which of two recipients was meant."""
    done = idle.run(*arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert f"'{option}'" in done.stderr
    assert "is given more than once; give it once" in done.stderr


@pytest.mark.parametrize("written", ["1_0", " 10", "\uff11\uff10"])
@pytest.mark.parametrize("option", ["--weight", "--concurrency", "--timeout"])
def test_a_number_is_written_in_plain_digits(idle: Harness, option: str, written: str) -> None:
    """Python would read each of these as 10."""
    done = idle.run("send-batch", "-", "--sender", "support", option, written)

    assert (done.returncode, done.stdout) == (2, "")
    assert f"'{option}'" in done.stderr
    assert "number in plain digits" in done.stderr


def test_no_command_takes_an_option_of_one_value_twice() -> None:
    """All commands and groups, also those of the worker's package, go by the same parser."""
    commands = [get_command(app)]
    looked = 0
    while commands:
        command = commands.pop()
        context = command.make_context("x", [], resilient_parsing=True)
        if isinstance(command, TyperGroup):
            commands += [
                found for name in command.list_commands(context) if (found := command.get_command(context, name))
            ]
        for option in command.params:
            if isinstance(option, TyperOption) and not (option.multiple or option.is_flag):
                looked += 1
                with pytest.raises(typer.BadParameter, match="more than once"):
                    command.make_context("x", [option.opts[0], *["1"] * option.nargs] * 2)
    assert looked > 50


def test_flags_and_repeatable_options_may_be_given_twice(idle: Harness) -> None:
    """An alias may bring `--json` already."""
    assert idle.run("holds", "--json", "--json").returncode == 0


def test_workers_do_not_start_with_settings_that_can_not_be_used(idle: Harness) -> None:
    """It is said once and not by each process, over and over."""
    file = idle.folder / "worker.toml"
    file.write_text("[budgets.main]\nrate = -1\n", encoding="utf-8")

    done = idle.run("--config", str(file), "worker", "--processes", "2")

    assert done.returncode == 2
    assert done.stderr.count("budgets.main.rate") == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (
            ["--sender", "nobody", "--to", number(1)],
            2,
            'sender "nobody" is not configured; known senders: chat, support',
        ),
        (["--sender", "support", "--to", "0123"], 2, "[invalid_number]"),
        (["--sender", "support", "--to", number(1), "--text", "x" * 1_025], 2, "[too_long]"),
        (["--sender", "support", "--to", number(1), "--send-at", "tomorrow"], 2, "--send-at: must be an ISO 8601"),
        (
            ["--sender", "support", "--to", number(1), "--send-at", "2027-01-01"],
            2,
            "--send-at: must be an ISO 8601 time",
        ),
        (["--sender", "support", "--to", number(1), "--send-at", "2016-12-01T09:00:00Z"], 2, "--send-at: has passed"),
        (["--sender", "support", "--to", number(1), "--attribute", "x"], 2, "name=value"),
        (["--sender", "support", "--to", number(1), *2 * ("--attribute", "x=1")], 2, 'gives "x" twice'),
        (["--request", "missing.json"], 2, "missing.json can't be read"),
        (["--sender", "support"], 2, "--to: is required"),
    ],
)
def test_a_job_that_can_not_be_sent_is_refused_with_the_reason(
    idle: Harness, options: list[str], code: int, said: str
) -> None:
    """The operator repairs what is named and types the command again."""
    done = idle.run("send", *options)

    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("command", "named"),
    [
        (("send",), ("sender", "to")),
        (
            ("send", "--sender", "nix", "--to", "abc", "--text", "", "--send-at", "yesterday", "--priority", "high"),
            ("send_at", "priority", "sender", "to", "text"),
        ),
        (
            ("send", "--request", "request.json", "--to", "abc", "--attribute", "x", "--tenant", "a b"),
            ("attribute", "request", "tenant", "InstanceId", "DestinationEndpoint"),
        ),
        (
            ("send-batch", "rows.csv", "--sender", "nix", "--template", "{", "--text", "", "--attribute", "x"),
            ("attribute", "sender", "template.text", "text"),
        ),
        (("send-batch", "rows.csv", "--sender", "nix", "--weight", "0", "--text", ""), ("weight", "sender", "text")),
        (("send-batch", "rows.csv", "--sender", "nix", "--text", "", "--dry-run"), ("sender", "text")),
        (("hold", "--reason", " "), ("budget/__sender/__instance/__tenant/__batch", "reason")),
        (("suppress", number(1), "--sender", "nix", "--reason", "x" * 201), ("sender", "reason")),
    ],
)
def test_all_that_is_wrong_is_said_at_once(idle: Harness, command: tuple[str, ...], named: tuple[str, ...]) -> None:
    """Whatever its kind: who repairs one fault must not meet the next."""
    (idle.folder / "request.json").write_text('{"SourceEndpoint": {"Address": "x"}, "DestinationEndpoint": {}}')
    (idle.folder / "rows.csv").write_text(f"to\n{number(1)}\n")

    done = idle.run(*command)

    assert (done.returncode, done.stdout) == (2, "")
    said = [line.partition(":")[0].strip(" -").replace("-", "_") for line in done.stderr.splitlines()[1:]]
    assert {field.partition(".")[0] for field in said} >= {field.partition(".")[0] for field in named}, done.stderr


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("hold", "--reason", "x"), "--budget/--sender/--instance/--tenant/--batch: name exactly one of"),
        (("dead", "--limit", "0"), "--limit: must be from 1 to 500; use `--cursor` to read further pages"),
        (("suppressed", "12", "--sender", "support"), "number 1: must be "),
        (("webhooks", "dead", "x"), "Invalid value for 'IDS or --all': belongs to replay"),
        (("webhooks", "nope"), "'nope' is not one of 'hosts', 'dead', 'replay', 'secret'"),
        (("webhooks",), "Missing argument 'ACTION'. Choose from: hosts, dead, replay, secret"),
        (("send", "--sendr", "x"), "No such option: --sendr. Did you mean --"),
        (("watch", "--limit", "51"), "Invalid value for '--limit': must be from 1 to 50."),
        (("sandbox", "--rate", "0"), "Invalid value for '--rate': must be 0.001 or more."),
    ],
)
def test_errors_have_one_style_and_name_options_as_they_are_typed(
    idle: Harness, command: tuple[str, ...], said: str
) -> None:
    """Not as the parser, the library behind it, or the client in Python calls them."""
    done = idle.run(*command)

    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert said in done.stderr
    assert not any(word in done.stderr for word in ("Input should", "Value error", "Usage:", "\t", "scope:"))


@pytest.mark.parametrize("command", [("audit", "--budget"), ("hold", "--reason=x", "--instance"), ("send", "--sender")])
def test_a_name_that_the_settings_lack_comes_with_the_file_they_are_from(
    idle: Harness, command: tuple[str, ...]
) -> None:
    """There may be another file than the one in mind."""
    done = idle.run(*command, "nosuch")

    assert done.returncode == 2
    assert f"\nsettings: {idle.settings_file}" in done.stderr
    # The words alone do not make it one of them.
    assert "settings:" not in idle.run("send", "--sender", "support", "--to", "is not configured").stderr


@pytest.mark.parametrize(
    ("command", "named"),
    [
        (("hold",), ("--reason",)),
        (("send-batch", "--weight", "much", "--timeout", "1_0"), ("FILE", "--sender", "--weight", "--timeout")),
        (("keys", "create"), ("NAME", "--scope")),
        (
            ("keys", "create", " ", "--scope=read", "--tenant=a!", "--sender=x", "--rate=x", "--expires=x"),
            ("NAME", "--tenant", "--sender", "--rate", "--expires"),
        ),
        (("list", "--limit", "x", "--sender", "a", "--sender", "b"), ("--limit", "--sender")),
    ],
)
def test_all_options_that_are_missing_or_can_not_be_read_are_named(
    idle: Harness, command: tuple[str, ...], named: tuple[str, ...]
) -> None:
    done = idle.run(*command)

    assert (done.returncode, done.stdout) == (2, "")
    text = done.stderr[done.stderr.index("error:") :]
    assert all(f"'{option}'" in text or f" {option}:" in text for option in named), text


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("rows.csv", "phone,text\n+1,Hello\n", 'no column "to"'),
        ("rows.csv", "to,message\n+1,Hello\n", 'unknown columns: "message"'),
        ("rows.csv", "to,to\n+1,+2\n", "twice"),
        ("rows.csv", "", 'no column "to"'),
        ("rows.txt", "to\n", "the name must end with .csv or .jsonl"),
    ],
)
def test_a_file_that_is_no_file_of_jobs_is_refused_as_a_whole(
    idle: Harness, name: str, content: str, said: str
) -> None:
    """Nothing is enqueued before its columns are understood."""
    (idle.folder / name).write_text(content, encoding="utf-8")

    done = idle.run("send-batch", name, "--sender", "support")

    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("refused", [10, 60_000])
@pytest.mark.parametrize("options", [[], ["--dry-run"]])
def test_a_file_that_breaks_off_behind_refused_rows_stores_nothing(
    idle: Harness, refused: int, options: list[str]
) -> None:
    """A download that was cut off: the whole file is read before any row of it is sent."""
    name = f"cut-{refused}{len(options)}.csv"
    good = f"{number(1)},Hello\n".encode() * refused
    packed = gzip.compress(b"to,text\n" + b"".join(b"12,%d\n" % row for row in range(refused)) + good)
    (idle.folder / f"{name}.gz").write_bytes(packed[:-9])

    done = idle.run("send-batch", f"{name}.gz", "--sender", "support", *options)

    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert data_of(idle.run("list", "--json").stdout) == []
    assert not (idle.folder / name.replace(".csv", ".rejects.csv")).exists()


def test_bad_rows_of_a_csv_go_to_a_file_that_can_be_mended_and_sent_again(stack: Harness) -> None:
    """One row of another encoding must not stop 100,000 others, nor be lost."""
    file = stack.folder / "rows.csv"
    good = [f'{number(1)},"two\nlines",1,\n', f"{number(2)},Grüße,2,2027-01-01T09:00:00+01:00\n"]
    bad = [
        b"12025550123,no plus,3,\n",
        number(4).encode() + b",\xff\xfe,4,\n",
        number(5).encode() + b",Hello Ana, your parcel has left,5,\n",
        number(6).encode() + b',"  a blank first",no time,soon\n',
        number(7).encode() + b',"open,6,\n+12025550199,Hello,7,\n',
    ]
    file.write_bytes(HEADER.encode() + "".join(good).encode() + b"".join(bad))

    done = stack.run("send-batch", "rows.csv", "--sender", "support", "--json")

    answer = data_of(done.stdout)
    assert done.returncode == 1, done.stderr
    assert (answer["receipt"]["accepted"], answer["receipt"]["rejected"]) == (2, 5)
    assert answer["receipt"]["rejections"][4]["line"] == 9
    rejects = stack.folder / answer["rejects"]
    rows = read_rejects(rejects)
    assert [row["_line"] for row in rows] == ["5", "6", "7", "8", "9"]
    codes = ["invalid_number]", "not_unicode]", "wrong_type]", "invalid_time]", "wrong_type]"]
    assert [row["_errors"].rpartition("[")[2] for row in rows] == codes
    whole = [f"{number(5)},Hello Ana, your parcel has left,5,", f'{number(7)},"open,6,\n+12025550199,Hello,7,']
    assert [row["_row"] for row in rows] == ["", "", whole[0], "", whole[1]]
    assert rows[3]["text"] == "  a blank first"

    (stack.folder / "as_it_is.csv").write_bytes(rejects.read_bytes())
    again = data_of(stack.run("send-batch", "as_it_is.csv", "--sender", "support", "--json").stdout)
    assert (again["receipt"]["accepted"], again["receipt"]["rejected"]) == (0, 5)
    twice = read_rejects(stack.folder / again["rejects"])
    assert [{**row, "_line": "", "_errors": ""} for row in twice] == [
        {**row, "_line": "", "_errors": ""} for row in rows
    ], "what was refused is kept, however often it is sent"

    repaired = rejects.read_bytes().replace(b"12025550123", number(3).encode()).replace(b"\xff\xfe", b"repaired")
    (stack.folder / "again.csv").write_bytes(repaired.replace(b'"soon"', b'""'))
    again = data_of(stack.run("send-batch", "again.csv", "--sender", "support", "--json").stdout)
    assert (again["receipt"]["accepted"], again["receipt"]["rejected"]) == (3, 2)


def read_rejects(path: Path) -> list[dict[str, str]]:
    """The rows of a file of rejects."""
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as lines:
        return list(csv.DictReader(lines))


def test_rows_that_a_quote_may_have_taken_are_warned_of(stack: Harness) -> None:
    """The quote is closed by a later row, so the file is valid: only a customer would see the numbers of others."""
    taken = f'to,text\n{number(1)},"Hello Ann\n{number(2)},Hello Bob\n{number(3)},Hello Cy"\n{number(4)},"two\nlines"\n'
    (stack.folder / "rows.csv").write_text(taken, encoding="utf-8")
    for option in (["--dry-run"], []):
        done = stack.run("send-batch", "rows.csv", "--sender", "support", *option)
        assert done.returncode == 0, done.stderr
        assert "a line with a phone number inside a cell" in done.stderr
        assert "begin on line 2\n" in done.stderr
    (stack.folder / "fine.csv").write_text(f'to,text\n{number(4)},"Hello\nCall +12025550100."\n', encoding="utf-8")
    assert "inside a cell" not in stack.run("send-batch", "fine.csv", "--sender", "support").stderr


def test_rejects_that_can_not_be_written_are_said_before_anything_is_stored(idle: Harness) -> None:
    """A folder of somebody else, a file system that is read-only: else the first bad row ended in a traceback."""
    (idle.folder / "rows.csv").write_text(f"to\n{number(1)}\n12\n", encoding="utf-8")
    (idle.folder / "folder").mkdir()
    for path in ("folder", "/proc/rejects.csv"):
        for option in (["--dry-run"], []):
            done = idle.run("send-batch", "rows.csv", "--sender", "support", "--rejects", path, *option)
            assert (done.returncode, done.stdout) == (2, ""), done.stderr
            assert f"{path} can't be written: " in done.stderr
            assert "Traceback" not in done.stderr
    assert data_of(idle.run("list", "--json").stdout) == []
    full = idle.run("send-batch", "rows.csv", "--sender", "support", "--rejects", "/dev/full", "--dry-run")
    assert (full.returncode, "Traceback" in full.stderr) == (2, False)
    assert "/dev/full can't be written: No space left on device; fix that, then run the same command" in full.stderr


SEND = ("send-batch", "kept.csv", "--sender", "support", "--text", "Hello")


def test_a_rejects_file_that_was_edited_is_never_lost(stack: Harness) -> None:
    """Somebody repairs the rows in it, and the same command runs once more: by habit, or to resume."""
    folder = stack.folder
    (folder / "kept.csv").write_text(f"to\n12\n{number(1)}\n13\n", encoding="utf-8")
    first = data_of(stack.run(*SEND, "--dry-run", "--json").stdout)["rejects"]
    whole = (folder / "kept.rejects.csv").read_bytes()
    assert (first, whole.count(b"\n")) == ("kept.rejects.csv", 3)

    for before in (whole, whole[:-1], whole[:40], b""):
        (folder / "kept.rejects.csv").write_bytes(before)
        done = stack.run(*SEND, "--dry-run")
        assert (folder / "kept.rejects.csv").read_bytes() == whole, "a run that broke off is completed"
        assert "all rejected rows are in kept.rejects.csv" in done.stdout
    longer = whole + b"+12025550199,,,\n"
    (folder / "kept.rejects.csv").write_bytes(longer)
    assert data_of(stack.run(*SEND, "--dry-run", "--json").stdout)["rejects"] == "kept.rejects.csv"
    assert (folder / "kept.rejects.csv").read_bytes() == longer, "a run that broke off has a part of it"

    edited = whole.replace(b"12,", number(5).encode() + b",", 1)
    for kept in (edited, b"to\n+12025550199\n"):
        (folder / "kept.rejects.csv").write_bytes(kept)
        done = stack.run(*SEND, "--name", new_local_id())
        assert done.returncode == 1
        assert "kept.rejects.csv has other rows, of another run or edited since, and was not overwritten" in done.stderr
        assert "the rejected rows are in kept.rejects-2.csv" in done.stderr.replace("\n", " ")
        assert "2 rows were rejected; see kept.rejects-2.csv" in done.stderr
        assert (folder / "kept.rejects.csv").read_bytes() == kept
        assert (folder / "kept.rejects-2.csv").read_bytes() == whole
    (folder / "kept.rejects-2.csv").write_bytes(edited)
    assert data_of(stack.run(*SEND, "--dry-run", "--json").stdout)["rejects"] == "kept.rejects-3.csv"
    assert sorted(one.name for one in folder.glob("*kept*")) == [
        *("kept.csv", "kept.rejects-2.csv", "kept.rejects-3.csv", "kept.rejects.csv"),
    ]


def test_export_overwrites_a_file_only_if_it_is_asked_to(stack: Harness) -> None:
    """It may be the one that is being repaired."""
    chat = stack.chat()
    batch = chat.enqueue_batch([{"to": number(1)}], sender="support", text="Hello").id
    chat.cancel_batch(batch)
    file = stack.folder / "failed.csv"
    for folder in ("", f"{stack.folder}/"):
        file.write_text("half repaired", encoding="utf-8")
        done = stack.run("export", batch, "-o", f"{folder}failed.csv")
        assert (done.returncode, done.stdout) == (2, "")
        said = f"error: {folder}failed.csv exists already; name another file, or add --overwrite to replace it\n"
        assert done.stderr == said
        assert file.read_text(encoding="utf-8") == "half repaired"
        assert stack.run("export", batch, "-o", f"{folder}failed.csv", "--overwrite").returncode == 0
        assert batch in file.read_text(encoding="utf-8")
    file.write_bytes(b"")
    for keeps_nothing in ("/dev/null", "failed.csv"):
        assert stack.run("export", batch, "-o", keeps_nothing).returncode == 0


def test_the_bar_of_export_ends_at_100_percent(stack: Harness) -> None:
    """Also if none of the last rows has the state: 38 % look like an export that broke off."""
    chat = stack.chat()
    batch = chat.enqueue_batch([{"to": number(row)} for row in range(10)], sender="support", text="Hello").id
    chat.cancel(f"{batch}-3")
    with on_terminal(stack, "export", batch, "--state", "cancelled", "-o", "some.csv") as terminal:
        assert terminal.end() == 0
        assert terminal.words.endswith("1 written to some.csv")
        assert terminal.words.rpartition("%")[0].endswith("100")
    chat.cancel_batch(batch)


def test_bad_rows_of_a_jsonl_file_are_named_by_line(stack: Harness) -> None:
    """The other format that bulk systems write."""
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    rows = [
        json.dumps({"to": number(1), "attributes": {"order": "1"}, "send_at": tomorrow}),
        "{broken",
        "",
        json.dumps([1]),
        json.dumps({"to": number(2), "subject": "x"}),
    ]
    (stack.folder / "rows.jsonl").write_text("\n".join(rows), encoding="utf-8")

    done = stack.run("send-batch", "rows.jsonl", "--sender", "support", "--json")

    answer = data_of(done.stdout)
    assert (answer["receipt"]["accepted"], answer["receipt"]["rejected"]) == (1, 3)
    assert [(one["line"], one["errors"][0]["code"]) for one in answer["receipt"]["rejections"]] == [
        (2, "invalid_json"),
        (4, "invalid_json"),
        (5, "unknown_field"),
    ]
    assert answer["batch"]["counts"]["scheduled"] == 1
    told = stack.run("status", answer["batch"]["id"]).stdout
    assert "0/s" not in told, "nothing of it is due, so there is no rate to tell"
    rejects = [json.loads(line) for line in (stack.folder / answer["rejects"]).read_text().splitlines()]
    assert [row["_line"] for row in rejects] == [2, 4, 5]
    assert "[unknown_field]" in rejects[2]["_errors"]
    assert rejects[2]["subject"] == "x"


@pytest.mark.parametrize("content", ['{"Attributes": {"a": NaN}}', '{"Attributes": {"a": Infinity}}', '{"a": 1e999}'])
def test_a_request_that_is_no_json_is_refused(idle: Harness, content: str) -> None:
    """Python would read it, and write it as the words nan and inf."""
    (idle.folder / "request.json").write_text(content, encoding="utf-8")
    done = idle.run("send", "--sender", "support", "--request", "request.json")
    assert (done.returncode, done.stdout, "is not JSON that a request may be" in done.stderr) == (2, "", True)


def test_redis_that_is_down_is_said_once_with_an_exit_code_of_its_own(stack: Harness) -> None:
    """Scripts must tell a wrong number from a server that is away."""
    (stack.folder / "rows.csv").write_text(f"to\n{number(1)}\n", encoding="utf-8")
    stack.kill(stack.server.process)
    for command in (
        ["send", "--sender", "support", "--to", number(1)],
        ["send-batch", "rows.csv", "--sender", "support"],
        ["status", f"main.{'0' * 26}"],
    ):
        done = stack.run(*command)
        assert done.returncode == 3, done.stderr
        assert "Redis can't be reached" in done.stderr
        assert "Traceback" not in done.stderr
    doctor = stack.run("doctor")
    assert doctor.returncode == 1
    assert re.search(r"^error +redis ", doctor.stdout, re.MULTILINE)
    stack.server.restart()


def test_the_verbs_of_the_command_line_follow_a_job_to_its_end(stack: Harness) -> None:
    """send, status, wait, cancel and doctor as an operator uses them, with and without --json."""
    (stack.folder / "request.json").write_text(
        json.dumps({"DestinationEndpoint": {"Type": "TELEPHONE_NUMBER", "Address": number(3)}}), encoding="utf-8-sig"
    )
    queued = data_of(stack.run("send", "--sender", "support", "--to", number(1), "--text", "Hi", "--json").stdout)
    dropped = data_of(stack.run("send", "--sender", "support", "--to", number(2), "--json").stdout)
    raw = data_of(stack.run("send", "--sender", "support", "--request", "request.json", "--json").stdout)
    cancelled = stack.run("cancel", dropped["id"], "--json")
    assert (cancelled.returncode, data_of(cancelled.stdout)[0]["state"]) == (0, "cancelled")
    assert "none is running" in stack.run("doctor").stdout
    late = stack.run("wait", queued["id"], "--timeout", "0.1")
    assert late.returncode == 4
    stack.start_worker()

    waited = stack.run("wait", queued["id"], raw["id"], "--json")

    assert waited.returncode == 0, waited.stderr
    assert [job["state"] for job in data_of(waited.stdout)] == ["sent", "sent"]
    status = stack.run("status", queued["id"], dropped["id"])
    assert queued["id"] in status.stdout
    assert "cancelled" in status.stdout
    assert stack.run("wait", dropped["id"]).returncode == 1
    assert stack.run("status", f"main.{'0' * 26}").returncode == 5
    doctor = stack.run("doctor", "--json")
    assert doctor.returncode == 0, doctor.stdout
    assert {check["level"] for check in data_of(doctor.stdout)} == {"ok"}
    assert stack.run("doctor").stdout.endswith("\nAll in order.\n")


def test_a_batch_is_followed_to_its_end(stack: Harness) -> None:
    """`--follow` for scripts: the exit code tells whether everybody was texted."""
    stack.start_worker()
    Path(stack.folder / "rows.csv").write_text("to\n" + "\n".join(number(i) for i in range(50)), encoding="utf-8")

    done = stack.run("send-batch", "rows.csv", "--sender", "support", "--text", "Hello", "--follow", "--json")

    answer = data_of(done.stdout)
    assert done.returncode == 0, done.stderr
    assert answer["batch"]["counts"][JobState.SENT] == 50
    assert answer["batch"]["name"] == "rows.csv"


def test_doctor_finds_another_program_in_our_queue(idle: Harness) -> None:
    """On a shared Redis each would eat the other's messages, and nobody would know why work stands still."""
    queue = "oc:celery:outbound-chat"
    with Store(idle.server.url) as store:
        for message, said in (
            (json.dumps({"headers": {"task": "shop.send_invoice"}}), "['shop.send_invoice']"),
            ("not a message", "more than Celery messages"),
        ):
            store.redis.lpush(queue, message)
            done = idle.run("doctor")
            store.redis.delete(queue)
            assert done.returncode == 1
            assert f"{queue} holds" in done.stdout
            assert said in done.stdout


def test_a_mistyped_command_is_told_the_one_that_was_meant(stack: Harness) -> None:
    """Commands are loaded only when they run, and their names are known before."""
    done = stack.run("sned")
    assert done.returncode == 2
    assert "Did you mean 'send'?" in done.stderr
