"""The commands of docs/trouble.md, one after the other, in a campaign that goes wrong."""

import shlex
from collections.abc import Iterator

from outbound_chat import JobState, OutboundChat
from outbound_chat_worker.sandbox import Fault, FaultKind
from tests.docs.pages import DOCS, blocks
from tests.support.harness import Harness, number
from tests.support.waiting import wait_until

PAGE = DOCS / "trouble.md"
BATCH, FAILED = "main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR", "main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR-7"
ROWS = 450
# Slow enough that a busy machine comes to the hold before the batch has ended.
RATE = 5
TIMEOUT = 240.0


def _commands() -> Iterator[list[str]]:
    for block in blocks(PAGE):
        for line in block.body.splitlines():
            yield shlex.split(line)[1:]


def _failed(chat: OutboundChat, batch: str) -> int:
    return chat.batch(batch).counts[JobState.FAILED]


def test_a_campaign_that_goes_wrong_is_stopped_looked_at_mended_and_goes_on(stack: Harness) -> None:
    """An operator follows the page at night: each command must do what it says, with the exit code it says."""
    stack.configure(budgets={"main": {"rate": float(RATE), "burst": RATE}})
    stack.sandbox.configure(rate=float(RATE), burst=RATE, faults=(Fault(FaultKind.INVALID, share=0.3),))
    chat = stack.chat()
    rows = [{"to": number(row)} for row in range(ROWS)]
    batch = chat.enqueue_batch(rows, sender="support", text="Your parcel has left", name="parcels").id
    worker = stack.start_worker()
    wait_until(lambda: _failed(chat, batch) > 3, timeout=TIMEOUT, what="jobs to fail")
    page = _Page(stack, chat, batch)

    commands = _commands()
    # Where its output is no terminal, it prints once.
    said = page.run(*next(commands))
    assert "unfinished batches: 1\n" in said
    assert batch in said
    assert f"{batch}  in progress  " in page.run(*next(commands))
    assert "failed" in page.run(*next(commands))

    hold = next(commands)
    assert hold[0] == "hold"
    page.run(*hold)
    wait_until(lambda: not chat.batch(batch).counts[JobState.SENDING], timeout=TIMEOUT, what="calls to end")
    assert "refused" in page.run(*next(commands))
    page.failed = chat.dead_letters(batch=batch).jobs[0].id
    assert page.run(*next(commands)).count("The request is invalid") > 3
    assert "AWS refuses a third" in page.run(*next(commands))

    # The cause is repaired, and AWS allows more from now on.
    worker.terminate()
    assert worker.wait(60) == 0
    stack.configure(budgets={"main": {"rate": 100.0, "burst": 100}})
    stack.sandbox.configure(rate=100.0, burst=100, faults=())
    stack.start_worker()
    head, line = page.run(*next(commands)).splitlines()
    assert "  replay of" in head
    assert line.endswith(f"  {page.failed}")
    assert "\nreplayed as  " in page.run("status", page.failed)
    wait_until(lambda: page.replayed() is JobState.SENT, timeout=TIMEOUT, what="the replay to be sent")
    assert sum(chat.count_dead().values()) == _failed(chat, batch) - 1
    page.run(*next(commands))
    assert chat.count_dead() == {}

    page.run(*next(commands))
    assert chat.holds() == []
    page.run(*next(commands), code=1, timeout=TIMEOUT)
    assert next(commands, None) is None
    ended = chat.batch(batch)
    assert (ended.final, ended.counts[JobState.SENT] + ended.counts[JobState.FAILED]) == (True, ROWS)
    wait_until(lambda: not chat.budgets()[0].counts["waiting"], timeout=TIMEOUT, what="all replays to end")
    wait_until(lambda: stack.sandbox.stats().accepted == ROWS, timeout=TIMEOUT, what="one contact for each")


class _Page:
    """Runs commands of the page with the ids of this test."""

    def __init__(self, stack: Harness, chat: OutboundChat, batch: str) -> None:
        self._stack, self._chat, self._batch = stack, chat, batch
        self.failed = ""

    def run(self, *command: str, code: int = 0, timeout: float = TIMEOUT) -> str:
        words = [self.failed if word == FAILED else word.replace(BATCH, self._batch) for word in command]
        done = self._stack.run(*words, timeout=timeout)
        assert done.returncode == code, (words, done.stdout, done.stderr)
        return done.stdout

    def replayed(self) -> JobState:
        new = self._chat.status(self.failed).replayed_by
        assert new
        return self._chat.status(new).state
