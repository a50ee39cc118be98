"""The publisher: nobody waits for a broker that hangs, and what it can't take is said."""

import subprocess
import sys
import threading

import pytest

from outbound_chat_worker.publisher import PumpPublisher
from tests.support.waiting import wait_until


def test_nobody_waits_for_a_broker_that_hangs() -> None:
    """A pump must renew its leases meanwhile; and of many requests for one budget, only the newest is of use."""
    broker_answers = threading.Event()
    sent: list[tuple[str, str]] = []

    def send(budget: str, nonce: str) -> None:
        sent.append((budget, nonce))
        broker_answers.wait()

    publisher = PumpPublisher(send)
    publisher.publish("main", "needed1")
    wait_until(lambda: sent, what="the first message")
    for nonce in ("needed2", "needed3"):
        publisher.publish("main", nonce)
    publisher.publish("other", "needed4")
    wait_until(lambda: not publisher.works, what="word that the broker hangs")
    assert not publisher.drain(0)
    broker_answers.set()

    assert publisher.drain(30)
    assert sent == [("main", "needed1"), ("main", "needed3"), ("other", "needed4")]
    assert publisher.works


def test_a_broker_that_takes_no_message_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Each broker's library has errors of its own. A waker asks each second, for every budget: that is one line."""
    away = True

    def send(*_: str) -> None:
        if away:
            raise RuntimeError("no such exchange")

    publisher = PumpPublisher(send)
    for index in range(50):
        publisher.publish(f"budget{index}", "needed1")
    assert publisher.drain(30)
    assert not publisher.works
    assert 1 <= len(caplog.messages) < 10
    assert caplog.messages[0].startswith("Celery's broker did not accept a message: RuntimeError('no such exchange'); ")
    away = False
    publisher.publish("main", "needed2")
    assert publisher.drain(30)
    assert publisher.works
    assert caplog.messages[-1] == "Celery's broker accepts messages again"


def test_a_message_for_which_no_thread_can_be_had_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process ends, or has all its threads: a pump that asks must go on. The next message tries again."""
    sent: list[tuple[str, str]] = []
    publisher = PumpPublisher(lambda *request: sent.append(request))

    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", start)
        publisher.publish("main", "needed1")
        publisher.work_here("main", "needed1")
    assert publisher.drain(0)

    publisher.publish("main", "needed2")
    assert publisher.drain(30)
    assert (sent, publisher.works) == ([("main", "needed2")], True)


def test_what_the_broker_does_not_take_is_done_here_once() -> None:
    """The one who asked knows first that the broker hangs; others would find out one after the other."""
    broker_answers = threading.Event()
    done: list[tuple[str, str]] = []
    publisher = PumpPublisher(lambda *_: broker_answers.wait(), lambda *request: done.append(request))
    publisher.stand_in()
    publisher.publish("main", "needed1")
    publisher.publish("main", "needed2")
    wait_until(lambda: not publisher.works, what="word that the broker hangs")
    publisher.stand_in()
    publisher.stand_in()
    wait_until(lambda: done, what="the work")
    publisher.publish("other", "needed3")
    publisher.stand_in()
    wait_until(lambda: len(done) == 2, what="more work")
    broker_answers.set()
    assert publisher.drain(30)
    publisher.publish("main", "needed4")
    assert publisher.drain(30)
    publisher.stand_in()

    assert done == [("main", "needed2"), ("other", "needed3")]


FORKS = """
import os
from outbound_chat_worker.publisher import PumpPublisher

said, told = os.pipe()
publisher = PumpPublisher(lambda budget, nonce: os.write(told, nonce.encode()))
publisher.publish("main", "parent ")
publisher.drain(30)
if os.fork() == 0:
    publisher.publish("main", "child")
    os._exit(0 if publisher.drain(30) else 1)
assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
print(os.read(said, 100).decode())
"""


def test_a_forked_child_brings_by_itself() -> None:
    """The prefork pool forks after the parent may have sent; threads are not carried over."""
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKS], capture_output=True, text=True, timeout=60, check=False
    )

    assert (ran.returncode, ran.stdout) == (0, "parent child\n"), ran.stderr
