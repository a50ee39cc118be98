"""Keys that another program wrote over: what they told is lost or stands still; nobody else's jobs do."""

import pytest

from outbound_chat import OutboundChat
from outbound_chat.model.errors import StoreError
from outbound_chat.model.lanes import Lane
from outbound_chat.store import inspection, scripts
from tests.support.harness import sender

from .conftest import PREFIX
from .ledger import PUMP, Ledger, lane, new_job

GARBAGE = ("text", "list", "hash", "broken")


@pytest.fixture
def ledger(spoiled: Ledger) -> Ledger:
    """The tests bring its keys out of order."""
    return spoiled


def overwrite(ledger: Ledger, name: str, kind: str) -> None:
    """Puts what we never write where our key was; `broken` keeps the fields of a hash and spoils what they hold."""
    key = ledger.key(name)
    fields = ledger.redis.hkeys(key) if ledger.redis.type(key) == "hash" else []
    if kind != "broken":
        ledger.redis.delete(key)
    match kind:
        case "text":
            ledger.redis.set(key, "\x00\n{[")
        case "list":
            ledger.redis.rpush(key, "a", "b")
        case "hash":
            ledger.redis.hset(key, mapping={"a": "b", "": "[" * 5_000})
        case _:
            ledger.redis.hset(key, mapping=dict.fromkeys([*fields, "more"], "{[\n\x00"))


garbage = pytest.mark.parametrize("kind", GARBAGE)


@garbage
def test_a_batch_whose_record_is_lost_stops_no_other_job(ledger: Ledger, kind: str) -> None:
    """Its rows are claimed, so that a worker ends them with a reason; the budget's own counts stay right."""
    batch = ledger.open_batch()
    rows = ledger.add(2, lane=batch, watched=False)
    other = ledger.add(1, watched=False)
    overwrite(ledger, f"b:{Lane.parse(batch).batch}", kind)

    taken = ledger.take(10)
    assert sorted(taken.ids) == sorted(rows + other)
    for local_id in taken.ids:
        assert ledger.finish(local_id, taken.claim, "failed", code="unreadable_request") == "failed"
    assert ledger.counts() == {"accepted": 3, "failed": 3}
    ledger.maintain()


@garbage
def test_the_status_of_such_a_batch_names_its_key(ledger: Ledger, kind: str) -> None:
    """Whoever asks learns what to look at, and not that there is no such batch."""
    batch = ledger.open_batch()
    local_id = Lane.parse(batch).batch
    ledger.add(1, lane=batch, watched=False)
    overwrite(ledger, f"b:{local_id}", kind)
    if kind == "hash":
        ledger.redis.hset(ledger.key(f"b:{local_id}"), "created_at", "soon")

    with pytest.raises(StoreError, match=f"record of batch main.{local_id} can't be read.*b:{local_id}"):
        ledger.run(scripts.read_batch(ledger.keys, local_id))


@pytest.mark.parametrize("field", ["lane", "accepted"])
def test_a_batch_with_one_field_that_is_not_ours_is_an_error(ledger: Ledger, field: str) -> None:
    """Counts that are right as far as they go help nobody."""
    batch = ledger.open_batch()
    ledger.redis.hset(ledger.key(f"b:{Lane.parse(batch).batch}"), field, "9:sms::")
    with pytest.raises(StoreError, match="can't be read"):
        ledger.batch(batch)


@garbage
def test_what_its_rows_share_is_known_to_be_lost(ledger: Ledger, kind: str) -> None:
    """An empty text instead would send customers a chat without its message."""
    batch = ledger.open_batch()
    overwrite(ledger, f"b:{Lane.parse(batch).batch}", kind)

    shared = ledger.run(scripts.read_shared(ledger.keys, Lane.parse(batch).batch))
    assert shared is None or kind == "broken"


@garbage
def test_a_batch_whose_record_is_lost_can_be_neither_cancelled_nor_held(ledger: Ledger, kind: str) -> None:
    """An order for it must not stay and stop the waker at every look."""
    batch = ledger.open_batch()
    ledger.add(1, lane=batch, watched=False)
    scope = f"batch:{Lane.parse(batch).batch}"
    overwrite(ledger, f"b:{Lane.parse(batch).batch}", kind)

    ledger.run(scripts.cancel_many(ledger.keys, scope=scope, first=True))
    ledger.maintain()
    assert len(ledger.take(10).ids) == 1


@pytest.mark.parametrize("kind", ["text", "list", "hash"])
def test_an_idempotency_key_that_cannot_be_read_refuses_its_job_alone(ledger: Ledger, kind: str) -> None:
    """Nobody knows whether it was used, so its job must not be sent; the others of the call are taken."""
    overwrite(ledger, "idem::k1", kind)
    jobs = [new_job(), new_job(idem="k1", fingerprint="f"), new_job()]

    submitted = ledger.submit(*jobs, watched=False)
    assert isinstance(submitted, scripts.Submitted)
    assert [(other.index, other.same, other.local_id) for other in submitted.others] == [(1, False, "")]
    assert ledger.take(10).ids == [jobs[0].local_id, jobs[2].local_id]
    assert ledger.counts() == {"accepted": 2, "leased": 2}


@garbage
def test_settings_that_cannot_be_read_count_as_none_and_are_written_again(ledger: Ledger, kind: str) -> None:
    """A pump asks for them at once, and each waker within a second."""
    ids = ledger.add(2, watched=False)
    overwrite(ledger, "settings", kind)

    assert isinstance(ledger.claim(), scripts.Unconfigured)
    assert not ledger.maintain().configured
    ledger.configure()
    assert ledger.maintain().configured
    assert ledger.take().ids == ids


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "1e400", "x", ""])
def test_a_rate_that_is_none_counts_as_no_settings(ledger: Ledger, value: str) -> None:
    """A division by it would send without a pace, or never."""
    ledger.add(1, watched=False)
    ledger.redis.hset(ledger.key("settings"), "rate", value)

    assert isinstance(ledger.claim(), scripts.Unconfigured)


@garbage
def test_limits_that_cannot_be_read_let_nothing_out_until_they_are_written_again(ledger: Ledger, kind: str) -> None:
    """What can't be counted is closed: no chat may be opened beyond a limit that nobody can read."""
    ledger.configure(senders={"sms": {"concurrency": 5}, "chat": {}})
    ids = ledger.add(2, watched=False)
    overwrite(ledger, "senders", kind)

    if kind != "hash":
        assert isinstance(ledger.claim(), scripts.Empty)
        assert not ledger.maintain().configured
    ledger.configure(senders={"sms": {"concurrency": 5}, "chat": {}})
    ledger.maintain()
    assert sorted(ledger.take().ids) == sorted(ids)


@pytest.mark.parametrize("limits", ["[]", "5", "null", "{", '{"concurrency":"many"}', '{"max_chats":1}', "[" * 2_000])
def test_one_sender_whose_limits_cannot_be_read_stops_no_other(ledger: Ledger, limits: str) -> None:
    """Its lanes wait; those of the other senders go on."""
    ledger.configure(senders={"sms": {}, "chat": {}})
    ledger.redis.hset(ledger.key("senders"), "sms", limits)
    ledger.add(2, watched=False)
    (other,) = ledger.add(1, lane=lane(sender="chat"), watched=False)

    taken = ledger.take()
    assert taken.ids == [other]
    assert ledger.finish(other, taken.claim, "sent", contact_id="contact-1") == "sent"


@pytest.mark.parametrize("owner", ["person", "system"])
@pytest.mark.parametrize("kept", ["", "{[", "null", "[]", '{"reason":5}', "[" * 2_000])
def test_a_hold_that_cannot_be_read_holds_its_scope_alone(ledger: Ledger, owner: str, kept: str) -> None:
    """A person's until it is released; one of the system until its probe is sent."""
    ids = ledger.add(2, watched=False)
    (other,) = ledger.add(1, lane=lane(sender="chat"), watched=False)
    ledger.redis.hset(ledger.key("holds"), f"{owner}:sender:sms", kept)

    taken = ledger.take()
    assert sorted(taken.ids) == sorted([other] if owner == "person" else [other, ids[0]])
    (hold,) = ledger.holds()
    assert (hold.scope, hold.name, hold.owner) == ("sender", "sms", owner)
    for local_id in taken.ids:
        ledger.finish(local_id, taken.claim, "sent", contact_id="contact-1")
    ledger.release("sender:sms")
    ledger.maintain()
    assert set(ledger.take().ids) <= set(ids)
    assert [hold for hold in ledger.holds() if hold.owner == "person"] == []


@pytest.mark.parametrize("kind", ["text", "list"])
def test_holds_that_cannot_be_read_at_all_hold_the_budget(ledger: Ledger, kind: str) -> None:
    """One of a person may have been among them. What was being called is recorded all the same."""
    ledger.add(2, watched=False)
    first, claim = ledger.take_one()
    overwrite(ledger, "holds", kind)

    answer = ledger.claim()
    assert isinstance(answer, scripts.Held)
    assert "unreadable" in answer.reason
    assert ledger.finish(first, claim, "hold", code="access_denied", scope="sender:sms", delay_ms=1000) == "queued"
    ledger.maintain()
    with pytest.raises(StoreError, match="another program wrote it; outbound-chat doctor names it"):
        ledger.holds()
    ledger.redis.delete(ledger.key("holds"))
    assert len(ledger.take().ids) == 2


def test_a_hold_by_a_name_that_is_none_is_listed(ledger: Ledger) -> None:
    """Another program's field must not hide the others."""
    ledger.hold("sender:sms")
    ledger.redis.hset(ledger.key("holds"), mapping={"": "{}", "x": "1", "a:b:c:d": "{}"})

    assert len(ledger.holds()) == 4


@garbage
def test_events_that_cannot_be_read_begin_anew(ledger: Ledger, kind: str) -> None:
    """The news of an end must never keep the end itself from being recorded."""
    first, claim = ledger.take_one() if ledger.add(1, watched=False) else ("", "")
    if kind == "broken":
        ledger.redis.xadd(ledger.key("events"), {"a": "b"}, id="999999-0")
    else:
        overwrite(ledger, "events", kind)
    assert ledger.events().events == ()

    assert ledger.finish(first, claim, "sent", contact_id="contact-1") == "sent"
    assert [event.id for event in ledger.events().events] == [f"main.{first}"]


@pytest.mark.parametrize("kept", [f'["{PUMP}:0",5,0,""]', f'["{PUMP}:0",[],0]', "[]", "{", "null", "[" * 2_000, None])
def test_the_memory_of_a_claim_that_cannot_be_read_is_no_memory(ledger: Ledger, kept: str | None) -> None:
    """The pump goes on; jobs that it was not told of come back with their lease."""
    ids = ledger.add(2, watched=False)

    def spoil() -> None:
        overwrite(ledger, f"claims:{PUMP}", "list")
        if kept is not None:
            ledger.redis.set(ledger.key(f"claims:{PUMP}"), kept)

    spoil()
    ledger.leave(unanswered=f"{PUMP}:0")
    spoil()
    answer = ledger.claim(claim_id=f"{PUMP}:0")
    assert isinstance(answer, scripts.Claimed)
    assert [job.local_id for job in answer.jobs] == ids


@garbage
def test_a_pace_that_cannot_be_read_is_learned_anew(ledger: Ledger, kind: str) -> None:
    """It is no reason to stop, nor to forget the contact of a call that runs."""
    first, claim = ledger.take_one() if ledger.add(2, watched=False) else ("", "")
    overwrite(ledger, "bucket", kind)

    ledger.maintain()
    assert ledger.finish(first, claim, "sent", contact_id="contact-1") == "sent"
    assert len(ledger.take().ids) == 1
    assert ledger.counts() == {"accepted": 2, "leased": 1, "sent": 1}


@garbage
def test_counts_that_cannot_be_read_stop_no_job(ledger: Ledger, kind: str) -> None:
    """The counts are gone, and `doctor` says so; the jobs are not."""
    ledger.add(1, watched=False)
    overwrite(ledger, "counts", kind)
    ledger.add(1, watched=False)

    first, claim = ledger.take_one()
    assert ledger.finish(first, claim, "sent", contact_id="contact-1") == "sent"
    ledger.maintain()


@pytest.mark.parametrize("value", ["many", "1.5", "1" * 20, ""])
def test_a_count_that_cannot_be_read_stays_as_it_is_and_the_others_go_on(ledger: Ledger, value: str) -> None:
    """New jobs write all counts at once, which must not make a wrong one look right."""
    ledger.add(1, watched=False)
    ledger.redis.hset(ledger.keys.counts, "waiting", value)
    before = int(ledger.redis.hget(ledger.keys.counts, "last_order"))
    ledger.add(2, watched=False)

    assert ledger.redis.hmget(ledger.keys.counts, "waiting", "accepted") == [value, "3"]
    assert int(ledger.redis.hget(ledger.keys.counts, "last_order")) > before + 1


@garbage
def test_weights_that_cannot_be_read_are_one(ledger: Ledger, kind: str) -> None:
    """Every tenant has its turn."""
    ledger.configure(weights={"acme": 3})
    ids = ledger.add(1, lane=lane(tenant="acme"), watched=False) + ledger.add(1, watched=False)
    overwrite(ledger, "weights", kind)

    assert sorted(ledger.take().ids) == sorted(ids)


def test_the_limits_that_configure_writes_can_all_be_read(ledger: Ledger) -> None:
    """A check that is too strict would close a sender for ever."""
    some: tuple[dict[str, float], ...] = ({}, {"number_rate": 1.5}, {"concurrency": 3}, {"max_chats": 1})
    for given in (*some, {key: limit for limits in some for key, limit in limits.items()}):
        ledger.redis.flushall()
        ledger.configure(senders={"sms": given})
        ledger.add(1, watched=False)
        assert len(ledger.take(1).ids) == 1, given


LISTS = ("suppressed:sms", "suppressed_enc:sms")
lists = pytest.mark.parametrize("name", LISTS)


@lists
@pytest.mark.parametrize("kind", ["text", "list"])
def test_a_suppression_list_that_cannot_be_read_lets_none_of_its_sender_out_unseen(
    ledger: Ledger, name: str, kind: str
) -> None:
    """Whoever asked to be left alone may have been on it: the worker has to look, and is refused. Others go on."""
    ledger.configure(senders={"sms": {}, "chat": {}})
    (own,) = ledger.add(1, watched=False)
    (other,) = ledger.add(1, lane=lane(sender="chat"), watched=False)
    overwrite(ledger, name, kind)

    assert {job.local_id: job.look for job in ledger.take().jobs} == {own: True, other: False}
    for key_id in ("", "key-id"):
        with pytest.raises(StoreError, match="another program wrote it; outbound-chat doctor names it"):
            ledger.run(scripts.read_suppressed(ledger.keys, sender="sms", key_id=key_id, names=["+12025550123"]))
    assert inspection.foreign_keys(ledger.store, ledger.keys) == [ledger.key(name)]


def test_a_list_of_marks_without_the_name_of_its_key_is_of_another_key(ledger: Ledger) -> None:
    """Its marks can't be told from those that would never fit."""
    (own,) = ledger.add(1, watched=False)
    overwrite(ledger, "suppressed_enc:sms", "hash")

    assert {job.local_id: job.look for job in ledger.take().jobs} == {own: True}
    call = scripts.read_suppressed(ledger.keys, sender="sms", key_id="key-id", names=["mark"])
    assert isinstance(ledger.run(call), scripts.OtherKey)


def test_a_number_whose_entry_was_spoiled_is_on_the_list_all_the_same(ledger: Ledger) -> None:
    """Since when, nobody knows any more; that it must not be called is certain."""
    ledger.suppress("+12025550123")
    overwrite(ledger, "suppressed:sms", "broken")

    found = ledger.run(scripts.read_suppressed(ledger.keys, sender="sms", names=["+12025550123"]))
    assert isinstance(found, scripts.Listed)
    assert [(name, since_ms) for name, since_ms, _ in found.entries] == [("+12025550123", 0)]


@pytest.mark.parametrize("kind", ["text", "list", "hash"])
def test_what_is_to_be_forgotten_begins_anew_and_stops_no_end(ledger: Ledger, kind: str) -> None:
    """Requests it told of leave with their records; those of later jobs in time."""
    ledger.configure(keep_requests_ms=1_000)
    first, claim = ledger.take_one() if ledger.add(1, watched=False) else ("", "")
    overwrite(ledger, "forget", kind)

    ledger.maintain()
    assert ledger.finish(first, claim, "failed", code="refused") == "failed"
    assert ledger.redis.zrange(ledger.key("forget"), 0, -1) == [f"j:{first}"]


@pytest.mark.parametrize("member", ["", "x", "j", "x:y", "j:gone", "b:gone", "b:text"])
def test_a_name_to_be_forgotten_that_is_none_goes(ledger: Ledger, member: str) -> None:
    """It must not stop the waker at every look."""
    ledger.redis.set(ledger.key("b:text"), "x")
    ledger.redis.zadd(ledger.key("forget"), {member: 1})

    ledger.maintain()
    assert not ledger.redis.exists(ledger.key("forget"))


@pytest.mark.parametrize("value", ["", "x", "-1", "nan", "inf", "1e400"])
def test_a_time_to_keep_requests_that_is_none_is_that_of_the_records(ledger: Ledger, value: str) -> None:
    """The end of a job is recorded all the same."""
    first, claim = ledger.take_one() if ledger.add(1, watched=False) else ("", "")
    ledger.redis.hset(ledger.key("settings"), "keep_requests_ms", value)

    assert ledger.finish(first, claim, "failed", code="refused") == "failed"
    assert ledger.request(first)


@pytest.mark.parametrize("kind", [*GARBAGE, "version"])
def test_bulk_actions_that_cannot_be_read_are_an_error_and_stop_no_job(ledger: Ledger, kind: str) -> None:
    chat = OutboundChat(store=ledger.store, key_prefix=PREFIX, senders={"sms": sender()})
    chat.start_replay(code="refused")
    if kind == "version":
        ledger.redis.hset(ledger.key("actions"), "version", "x")
    else:
        overwrite(ledger, "actions", kind)

    if kind == "hash":  # it has fields of another program and none of ours
        assert chat.actions() == []
    else:
        with pytest.raises(StoreError):
            chat.start_replay(code="throttled")
    ids = ledger.add(1, watched=False)
    ledger.maintain()
    assert ledger.take().ids == ids
