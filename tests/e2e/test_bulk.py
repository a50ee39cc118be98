"""Files that break off half way: the same command goes on, and nobody is texted twice."""

import csv
import gzip
import json
import random
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine

from outbound_chat import BatchKeyConflict, BatchStart, JobState
from outbound_chat.cli.files.job_file import JobFile
from outbound_chat.store import Store, inspection
from tests.support.contact_events import contact_event
from tests.support.harness import Harness, data_of, number
from tests.support.proxy import running_proxy
from tests.support.terminal import on_terminal
from tests.support.waiting import wait_until
from tests.support.workbooks import Cell, write_workbook

ROWS, EVERY = 5_000, 7
GOOD = ROWS - ROWS // EVERY
FIRST_CHUNK = 200_000
"""Bytes: the first chunk has gone to Redis with so many."""


def write_rows(path: Path, count: int = ROWS, every: int = EVERY) -> Path:
    """Rows, of which each `every`th has no usable number."""
    lines = [f"{'12' if row % every == 0 else number(row)},row {row}" for row in range(1, count + 1)]
    content = "\n".join(["to,text", *lines, ""]).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def accepted(stack: Harness) -> int:
    """Jobs that the budget has taken so far."""
    with Store(stack.server.url) as store:
        return inspection.counts(store, store.keys("main")).get("accepted", 0)


def begin(stack: Harness, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
    """The command, in the background."""
    return stack.start([sys.executable, "-m", "outbound_chat.cli", "send-batch", *arguments], environment)


@contextmanager
def held_after(stack: Harness, path: Path, size: int, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """The command, which has sent so many bytes to Redis and waits: the line holds back what follows."""
    with running_proxy(stack.server.port) as line:
        stack.chat().holds()  # the server knows the functions now, whose text is longer than a chunk
        line.hold_after(size, "requests")
        patient = {"OUTBOUND_CHAT_REDIS_URL": f"redis://127.0.0.1:{line.port}", "OUTBOUND_CHAT_REDIS_TIMEOUT": "60"}
        process = begin(stack, str(path), "--sender", "support", *options, **patient)
        wait_until(lambda: line.held("requests") or process.poll() is not None, timeout=60)
        yield process


def kill_after(stack: Harness, path: Path, size: int) -> None:
    """Kills the command when it has sent so many bytes to Redis."""
    with held_after(stack, path, size) as process:
        stack.kill(process)


def send(stack: Harness, *arguments: str, code: int = 1) -> dict[str, Any]:
    """The command, to its end; its receipt."""
    done = stack.run("send-batch", *arguments, "--json", timeout=120)
    assert done.returncode == code, done.stderr
    receipt: dict[str, Any] = data_of(done.stdout)["receipt"]
    return {**receipt, "said": done.stderr}


def rejected_rows(path: Path) -> list[int]:
    """Rows of the file of rejects, of which the first line of the rows is the second of the file."""
    with path.open(encoding="utf-8") as file:
        return [int(line["_line"]) - 1 for line in csv.DictReader(file)]


@pytest.mark.parametrize("ending", [".csv", ".csv.gz"])
def test_a_file_whose_producer_is_killed_again_and_again_is_sent_once(stack: Harness, ending: str) -> None:
    """Each kill may fall on any moment: before, in the middle of, or behind a round trip."""
    stack.start_worker()
    draw = random.Random()  # noqa: S311  # no secret
    path = write_rows(stack.folder / f"parcels{ending}")
    for least in FIRST_CHUNK, 0, 0:
        kill_after(stack, path, least + draw.randrange(FIRST_CHUNK // 2))
        assert accepted(stack) < GOOD

    receipt = send(stack, str(path), "--sender", "support")
    assert (receipt["accepted"], receipt["rejected"], receipt["duplicates"]) == (GOOD, ROWS // EVERY, 0)
    assert receipt["resumed_rows"] > 0
    assert "resumes after row" in receipt["said"]
    assert rejected_rows(stack.folder / "parcels.rejects.csv") == list(range(EVERY, ROWS + 1, EVERY))

    batch = stack.chat().wait_batch(receipt["id"], timeout=120)
    assert (batch.accepted, batch.rejected, batch.counts[JobState.SENT]) == (GOOD, ROWS // EVERY, GOOD)
    texted = Counter(contact.destination for contact in stack.sandbox.contacts())
    assert set(texted.values()) == {1}
    assert set(texted) == {number(row) for row in range(1, ROWS + 1) if row % EVERY}
    assert accepted(stack) == GOOD

    again = send(stack, str(path), "--sender", "support", code=0)
    assert (again["id"], again["repeated"], again["accepted"]) == (receipt["id"], True, GOOD)
    assert "nothing new is added" in again["said"]
    assert accepted(stack) == GOOD


def test_two_producers_of_one_file_make_one_batch(stack: Harness) -> None:
    """A scheduler may start a script twice."""
    path = write_rows(stack.folder / "parcels.csv")
    both = [
        begin(stack, str(path), "--sender", "support", "--rejects", str(stack.folder / f"r{n}.csv")) for n in (1, 2)
    ]
    for process in both:
        process.wait(120)
    assert 1 in [process.returncode for process in both], stack.logs()
    assert accepted(stack) == GOOD
    assert send(stack, str(path), "--sender", "support", code=0)["accepted"] == GOOD


def test_another_name_or_another_text_makes_another_batch(stack: Harness) -> None:
    """The first is how a file is sent once more on purpose; the second is told where the first is unfinished."""
    path = write_rows(stack.folder / "numbers.csv", 2_000, every=10_000)
    kill_after(stack, path, FIRST_CHUNK)
    other = send(stack, str(path), "--sender", "support", "--tenant", "acme", code=0)
    assert "warning" not in other["said"], "another tenant's batches are not reported"
    other = send(stack, str(path), "--sender", "support", "--weight", "2", code=0)
    assert other["accepted"] == 2_000
    named = send(stack, str(path), "--sender", "support", "--name", "once more", code=0)
    assert len({other["id"], named["id"]}) == 2
    first = send(stack, str(path), "--sender", "support", code=0)
    assert 0 < first["resumed_rows"] < 2_000
    assert "had the same file and the same name. It is still open" in other["said"]


def test_ctrl_c_says_what_stands_and_how_to_go_on(stack: Harness) -> None:
    """Whoever stops a file wants to know whether it may be given again."""
    path = write_rows(stack.folder / "parcels.csv", 60_000, every=70_000)
    with held_after(stack, path, FIRST_CHUNK, "--json") as process:
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130, stack.logs()
    (printed,) = [json.loads(line) for line in stack.logs().splitlines() if line.startswith("{")]
    ((code, message),) = [(error["code"], error["message"]) for error in printed["errors"]]
    assert (code, "jobs are stored" in message) == ("interrupted", True)
    said = stack.logs()
    assert said.count("jobs are stored and will be sent") == 2, "once for people, once as JSON"
    assert "batch key" not in said, "nobody gave one"
    id_ = printed["data"]["receipt"]["id"]
    assert f"to resume, run the same command again; to stop it:\n  outbound-chat cancel {id_}\n" in said
    resumed = send(stack, str(path), "--sender", "support", code=0)
    assert resumed["accepted"] == 60_000
    assert printed["data"] == {"receipt": {"id": resumed["id"]}}


def test_on_a_terminal_a_resumed_file_asks_only_about_what_is_left(stack: Harness) -> None:
    """Who is asked about all messages believes that the first ones are sent twice."""
    path = write_rows(stack.folder / "parcels.csv", 2_000)
    kill_after(stack, path, FIRST_CHUNK)
    with on_terminal(stack, "send-batch", str(path), "--sender", "support") as terminal:
        terminal.until("[y/N]")
        counts = [re.findall(words, terminal.words)[0] for words in (r"has ([\d,]+) m", r"the ([\d,]+) m")]
        done, left = (int(count.replace(",", "")) for count in counts)
        assert 0 < done < 2_000
        assert done + left == 2_000 - 2_000 // EVERY
        terminal.type("y\n")
        assert terminal.end() == 1
    assert accepted(stack) == done + left


def test_rows_come_through_standard_input(stack: Harness) -> None:
    """Plain or packed, CSV or JSONL: what another program writes needs no file."""
    lines = "".join(json.dumps({"to": number(row), "text": "x"}) + "\n" for row in range(3)).encode()
    table = f"to,text\n{number(1)},x\n12,x\n".encode()
    for content, good, bad in ((lines, 3, 0), (table, 1, 1), (gzip.compress(table + b"1,y\n"), 1, 2)):
        done = subprocess.run(
            [sys.executable, "-m", "outbound_chat.cli", "send-batch", "-", "--sender", "support", "--json"],
            input=content,
            env=stack.environment,
            cwd=stack.folder,
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == (1 if bad else 0), done.stderr
        receipt = data_of(done.stdout)["receipt"]
        assert (receipt["accepted"], receipt["rejected"]) == (good, bad)
    assert rejected_rows(stack.folder / "stdin.rejects.csv") == [2, 3]


def test_a_row_that_was_right_when_it_was_taken_is_not_rejected_later(stack: Harness) -> None:
    """Its `expires_at` may pass before the file is gone on with; its job stands."""
    chat, ends = stack.chat(), datetime.now(UTC) + timedelta(hours=1)
    rows = [{"to": number(row), "expires_at": ends} for row in range(500)] + [{"to": "12"}] * 2

    def broken_off() -> Iterator[dict[str, Any]]:
        yield from rows[:500]
        yield from rows[501:]
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone") as caught:
        chat.enqueue_batch(broken_off(), sender="support", batch_key="k")
    assert "repeat the call with the same batch key" in caught.value.__notes__[0]
    started: list[BatchStart] = []
    with time_machine.travel(ends + timedelta(hours=1)):
        receipt = chat.enqueue_batch(rows, sender="support", batch_key="k", on_start=started.append)

        assert (started[0].id, started[0].resumed_rows, started[0].repeated) == (receipt.id, 500, False)
        assert (receipt.accepted, [one.row for one in receipt.rejections]) == (500, [501, 502])
        with pytest.raises(BatchKeyConflict, match=receipt.id):
            chat.enqueue_batch(rows, sender="support", batch_key="k", text="Another")
        assert chat.enqueue_batch(rows, sender="support", batch_key="k").repeated
        assert not chat.enqueue_batch(rows[:1], sender="support", batch_key="k", tenant="other").repeated


def test_a_cancelled_batch_is_not_gone_on_with(stack: Harness) -> None:
    """Who cancels a batch of which the producer died wants nothing more of it."""
    chat = stack.chat()

    def broken_off() -> Iterator[dict[str, Any]]:
        yield from ({"to": number(row)} for row in range(600))
        raise OSError

    started: list[BatchStart] = []
    with pytest.raises(OSError):  # noqa: PT011  # our own
        chat.enqueue_batch(broken_off(), sender="support", batch_key="k", on_start=started.append)
    chat.cancel_batch(started[0].id)
    rows = [{"to": number(row), "idempotency_key": str(row) if row % 2 else None} for row in range(900)]
    receipt = chat.enqueue_batch(rows, sender="support", batch_key="k")
    assert (receipt.repeated, receipt.accepted) == (True, 500)
    assert chat.batch(receipt.id).counts[JobState.CANCELLED] == 500


def test_columns_fill_in_a_template(stack: Harness) -> None:
    """The customer gets what was checked: the text is filled in before it is measured and stored."""
    stack.start_worker()
    path = stack.folder / "orders.csv"
    path.write_text(f"to,first_name,_order\n{number(1)},Ann,A-1\n{number(2)},,A-2\n{number(3)},Bo,\n")
    given = ("--template", "Hello {first_name|there}: {_order}", "--attribute", "order={_order}", "--sender", "support")
    done = stack.run("send-batch", str(path), *given, "--follow", "--json")
    assert done.returncode == 1, done.stderr
    told = data_of(done.stdout)
    assert (told["receipt"]["accepted"], told["batch"]["counts"]["sent"]) == (2, 2)
    assert [error["field"] for error in told["receipt"]["rejections"][0]["errors"]] == ["_order"]
    texts = [contact.body["InitialSystemMessage"]["Content"] for contact in stack.sandbox.contacts()]
    assert sorted(texts) == ["Hello Ann: A-1", "Hello there: A-2"]

    missing = stack.run("send-batch", str(path), "--template", "{last_name}", "--sender", "support")
    assert (missing.returncode, accepted(stack)) == (2, 2)
    assert 'lacks columns that the template names: "last_name"' in missing.stderr
    wrong = stack.run("send-batch", str(path), "--template", "{a.b}", "--sender", "support")
    assert wrong.returncode == 2
    assert "template.text: has a brace that is not part of a placeholder" in wrong.stderr


def test_results_are_exported_with_the_rows_that_they_belong_to(stack: Harness) -> None:
    """The operator needs number and result side by side; Redis has the number no more."""
    path = write_rows(stack.folder / "parcels.csv", 1_200)
    batch = send(stack, str(path), "--sender", "support")["id"]
    chat = stack.chat()
    chat.cancel(f"{batch}-1")
    assert stack.run("export", batch).stdout.splitlines()[1].startswith(f"{batch}-1,1,cancelled,,,0,")
    chat.cancel_batch(batch)

    done = stack.run("export", batch, "--join", str(path), "-o", "results.csv")
    assert done.returncode == 0, done.stderr
    with (stack.folder / "results.csv").open(encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert [int(line["_row"]) for line in lines] == [row for row in range(1, 1_201) if row % EVERY]
    assert all(line["to"] == number(int(line["_row"])) and line["_state"] == "cancelled" for line in lines)
    resent = send(stack, str(stack.folder / "results.csv"), "--sender", "support", code=0)
    assert resent["accepted"] == len(lines)

    plain = stack.run("export", batch, "--state", "cancelled", "--format", "jsonl").stdout.splitlines()
    assert [json.loads(line)["row"] for line in plain[:7]] == [1, 2, 3, 4, 5, 6, 8]
    assert {json.loads(line)["delivery"] for line in plain} == {None}, "there is nothing to deliver"
    assert number(1) not in "".join(plain)
    assert stack.run("export", "main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR").returncode == 5
    assert stack.run("export", batch, "--join", str(path), "-o", "/proc/results.csv").returncode == 2


def test_a_campaign_file_of_excel_is_sent_with_two_options(stack: Harness) -> None:
    """Semicolons and a mark in front, or a workbook; national numbers, a column of the CRM, blank rows. The row whose
    number Excel shortened is rejected, and nobody is texted twice when the repaired rejects are sent.
    """
    stack.start_worker()
    texts: list[list[Cell]] = [
        ["to", "text", "Company", None],
        [f"0{1701230001}", "Hallo, Ana", "Acme", None],
        [None, None, None, None],
        [1701230002.0, "Zwei\nZeilen; 1,50", "=HYPERLINK(1)", None],
        ["1,7E+09", "Hallo", None, None],
    ]
    lines = [";".join(f'"{cell or ""}"' for cell in row) for row in texts]
    table = stack.folder / "table.csv"
    table.write_bytes(b"\xef\xbb\xbf" + "\r\n".join([*lines, ";;;", ""]).replace(".0", "").encode())
    book = write_workbook(stack.folder / "book.2026.xlsx", {"Kunden": texts, "Notizen": [["x"]]})
    options = ("--sender", "support", "--country", "DE", "--ignore-columns")
    for path in (table, book):
        receipt = send(stack, str(path), *options)
        assert (receipt["accepted"], receipt["rejected"]) == (2, 1), receipt["said"]
        (rejection,) = receipt["rejections"]
        assert rejection["line"] == (6 if path is table else 5)
        assert "columns ignored: Company" in receipt["said"]
        assert "shortened by a spreadsheet" in rejection["errors"][0]["message"]
        assert send(stack, str(path), *options, code=0)["repeated"]
        rejects = path.with_suffix(".rejects.csv")
        rejects.write_text(rejects.read_text("utf-8").replace("1,7E+09", "0170 1230003"), encoding="utf-8")
        repaired = send(stack, str(rejects), *options, code=0)
        assert repaired["accepted"] == 1
        assert [stack.chat().wait_batch(batch["id"], timeout=120).final for batch in (receipt, repaired)] == [True] * 2
    assert Counter(contact.destination for contact in stack.sandbox.contacts()) == dict.fromkeys(
        [f"+49170123000{n}" for n in (1, 2, 3)], 2
    )
    other = stack.run("send-batch", str(book), *options[:-1])
    assert other.returncode == 2
    assert '"Company"' in other.stderr
    assert "--ignore-columns" in other.stderr


def test_results_of_a_sheet_are_written_for_excel(stack: Harness) -> None:
    """With the rows of the sheet that was sent and of no other; numbers keep their plus."""
    rows: list[list[Cell]] = [["to", "text"], [number(1), "=1+1"], [number(2), "Hello"]]
    book = write_workbook(stack.folder / "book.xlsx", {"A": rows, "B": [["to", "text"], *rows[:0:-1]]})
    batch = send(stack, str(book), "--sender", "support", code=0)["id"]
    stack.chat().cancel_batch(batch)
    done = stack.run("export", batch, "--join", str(book), "--excel", "-o", "results.csv")
    assert done.returncode == 0, done.stderr
    content = (stack.folder / "results.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbfto,text,_id,")
    assert f'"=""{number(1)}""","=""=1+1""",'.encode() in content
    with closing(JobFile(stack.folder / "results.csv")) as results:
        assert [(row.cells["to"], row.cells["text"], row.cells["_row"]) for row in results.rows()] == [
            (number(1), "=1+1", "1"),
            (number(2), "Hello", "2"),
        ]
    other = stack.run("export", batch, "--join", str(book), "--sheet", "B")
    assert (other.returncode, other.stdout) == (2, "")
    assert "with the same --delimiter or --sheet" in other.stderr.replace("\n", " ")


def test_results_are_joined_with_no_other_file(stack: Harness) -> None:
    """Row 3 of a sorted file is somebody else, who would be texted a second time."""
    path = write_rows(stack.folder / "parcels.csv", 30)
    batch = send(stack, str(path), "--sender", "support", "--batch-key", "nightly")["id"]
    chat = stack.chat()
    chat.cancel_batch(batch)
    head, *rows = path.read_text(encoding="utf-8").splitlines()
    others = {
        "sorted": [head, *sorted(rows, reverse=True)],
        "edited": [head, rows[0].replace(number(1), number(31)), *rows[1:]],
        "short": [head, *rows[:-1]],
        "long": [head, *rows, rows[0]],
    }
    (stack.folder / "results.csv").write_text("from before", encoding="utf-8")
    before = sorted(one.name for one in stack.folder.iterdir())
    for kind, lines in others.items():
        (stack.folder / "other.csv").write_text("\n".join([*lines, ""]), encoding="utf-8")
        done = stack.run("export", batch, "--join", "other.csv", "-o", "results.csv", "--overwrite")
        assert (done.returncode, done.stdout) == (2, ""), kind
        assert "not the file of this batch, or it was sorted, edited or unpacked since" in done.stderr
        assert stack.run("export", batch, "--join", "other.csv").stdout == "", "nor to standard output"
    assert (stack.folder / "results.csv").read_text(encoding="utf-8") == "from before"
    (stack.folder / "other.csv").unlink()
    assert sorted(one.name for one in stack.folder.iterdir()) == before

    (stack.folder / "copy.csv").write_bytes(path.read_bytes())
    assert stack.run("export", batch, "--join", "copy.csv", "-o", "results.csv", "--overwrite").returncode == 0
    assert len((stack.folder / "results.csv").read_text(encoding="utf-8").splitlines()) == 1 + 30 - 30 // EVERY
    from_python = chat.enqueue_batch([{"to": number(1)}], sender="support").id
    done = stack.run("export", from_python, "--join", "copy.csv")
    assert (done.returncode, "did not come from one file of send-batch" in done.stderr) == (2, True)
    chat.cancel_batch(from_python)


def test_an_export_says_what_is_known_after_a_message_was_sent_and_no_more(stack: Harness) -> None:
    stack.configure(contact_events={})
    stack.start_worker()
    chat = stack.chat()
    batch = chat.enqueue_batch([{"to": number(1)}, {"to": number(2)}], sender="support", text="Hello").id
    chat.wait_batch(batch, 120)
    metrics = {"customerMetrics": {"messagesSent": 1}}
    event = contact_event(
        "COMPLETED",
        chat.status(f"{batch}-1").contact_id or "",
        disconnectReason="EXPIRED",
        chatMetrics=metrics,
    )
    assert chat.ingest_contact_events([event]) == ["changed"]

    answered, unknown = csv.DictReader(stack.run("export", batch).stdout.splitlines())
    names = ("contact_ended_at", "contact_reason", "delivery", "delivery_basis", "delivery_code")
    assert [answered[name] for name in names] == [
        "2026-05-01T09:05:00.000+00:00",
        "EXPIRED",
        "answered",
        "contact",
        "",
    ]
    assert [unknown[name] for name in names] == ["", "", "unknown", "none", ""]
    assert "delivery  1 answered, 1 unknown" in stack.run("status", batch).stdout
