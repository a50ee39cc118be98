"""The bringer: nobody waits for a broker that hangs, and what it can't take is said."""

import subprocess
import sys
import threading

from outbound_chat_worker.publisher import Bringer
from tests.waiting import wait_until


def test_nobody_waits_for_a_broker_that_hangs() -> None:
    """A pump must renew its leases meanwhile; and of many requests for one budget, only the newest is of use."""
    broker_answers = threading.Event()
    sent: list[tuple[str, str]] = []

    def send(budget: str, nonce: str) -> None:
        sent.append((budget, nonce))
        broker_answers.wait()

    bringer = Bringer(send)
    bringer.bring("main", "needed1")
    wait_until(lambda: sent, what="the first message")
    for nonce in ("needed2", "needed3"):
        bringer.bring("main", nonce)
    bringer.bring("other", "needed4")
    wait_until(lambda: not bringer.works, what="word that the broker hangs")
    assert not bringer.drain(0)
    broker_answers.set()

    assert bringer.drain(30)
    assert sent == [("main", "needed1"), ("main", "needed3"), ("other", "needed4")]
    assert bringer.works


def test_a_broker_that_takes_no_message_ends_nothing() -> None:
    """Each broker's library has errors of its own."""
    away = True

    def send(*_: str) -> None:
        if away:
            raise RuntimeError("no such exchange")

    bringer = Bringer(send)
    bringer.bring("main", "needed1")
    assert bringer.drain(30)
    assert not bringer.works
    away = False
    bringer.bring("main", "needed2")
    assert bringer.drain(30)
    assert bringer.works


def test_what_the_broker_does_not_take_is_done_here_once() -> None:
    """The one who asked knows first that the broker hangs; others would find out one after the other."""
    broker_answers = threading.Event()
    done: list[tuple[str, str]] = []
    bringer = Bringer(lambda *_: broker_answers.wait(), lambda *request: done.append(request))
    bringer.stand_in()
    bringer.bring("main", "needed1")
    bringer.bring("main", "needed2")
    wait_until(lambda: not bringer.works, what="word that the broker hangs")
    bringer.stand_in()
    bringer.stand_in()
    wait_until(lambda: done, what="the work")
    bringer.bring("other", "needed3")
    bringer.stand_in()
    wait_until(lambda: len(done) == 2, what="more work")
    broker_answers.set()
    assert bringer.drain(30)
    bringer.bring("main", "needed4")
    assert bringer.drain(30)
    bringer.stand_in()

    assert done == [("main", "needed2"), ("other", "needed3")]


FORKS = """
import os
from outbound_chat_worker.publisher import Bringer

said, told = os.pipe()
bringer = Bringer(lambda budget, nonce: os.write(told, nonce.encode()))
bringer.bring("main", "parent ")
bringer.drain(30)
if os.fork() == 0:
    bringer.bring("main", "child")
    os._exit(0 if bringer.drain(30) else 1)
assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
print(os.read(said, 100).decode())
"""


def test_a_forked_child_brings_by_itself() -> None:
    """The prefork pool forks after the parent may have sent; threads are not carried over."""
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKS], capture_output=True, text=True, timeout=60, check=False
    )

    assert (ran.returncode, ran.stdout) == (0, "parent child\n"), ran.stderr
