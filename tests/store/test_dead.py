"""Dead letters: failed and uncertain jobs are found by code, and sent once more without texting anybody twice."""

import pytest

from outbound_chat import NotReplayable, OutboundChat
from outbound_chat.model.lanes import Lane
from outbound_chat.store import scripts
from outbound_chat.store.records import Field
from tests.support.harness import sender

from .conftest import PREFIX
from .ledger import BUDGET, DAY_MS, KEEP_MS, Ledger, lane


def fail(ledger: Ledger, code: str = "refused", count: int = 1, lane: str = "") -> list[str]:
    """Jobs that failed with a code."""
    ids = ledger.add(count, lane=lane) if lane else ledger.add(count)
    taken = ledger.take(count)
    for id_ in taken.ids:
        ledger.finish(id_, taken.claim, "failed", code=code, message="no")
    return ids


def lose(ledger: Ledger) -> str:
    """A job that may have been sent and is not tried again."""
    ledger.add(1)
    local_id, claim = ledger.take_one()
    ledger.finish(local_id, claim, "failed", code="no_answer", maybe_sent=True)
    return local_id


def test_failed_and_uncertain_jobs_are_listed_by_state_and_code_the_newest_first(ledger: Ledger) -> None:
    """What failed for one cause is repaired together."""
    refused = fail(ledger, "refused", 3)
    exhausted = fail(ledger, "unreachable", 2)
    uncertain = lose(ledger)
    ledger.add(1)
    ledger.attempt("sent", contact_id="c-1")

    everything = ledger.dead()
    assert everything[0] == uncertain
    assert set(everything) == {*refused, *exhausted, uncertain}
    assert set(ledger.dead(code="refused")) == {*refused}
    assert set(ledger.dead(state="failed")) == {*refused, *exhausted}
    assert ledger.dead(state="uncertain", code="refused") == []
    assert ledger.run(scripts.read_budget(ledger.keys, [])).dead == {
        "failed": {"refused": 3, "unreachable": 2},
        "uncertain": {"no_answer": 1},
    }


@pytest.mark.parametrize("count", [1, 7, 100])
def test_pages_leave_none_out_and_give_none_twice(ledger: Ledger, count: int) -> None:
    """Many end with one script, at the same millisecond."""
    ids = fail(ledger, "refused", 10) + fail(ledger, "unreachable", 10)
    found = ledger.dead(count=count)

    assert len(found) == 20
    assert set(found) == {*ids}


def test_a_replay_has_the_token_of_the_old_job_and_both_point_to_each_other(ledger: Ledger) -> None:
    """Whatever became of the old call, the customer is texted once."""
    old = lose(ledger)
    answer = ledger.replay(old)
    assert answer.outcome == "ok"

    (job,) = ledger.take().jobs
    assert job.local_id == answer.detail
    assert job.token == f"main.{old}"
    assert job.maybe_sent, "it ends sent or uncertain, as the old one"
    assert ledger.job(job.local_id).replay_of == f"main.{old}"
    assert ledger.job(old).replayed_by == f"main.{job.local_id}"
    assert ledger.dead() == []


def test_a_replay_of_a_replay_goes_on_with_the_same_token(ledger: Ledger) -> None:
    """The chain is one message."""
    (old,) = fail(ledger)
    first = ledger.replay(old).detail
    local_id, claim = ledger.take_one()
    ledger.finish(local_id, claim, "failed", code="refused")
    second = ledger.replay(first, token=f"main.{old}").detail

    (job,) = ledger.take().jobs
    assert (job.local_id, job.token) == (second, f"main.{old}")


def test_a_job_is_replayed_once(ledger: Ledger) -> None:
    """Two operators, or one that asks twice."""
    (old,) = fail(ledger)
    first = ledger.replay(old, local_id="new-1")
    assert ledger.replay(old, local_id="new-1") == first
    assert ledger.replay(old) == scripts.Replayed("replayed", "new-1")
    assert ledger.counts()["accepted"] == 2


def test_an_expired_token_needs_force(ledger: Ledger) -> None:
    """After seven days a repeat would be a second message."""
    old = lose(ledger)
    since = ledger.now_ms() - 7 * DAY_MS
    ledger.rewrite(old, {Field.MAYBE_SENT: since})
    assert ledger.replay(old) == scripts.Replayed("duplicate_risk", str(since))
    assert ledger.counts()["accepted"] == 1

    assert ledger.replay(old, force=True).outcome == "ok"
    (job,) = ledger.take().jobs
    assert (job.token, job.maybe_sent) == ("", False)


def test_an_edited_replay_has_a_token_of_its_own(ledger: Ledger) -> None:
    """Under the old token AWS would give the old contact, and not send the new text."""
    (failed,) = fail(ledger)
    assert ledger.replay(failed, edited=True).outcome == "ok"
    (job,) = ledger.take().jobs
    assert job.token == ""
    uncertain = lose(ledger)
    assert ledger.replay(uncertain, edited=True).outcome == "duplicate_risk"


def test_only_dead_letters_are_replayed(ledger: Ledger) -> None:
    """A sent job that is sent again is a doubled message."""
    (waiting,) = ledger.add(1)
    assert ledger.replay(waiting) == scripts.Replayed("not_dead", "queued")
    local_id, _ = ledger.attempt("sent", contact_id="c-1")
    assert ledger.replay(local_id) == scripts.Replayed("not_dead", "sent")
    assert ledger.replay("nobody").outcome == "gone"


def test_a_contact_that_comes_late_takes_the_job_off_the_list(ledger: Ledger) -> None:
    """It was sent after all."""
    ledger.add(1)
    local_id, claim = ledger.take_one()
    ledger.finish(local_id, claim, "failed", code="no_answer", maybe_sent=True)
    assert ledger.dead() == [local_id]

    assert ledger.finish(local_id, claim, "sent", contact_id="c-1") == "sent"
    assert ledger.dead() == []


def test_a_replay_wakes_a_pump(ledger: Ledger) -> None:
    """As any new job."""
    (old,) = fail(ledger)
    ledger.redis.delete(ledger.key("pumps"), ledger.key("pump_asked"), ledger.key("wake"))
    ledger.replay(old)

    assert ledger.redis.exists(ledger.key("wake"))


def test_the_list_goes_with_the_records(ledger: Ledger) -> None:
    """An id without a record helps nobody."""
    fail(ledger, lane=lane())
    assert 0 < ledger.ttl_ms("dead:failed:refused") <= KEEP_MS
    ledger.run_out("dead:failed:refused")
    fail(ledger)

    assert len(ledger.dead()) == 1


def test_a_replay_with_other_changes_than_the_first_is_refused(ledger: Ledger) -> None:
    """The operator would believe that the new text went out."""
    (old,) = fail(ledger)
    (plain,) = fail(ledger)
    chat = OutboundChat(store=ledger.store, key_prefix=PREFIX, senders={"sms": sender()})
    old, plain = f"{BUDGET}.{old}", f"{BUDGET}.{plain}"
    new = chat.replay(old, text="Hello again")

    assert chat.replay(old, text="Hello again").id == new.id
    assert chat.replay(old).id == new.id
    with pytest.raises(NotReplayable, match=f"already replayed as {new.id}, without these changes"):
        chat.replay(old, text="Hello for the third time")
    unchanged = chat.replay(plain)
    with pytest.raises(NotReplayable, match=unchanged.id):
        chat.replay(plain, text="Hello again")
    for _ in range(2):
        ledger.attempt("sent", contact_id="c-1")
    with pytest.raises(NotReplayable, match=f"already replayed as {new.id}; its changes are unknown"):
        chat.replay(old, text="Hello again")
    record = ledger.key(f"j:{plain.partition('.')[2]}")
    ledger.redis.set(record, ledger.redis.get(record).partition("\n")[0] + "\n", keepttl=True)
    with pytest.raises(NotReplayable, match=f"already replayed as {unchanged.id}; its changes are unknown"):
        chat.replay(plain, text="Hello again")


def test_jobs_whose_records_have_gone_are_not_counted(ledger: Ledger) -> None:
    """Of a code that no job ends with any more, nobody removes the ids one by one."""
    old, _ = fail(ledger, "refused", 2)
    kept_until = ledger.now_ms() - KEEP_MS - 1
    ledger.redis.zadd(ledger.key("dead:failed:refused"), {old: kept_until})

    assert ledger.run(scripts.read_budget(ledger.keys, [])).dead == {"failed": {"refused": 1}}


def test_a_row_whose_batch_is_forgotten_can_not_be_replayed(ledger: Ledger) -> None:
    """Its text went with the batch: what is left of the row would be another message, or none."""
    name = ledger.open_batch(shared='{"InitialSystemMessage":{"ContentType":"text/plain","Content":"Hello"}}')
    (row,) = fail(ledger, lane=name)
    ledger.close_batch(name)
    ledger.redis.delete(ledger.key(f"b:{Lane.parse(name).batch}"))
    chat = OutboundChat(store=ledger.store, key_prefix=PREFIX, senders={"sms": sender()})

    with pytest.raises(NotReplayable, match="no longer has its request"):
        chat.replay(f"{BUDGET}.{row}")
    assert ledger.counts()["accepted"] == 1
