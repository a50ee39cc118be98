"""Messages that nobody should have put into our queue: the jobs are sent all the same, each once."""

import base64
import json
import pickle
import sys
import uuid
from pathlib import Path
from typing import Any

import redis

from outbound_chat import JobState
from outbound_chat_worker.celery import PUMP_TASK, QUEUE
from tests.support.harness import Harness, number
from tests.support.waiting import wait_until

LIST = f"oc:celery:{QUEUE}"
JOBS = 20


def message(task: str, body: object, *, encoded: bytes | None = None, content: str = "application/json") -> str:
    """A message of Celery's second protocol, as kombu keeps it in Redis."""
    id_ = str(uuid.uuid4())
    raw = encoded if encoded is not None else json.dumps(body).encode()
    return json.dumps(
        {
            "body": base64.b64encode(raw).decode(),
            "content-encoding": "utf-8",
            "content-type": content,
            "headers": {"lang": "py", "task": task, "id": id_, "root_id": id_, "parent_id": None, "group": None},
            "properties": {
                "correlation_id": id_,
                "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": QUEUE},
                "priority": 0,
                "body_encoding": "base64",
                "delivery_tag": str(uuid.uuid4()),
            },
        }
    )


def pump(*args: object, **kwargs: object) -> str:
    return message(PUMP_TASK, [args, kwargs, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}])


def without(text: str, *path: str) -> str:
    """The message without one of its parts."""
    whole: dict[str, Any] = json.loads(text)
    *steps, last = path
    part = whole
    for step in steps:
        part = part[step]
    del part[last]
    return json.dumps(whole)


HARMLESS = {
    "a task that nobody knows": message("tasks.add", [[1, 2], {}, {}]),
    "a budget that nobody has": pump("other", "needed1"),
    "a budget that reaches for other keys": pump("main}:x{\x1b[2J\n", "needed1"),
    "a budget that is a list": pump(["main"], "needed1"),
    "a budget that is nothing": pump(None),
    "no budget": pump(),
    "a nonce that is a number": pump("main", 1),
    "a nonce that is nothing": pump("main", None),
    "a nonce that is a table": pump("main", {"a": ["b"]}),
    "a nonce of nonsense": pump("main", "\x00\ud83d\ude00" * 1_000),
    "a nonce of many digits": pump("main", "9" * 5_000),
    "too many arguments": pump("main", "needed1", "three"),
    "an argument by another name": pump("main", colour="blue"),
    "pickle": message(
        PUMP_TASK, None, encoded=pickle.dumps([("main",), {}, {}]), content="application/x-python-serialize"
    ),
    "a body that is no JSON": message(PUMP_TASK, None, encoded=b"{["),
    "a body nested without end": message(PUMP_TASK, None, encoded=b"[" * 50_000),
    "a body of 27 MB": pump("main", "x" * 20_000_000),
    "a time that is none": message(PUMP_TASK, [["main"], {}, {}]).replace(
        '"lang": "py"', '"lang": "py", "eta": "soon"'
    ),
}
"""The worker's process outlives them."""

DEADLY = "{["
"""What is no JSON ends the process as kombu reads it, before anything of ours sees it: the supervisor starts another.
So does a body that is no base64."""

BREAKING = {
    "JSON without an envelope": '{"a": 1}',
    "a list": "[]",
    "no properties": without(pump("main"), "properties"),
    "no headers": without(pump("main"), "headers"),
}
"""The worker connects to the broker anew, or ends and is started again: that is kombu's to decide."""


def supervised(stack: Harness) -> None:
    process = stack.start([sys.executable, "-m", "outbound_chat.cli", "worker", "--processes", "1"])
    wait_until(lambda: "-1@" in stack.logs() and "ready" in stack.logs(), timeout=90, what="the worker")
    # The command line has made way: what its process holds now is in tests/guards.
    assert b"\0outbound_chat_worker.local.supervisor\0" in Path(f"/proc/{process.pid}/cmdline").read_bytes()


def check_sent(stack: Harness, batches: list[str]) -> None:
    """Every job is sent, to one contact."""
    chat = stack.chat()
    for batch in batches:
        counts = chat.wait_batch(batch, timeout=120).counts
        assert counts[JobState.SENT] == JOBS, counts
    destinations = [contact.destination for contact in stack.sandbox.contacts()]
    assert len(destinations) == len(set(destinations)) == JOBS * len(batches)


def test_jobs_are_sent_once_whatever_stands_in_the_queue(stack: Harness) -> None:
    """A queue is open to whoever has the broker's password, and to every slip of theirs."""
    messages = [*HARMLESS.values(), *BREAKING.values(), DEADLY]
    chat = stack.chat()
    batches = []
    with redis.Redis.from_url(stack.server.url) as broker:
        supervised(stack)
        for part in range(2):
            rows = [{"to": number(part * JOBS + row)} for row in range(JOBS)]
            batches.append(chat.enqueue_batch(rows, sender="support", text="Hello").id)
            for text in messages[part::2]:
                broker.lpush(LIST, text)
            broker.lpush(LIST, pump("main"))
        wait_until(lambda: broker.llen(LIST) == 0, timeout=120, what="an empty queue")
    check_sent(stack, batches)
    said = stack.logs()
    assert 1 <= said.count("process 1 ended with") <= 1 + len(BREAKING)
    assert "budget 'other' is not in this worker's settings; give all workers the same settings" in said
    assert "not a request for a pump" in said
    assert "\x1b" not in said
