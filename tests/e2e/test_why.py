"""Why a job waits, asked at the command line while real workers run."""

import re
from typing import Any

from outbound_chat import WaitReason
from tests.support.harness import Harness, data_of, number
from tests.support.waiting import wait_until


def asked(stack: Harness, job_id: str) -> dict[str, Any]:
    shown = stack.run("why", job_id, "--json")
    assert shown.returncode == 0, shown.stderr
    found: dict[str, Any] = data_of(shown.stdout)
    return found


def test_the_reason_follows_what_an_operator_does(stack: Harness) -> None:
    """Nobody started a worker, then somebody holds the sender, then it goes."""
    chat = stack.chat()
    chat.hold(sender="support", reason="number is being ported")
    job = chat.enqueue(sender="support", to=number(1), text="Hello")
    found = asked(stack, job.id)
    assert (found["reason"], found["expected_at"]) == ("no_settings", None)

    stack.start_worker()
    wait_until(lambda: chat.why(job.id).reason is WaitReason.HELD_BY_PERSON, what="a worker that runs")
    found = asked(stack, job.id)
    assert (found["scope"], found["held_by"]) == ("sender:support", "person")
    assert found["held_reason"] == "number is being ported"
    assert found["job"]["state"] == "queued"

    chat.release(sender="support")
    chat.wait(job.id)
    found = asked(stack, job.id)
    assert (found["reason"], found["position"], found["next_attempt_at"]) == ("final", None, None)


def test_people_get_a_few_lines(stack: Harness) -> None:
    """The id to copy, the reason, the place and the times; not more than fits into a glance."""
    chat = stack.chat()
    jobs = [chat.enqueue(sender="support", to=number(row), text="Hello") for row in range(3)]
    shown = stack.run("why", jobs[2].id)

    lines = shown.stdout.splitlines()
    assert lines[:3] == [f"job       {jobs[2].id}", "state     queued", "sender    support, normal"]
    assert lines[3].startswith("why       Redis has no settings")
    assert lines[4:6] == ["reason    no_settings", "position  third in its lane, third overall"]
    assert lines[6:8] == ["earliest  not known", "expected  not known"]
    assert re.fullmatch(r"expires   20\d\d-\d\d-\d\d \d\d:\d\d:\d\d \S+, in 3 days", lines[8])
    assert len(lines) == 9
    first = stack.run("why", jobs[0].id).stdout
    assert "position  first in its lane, first overall\n" in first


def test_an_unknown_id_has_its_exit_code(stack: Harness) -> None:
    """A script must tell a typo from patience; a batch has no single reason."""
    shown = stack.run("why", "main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR")

    assert (shown.returncode, shown.stdout) == (5, "")
    assert "no job or batch has the id" in shown.stderr
    receipt = stack.chat().enqueue_batch([{"to": number(1)}], sender="support", text="Hello")
    shown = stack.run("why", receipt.id)
    assert shown.returncode == 2
    assert f"{receipt.id}-1" in " ".join(re.sub(r"[│╭╮╰╯─]", " ", shown.stderr).split())
