"""One pump in this process: what it does when Redis, the broker or the code itself lets it down."""

import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import redis

from outbound_chat.model.errors import StoreError, StoreUnavailable
from outbound_chat.model.ids import new_local_id
from outbound_chat.model.jobs import JobState
from outbound_chat.request import ChatRequest
from outbound_chat.store import ScriptCall, Store, inspection, scripts
from outbound_chat.store.scripts import Claimed
from outbound_chat_config import LATEST_SECONDS
from outbound_chat_worker.connect import TooLate
from outbound_chat_worker.publisher import PumpPublisher
from outbound_chat_worker.pump.attempt import AttemptRunner
from outbound_chat_worker.pump.callers import Callers
from outbound_chat_worker.pump.durations import Durations
from outbound_chat_worker.pump.in_flight import InFlight
from outbound_chat_worker.pump.pump import Pump
from outbound_chat_worker.runtime import Runtime
from outbound_chat_worker.sandbox import SANDBOX_ENVIRONMENT
from tests.support.harness import Harness, number
from tests.support.waiting import T, wait_until

PATIENCE = 60.0
"""Bites on failure only."""


@pytest.fixture
def runtime(stack: Harness, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runtime]:
    """Ten jobs, two threads, calls of 0.3 s, and a budget that is configured."""
    for name, value in SANDBOX_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    stack.configure(worker={"threads": 2, "slice": 3})
    stack.sandbox.configure(latency=timedelta(milliseconds=300))
    chat = stack.chat()
    for index in range(10):
        chat.enqueue(sender="support", to=number(index), text="Hello")
    made = Runtime(stack.settings)
    made.configure("main")
    yield made
    made.store.close()


def a_pump(runtime: Runtime, publisher: PumpPublisher | None = None) -> Pump:
    return Pump(
        runtime,
        "main",
        nonce="asked",
        stopping=threading.Event(),
        publisher=publisher or PumpPublisher(lambda *_: None),
    )


@contextmanager
def at_work(pump: Pump) -> Iterator["Future[int]"]:
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(pump.work)


class BrokenPublisher(PumpPublisher):
    """Something that nobody foresaw."""

    def publish(self, budget: str, nonce: str) -> None:
        raise RuntimeError(f"can't start a new thread for {budget} {nonce}")


def test_an_unforeseen_error_drops_no_result(stack: Harness, runtime: Runtime) -> None:
    """The calls were made: without their results each would be called again, and count as perhaps sent."""
    with pytest.raises(RuntimeError, match="new thread"):
        a_pump(runtime, BrokenPublisher(print)).work()

    counts = inspection.counts(runtime.store, runtime.keys("main"))
    sent = counts.get("sent", 0)  # none, if the error came before any thread had begun
    assert sent == stack.sandbox.stats().accepted
    assert (counts["leased"], counts["waiting"] + sent) == (0, 10)


def test_a_redis_that_takes_no_settings_drops_no_result(
    stack: Harness, runtime: Runtime, caplog: pytest.LogCaptureFixture
) -> None:
    """Its rights may be wrong; the pump says so, goes on recording, and sends on once they are right."""
    with redis.Redis(port=stack.server.port) as admin, at_work(a_pump(runtime)) as done:
        wait_until(lambda: stack.sandbox.stats().calls >= 2, what="calls in flight")
        all_but_settings = ["%RW~oc:{main}:", "%RW~oc:{main}:[^s]*", "%R~*"]
        admin.acl_setuser("default", enabled=True, nopass=True, reset_keys=True, keys=[], commands=["+@all"])
        admin.execute_command("ACL", "SETUSER", "default", *all_but_settings)
        with redis.Redis(port=stack.server.port) as other:
            other.execute_command("ACL", "SETUSER", "remover", "on", "nopass", "~*", "+@all")
        with redis.Redis(port=stack.server.port, username="remover", password="any") as remover:
            remover.delete("oc:{main}:settings")
            wait_until(lambda: "jobs wait until Redis works" in caplog.text, what="word of the pump")
            admin.execute_command("ACL", "SETUSER", "default", "~*")
        done.result(PATIENCE)

    counts = inspection.counts(runtime.store, runtime.keys("main"))
    assert counts["leased"] == 0
    assert counts["sent"] == stack.sandbox.stats().calls > 2


def test_a_pump_that_redis_holds_up_does_not_keep_up(stack: Harness, runtime: Runtime) -> None:
    """Its process would let every message go by, for as long as a time-out lasts."""
    pump = a_pump(runtime)
    with at_work(pump) as done:
        wait_until(lambda: stack.sandbox.stats().calls >= 2, what="calls in flight")
        wait_until(lambda: pump.keeps_up, what="a result")
        stack.server.process.send_signal(signal.SIGSTOP)
        try:
            wait_until(lambda: not pump.keeps_up, what="word that it is held up")
        finally:
            stack.server.process.send_signal(signal.SIGCONT)
        done.result(PATIENCE)


class DeafStore(Store):
    """Claims reach Redis, and the answers get lost."""

    def run(self, call: ScriptCall[T]) -> T:
        answer = super().run(call)
        if call.script == "claim":
            raise StoreUnavailable("Redis can't be reached: the line was cut")
        return answer


def test_jobs_that_a_pump_was_never_told_of_go_back_when_it_leaves(stack: Harness, runtime: Runtime) -> None:
    """They would stand until their lease ran out, and then count as perhaps sent."""
    chat = stack.chat()
    runtime.store = DeafStore(stack.server.url)
    assert a_pump(runtime).work() == 0

    counts = inspection.counts(runtime.store, runtime.keys("main"))
    assert (counts["waiting"], counts["leased"]) == (10, 0)
    runtime.store.close()
    runtime.store = Store(stack.server.url)
    while inspection.counts(runtime.store, runtime.keys("main"))["waiting"]:
        a_pump(runtime).work()
    with redis.Redis(port=stack.server.port, decode_responses=True) as client:
        ids = [key.rpartition(":")[2] for key in client.scan_iter("oc:{main}:j:*")]
    assert {chat.status(f"main.{id_}").attempts for id_ in ids} == {1}
    assert stack.sandbox.stats().calls == 10


class LateStore(Store):
    """What a listening pump claims, it hears of when the test says so; or never."""

    def __init__(self, url: str, *, lost: bool = False) -> None:
        super().__init__(url)
        self.claimed, self.may_hear = threading.Event(), threading.Event()
        self._lost = lost

    def run_at_signal(self, key: str, timeout: float, call: ScriptCall[T]) -> tuple[StoreError | None, T]:
        heard = super().run_at_signal(key, timeout, call)
        if isinstance(heard[1], Claimed):
            self.claimed.set()
            self.may_hear.wait(PATIENCE)
            if self._lost:
                self._lost = False
                raise StoreUnavailable("Redis can't be reached: the line was cut")
        return heard


@pytest.fixture
def idle(request: pytest.FixtureRequest, stack: Harness, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runtime]:
    """No job, two threads, quick calls, and a budget that is configured."""
    for name, value in SANDBOX_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    stack.configure(worker={"threads": 2, "slice": 60})
    # Longer than the settings allow: on a busy machine, a pump that waits would leave before anybody sees it wait.
    patient = stack.settings.worker.model_copy(
        update={"linger": timedelta(seconds=getattr(request, "param", PATIENCE))}
    )
    made = Runtime(stack.settings.model_copy(update={"worker": patient}))
    made.configure("main")
    yield made
    made.store.close()


@contextmanager
def listening(runtime: Runtime, stack: Harness) -> Iterator[tuple[threading.Event, "Future[int]"]]:
    stopping = threading.Event()
    with redis.Redis(port=stack.server.port) as client:
        pump = Pump(runtime, "main", stopping=stopping, publisher=PumpPublisher(lambda *_: None))
        with at_work(pump) as done:
            wait_until(lambda: done.done() or client.exists("oc:{main}:waiting"), what="a pump that waits")
            assert not done.done(), done.result()
            try:
                yield stopping, done
            finally:
                stopping.set()
                client.lpush("oc:{main}:poke", "stop")


def test_jobs_that_a_pump_hears_of_after_it_has_left_are_not_called(stack: Harness, idle: Runtime) -> None:
    """They went back as it left, and may be called by another pump, cancelled or held by now."""
    idle.store = store = LateStore(stack.server.url)
    with store, listening(idle, stack) as (stopping, done):
        job = stack.chat().enqueue(sender="support", to=number(1), text="Hello")
        assert store.claimed.wait(PATIENCE)
        stopping.set()
        wait_until(lambda: inspection.counts(store, idle.keys("main"))["waiting"] == 1, what="a job that went back")
        store.may_hear.set()
        assert done.result(PATIENCE) == 0
    found = stack.chat().status(job.id)
    assert (found.state, found.attempts) == (JobState.QUEUED, 0)
    assert stack.sandbox.stats().calls == 0


@pytest.mark.parametrize("idle", [5], indirect=True)
def test_jobs_of_an_answer_that_was_lost_while_the_pump_listened_are_called(stack: Harness, idle: Runtime) -> None:
    """Its next claim repeats the one that was not answered."""
    idle.store = store = LateStore(stack.server.url, lost=True)
    store.may_hear.set()
    with store, listening(idle, stack):
        job = stack.chat().enqueue(sender="support", to=number(1), text="Hello")
        assert stack.chat().wait(job.id, timeout=PATIENCE).attempts == 1
    assert stack.sandbox.stats().calls == 1


def test_what_the_thread_can_not_record_the_pump_records(stack: Harness, idle: Runtime) -> None:
    """Redis may go away between a claim and its result, also while jobs come one at a time."""

    class Refusing(Store):
        refused = 0

        def run(self, call: ScriptCall[T]) -> T:
            if call.script == "finish" and not self.refused:
                self.refused += 1
                raise StoreUnavailable("Redis can't be reached: the line was cut")
            return super().run(call)

    idle.store = store = Refusing(stack.server.url)
    with store, listening(idle, stack) as (stopping, done):
        job = stack.chat().enqueue(sender="support", to=number(1), text="Hello")
        assert stack.chat().wait(job.id, timeout=PATIENCE).state is JobState.SENT
        stopping.set()
        assert store.refused == 1
    assert done.result(PATIENCE) == 1


_ENDS_MEANWHILE = """
import threading
from outbound_chat_config import load_settings
from outbound_chat_worker.publisher import PumpPublisher
from outbound_chat_worker.pump.pump import Pump
from outbound_chat_worker.runtime import Runtime

pump = Pump(Runtime(load_settings()), "main", stopping=threading.Event(), publisher=PumpPublisher(print))
threading.Thread(target=pump.work).start()
"""


def _leased(runtime: Runtime) -> int:
    return inspection.counts(runtime.store, runtime.keys("main")).get("leased", 0)


def test_jobs_ahead_go_back_when_calls_become_slow(stack: Harness, runtime: Runtime) -> None:
    """While calls are quick a pump claims a few more than it has threads; another may call them in time."""
    stack.sandbox.configure(latency=timedelta(0))
    rows = ({"to": number(100 + index), "text": "Hello"} for index in range(20_000))  # more than are called meanwhile
    batch = stack.chat().enqueue_batch(rows, sender="support").id
    with stack.line(threads=2, slice=3) as line:
        through_it = Runtime(stack.settings)
        through_it.configure("main")
        with at_work(a_pump(through_it)) as done:
            wait_until(lambda: _leased(runtime) > 2, what="jobs ahead of the threads")
            line.hold("answers")
            wait_until(lambda: _leased(runtime) <= 2, what="jobs that went back")
            stack.chat().cancel_batch(batch)
            line.let_pass()
            done.result(60)
        through_it.store.close()
    counts = inspection.counts(runtime.store, runtime.keys("main"))
    assert counts["leased"] == 0
    assert counts["sent"] == stack.sandbox.stats().accepted


def test_a_call_leaves_within_half_a_second_of_its_claim_or_never(stack: Harness, runtime: Runtime) -> None:
    """AWS counts calls as they arrive: what a busy machine holds up must not come on top of what is claimed by then."""
    keys, id_ = runtime.keys("main"), new_local_id()
    claim = scripts.claim(keys, pump="p", claim_id=id_, wanted=1, lease_ms=60_000, linger_ms=0, nonce="")
    claimed = runtime.store.run(claim)
    assert isinstance(claimed, scripts.Claimed)
    caller, now = AttemptRunner(runtime, "main"), time.monotonic()
    assert caller.attempt(claimed.jobs[0], id_, now - LATEST_SECONDS).outcome == "not_called"
    assert stack.sandbox.stats().calls == 0
    assert caller.attempt(claimed.jobs[0], id_, now + PATIENCE).outcome == "sent"
    assert stack.sandbox.stats().calls == 1


def test_a_call_that_is_held_up_while_it_is_made_is_not_sent(stack: Harness, runtime: Runtime) -> None:
    """By a credential process, or by a busy machine: it is looked at again just before its bytes leave."""
    request = ChatRequest.from_short({"to": number(1), "text": "Hello"})
    identity = stack.settings.sender("support")
    arguments = request.api(identity, new_local_id())
    with pytest.raises(TooLate):
        runtime.connect.start_chat(identity, arguments, leaves_by=time.monotonic())
    assert stack.sandbox.stats().calls == 0
    runtime.connect.start_chat(identity, arguments, leaves_by=time.monotonic() + PATIENCE)
    assert stack.sandbox.stats().calls == 1


@pytest.mark.parametrize("threads", [0, 1])
def test_jobs_for_which_no_thread_can_be_had_go_back(
    stack: Harness, runtime: Runtime, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    """The pool may keep such a job, and give it to a thread that it has: it would be called although it went back."""
    start = threading.Thread.start

    def start_some(thread: threading.Thread) -> None:
        pool, _, index = thread.name.rpartition("_")
        if thread.name == "publisher" or (pool == "pump-main" and int(index) >= threads):
            raise RuntimeError("can't start new thread")
        start(thread)

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", start_some)
        a_pump(runtime).work()

    books = inspection.counts(runtime.store, runtime.keys("main"))
    sent = books.get("sent", 0)
    assert (books["leased"], books["waiting"] + sent) == (0, 10)
    assert stack.sandbox.stats().calls == sent >= threads


def test_a_process_that_ends_takes_its_pump_along(stack: Harness, runtime: Runtime) -> None:
    """Celery's cold shutdown ends the main thread under a pump: Python starts no more threads for calls it claimed.

    Without a result for them the pump would wait for ever, and the process with it.
    """
    process = stack.start([sys.executable, "-c", _ENDS_MEANWHILE])

    assert process.wait(PATIENCE) == 0
    assert "can't start calls" in stack.logs()
    counts = inspection.counts(runtime.store, runtime.keys("main"))
    assert counts.get("sent", 0) == stack.sandbox.stats().accepted
    assert (counts["leased"], counts["waiting"] + counts.get("sent", 0)) == (0, 10)


def test_results_that_redis_refuses_stop_the_sending(
    stack: Harness, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its user may lack a right that only results need: what is called is known to this process alone."""
    tries, finish = Counter[str](), scripts.finish

    def counted(*given: Any) -> Any:
        tries["finish"] += 1
        return finish(*given)

    monkeypatch.setattr(scripts, "finish", counted)
    stack.sandbox.configure(latency=timedelta(milliseconds=20))
    stack.chat().enqueue_batch([{"to": number(index)} for index in range(300)], sender="support", text="Hello")
    with redis.Redis(port=stack.server.port) as admin:
        admin.execute_command("ACL", "SETUSER", "default", "resetchannels")
        with at_work(a_pump(runtime)) as done:
            wait_until(lambda: tries["finish"] >= 5, what="refusals")
            calls, tried = stack.sandbox.stats().calls, tries["finish"]
            admin.execute_command("ACL", "SETUSER", "default", "allchannels")
            done.result(PATIENCE)

    # Each try records one result, before it fails at the message about it.
    assert calls <= tried + 8


def test_a_listener_that_waited_for_a_thread_listens_no_longer_than_its_pump_is_known_to_wait() -> None:
    """Else work that comes afterwards pokes nobody, while all threads are free."""
    given: list[float] = []
    session: Any = SimpleNamespace(listen=lambda _, seconds: given.append(seconds))
    nothing: Any = None
    busy, free = threading.Event(), threading.Event()

    def attempt(*_: object) -> None:
        busy.set()
        free.wait(PATIENCE)

    attempts: Any = SimpleNamespace(attempt=attempt)
    in_flight, durations = InFlight(1, Durations()), Durations()
    job: Any = SimpleNamespace(local_id="a")
    in_flight.add("a", "claim")
    with Callers(
        1, "test", attempts=attempts, session=session, recorder=nothing, in_flight=in_flight, durations=durations
    ) as callers:
        callers.call(job, "claim", 0.0)
        assert busy.wait(PATIENCE)
        callers.listen(nothing, "next", PATIENCE)
        free.set()
    assert given
    assert given[0] < PATIENCE
