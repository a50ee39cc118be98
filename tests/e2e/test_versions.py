"""An upgrade without a pause: workers of two versions, whose records differ, on one Redis."""

from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from outbound_chat import JobState, OutboundChat, WrittenByNewerVersion
from outbound_chat.children import end
from outbound_chat.store import inspection
from tests.support.harness import Harness, number
from tests.support.versions import NEXT, make_next_version
from tests.support.waiting import wait_until

SAID = "were written by a newer version of outbound-chat"


def rows(first: int, count: int) -> list[dict[str, str]]:
    return [{"to": number(index)} for index in range(first, first + count)]


def enqueue_newer(stack: Harness, environment: Any, first: int, count: int) -> None:
    """A program of the next version enqueues jobs."""
    file = Path(stack.folder / f"rows-{first}.csv")
    file.write_text("\n".join(["to", *(row["to"] for row in rows(first, count))]), encoding="utf-8")
    command = ("send-batch", str(file), "--sender", "support", "--text", "Hello")
    done = stack.run(*command, environment=environment)
    assert done.returncode == 0, done.stderr


def versions(chat: OutboundChat) -> Counter[str]:
    redis = chat._store.redis
    heads = [redis.get(key) for key in redis.scan_iter("oc:{main}:j:*")]
    return Counter(head[1 : head.index(",")] for head in heads)


def test_both_versions_work_and_nothing_is_lost_or_doubled(stack: Harness, tmp_path: Path) -> None:
    """The newer one takes both kinds; the older one its own, and leaves the others as they are."""
    newer = make_next_version(tmp_path / "next")
    stack.configure(
        budgets={"main": {"rate": 150.0, "burst": 20}},
        worker={"slice": 0.5, "lease": 3, "connect_timeout": 1, "read_timeout": 1.5},
    )
    stack.sandbox.configure(latency=timedelta(milliseconds=20))
    chat = stack.chat()
    enqueue_newer(stack, newer, 0, 150)
    assert versions(chat) == {str(NEXT): 150}
    older = stack.start_worker("-n", "old@%h")
    wait_until(lambda: SAID in stack.logs(), timeout=60, what="word of the old worker")
    old = chat.enqueue_batch(rows(1_000, 150), sender="support", text="Hello")
    assert chat.wait_batch(old.id, timeout=60).counts[JobState.SENT] == 150
    assert stack.sandbox.stats().calls == 150
    assert versions(chat) == {str(NEXT): 150, str(NEXT - 1): 150}

    worker = stack.start_worker("-n", "new@%h", environment=newer)
    second = chat.enqueue_batch(rows(2_000, 400), sender="support", text="Hello")
    enqueue_newer(stack, newer, 3_000, 150)
    wait_until(
        lambda: inspection.counts(chat._store, chat._store.keys("main")).get("sent") == 850,
        timeout=120,
        what="all jobs",
    )
    end(older)
    third = chat.enqueue_batch(rows(4_000, 50), sender="support", text="Hello")
    assert chat.wait_batch(third.id, timeout=60).counts[JobState.SENT] == 50
    texted = Counter(contact.destination for contact in stack.sandbox.contacts())

    assert len(texted) == 900
    assert set(texted.values()) == {1}
    assert stack.sandbox.stats().calls == 900
    assert chat.batch(second.id).final
    # What the newer worker saves is of its version: its own jobs, and those that came when the older one was gone.
    assert versions(chat)[str(NEXT)] >= 350
    assert stack.logs().count(SAID) == 1
    assert worker.poll() is None


def test_an_old_program_says_that_a_job_is_of_a_newer_version(stack: Harness, tmp_path: Path) -> None:
    """Not that it is unknown: it would be enqueued once more."""
    enqueue_newer(stack, make_next_version(tmp_path / "next"), 0, 1)
    chat = stack.chat()
    (key,) = chat._store.redis.scan_iter("oc:{main}:j:*")
    job_id = "main." + key.rpartition(":")[2]

    for ask in (chat.status, chat.cancel, chat.why):
        with pytest.raises(WrittenByNewerVersion, match="upgrade this program"):
            ask(job_id)
    shown = stack.run("status", job_id)
    assert shown.returncode == 2
    assert "written by a newer version" in shown.stderr
