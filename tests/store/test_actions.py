"""Bulk actions: everything that matched is replayed once and counted once, wherever a worker dies."""

from contextlib import suppress
from itertools import islice
from typing import Any

import pytest

from outbound_chat import BulkAction, InvalidJob, JobState, OutboundChat
from outbound_chat.client.steps.actions import LEASE_MS, PAGE, carry_out
from outbound_chat.client.steps.base import run
from outbound_chat.client.steps.context import Context
from outbound_chat.store import scripts
from outbound_chat.store.records import Field
from outbound_chat_config import Settings
from tests.support.harness import sender

from .clocked import ClockedLedger
from .conftest import PREFIX
from .ledger import BUDGET, DAY_MS, Ledger, lane
from .test_dead import fail, lose

VALUES: dict[str, Any] = {"key_prefix": PREFIX, "senders": {"sms": sender(), "other": sender()}}
CONTEXT = Context(Settings.from_values(**VALUES))
CALLS_OF_A_PAGE = 15
"""Calls in which a worker takes an action, replays three jobs, refuses one, and gives it back."""


def client(ledger: Ledger) -> OutboundChat:
    return OutboundChat(store=ledger.store, **VALUES)


def go_on(ledger: Ledger, pages: int | None = None) -> None:
    """Does what workers do, until there is nothing to do or so many pages are done."""
    page = iter(lambda: run(carry_out(CONTEXT, BUDGET), ledger.store), False)
    assert all(islice(page, pages))


def only(ledger: Ledger) -> BulkAction:
    (action,) = client(ledger).actions()
    return action


@pytest.mark.parametrize("calls", range(CALLS_OF_A_PAGE + 1))
def test_a_worker_may_die_after_any_call(clocked: ClockedLedger, calls: int) -> None:
    """The next one goes on once the lease has run out; no job is replayed twice, and none is counted twice."""
    old, unreadable = fail(clocked, count=3), fail(clocked)
    clocked.rewrite(unreadable[0], {Field.LANE: lane(sender="gone")})
    action = client(clocked).start_replay(code="refused")
    assert (action.state, action.total, action.done, action.ended_at) == ("running", 4, 0, None)
    steps = carry_out(CONTEXT, BUDGET)
    answer = None
    for _ in range(calls):
        answer = clocked.run(steps.send(answer))
    steps.close()

    clocked.clock.now_ms += LEASE_MS
    go_on(clocked)
    ended = only(clocked)
    assert (ended.id, ended.state, ended.done, ended.refused) == (action.id, "done", 3, {"unknown_sender": 1})
    assert list(ended.first_refused) == [f"{BUDGET}.{unreadable[0]}"]
    assert clocked.counts()["accepted"] == 4 + 3
    assert clocked.dead() == unreadable
    assert all(clocked.job(id_).replayed_by for id_ in old)


def test_nobody_else_goes_on_with_it_before_the_lease_has_run_out(clocked: ClockedLedger) -> None:
    fail(clocked)
    client(clocked).start_replay()
    assert clocked.maintain().action
    steps = carry_out(CONTEXT, BUDGET)
    clocked.run(steps.send(clocked.run(next(steps))))

    assert not clocked.maintain().action
    assert not run(carry_out(CONTEXT, BUDGET), clocked.store)
    clocked.clock.now_ms += LEASE_MS
    assert clocked.maintain().action
    go_on(clocked)
    assert not clocked.maintain().action
    assert only(clocked).done == 1


def test_a_job_that_fails_again_is_not_replayed_again(clocked: ClockedLedger) -> None:
    """Else an action whose cause was not repaired would never end."""
    for _ in range(PAGE // 10 + 1):
        fail(clocked, count=10)
    client(clocked).start_replay()
    clocked.clock.now_ms += 10
    go_on(clocked, pages=1)
    again = clocked.take(PAGE)
    for id_ in again.ids:
        clocked.finish(id_, again.claim, "failed", code="refused")
    go_on(clocked)
    assert (len(again.ids), only(clocked).done) == (PAGE, PAGE + 10)
    assert set(clocked.dead(count=500)) == set(again.ids)


def test_a_double_click_starts_one(ledger: Ledger) -> None:
    fail(ledger)
    chat = client(ledger)
    first = chat.start_replay(code="refused")
    assert chat.start_replay(code="refused") == first
    others = {chat.start_replay(code="refused", force=True).id, chat.start_replay(state=JobState.FAILED).id}
    assert {one.id for one in chat.actions()} == {first.id, *others}
    go_on(ledger)
    assert sum(one.done for one in chat.actions()) == 1
    assert chat.start_replay(code="refused").id != first.id


def test_a_stopped_action_replays_no_further_job(ledger: Ledger) -> None:
    """Also when a worker is in the middle of a page."""
    fail(ledger, count=3)
    chat = client(ledger)
    action = chat.start_replay()
    steps = carry_out(CONTEXT, BUDGET)
    answer = None
    for _ in range(6):  # the first job is replayed
        answer = ledger.run(steps.send(answer))
    stopped = chat.stop_action(action.id)
    assert stopped
    assert (stopped.state, stopped.done) == ("stopped", 1)
    with suppress(StopIteration):
        while True:
            answer = ledger.run(steps.send(answer))
    assert (len(ledger.dead()), only(ledger)) == (2, stopped)
    assert chat.stop_action(action.id) == stopped
    assert chat.stop_action(action.id.lower()) is None


def test_what_may_text_twice_is_left_without_force(ledger: Ledger) -> None:
    risky = lose(ledger)
    ledger.rewrite(risky, {Field.MAYBE_SENT: ledger.now_ms() - 7 * DAY_MS})
    chat = client(ledger)
    for force, done, refused in ((False, 0, {"duplicate_risk": 1}), (True, 1, {})):
        action = chat.start_replay(force=force)
        go_on(ledger)
        found = {one.id: one for one in chat.actions()}[action.id]
        assert (found.force, found.done, found.refused) == (force, done, refused)


def test_only_what_matches_is_replayed(ledger: Ledger) -> None:
    """All that narrows the list of dead letters narrows the action."""
    mine = fail(ledger, lane=lane(tenant="acme"))
    fail(ledger, lane=lane(tenant="other"))
    fail(ledger, lane=lane(tenant="acme", sender="other"))
    chat = client(ledger)
    action = chat.start_replay(tenant="acme", sender="sms")
    assert (action.filter, action.total) == ({"tenant": "acme", "sender": "sms"}, None)
    go_on(ledger)
    assert (only(ledger).done, len(ledger.dead())) == (1, 2)
    assert ledger.job(mine[0]).replayed_by
    with pytest.raises(InvalidJob, match="state"):
        chat.start_replay(state="sent")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="senders"):
        chat.start_replay(senders="sms")  # type: ignore[call-arg]


def test_only_the_last_hundred_are_kept(ledger: Ledger) -> None:
    chat = client(ledger)
    ids = [chat.start_replay(code=f"code-{n}").id for n in range(scripts.MOST_ACTIONS)]
    with pytest.raises(InvalidJob, match="too many"):
        chat.start_replay(code="one-more")
    chat.stop_action(ids[7])
    ids.append(chat.start_replay(code="one-more").id)
    del ids[7]
    assert {one.id for one in chat.actions()} == {*ids}
