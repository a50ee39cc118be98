"""What the commands say, and with which exit code: the same thing in the same words, and always what to do next."""

import json
import os
import re
import signal
import sys
from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.support.harness import Harness, data_of, number, running_harness, sender
from tests.support.waiting import wait_until

NOBODY = f"main.{'0' * 26}"


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    """A stack without a worker, of which each test uses senders or tenants of its own."""
    with running_harness(tmp_path_factory.mktemp("words")) as harness:
        endpoint = {"endpoint_url": harness.sandbox.url}
        harness.configure(
            budgets={"main": {"rate": 50.0, "burst": 50}, "other": {"rate": 50.0, "burst": 50}},
            senders={
                "support": sender(**endpoint),
                "held": sender(**endpoint),
                "night": sender(quiet_hours="18:00-13:00", **endpoint),
                "far": sender(budget="other", **endpoint),
            },
        )
        yield harness
        assert harness.counts_add_up()


@pytest.mark.parametrize("command", ["status", "wait", "cancel", "why"])
def test_an_unknown_id_is_told_in_the_same_words_by_every_command(idle: Harness, command: str) -> None:
    """Scripts search for them."""
    done = idle.run(command, NOBODY)

    assert (done.returncode, done.stdout) == (5, "")
    said = f"error: no job or batch has the id '{NOBODY}'; results are only kept for a while (results.keep); "
    said += "`outbound-chat jobs` lists the latest single messages\n"
    assert done.stderr == said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["cancel"], "name what to cancel by one of IDS, --batch, --ids-from, --tenant, --sender"),
        (
            ["cancel", NOBODY, "--tenant", "acme"],
            "name what to cancel by one of IDS, --batch, --ids-from, --tenant, --sender",
        ),
        (["send", "--sender", "support", "--to", number(1), "--wait", "-1"], "--wait"),
        (["wait", NOBODY, "--timeout", "-1"], "--timeout"),
    ],
)
def test_options_that_can_not_be_meant_are_refused(idle: Harness, options: list[str], said: str) -> None:
    """Nothing is stored or stopped."""
    done = idle.run(*options)

    assert done.returncode == 2
    assert said in done.stderr


def test_cancelling_exits_with_1_when_something_had_ended_otherwise(idle: Harness) -> None:
    """Jobs and batches alike: a script that stops a wrong text must know that some of it went out."""
    chat = idle.chat()
    whole = chat.enqueue_batch([{"to": number(1)}, {"to": number(2)}], sender="support", text="Hello").id
    part = chat.enqueue_batch([{"to": number(3)}, {"to": number(4)}], sender="support", text="Hello").id
    assert idle.run("cancel", whole).returncode == 0
    idle.start_worker()
    chat.wait_batch(part, timeout=60)
    assert idle.run("cancel", part).returncode == 1
    assert idle.run("cancel", f"{part}-1").returncode == 1
    idle.kill(idle.workers.pop())


def test_status_says_who_holds_a_job_and_how_to_learn_more(idle: Harness) -> None:
    """`queued` alone looks like a fault."""
    chat = idle.chat()
    job = chat.enqueue(sender="held", to=number(1), text="Hello")
    other = chat.enqueue(sender="night", to=number(1), text="Hello")
    chat.hold(sender="held", reason="number is being ported")

    held = idle.run("status", job.id).stderr
    assert held.startswith("sender held: held by a person since ")
    assert f"outbound-chat why {job.id}" in held
    assert idle.run("status", other.id).stderr == ""
    doctor = idle.run("doctor").stdout
    assert "held by a person" in doctor
    assert "outbound-chat release --sender held" in doctor
    chat.release(sender="held")


def test_a_hold_in_several_budgets_is_told_with_each(idle: Harness) -> None:
    """Two lines that are alike look like a mistake."""
    done = idle.run("hold", "--tenant", "acme", "--reason", "has not paid")
    head, *lines = done.stdout.splitlines()
    assert head.split()[:3] == ["scope", "name", "budget"]
    assert [line.split()[:5] for line in lines] == [
        ["tenant", "acme", "main", "a", "person"],
        ["tenant", "acme", "other", "a", "person"],
    ]
    idle.run("hold", "--tenant", "beta", "--reason", "has not paid")
    first = idle.run("release", "--tenant", "acme")
    assert (first.stderr, "beta" in first.stdout) == ("tenant acme is released\n", True)
    assert idle.run("release", "--tenant", "beta").stderr == "tenant beta is released\nnothing is held\n"


def test_a_job_that_quiet_hours_may_have_moved_is_not_said_to_wait_for_its_send_at_alone(idle: Harness) -> None:
    """Its producer named no time."""
    job = idle.chat().enqueue(sender="night", to="+442079460100", text="Hello", send_at=None)
    said = idle.run("why", job.id).stdout
    if job.state == "scheduled":
        assert "when the quiet hours of the sender night end in the recipient's time zone, or at its send_at" in said
    else:
        assert "scheduled" not in said


def test_dead_letters_of_a_sender_that_is_not_configured_are_named_as_such(idle: Harness) -> None:
    """A typing error looks like good news."""
    for options in (("--sender", "support"), ("--counts",)):
        none = idle.run("dead", "--budget", "main", *options)
        assert (none.stdout, none.stderr) == ("", "no matching jobs\n")
    told = idle.run("dead", "--budget", "main", "--sender", "suport").stderr
    assert 'sender "suport" is not configured; known senders: far, held, night, support' in told
    for command in (("dead", "--budget", "main"), ("release",), ("send", "--to", number(1))):
        told = idle.run(*command, "--sender", "suport").stderr
        assert told.count(f"settings: {idle.settings_file}") == 1
    assert idle.run("release", "--sender", "support").stderr.startswith("nothing to release: ")


def test_single_messages_are_listed_in_a_table_that_fits_a_terminal(idle: Harness) -> None:
    """What most look for first is what they sent last."""
    stack, other = idle, ("--budget", "other")
    first, last = (
        stack.chat().enqueue(sender="far", to=number(index), text="Hello", idempotency_key=f"listed-{index}").id
        for index in (1, 2)
    )
    lines = stack.run("jobs", *other, "--sender", "far", "--since", "1h").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["job", last, first]
    assert lines[0].split() == ["job", "state", "created", "sender"]
    assert all((line.split()[1], line.split()[-1]) == ("queued", "far") for line in lines[1:])

    assert stack.run("jobs", *other, "--idempotency-key", "listed-1").stdout.splitlines()[1].startswith(first)
    page = stack.run("jobs", *other, "--sender", "far", "--limit", "1")
    cursor = page.stderr.split('--cursor "')[1].split('"')[0]
    older = stack.run("jobs", *other, "--sender", "far", "--limit", "1", "--cursor", cursor)
    assert older.stdout.splitlines()[1].split()[0] == first
    assert stack.run("jobs", *other, "--state", "expired").stderr.startswith("No matching messages. Those of batches: ")
    told = stack.run("jobs", *other, "--sender", "fra").stderr
    assert 'sender "fra" is not configured; known senders: far, held, night, support' in told


def test_who_lists_batches_and_has_none_is_sent_to_single_messages(idle: Harness) -> None:
    """Ten messages were sent, and the list says that there is nothing."""
    assert idle.run("list", "--budget", "other").stderr == "No batches. Single messages: outbound-chat jobs\n"
    assert "`outbound-chat jobs` lists the latest single messages" in idle.run("status", "main.nix").stderr


def test_an_unknown_column_is_answered_with_all_names_that_a_row_may_have(idle: Harness) -> None:
    """Also those of ours that are no part of the request."""
    (idle.folder / "rows.jsonl").write_text(json.dumps({"to": number(1), "zzzz": 1}), encoding="utf-8")
    told = data_of(idle.run("send-batch", "rows.jsonl", "--sender", "support", "--json").stdout)

    (rejection,) = told["receipt"]["rejections"]
    message = rejection["errors"][0]["message"]
    assert all(name in message for name in ("to", "text", "send_at", "expires_at", "idempotency_key"))


def test_doctor_tells_what_to_do_where_something_is_to_be_done_and_once(stack: Harness) -> None:
    """Advice on a line that says ok makes people repair what works."""
    stack.start_worker()
    stack.chat().wait(stack.chat().enqueue(sender="support", to=number(1), text="Hello").id, timeout=60)
    checks = data_of(stack.run("doctor", "--json").stdout)
    assert [check for check in checks if check["level"] == "ok" and check["advice"]] == []

    stack.kill(stack.server.process)
    told = stack.run("doctor").stdout
    stack.server.restart()
    assert told.count("check redis_url and that the server runs") == 1
    assert re.search(r"^error +broker +can't be reached: it is the Redis of redis_url$", told, re.MULTILINE)
    assert "start" not in told


def test_ctrl_c_ends_the_looking_and_not_the_batch_and_says_how_to_look_again(stack: Harness) -> None:
    """Who fears to stop 100,000 messages leaves a terminal open for a day."""
    stack.configure(budgets={"main": {"rate": 20.0, "burst": 5}})
    stack.start_worker()
    rows = "to\n" + "\n".join(number(index) for index in range(160))
    (stack.folder / "rows.csv").write_text(rows, encoding="utf-8")
    command = ["send-batch", "rows.csv", "--sender", "support", "--text", "Hello", "--follow"]
    narrow = {"FORCE_COLOR": "1", "COLUMNS": "60"}
    # A shell starts what it puts into the background with this signal ignored, and children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    process = stack.start([sys.executable, "-m", "outbound_chat.cli", *command], narrow)
    wait_until(lambda: "expected to end" in stack.logs(), timeout=60, what="the first look at the batch")
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(60) == 130

    said = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stack.logs())
    again = re.search(r"batch (\S+) continues; to wait again:\s+outbound-chat wait (\S+)\s", said)
    assert again
    assert again[1] == again[2]
    assert max(line.count("━") for line in said.splitlines()) >= 30, "the words leave the bar its room"
    assert stack.run("wait", again[2], "--timeout", "60").returncode == 0


def test_a_message_may_expire_after_a_duration(idle: Harness) -> None:
    """`--expires-in 10m` needs no date and no zone."""
    done = idle.run(
        "send", "--sender", "support", "--to", number(1), "--text", "Hello", "--expires-in", "10m", "--json"
    )
    assert done.returncode == 0, done.stderr
    (id_,) = re.findall(r"main\.[0-9A-Z]{26}", done.stdout)
    job = idle.chat().cancel(id_)
    assert timedelta(minutes=9) < job.expires_at - job.created_at < timedelta(minutes=11)

    done = idle.run("send", "--sender", "support", "--to", number(1), "--expires-in", "soon")
    assert done.returncode == 2
    assert "must be a duration, such as 90s, 10m, 12h or 3d" in done.stderr
