"""Hostile names, files and arguments at the client and the command line, on a real server."""

import itertools
import json
import os
import re
import subprocess
import sys
import tracemalloc
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import redis

from outbound_chat import InvalidJob
from outbound_chat.cli.files.job_file import JobFile
from outbound_chat.cli.files.number_file import NumberFile
from outbound_chat.rows import UnusableFile
from tests.support.harness import Harness, data_of, number, running_harness

RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
EVIL = "\x1b[2J\x9b2J\u202egnp.exe[/][bold]"
MEGABYTES = 1_000_000


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    """One stack for all, without workers: nothing here is sent."""
    with running_harness(tmp_path_factory.mktemp("hostile")) as harness:
        yield harness


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *(
            ("tenant", text)
            for text in ("{other}", "a*", "a?", "[a]", "a}:x{", "a:b", "../b", "a\n", "\u202ea", "", "٣", 5)
        ),
        *(("text", text) for text in ("x" * 10 * MEGABYTES, "\0", "\x1b[2J", "\ud800", ["x"])),
        *(("display_name", text) for text in ("x" * MEGABYTES, "\0", "\x9b", "\udcff")),
        *(("attributes", {key: "x"}) for key in ("{a}", "*", "a b", "\0", "\u200b", "\ud800", "", 5)),
        *(("attributes", {"a": text}) for text in ("x" * 10 * MEGABYTES, "\0", "\ud800", None)),
        *(("idempotency_key", text) for text in ("x" * 256, "", 5)),
        *(("sender", text) for text in ("{support}", "support\n", "\x1b[2J", "x" * MEGABYTES)),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_job_is_refused_by_one_error_that_does_not_repeat_the_value(stack: Harness, option: str, value: Any) -> None:
    """The error names the field; it is short, may be logged, and nothing was stored."""
    options: dict[str, Any] = {"sender": "support", "to": number(1), "text": "Hello", option: value}

    with pytest.raises(InvalidJob) as caught:
        stack.chat().enqueue(**options)

    assert caught.value.errors[0].field.startswith(option)
    assert len(str(caught.value)) < 500
    assert not RAW.search(str(caught.value))


@pytest.mark.parametrize(
    "key", ["{other}", "*", "[a-z]?", "\0", "\n", "\ud800", "\u202e", "👩‍👩‍👧‍👦", "main.../other", "x" * 255], ids=ascii
)
def test_an_idempotency_key_may_hold_anything(stack: Harness, key: str) -> None:
    """It is hashed before it comes near a key of Redis: it is another's own, and no glob reaches others."""
    chat = stack.chat()
    options: dict[str, Any] = {"sender": "support", "to": number(2), "text": "Hello 👩‍👩‍👧‍👦\u200b"}

    job = chat.enqueue(**options, idempotency_key=key)
    assert chat.enqueue(**options, idempotency_key=key).id == job.id
    assert chat.enqueue(**options, idempotency_key=key[:-1] + "~").id != job.id


@pytest.mark.parametrize(
    "name", [EVIL, "\0", "\n", "\ud800", "x" * 256, "x" * 10 * MEGABYTES, 5], ids=lambda name: repr(name)[:20]
)
def test_the_name_of_a_batch_and_the_reason_of_a_hold_are_plain_text(stack: Harness, name: Any) -> None:
    """Both are printed wherever somebody asks."""
    with pytest.raises(InvalidJob, match=r"^name: "):
        stack.chat().enqueue_batch([], sender="support", name=name)
    with pytest.raises(InvalidJob, match=r"^reason: "):
        stack.chat().hold(sender="support", reason=name if name != "x" * 256 else "x" * 1_001)
    with pytest.raises(InvalidJob, match=r"^reason: "):
        stack.chat().suppress([number(1)], sender="support", reason=name)


def test_no_stored_text_reaches_the_terminal_as_it_is(stack: Harness) -> None:
    """An older version, or another program, may have stored what clears the screen. JSON gives it back as it was."""
    chat = stack.chat()
    batch = chat.enqueue_batch([{"to": number(3)}], sender="support", text="Hello", name="plain").id
    with stack_redis(stack) as client:
        client.hset(f"oc:{{main}}:b:{batch.partition('.')[2]}", "name", EVIL)
        client.hset("oc:{main}:holds", "person:sender:support", json.dumps({"reason": EVIL, "since_ms": 1}))

    for command in (["status", batch], ["holds"], ["holds", "--json"]):
        done = stack.run(*command)
        assert done.returncode == 0, done.stderr
        assert not RAW.search(done.stdout + done.stderr)
        assert "\\x1b[2J" in done.stdout or EVIL in leaves(data_of(done.stdout))
    assert chat.release(sender="support")


@pytest.mark.parametrize(
    "arguments",
    [
        [b"status", b"main.\xff\xfe"],
        [b"send", b"--sender", b"\xff", b"--to", b"\xff", b"--text", b"\xff", b"--attribute", b"\xff=\xff"],
        [b"send-batch", b"\xff.csv", b"--sender", b"support"],
        [b"--\x1b[2J"],
    ],
    ids=ascii,
)
def test_arguments_that_are_no_text_give_one_error(stack: Harness, arguments: list[bytes]) -> None:
    """A shell passes on any bytes."""
    command = [sys.executable.encode(), b"-m", b"outbound_chat.cli", *arguments]
    environment = {**stack.environment, "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(command, env=environment, cwd=stack.folder, capture_output=True, timeout=120, check=False)

    said = (done.stdout + done.stderr).decode()
    assert done.returncode in {2, 5}, said
    assert "Traceback" not in said
    assert not RAW.search(said)
    assert "rror" in said


def leaves(value: Any) -> list[Any]:
    """Every value inside, however deep."""
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return [value] if parts is None else [leaf for part in parts for leaf in leaves(part)]


def content_of(size: int, *parts: bytes) -> Iterable[bytes]:
    """So many bytes: the first part, then the last again and again."""
    yield from parts[:-1]
    for _ in range(size // len(parts[-1])):
        yield parts[-1]


HUGE = {
    "an open quote": (b"to,text\n", b'+12025550123,"', b"x" * 65_536),
    "an open quote over many lines": (b"to,text\n", b'+12025550123,"', b"x\n" * 32_768),
    "a row of many fields over many lines": (b"to,text\n", b'"\n",' * 10_000),
    "a header without end": (b"to", b",_a" * 10_000),
    "a header of many lines": (b"to", b',"_\n"' * 10_000),
    "zeros": (b"\0" * 65_536,),
    "a field of many characters": (b"to,text\n+12025550123,", b"x" * 65_536),
}


@pytest.mark.parametrize("parts", HUGE.values(), ids=HUGE.keys())
@pytest.mark.parametrize("kind", [JobFile, NumberFile], ids=lambda kind: kind.__name__)
def test_a_file_is_read_in_bounded_memory(tmp_path: Path, parts: tuple[bytes, ...], kind: Any) -> None:
    """A file may be of any size, and be no CSV at all: 30 MB of it must not be held."""
    path = tmp_path / "huge.csv"
    with path.open("wb") as file:
        for piece in content_of(30 * MEGABYTES, *parts):
            file.write(piece)

    tracemalloc.start()
    try:
        with closing(kind(path)) as file:
            for _ in itertools.islice(file, 3_000):
                pass
    except UnusableFile as error:
        assert len(str(error)) < 2_000  # noqa: PT017  # some can be read row by row
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 24_000_000


def test_a_million_columns_are_looked_at_once(tmp_path: Path) -> None:
    """Each was compared with all others, which took hours."""
    path = tmp_path / "wide.csv"
    path.write_text("to," + ",".join(f"_{index:x}" for index in range(120_000)) + "\n+12025550123\n")

    with closing(JobFile(path)) as file:
        (row,) = file
    assert isinstance(row, InvalidJob)


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ('{"to": "+12025550123", "to": "+12025550124"}', "row"),
        ('{"to": "+12025550123", "attributes": {"a": "b", "a": "c"}}', "row"),
        ('{"a":' * 100_000, "row"),
        ("[" * 100_000, "row"),
        ("9" * 5_000, "row"),
        ('{"to": ' + "9" * 5_000 + "}", "row"),
        ("\0", "row"),
    ],
    ids=lambda text: text[:30],
)
def test_a_line_of_json_is_refused_alone(tmp_path: Path, content: str, field: str) -> None:
    """Two values by one name: one of them would be lost. The next line is read."""
    path = tmp_path / "rows.jsonl"
    path.write_text(f'{content}\r\n{{"to": "+12025550123"}}\n')

    with closing(JobFile(path)) as file:
        first, second = file
    assert isinstance(first, InvalidJob)
    assert first.errors[0].field == field
    assert second == {"to": "+12025550123"}


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """A pipe that nobody writes to would be waited for, without a word; a device has no end."""
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "zero.csv").symlink_to("/dev/zero")
    (tmp_path / "folder.csv").mkdir()
    for name in ("pipe", "zero", "folder"):
        with pytest.raises(UnusableFile, match="is not a regular file; write the rows to one first"):
            JobFile(tmp_path / f"{name}.csv")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
def test_a_file_of_wide_characters_is_named_as_such(tmp_path: Path, encoding: str) -> None:
    """What spreadsheets save as "Unicode text"."""
    path = tmp_path / "rows.csv"
    path.write_text("to,text\n+12025550123,Hello\n", encoding=encoding)

    with pytest.raises(UnusableFile, match="save it as UTF-8"):
        JobFile(path)


def shell(
    stack: Harness, command: str, *, out: int = subprocess.PIPE, err: int = subprocess.PIPE, **environment: str
) -> subprocess.CompletedProcess[bytes]:
    """The command line in a shell, where `$OC` is it: a process of its own, with streams as the shell makes them."""
    program = f"{sys.executable} -m outbound_chat.cli"
    return subprocess.run(
        ["/bin/sh", "-c", command],
        env={**stack.environment, "OC": program, "PATH": os.environ["PATH"], **environment},
        cwd=stack.folder,
        stdout=out,
        stderr=err,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "ascii:strict"])
def test_letters_that_an_output_does_not_have_are_escaped(stack: Harness, encoding: str) -> None:
    """The batch was taken, and the command said by a traceback and exit code 1 that rows were rejected."""
    name = f"Aktion für 👍 {encoding}"
    (stack.folder / "rows.csv").write_text(f"to\n{number(1)}\n", encoding="utf-8")
    send = f"$OC send-batch rows.csv --sender support --name '{name}'"
    told = shell(stack, send, PYTHONIOENCODING=encoding)
    assert (told.returncode, b"Traceback" in told.stderr) == (0, False), told.stderr
    assert rb"\ud83d\udc4d" in told.stdout
    as_json = shell(stack, f"{send} --json", PYTHONIOENCODING=encoding)
    assert as_json.returncode == 0, as_json.stderr
    assert data_of(as_json.stdout.decode(encoding.partition(":")[0]))["batch"]["name"] == name
    assert shell(stack, "$OC send-batch --help", PYTHONIOENCODING=encoding).returncode == 0


def test_an_output_that_is_lost_has_an_exit_code_of_its_own(stack: Harness) -> None:
    """A full disk, a reader that went away, a stream that is closed: one sentence or none, and never a traceback."""
    (stack.folder / "rows.csv").write_text(f"to\n{number(1)}\n12\n", encoding="utf-8")
    read, write = os.pipe()
    os.close(read)
    batch = stack.chat().enqueue_batch([{"to": number(1), "text": "Hello"}], sender="support").id
    for command in ("list", f"status {batch}", f"export {batch}", "list --json", "--help", "events"):
        full = shell(stack, f"$OC {command} >/dev/full")
        assert full.returncode == 6, command
        assert full.stderr.decode().splitlines()[-1] == "error: the output can't be written: No space left on device"
        gone = shell(stack, f"$OC {command}", out=write)
        assert (gone.returncode, gone.stderr) == (6, b""), command
        assert shell(stack, f"$OC {command} >&-").returncode == 0, command
    # What is said beside is no result: it is done without.
    for stream, err in (("2>/dev/full", subprocess.PIPE), ("2>&-", subprocess.PIPE), ("", write)):
        done = shell(stack, f"$OC send-batch rows.csv --sender support --name '{stream}' --json {stream}", err=err)
        assert (done.returncode, data_of(done.stdout)["receipt"]["accepted"]) == (1, 1), stream
    os.close(write)


def stack_redis(stack: Harness) -> "redis.Redis":
    """A plain client of the stack's server."""

    return redis.Redis.from_url(stack.server.url)
