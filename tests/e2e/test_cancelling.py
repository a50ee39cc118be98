"""`cancel` of many: rows of a batch, jobs of a state, ids from a file; what is unknown does not stop the others."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer import Exit

from outbound_chat import Cancellation, JobState, OutboundChat
from outbound_chat.cli.cancelling import cancel_many
from tests.support.harness import Harness, data_of, number, running_harness
from tests.support.terminal import on_terminal

NOBODY = f"main.{'0' * 26}"


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    """A stack without a worker, of which each test uses batches of its own."""
    with running_harness(tmp_path_factory.mktemp("cancel")) as harness:
        yield harness
        assert harness.counts_add_up()


def enqueue(chat: OutboundChat, many: int) -> str:
    rows = ({"to": number(row)} for row in range(1, many + 1))
    return chat.enqueue_batch(rows, sender="support", text="Hello").id


def cancelled(chat: OutboundChat, batch: str) -> list[int]:
    return [int(job.id.rpartition("-")[2]) for job in chat.each_batch_job(batch, "cancelled")]


def test_rows_of_a_batch_are_cancelled_with_one_command(idle: Harness) -> None:
    """The text was wrong from row 1,501 on: the others are still sent."""
    chat = idle.chat()
    batch = enqueue(chat, 2_000)

    for _ in range(2):
        done = idle.run("cancel", "--batch", batch, "--rows", "1501-1900,1950-")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "451 cancelled\n")
    assert cancelled(chat, batch) == [*range(1501, 1901), *range(1950, 2001)]
    assert not chat.batch(batch).final
    assert "no matching jobs" in idle.run("cancel", "--batch", batch, "--rows", "3000-").stderr

    found = data_of(idle.run("cancel", "--batch", batch, "--rows", "1500-1501", "--json").stdout)
    assert found == {"counts": {"cancelled": 2}, "unknown": [], "newer": [], "looked": 2, "total": 2}


def test_jobs_of_a_state_are_cancelled(idle: Harness) -> None:
    """Those for tomorrow are stopped, and today's are sent."""
    chat = idle.chat()
    rows = [{"to": number(row), **({"send_at": tomorrow()} if row % 2 else {})} for row in range(1, 9)]
    batch = chat.enqueue_batch(rows, sender="support", text="Hello").id

    assert idle.run("cancel", "--batch", batch, "--state", "scheduled").stderr == "4 cancelled\n"
    assert cancelled(chat, batch) == [1, 3, 5, 7]


def test_a_batch_is_named_either_way(idle: Harness) -> None:
    chat = idle.chat()
    batch = enqueue(chat, 3)

    done = idle.run("cancel", "--batch", batch)
    assert done.returncode == 0
    assert done.stdout.splitlines()[0].split() == ["batch", batch]
    assert chat.batch(batch).final


def test_what_waits_of_a_sender_is_cancelled(idle: Harness) -> None:
    chat = idle.chat()
    job = chat.enqueue(sender="chat", to=number(1), text="Hello")
    batch = chat.enqueue_batch([{"to": number(2)}, {"to": number(3)}], sender="chat", text="Hello").id
    other = chat.enqueue(sender="support", to=number(4), text="Hello")

    done = idle.run("cancel", "--sender", "chat")
    assert (done.returncode, done.stderr) == (0, "3 jobs of chat cancelled\n")
    assert {chat.status(one).state for one in (job.id, f"{batch}-1")} == {JobState.CANCELLED}
    assert chat.status(other.id).state is JobState.QUEUED
    found = idle.run("cancel", "--sender", "chat", "--json")
    assert data_of(found.stdout) == {"sender": "chat", "cancelled": 0}
    assert idle.run("cancel", "--sender", "nosuch").returncode == 2


def test_what_workers_may_have_cancelled_too_is_not_denied(idle: Harness) -> None:
    """They go on with an order that takes several round trips, and what they cancel is not in the count."""
    for many, least in ((3, ""), (250, "at least ")):
        rows = [{"to": number(row)} for row in range(many)]
        idle.chat().enqueue_batch(rows, sender="support", text="Hello", tenant="gone")
        done = idle.run("cancel", "--tenant", "gone")
        assert (done.returncode, done.stderr) == (0, f"{least}{many} jobs of gone cancelled\n")


def test_ids_that_are_unknown_do_not_stop_the_others(idle: Harness) -> None:
    """On the command line and in a file; the exit code is that of an unknown id."""
    chat = idle.chat()
    batch = enqueue(chat, 500)

    done = idle.run("cancel", f"{batch}-1", f"{batch}-9999", NOBODY, f"{batch}-2")
    assert done.returncode == 5
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["job", f"{batch}-1", f"{batch}-2"]
    assert f"no job or batch has the id '{batch}-9999'" in done.stderr
    assert cancelled(chat, batch) == [1, 2]

    listed = [f"{batch}-{row}" for row in range(1, 496)] + [f"{batch}-{row}" for row in range(501, 526)]
    file = idle.folder / "ids.txt"
    file.write_text("\n".join([*listed, "", "  "]) + "\n", encoding="utf-8")
    done = idle.run("cancel", "--ids-from", str(file))
    assert done.returncode == 5
    assert done.stderr.startswith("495 cancelled\n25 ids belong to no job that can be cancelled; the first 20:\n")
    assert done.stderr.count("error: no job has the id") == 20
    assert cancelled(chat, batch) == list(range(1, 496))


@pytest.mark.parametrize("joined", [False, True])
@pytest.mark.parametrize("options", [(), ("--excel",), ("--delimiter", ";", "--excel"), ("--format", "jsonl")], ids=str)
def test_ids_come_from_an_export(idle: Harness, joined: bool, options: tuple[str, ...]) -> None:
    """With the columns of the file, or without: whoever has a list of jobs in a table passes it on as it is.

    A file may have an `id` of its own, such as that of an order.
    """
    chat = idle.chat()
    source = idle.folder / "rows.csv"
    mark = ";" if ";" in options else ","
    rows = [f'A-{row},{number(row)},"Hello; you\nand you"\n'.replace(",", mark) for row in range(5)]
    source.write_text("".join([f"id{mark}to{mark}text\n", *rows]), encoding="utf-8")
    name = str((joined, *options))
    sent = ("send-batch", str(source), "--sender", "support", "--ignore-columns", "--name", name, "--json")
    batch = data_of(idle.run(*sent).stdout)["receipt"]["id"]
    exported = idle.folder / "jobs.txt"
    all_options = [*options, *(["--join", str(source)] if joined else []), "-o", str(exported), "--overwrite"]
    assert idle.run("export", batch, "--state", "queued", *all_options).returncode == 0

    assert idle.run("cancel", "--ids-from", str(exported)).stderr == "5 cancelled\n"
    assert chat.batch(batch).counts[JobState.CANCELLED] == 5


def test_ids_come_from_standard_input(idle: Harness) -> None:
    """At the end of a pipe."""
    batch = enqueue(idle.chat(), 3)
    done = subprocess.run(
        [sys.executable, "-m", "outbound_chat.cli", "cancel", "--ids-from", "-", "--json"],
        env=idle.environment,
        input=f"\ufeff{batch}-1\r\n{batch}-3".encode(),
        capture_output=True,
        check=True,
        timeout=120,
    )
    assert data_of(done.stdout)["counts"] == {"cancelled": 2}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "can't be read"),
        (b"to,text\n+12025550101,Hello\n", 'must name a column "id"'),
        (b"\xff\xfe\x00", "save it as UTF-8"),
        (b'id,text\nmain.1-1,"Hello\n', "has a quote that is not closed"),
        (b'{"to": "+12025550101"}\n', 'must name a column "id"'),
    ],
)
def test_a_file_without_ids_is_refused(idle: Harness, tmp_path: Path, content: bytes | None, said: str) -> None:
    file = tmp_path / "ids.txt"
    if content is not None:
        file.write_bytes(content)
    done = idle.run("cancel", "--ids-from", str(file))
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--rows", "1-5"], "--batch"),
        ([NOBODY, "--state", "queued"], "add --batch"),
        (["--batch", NOBODY, "--rows", "5-1"], "--rows: must be rows counted from 1"),
        (["--batch", NOBODY, "--rows", ""], "--rows: must be rows counted from 1"),
        (["--batch", NOBODY, "--state", "sent"], "'sent' is not one of 'scheduled', 'queued', 'sending'"),
        (["--batch", NOBODY, "--tenant", "acme"], "name what to cancel by one of"),
        ([NOBODY, "--ids-from", "-"], "name what to cancel by one of"),
    ],
)
def test_what_can_not_be_meant_is_refused(idle: Harness, options: list[str], said: str) -> None:
    """Nothing is cancelled by half of a command."""
    done = idle.run("cancel", *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in " ".join(done.stderr.split())


def test_what_had_gone_is_counted(stack: Harness) -> None:
    """A script learns it from the exit code, a person from the line."""
    chat = stack.chat()
    batch = enqueue(chat, 10)
    stack.start_worker()
    chat.wait_batch(batch, timeout=60)
    job = chat.enqueue(sender="support", to=number(1), text="Hello", send_at=tomorrow())
    (stack.folder / "ids.txt").write_text(f"{batch}-1\n{job.id}\n{batch}-2\n", encoding="utf-8")

    for _ in range(2):
        done = stack.run("cancel", "--ids-from", "ids.txt")
        assert (done.returncode, done.stderr) == (1, "1 cancelled, 2 had been sent\n")


def test_on_a_terminal_it_shows_how_far_it_is(idle: Harness) -> None:
    """The bar is gone at the end, and one line is left."""
    batch = enqueue(idle.chat(), 1_000)
    with on_terminal(idle, "cancel", "--batch", batch, "--rows", "1-") as terminal:
        assert terminal.end() == 0
        assert "cancel" in terminal.words
        assert terminal.words.endswith("1,000 cancelled")


def test_after_ctrl_c_it_says_how_far_it_came(capsys: pytest.CaptureFixture[str]) -> None:
    """What was cancelled by then stays so, and the same command finishes the rest."""

    def call(on_progress: Callable[[Cancellation], None]) -> Cancellation:
        counts = {JobState.CANCELLED: 398, JobState.SENT: 2}
        on_progress(Cancellation(counts=counts, unknown=(), newer=(), looked=400, total=5_000))
        raise KeyboardInterrupt

    with pytest.raises(Exit) as ended:
        cancel_many(call, as_json=False)
    assert ended.value.exit_code == 130
    said = "interrupted after 400 of 5,000: 398 cancelled, 2 had been sent; run the same command again to finish\n"
    assert capsys.readouterr().err == said


def tomorrow() -> datetime:
    return datetime.now(UTC) + timedelta(days=1)
