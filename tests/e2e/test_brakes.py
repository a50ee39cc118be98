"""What is between a wrong text and many recipients: a question, a hold, a test row, and what went out before."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from outbound_chat import JobState
from tests.support.harness import Harness, data_of, number, running_harness
from tests.support.terminal import Terminal, on_terminal
from tests.support.workbooks import write_workbook

REFUSED = "+12025550140"
OWN = "+12025550123"
SUPPRESSED = number(900)
COMMAND = ("send-batch", "parcels.csv", "--sender", "support", "--template", "Hello {name}")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    """A stack with a worker."""
    with running_harness(tmp_path_factory.mktemp("brakes")) as harness:
        harness.start_worker()
        harness.chat().suppress([SUPPRESSED], sender="support")
        yield harness
        assert harness.counts_add_up()


@pytest.fixture
def stack(running: Harness) -> Iterator[Harness]:
    """The same with nothing open and no file."""
    yield running
    for file in running.folder.glob("*.csv"):
        file.unlink()
    chat = running.chat()
    for batch in chat.each_batch(open=True):
        chat.cancel_batch(batch.id)


def write(stack: Harness, *rows: str, name: str = "parcels.csv") -> Path:
    path = stack.folder / name
    path.write_text("\n".join(["to,name", *rows, ""]), encoding="utf-8")
    return path


def people(first: int, count: int) -> list[str]:
    return [f"{number(row)},Ann{row}" for row in range(first, first + count)]


def batches(stack: Harness) -> set[str]:
    return {one.id for one in stack.chat().each_batch()} | {one.id for one in stack.chat().each_batch(open=True)}


def answered(terminal: Terminal, question: str, typed: str) -> int:
    terminal.until(question)
    terminal.type(typed)
    return terminal.end()


def test_on_a_terminal_nothing_is_stored_before_somebody_says_yes(stack: Harness) -> None:
    """The number of messages is the last thing that can stop a wrong file. A key that was pressed before is no yes."""
    before = batches(stack)
    write(stack, *people(1, 3), f"{number(9)},{'x' * 160}", "12,Bo")
    question = "Send 4 messages (5 parts) from parcels.csv with sender support? [y/N]:"
    with on_terminal(stack, *COMMAND) as terminal:
        terminal.type("y\n")
        assert answered(terminal, question, "n\n") == 130
        assert "1 \N{MULTIPLICATION SIGN} to: invalid_number (line 6)" in terminal.words
        assert "nothing was done" in terminal.words
    assert batches(stack) == before
    assert not (stack.folder / "parcels.rejects.csv").exists()

    with on_terminal(stack, *COMMAND) as terminal:
        assert answered(terminal, question, "y\n") == 1
        assert terminal.words.count("invalid_number") == 1, "faults are shown once"
    with on_terminal(stack, *COMMAND) as terminal:
        assert terminal.end() == 0, "nothing new is added, so there is nothing to ask"
        assert "[y/N]" not in terminal.words
        assert "check " in terminal.words
        assert "enqueue " not in terminal.words
        assert terminal.words.count("accepted") == 1, "in the record of the batch"
    with on_terminal(stack, *COMMAND, "--yes", "--name", "again") as terminal:
        assert terminal.end() == 1
        assert "[y/N]" not in terminal.words
    assert len(batches(stack) - before) == 2


def test_a_file_that_is_saved_while_the_question_is_shown_is_not_sent(stack: Harness) -> None:
    """Half of the old rows and half of the new ones would go out, and nobody asked for either."""
    before, rows = batches(stack), people(1, 3_000)
    write(stack, *rows)
    with on_terminal(stack, *COMMAND) as terminal:
        terminal.until("Send 3,000 messages")
        write(stack, f"{number(1)},Ann Corrected", *rows[1:])
        assert answered(terminal, "[y/N]:", "y\n") == 2
        assert "error: parcels.csv changed while it was read; run the command again" in terminal.words
    assert batches(stack) == before

    with on_terminal(stack, *COMMAND) as terminal:
        assert answered(terminal, "Send 3,000 messages", "y\n") == 0


def test_a_held_batch_waits_for_its_release(stack: Harness) -> None:
    """It is held before its first job is there, so no worker can be faster."""
    before = batches(stack)
    write(stack, *people(10, 3))
    with on_terminal(stack, *COMMAND, "--hold") as terminal:
        question = "from parcels.csv with sender support, held until you release the batch? [y/N]:"
        assert answered(terminal, question, "y\n") == 0
    (batch,) = batches(stack) - before
    assert f"nothing is sent until you release the batch: outbound-chat release --batch {batch}" in terminal.words
    chat = stack.chat()
    chat.wait(chat.enqueue(sender="support", to=OWN, text="Hello").id, timeout=60)
    assert chat.batch(batch).counts[JobState.QUEUED] == 3

    assert stack.run(*COMMAND).returncode == 0, "the same batch, with or without --hold"
    again = stack.run(*COMMAND, "--hold")
    assert "the batch is held now: nothing more is sent until you release the batch:" in " ".join(again.stderr.split())
    assert stack.run("release", "--batch", batch).returncode == 0
    assert chat.wait_batch(batch, timeout=60).counts[JobState.SENT] == 3
    assert chat.holds() == []
    assert "the batch is final, so it can't be held" in stack.run(*COMMAND, "--hold").stderr
    assert batches(stack) - before == {batch}


def test_a_test_row_goes_to_a_number_of_ones_own_and_nothing_else(stack: Harness) -> None:
    """The flow, the sender and the text are tried for real before anybody gets them."""
    before, sent = batches(stack), len(list(stack.sandbox.contacts()))
    write(stack, "12,Bad", *people(20, 2))
    first = stack.run(*COMMAND, "--test-to", OWN, "--json")
    third = stack.run(*COMMAND, "--test-to", OWN, "--test-row", "3")

    assert (first.returncode, third.returncode) == (0, 0), first.stderr + third.stderr
    told = data_of(first.stdout)["test"]
    assert (told["line"], told["job"]["state"], told["job"]["priority"]) == (3, "sent", "urgent")
    contacts = list(stack.sandbox.contacts())[sent:]
    assert [(one.destination, one.body["InitialSystemMessage"]["Content"]) for one in contacts] == [
        (OWN, "Hello Ann20"),
        (OWN, "Hello Ann21"),
    ]
    assert stack.run(*COMMAND, "--test-to", SUPPRESSED).returncode == 1
    national = ("--test-to", "(202) 555-0123", "--country", "US")
    assert stack.run(*COMMAND, *national).returncode == 0, "read as the numbers of the file are"
    assert [one.destination for one in stack.sandbox.contacts()][sent + 2 :] == [OWN]
    assert batches(stack) == before
    assert not (stack.folder / "parcels.rejects.csv").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--test-to", "0170"), "--test-to: must be"),
        (("--test-to", "0170", "--country", "US"), "--test-to: is not a number of US"),
        (("--test-to", OWN, "--test-row", "1"), "to: line 2: must be"),
        (("--test-to", OWN, "--test-row", "9"), "has no row 9"),
        (("--test-row", "1"), "needs --test-to"),
        (("--test-to", OWN, "--dry-run"), "leave one out"),
        (("--test-to", OWN, "--text", "x"), "is also in the template"),
    ],
)
def test_a_test_row_that_can_not_be_sent_is_refused(stack: Harness, options: tuple[str, ...], said: str) -> None:
    """As any other row, before anything is stored."""
    before = batches(stack)
    write(stack, "12,Bad", *people(30, 1))
    done = stack.run(*COMMAND, *options)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert batches(stack) == before


def test_what_went_out_before_is_reported_before_anything_is_stored(stack: Harness) -> None:
    """A file that was repaired in place, renamed or sorted texts the same people once more."""
    rows, command = people(100, 80), ("send-batch", "repeated.csv", *COMMAND[2:])
    write(stack, *rows[:-1], "12,Bad", name="repeated.csv")
    first = data_of(stack.run(*command, "--follow", "--json").stdout)
    id_ = first["receipt"]["id"]
    assert first["earlier"] == []
    ended = r"It ended [-0-9]{10} [:0-9]{8} \S+: 79 sent\. Its recipients may be texted twice"
    begun = rf"warning: batch {id_} repeated\.csv, begun [-0-9]{{10}} [:0-9]{{8}} \S+, had"

    def warned(*asked: str) -> str:
        return " ".join(stack.run(*asked).stderr.split())

    # The same file with another text.
    assert re.search(
        f"{begun} the same file and the same name. {ended}", warned(*command[:-1], "Hi {name}", "--dry-run")
    )
    # The last row was repaired.
    write(stack, *rows, name="repeated.csv")
    assert re.search(f"{begun} the same name and nearly the same numbers. {ended}", warned(*command, "--dry-run"))
    with on_terminal(stack, *command) as terminal:
        assert answered(terminal, "Send 80 messages", "n\n") == 130
        assert f"warning: batch {id_}" in terminal.words
    # The same numbers in another order, under another name.
    write(stack, *sorted(rows, reverse=True), name="other.csv")
    other = ("send-batch", "other.csv", *command[2:])
    again = stack.run(*other, "--json", "--hold")
    assert re.search(f"{begun} nearly the same numbers. {ended}", again.stderr)
    (found,) = data_of(again.stdout)["earlier"]
    assert (found["id"], found["same"], found["counts"]["sent"]) == (id_, ["numbers"], 79)
    # The next one: of both, the newer one first.
    write(stack, *rows, name="third.csv")
    said = warned("send-batch", "third.csv", *command[2:], "--dry-run")
    assert said.index("It is in progress: 80 queued") < said.index("It ended")
    # Other people with half of these numbers, and the rows that were rejected.
    write(stack, *people(140, 80), name="half.csv")
    assert "had" not in warned("send-batch", "half.csv", *command[2:], "--dry-run")
    assert "had" not in warned(*other), "nothing new is added"


def test_a_number_that_is_in_several_rows_is_reported_before_anything_is_stored(stack: Harness) -> None:
    """Two texts to one person are rarely wanted; the check is the last place to notice."""
    write(stack, *people(500, 3), *people(501, 2), f"{number(501)},Eve")
    warning = "warning: 2 numbers are in more than one row; each row is sent"
    with on_terminal(stack, *COMMAND) as terminal:
        assert answered(terminal, "Send 6 messages", "n\n") == 130
        assert terminal.words.count(warning) == 1
    for options in (("--dry-run",), ("--hold",)):
        done = stack.run(*COMMAND, *options, "--json")
        assert warning in done.stderr
        assert data_of(done.stdout)["repeated_numbers"] == 2
    assert warning not in stack.run(*COMMAND).stderr, "nothing new is added"
    write(stack, *people(510, 2))
    alone = stack.run(*COMMAND, "--dry-run", "--json")
    assert data_of(alone.stdout)["repeated_numbers"] == 0
    assert "more than one row" not in alone.stderr


def test_a_file_of_which_every_row_is_rejected_makes_no_batch(stack: Harness) -> None:
    """There is nothing to wait for, and a second try is the first."""
    before = batches(stack)
    write(stack, "12,Bo", "13,Ann")
    for _ in range(2):
        done = stack.run(*COMMAND, "--json", "--follow")
        told = data_of(done.stdout)
        assert (done.returncode, told["batch"]) == (1, None)
        assert (told["receipt"]["id"], told["receipt"]["rejected"]) == (None, 2)
        assert "no row can be sent, so there is no batch" in done.stderr
    assert batches(stack) == before
    with on_terminal(stack, *COMMAND) as terminal:
        assert terminal.end() == 1, "there is nothing to ask"
    write(stack, "12,Bo", *people(300, 1))
    assert stack.run(*COMMAND).returncode == 1
    assert len(batches(stack) - before) == 1


def test_the_end_says_why_messages_failed_and_how_to_look(stack: Harness) -> None:
    """`failed 3` alone makes people search."""
    write(stack, *people(400, 2), f"{SUPPRESSED},Bo", f"{REFUSED},Ann", f"{REFUSED},Eve")
    done = stack.run(*COMMAND, "--follow")

    assert done.returncode == 1
    id_ = re.findall(r"main\.[0-9A-Z]{26}", done.stdout)[0]
    command = f"outbound-chat export {id_} --state failed --join parcels.csv -o failed.csv"
    assert f"failed 3: 2 refused, 1 suppressed\n  {command}\n" in done.stderr
    assert stack.run(*command.split()[1:]).returncode == 0
    assert len((stack.folder / "failed.csv").read_text(encoding="utf-8").splitlines()) == 4


@pytest.mark.parametrize(
    ("name", "content", "options", "ending"),
    [
        ("Ana's list; all.tsv", f"to\ttext, a;b\n{REFUSED}\tx\n", ("--delimiter", "tab", "--ignore-columns"), "csv"),
        ("-x.csv", f"to|text\n{REFUSED}|Hello\n", ("--delimiter", "|"), "csv"),
        ("a b.jsonl", f'{{"to": "{REFUSED}"}}\n', (), "jsonl"),
        ("a.xlsx", "", ("--sheet", "May & June"), "csv"),
    ],
)
def test_the_command_at_the_end_can_be_pasted_into_a_shell(
    stack: Harness, name: str, content: str, options: tuple[str, ...], ending: str
) -> None:
    """It reads the file as the batch did."""
    if content:
        (stack.folder / name).write_text(content, encoding="utf-8")
    else:
        write_workbook(stack.folder / name, {"A": [["to"]], "May & June": [["to"], [REFUSED]]})
    (stack.folder / f"failed.{ending}").unlink(missing_ok=True)
    done = stack.run("send-batch", "--sender", "support", "--text", "Hello", "--follow", *options, "--", name)

    (command,) = [line for line in done.stderr.splitlines() if line.startswith("  outbound-chat export")]
    words = shlex.split(command)
    exported = stack.run(*words[1:])
    assert exported.returncode == 0, exported.stderr
    assert REFUSED[1:] in (stack.folder / f"failed.{ending}").read_text(encoding="utf-8")
