"""The users of Redis that docs/deployment.md gives: each can do all it is for, and nothing else.

What a server refuses it counts (ACL LOG); a command that a library tries and does without would be found there too.
"""

import asyncio
import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import redis

from outbound_chat import AsyncOutboundChat, JobState, OutboundChat
from outbound_chat_config import Settings
from outbound_chat_worker.local.embedded import EmbeddedServer
from outbound_chat_worker.sandbox import Fault, FaultKind
from tests.http.conftest import start_service
from tests.http.keyring import make_key
from tests.http.test_sessions import OWN
from tests.support.harness import Harness, data_of, free_port, number, sender
from tests.support.receiver import Receiver
from tests.support.waiting import wait_until

PAGE = Path(__file__).parents[2] / "docs" / "deployment.md"
LINES = {line.split()[2]: line for line in re.findall(r"^ACL SETUSER .+$", PAGE.read_text("utf-8"), re.MULTILINE)}
PASSWORD = "a-password"
OF_ANOTHER = "celery"
JOB: dict[str, Any] = {"sender": "support", "to": number(0), "text": "Hello"}


@pytest.fixture
def admin(stack: Harness) -> Iterator[redis.Redis]:
    """The server with the users of the page; at the end it must have refused nothing to them."""
    with redis.Redis(port=stack.server.port, decode_responses=True) as client:
        for line in LINES.values():
            assert client.execute_command(*shlex.split(line.replace(">PASSWORD", f">{PASSWORD}"))) == "OK"
        client.set(OF_ANOTHER, "secret")
        client.acl_log_reset()
        yield client


def url(stack: Harness, user: str) -> str:
    return f"redis://{user}:{PASSWORD}@127.0.0.1:{stack.server.port}/0"


def client(stack: Harness, user: str) -> OutboundChat:
    return OutboundChat.from_settings(Settings.from_values(**{**stack.values, "redis_url": url(stack, user)}))


def refused(admin: redis.Redis) -> set[str]:
    """What was refused, but for functions: who may not load them runs scripts."""
    return {str(entry["object"]) for entry in admin.acl_log()} - {"function|load"}


def test_the_page_has_a_user_for_each_role() -> None:
    assert set(LINES) == {"oc-reader", "oc-producer", "oc-worker", "oc-auditor"}


def test_a_whole_stack_runs_with_these_users(stack: Harness, admin: redis.Redis) -> None:
    """Enqueue, work and read, each by its own user; Celery's broker is the same server."""
    hooks = {"secrets": ["whsec_" + "A" * 32], "allow_private": True}
    stack.configure(redis_url=url(stack, "oc-worker"), webhooks=hooks)
    worker = stack.start_worker()
    with (
        client(stack, "oc-producer") as chat,
        client(stack, "oc-reader") as reader,
        Receiver() as receiver,
    ):
        told = chat.enqueue(**JOB, callback_url=receiver.url)
        wait_until(lambda: receiver.ids() == [f"{told.id}.sent"] and not reader.webhook_hosts(), timeout=60)
        job = chat.enqueue(**JOB, idempotency_key="a", durability="fsync")
        rows = [{"to": number(row)} for row in range(1, 50)]
        receipt = chat.enqueue_batch(rows, sender="support", text="Hi", durability="fsync")

        assert reader.wait(job.id, 60).state is JobState.SENT
        assert reader.wait_batch(receipt.id, 60).counts[JobState.SENT] == 49
        assert reader.history().budget == "main"
    doctor = stack.run("doctor", "--json")
    ping = stack.start([sys.executable, "-m", "celery", "-A", "outbound_chat_worker", "inspect", "ping"])
    assert ping.wait(60) == 0
    # A warm end: Celery takes its queues and channels away.
    worker.terminate()
    assert worker.wait(60) == 0

    checks = {check["subject"]: check for check in data_of(doctor.stdout)}
    assert {check["level"] for check in checks.values()} == {"ok"}, doctor.stdout
    assert "unknown" in checks["persistence"]["finding"]
    assert refused(admin) <= {"config|get"}


def test_a_worker_may_call_a_job_again_and_count_contacts(stack: Harness, admin: redis.Redis) -> None:
    """Jobs that wait for a second call, or for their recipient, are taken with other commands than new ones."""
    own = sender(endpoint_url=stack.sandbox.url, per_recipient=["1/PT1S"])
    stack.configure(redis_url=url(stack, "oc-worker"), senders={"support": own}, retry={"base": 0.001, "cap": 0.001})
    stack.sandbox.configure(faults=(Fault(FaultKind.INTERNAL_ERROR, share=0.5),))
    stack.start_worker()
    with client(stack, "oc-producer") as chat:
        receipt = chat.enqueue_batch([{"to": number(row % 20)} for row in range(40)], sender="support", text="Hi")
        assert chat.wait_batch(receipt.id, 60).counts[JobState.SENT] == 40

    assert refused(admin) == set()


def test_a_cluster_needs_two_words_more(tmp_path: Path) -> None:
    """Its client asks where the slots are."""
    extra = re.findall(r"With Redis Cluster, add `([^`]+)`", PAGE.read_text("utf-8"))[0]
    options = ("--cluster-enabled", "yes", "--cluster-port", str(free_port()))
    with ExitStack() as stack:
        server = EmbeddedServer(tmp_path, options=options)
        stack.callback(server.stop)
        admin = stack.enter_context(redis.Redis(port=server.port, decode_responses=True))
        admin.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        wait_until(lambda: "cluster_state:ok" in str(admin.execute_command("CLUSTER", "INFO")))
        line = LINES["oc-producer"].replace(">PASSWORD", f">{PASSWORD}")
        admin.execute_command(*shlex.split(f"{line} {extra}"))
        values: dict[str, Any] = {
            "redis_url": f"redis+cluster://oc-producer:{PASSWORD}@127.0.0.1:{server.port}",
            "broker_url": "redis://127.0.0.1:1/0",
            "senders": {"support": sender()},
        }
        chat = stack.enter_context(OutboundChat(**values))

        async def ask() -> JobState:
            async with AsyncOutboundChat(**values) as asynchronous:
                job = await asynchronous.enqueue(**JOB, durability="fsync")
                return (await asynchronous.cancel(job.id)).state

        job = chat.enqueue(**JOB, durability="fsync")
        assert chat.cancel(job.id).state is JobState.CANCELLED
        assert asyncio.run(ask()) is JobState.CANCELLED
        assert refused(admin) == set()


def test_the_http_service_needs_no_more_than_a_producer(stack: Harness, admin: redis.Redis) -> None:
    """It waits, follows and reads what other producers seldom do."""
    stack.configure(redis_url=url(stack, "oc-producer"))
    with start_service(stack).client() as http:
        job = http.post("/v1/jobs", json=JOB).json()["id"]
        waited = http.get(f"/v1/jobs/{job}", params={"wait": 1})
        assert waited.status_code == 200, waited.text
        assert waited.json()["state"] == "queued"
        with http.stream("GET", "/v1/events") as events:
            assert next(events.iter_lines()).startswith("retry")
        for path in ("/readyz", "/v1/budgets", "/v1/history", "/v1/senders/support/suppressed", "/v1/dead-letters"):
            assert http.get(path).status_code == 200
        assert "outbound_chat_store_up 1.0" in http.get("/metrics").text
        assert http.post(f"/v1/jobs/{job}/cancel").status_code == 200
        key = {"key": make_key(stack).token}
        http.post("/ui/login", data=key, headers=OWN)
        assert http.get("/ui").status_code == 200
        http.post("/ui/logout", headers=OWN)
        http.post("/ui/login", data=key, headers=OWN)
        entries = http.get("/v1/audit", headers={"Authorization": f"Bearer {key['key']}"}).json()["entries"]
        assert [one["action"] for one in entries] == ["sign_in", "sign_out", "sign_in", "cancel"]

    # The overview shows the findings of the doctor, who says that this is unknown.
    assert refused(admin) == {"config|get"}


@pytest.mark.parametrize("user", sorted(LINES))
def test_doctor_says_all_that_the_user_may_know(stack: Harness, admin: redis.Redis, user: str) -> None:
    """What a user may not read is unknown and no fault, and the lines after it still come."""
    stack.chat().enqueue(**JOB, callback_url="https://hooks.example.com/")
    stack.configure(redis_url=url(stack, user), webhooks={"secrets": ["whsec_" + "A" * 32]})
    whole = data_of(stack.run("doctor", "--json").stdout)
    line = LINES[user].replace(">PASSWORD", f">{PASSWORD}")
    assert admin.execute_command(*shlex.split(f"{line} -type -hgetall")) == "OK"  # type: ignore[no-untyped-call]
    part = data_of(stack.run("doctor", "--json").stdout)

    for checks in (whole, part):
        assert [check for check in checks if check["level"] == "fault"] == []
        assert {"redis", "settings", "clock", "broker"} <= {check["subject"] for check in checks}
    unknown = {check["subject"] for check in whole if "unknown" in check["finding"]}
    assert unknown == {"persistence"} | ({"queue"} if user != "oc-worker" else set())
    assert {"keys of main", "budget main"} <= {check["subject"] for check in part if "unknown" in check["finding"]}


@pytest.mark.parametrize("user", sorted(LINES))
def test_no_user_reaches_what_is_not_ours(stack: Harness, admin: redis.Redis, user: str) -> None:
    """Keys of other programs, their channels, and the server itself; by a script neither."""
    assert admin.get(OF_ANOTHER) == "secret"
    with redis.Redis.from_url(url(stack, user), decode_responses=True) as limited:
        for command in (
            ("GET", OF_ANOTHER),
            ("SET", OF_ANOTHER, "x"),
            ("DEL", OF_ANOTHER),
            ("EVAL", f"return redis.call('GET', '{OF_ANOTHER}')", 0),
            ("EVAL", "return 1", 1, OF_ANOTHER),
            ("SUBSCRIBE", "news"),
            ("KEYS", "*"),
            ("FLUSHALL",),
            ("CONFIG", "GET", "*"),
            ("ACL", "LIST"),
        ):
            with pytest.raises(redis.ResponseError, match=r"(?i)permission|acl"):
                limited.execute_command(*command)
    assert admin.get(OF_ANOTHER) == "secret"


@pytest.mark.parametrize("user", sorted(LINES))
def test_a_user_has_no_command_that_no_script_and_no_library_uses(user: str) -> None:
    """The least there is: what a line allows is in a script, or in the list below with its reason."""
    folder = Path(__file__).parents[2] / "producers" / "outbound_chat" / "store" / "lua"
    text = "\n".join(file.read_text("utf-8") for file in folder.rglob("*.lua"))
    in_scripts = {word.lower() for word in re.findall(r"'([A-Z]+)'", text)}
    to_connect = {"ping", "hello", "client|setinfo", "info"}
    to_run = {"eval", "evalsha", "fcall"} | ({"function|load"} if user == "oc-worker" else set())
    to_wait = {"subscribe", "unsubscribe", "wait", "waitaof"}
    of_workers = {"blpop", "lrange"}
    of_celery = {
        "brpop",
        "llen",
        "multi",
        "exec",
        "psubscribe",
        "punsubscribe",
        "smembers",
        "script|exists",
        "script|load",
    }
    of_doctor, of_audit = {"type"}, {"scan"} if user == "oc-auditor" else set()
    of_http = {"xrevrange"} if user == "oc-producer" else set()
    known = of_http | in_scripts | to_connect | to_run | to_wait | of_doctor | of_audit
    known |= of_workers | of_celery if user == "oc-worker" else set()
    given = {word.removeprefix("+") for word in LINES[user].split() if word.startswith("+")}

    assert given <= known
