"""Redis or the broker goes away in the middle: nobody has to start anything again, nothing is lost or doubled.

`tests/chaos` strikes whole stacks; here is what it does not look at.
"""

import signal
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
import redis

from outbound_chat import Job, JobState, OutboundChat, StoreUnavailable
from outbound_chat.children import end
from outbound_chat_config import Settings
from outbound_chat_worker.local.embedded import EmbeddedServer
from tests.support.harness import Harness, free_port, number, sender
from tests.support.proxy import running_proxy
from tests.support.waiting import wait_until


def _rows(total: int, start: int = 0) -> list[dict[str, str]]:
    return [{"to": number(start + index)} for index in range(total)]


def _nobody_texted_twice(stack: Harness, total: int) -> bool:
    times_texted = Counter(contact.destination for contact in stack.sandbox.contacts())
    return len(times_texted) == total and set(times_texted.values()) == {1}


def test_results_of_calls_in_flight_are_kept_until_redis_returns(stack: Harness) -> None:
    """A call that Connect accepted must not be forgotten because Redis was away when its answer came."""
    with stack.line() as line:
        stack.start_worker()
        chat = stack.chat()
        line.hold("answers")
        jobs = [chat.enqueue(sender="support", to=number(index), text="Hello") for index in range(8)]
        wait_until(lambda: stack.sandbox.stats().calls == 8, what="all calls in flight")
        stack.kill(stack.server.process)
        line.let_pass()
        wait_until(lambda: "results wait for Redis" in stack.logs(), what="a result that found no Redis")
        stack.server.restart()

        assert {chat.wait(job.id, timeout=60).state for job in jobs} == {JobState.SENT}
        assert stack.sandbox.stats().calls == 8


def test_a_worker_that_waits_for_work_finds_redis_again(stack: Harness) -> None:
    """Redis down at the claim: an idle worker must not need a restart either."""
    stack.start_worker()
    chat = stack.chat()
    chat.wait(chat.enqueue(sender="support", to=number(1), text="Hello").id, timeout=60)
    stack.kill(stack.server.process)
    wait_until(lambda: "Redis can't be reached" in stack.logs(), what="the waker's word about Redis")
    stack.server.restart()
    job = chat.enqueue(sender="support", to=number(2), text="Hello again")

    assert chat.wait(job.id, timeout=60).state is JobState.SENT
    wait_until(lambda: "Redis works again" in stack.logs(), what="the end of the outage in the log")
    assert "Traceback" not in stack.logs()


def test_without_redis_and_credentials_the_log_has_a_line_for_each(stack: Harness) -> None:
    """Both are missing on a machine that was just set up: neither may bury the other."""
    stack.kill(stack.server.process)
    missing = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_EC2_METADATA_DISABLED": "true"}
    files = {"AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent"}
    stack.start_worker(environment={**missing, **files})
    wait_until(lambda: stack.logs().count("Redis can't be reached") >= 3, timeout=60, what="three lines about Redis")
    said = stack.logs()
    stack.server.restart()
    wait_until(lambda: "Redis works again" in stack.logs(), timeout=60, what="the end of the outage in the log")
    wait_until(lambda: "broker is reachable again" in stack.logs(), timeout=60, what="the broker's end of the outage")

    assert "Traceback" not in stack.logs()
    for name in ("support", "chat"):
        assert 1 <= said.count(f"sender {name}: no AWS credentials were found") <= 4
    assert "SecurityWarning" not in said
    assert "Celery's broker can't be reached at redis://" in said
    assert "Trying again in" not in said


def test_an_endpoint_that_can_not_be_reached_is_no_line_for_each_job(stack: Harness) -> None:
    """A thousand jobs that wait for the network have one reason."""
    senders = {"support": sender(endpoint_url="http://127.0.0.1:1")}
    stack.configure(senders=senders, retry={"base": 3600, "cap": 3600})
    stack.start_worker()
    chat = stack.chat()
    receipt = chat.enqueue_batch(_rows(40), sender="support", text="Hello")
    jobs = [f"{receipt.id}-{row}" for row in range(1, 41)]
    wait_until(lambda: all(chat.status(job).error for job in jobs), timeout=60, what="an attempt of each")
    chat.cancel_batch(receipt.id)

    assert 1 <= stack.logs().count("sender support: no connection to AWS could be made") < 10
    assert "check the network, the proxy and endpoint_url" in stack.logs()
    assert "unreachable" not in stack.logs()


def test_enqueue_says_clearly_that_redis_is_down_and_stores_nothing(stack: Harness) -> None:
    """A web app must answer 503 and not pretend."""
    chat = OutboundChat.from_settings(stack.settings)
    stack.kill(stack.server.process)

    with pytest.raises(StoreUnavailable, match="Redis can't be reached"):
        chat.enqueue(sender="support", to=number(1), text="Hello")
    with pytest.raises(StoreUnavailable, match="Redis can't be reached"):
        chat.enqueue_batch(_rows(10), sender="support", text="Hello")
    stack.server.restart()
    assert chat.batches().batches == ()
    assert chat.budgets()[0].accepted == 0
    chat.close()


def test_commands_and_workers_outlive_a_redis_that_hangs(stack: Harness) -> None:
    """Each command ends while it hangs; a worker says so, call after call, and goes on by itself."""
    stack.configure(redis_timeout=0.3, worker={"redis_timeout": 1})
    worker = stack.start_worker()
    with OutboundChat.from_settings(Settings.from_values(**{**stack.values, "redis_timeout": 60})) as patient:
        first = patient.enqueue(sender="support", to=number(1), text="Hello")
        assert patient.wait(first.id, timeout=60).state is JobState.SENT
        stack.server.process.send_signal(signal.SIGSTOP)
        try:
            ended = [stack.run(*command) for command in (["status", first.id], ["list"], ["cancel", first.id])]
            wait_until(lambda: stack.logs().count("Redis can't be reached") > 1, timeout=60, what="two calls")
        finally:
            stack.server.process.send_signal(signal.SIGCONT)
        second = patient.enqueue(sender="support", to=number(2), text="Hello again")

        assert patient.wait(second.id, timeout=60).state is JobState.SENT
    assert [(done.returncode, "tried for 0.3 s" in done.stderr) for done in ended] == [(3, True)] * 3
    assert worker.poll() is None


def test_scheduled_jobs_go_although_redis_lost_the_settings(stack: Harness) -> None:
    """An operator removed keys, or restored an old snapshot: the wakers write the settings again by themselves."""
    stack.start_worker()
    chat = stack.chat()
    chat.wait(chat.enqueue(sender="support", to=number(1), text="Hello").id, timeout=60)
    chat._store.redis.delete("oc:{main}:settings")
    job = chat.enqueue(sender="support", to=number(2), text="Hello", send_at=datetime.now(UTC) + timedelta(seconds=2))

    assert chat.wait(job.id, timeout=60).state is JobState.SENT


def test_a_repeat_with_its_key_texts_nobody_twice_although_redis_forgot_the_job(stack: Harness) -> None:
    """A failover may forget a job that was called, before its producer heard of it: who repeats must not text twice."""
    stack.start_worker()
    chat = stack.chat()

    def send(text: str) -> Job:
        job = chat.enqueue(sender="support", to=number(1), text=text, idempotency_key="order-17")
        return chat.wait(job.id, timeout=60)

    first = send("Hello")
    redis = chat._store.redis
    redis.delete(*redis.keys("oc:{main}:*"))
    second = send("Hello")
    redis.delete(*redis.keys("oc:{main}:*"))
    other = send("Good evening")

    assert second.id != first.id
    assert second.contact_id == first.contact_id
    assert other.contact_id != first.contact_id
    assert len(list(stack.sandbox.contacts())) == 2


def test_a_broker_that_is_away_delays_and_loses_nothing(stack: Harness) -> None:
    """The broker may be another server than the store; results must be recorded without it."""
    broker = EmbeddedServer(stack.folder / "broker")
    try:
        stack.configure(broker_url=broker.url, worker={"slice": 0.5})
        stack.sandbox.configure(latency=timedelta(milliseconds=50))
        stack.start_worker()
        chat = stack.chat()
        receipt = chat.enqueue_batch(_rows(400), sender="support", text="Hello")
        wait_until(lambda: stack.sandbox.stats().accepted > 50, timeout=60)
        stack.kill(broker.process)
        wait_until(lambda: chat.batch(receipt.id).counts[JobState.SENDING] == 0, timeout=60, what="calls recorded")
        broker.restart()
        assert chat.wait_batch(receipt.id, timeout=90).counts[JobState.SENT] == 400
        assert _nobody_texted_twice(stack, 400)
    finally:
        broker.stop()


def test_a_broker_that_hangs_stops_neither_calls_nor_leases(stack: Harness) -> None:
    """It is no part of the path of a job: pumps at work need it only to get others."""
    broker = EmbeddedServer(stack.folder / "broker")
    try:
        stack.configure(
            broker_url=broker.url,
            budgets={"main": {"rate": 40.0, "burst": 40}},
            worker={"slice": 1, "threads": 4, "read_timeout": 60, "lease": 90},
        )
        stack.sandbox.configure(latency=timedelta(milliseconds=50))
        worker = stack.start_worker()
        chat = stack.chat()
        hanging = chat.enqueue(sender="support", to="+12025550154", text="Hello")
        receipt = chat.enqueue_batch(_rows(600), sender="support", text="Hello")
        wait_until(lambda: stack.sandbox.stats().accepted > 20, timeout=60, what="calls")

        def lease_end() -> float:
            found: float = chat._store.redis.zscore("oc:{main}:leases", hanging.id.split(".")[1])
            return found

        broker.process.send_signal(signal.SIGSTOP)
        try:
            before = lease_end()
            wait_until(
                lambda: chat.batch(receipt.id).counts[JobState.SENT] == 600,
                timeout=90,
                what="all jobs without a broker",
            )
            assert lease_end() > before + 5_000
        finally:
            broker.process.send_signal(signal.SIGCONT)
        stack.kill(worker)
    finally:
        broker.stop()


def test_a_job_that_comes_while_no_pump_runs_waits_for_no_broker(stack: Harness) -> None:
    """A broker carries wake-ups and no more: one that hangs or is away must not hold up the first job for that long."""
    broker = EmbeddedServer(stack.folder / "broker")
    try:
        stack.configure(broker_url=broker.url)
        stack.start_worker()
        chat = stack.chat()

        def sends(index: int) -> bool:
            with redis.Redis(port=stack.server.port) as store:
                wait_until(lambda: store.zcard("oc:{main}:pumps") == 0, timeout=60, what="a worker without a pump")
            job = chat.enqueue(sender="support", to=number(index), text="Hello")
            return chat.wait(job.id, timeout=60).state is JobState.SENT

        assert sends(1)
        broker.process.send_signal(signal.SIGSTOP)
        assert sends(2)
        assert sends(3)
        broker.process.send_signal(signal.SIGCONT)
        stack.kill(broker.process)
        assert sends(4)
        broker.restart()
        assert sends(5)
        assert _nobody_texted_twice(stack, 5)
    finally:
        broker.process.send_signal(signal.SIGCONT)
        broker.stop()


@pytest.mark.parametrize("cluster", [False, True], ids=["server", "cluster"])
def test_a_worker_that_was_started_before_redis_waits_for_it(stack: Harness, cluster: bool) -> None:
    """Machines start in any order."""
    port = free_port()
    stack.configure(redis_url=f"redis{'+cluster' if cluster else ''}://127.0.0.1:{port}/0", broker_url=stack.server.url)
    worker = stack.start_worker()
    wait_until(lambda: "Redis can't be reached" in stack.logs(), timeout=60, what="word of the waker")
    options = ("--cluster-enabled", "yes", "--cluster-port", str(free_port())) if cluster else ()
    server = EmbeddedServer(stack.folder / "late", port=port, options=options)
    try:
        if cluster:
            with redis.Redis(port=port, decode_responses=True) as client:
                client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
                wait_until(lambda: "cluster_state:ok" in str(client.execute_command("CLUSTER", "INFO")))
        chat = stack.chat()
        job = chat.enqueue(sender="support", to=number(1), text="Hello")

        assert chat.wait(job.id, timeout=60).state is JobState.SENT
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(40) == 0
    finally:
        server.stop()


def test_the_store_may_be_a_unix_socket(stack: Harness) -> None:
    """On one machine it is faster, and no port has to be guarded. Celery's messages stay in its database too."""
    socket = stack.folder / "valkey.sock"
    server = EmbeddedServer(stack.folder / "unix", options=("--unixsocket", str(socket)))
    try:
        stack.configure(redis_url=f"unix://{socket}?db=2")
        stack.start_worker()
        with OutboundChat.from_settings(stack.settings) as chat:
            job = chat.enqueue(sender="support", to=number(1), text="Hello")
            assert chat.wait(job.id, timeout=60).state is JobState.SENT
        with redis.Redis(port=server.port) as whole:
            assert whole.info("keyspace").keys() == {"db2"}
    finally:
        server.stop()


def test_workers_follow_a_failover_to_the_new_primary(stack: Harness) -> None:
    """The address leads to the new primary, and the connections that stand stay with the old one, now a replica."""
    second = EmbeddedServer(stack.folder / "second")
    try:
        with running_proxy(stack.server.port) as proxy:
            stack.configure(redis_url=f"redis://127.0.0.1:{proxy.port}/0")
            worker = stack.start_worker()
            chat = stack.chat()
            chat.wait(chat.enqueue(sender="support", to=number(1), text="Hello").id, timeout=60)
            with redis.Redis(port=stack.server.port) as old, redis.Redis(port=second.port) as new:
                for server in (old, new):
                    server.config_set("repl-diskless-sync-delay", 0)
                new.replicaof("127.0.0.1", stack.server.port)
                wait_until(lambda: new.info("replication")["master_link_status"] == "up", what="the replication")
                new.replicaof("NO", "ONE")
                old.replicaof("127.0.0.1", second.port)
                proxy.target = second.port
                receipt = chat.enqueue_batch(_rows(50, start=2), sender="support", text="Hello")
                assert chat.wait_batch(receipt.id, timeout=90).counts[JobState.SENT] == 50
                # A pump that left because no work came must be brought again, by a message of Celery.
                wait_until(lambda: new.zcard("oc:{main}:pumps") == 0, what="an idle worker without a pump")
                job = chat.enqueue(sender="support", to=number(60), text="Hello")
                assert chat.wait(job.id, timeout=60).state is JobState.SENT
                assert worker.poll() is None
                assert _nobody_texted_twice(stack, 52)
                end(worker)
                wait_until(lambda: old.dbsize() == new.dbsize(), what="the turned replication")
    finally:
        second.stop()
