"""Records that can't be read are set aside, and stop nobody else."""

import json

import pytest

from outbound_chat.store.records import Field

from .ledger import HOUR_MS, LANE, Ledger

HEAD = [1, "queued", LANE, 1.7e12, 0, 1.7e12, 9e12, 0, "", 0, 0, 1, "", "", "", 0, 0]
WRONG_PLACES = (
    ("STATE", '"gone"'),
    ("LANE", '"nowhere"'),
    ("LANE", '"7:sms::"'),
    ("LANE", "5"),
    ("EXPIRES", '"never"'),
    ("CREATED", "1e400"),
    ("CREATED", "-1e15"),
    ("DUE", "null"),
    ("ATTEMPTS", "{}"),
    ("CLAIM", "false"),
    ("HISTORY", "[]"),
    ("HISTORY", "[1]"),
    ("HISTORY", '[[1,"retry","x","",""]]'),
    ("REPLAY_OF", "[]"),
)


def _head_with(place: str, value: str) -> str:
    """A record that is right but for one place."""
    head = [json.dumps(part) for part in HEAD]
    head[Field[place] : Field[place] + 1] = [value]
    return f"[{','.join(head)}]\n{{}}"


def _write(ledger: Ledger, local_id: str, record: str | bytes | list[str]) -> None:
    key = ledger.key(f"j:{local_id}")
    ledger.redis.delete(key)
    if isinstance(record, list):
        ledger.redis.rpush(key, *record)
    else:
        ledger.redis.set(key, record)


BROKEN: dict[str, str | bytes | list[str]] = {
    "garbage": "garbage",
    "garbage with a line break": "gar\nbage",
    "bytes that are no text": b"\xff\xfe\n\x80",
    "empty": "",
    "no version of ours": '[0,"queued"]\n{}',
    "half a version": '[1.5,"queued"]\n{}',
    "a word as the version": '["2","queued"]\n{}',
    "yes as the version": '[true,"queued"]\n{}',
    "truncated": '[1,"queued","2:sms::",17',
    "truncated, with a line break": '[1,"queued","2:sms::",17\n{}',
    "too few places": '[1,"queued","2:sms::"]\n{}',
    "an object": '{"state":"queued"}\n{}',
    "a number": "1\n{}",
    "a hole": "null\n{}",
    "NUL bytes": "\0\0\n\0",
    "another type": ["a", "list"],
    "nested without end": "[" * 100_000 + "\n{}",
}

broken = pytest.mark.parametrize("record", BROKEN.values(), ids=BROKEN.keys())


@broken
def test_a_waiting_job_is_set_aside(ledger: Ledger, record: str | bytes | list[str]) -> None:
    """One record that another program wrote must not stop 100,000 others."""
    name = ledger.open_batch()
    ids = ledger.add(3, lane=name, watched=False)
    ledger.close_batch(name)
    _write(ledger, ids[1], record)
    taken = ledger.take()

    assert taken.ids == [ids[0], ids[2]]
    assert ledger.redis.zrange(ledger.key("unreadable"), 0, -1) == [ids[1]]
    assert ledger.counts() == {"accepted": 3, "leased": 2, "unreadable": 1}
    for local_id in taken.ids:
        ledger.finish(local_id, taken.claim, "sent", contact_id="contact-1")
    assert ledger.batch(name).final_at != 0


@broken
def test_a_job_that_is_being_called_is_set_aside_when_its_lease_ends(
    ledger: Ledger, record: str | bytes | list[str]
) -> None:
    """It would count as leased for ever, and its batch would never be final."""
    name = ledger.open_batch()
    (local_id,) = ledger.add(1, lane=name, watched=False)
    ledger.close_batch(name)
    taken = ledger.take()
    _write(ledger, local_id, record)

    assert ledger.finish(local_id, taken.claim, "sent", contact_id="contact-1") == "gone"
    ledger.lose_leases()
    assert ledger.redis.zrange(ledger.key("unreadable"), 0, -1) == [local_id]
    assert ledger.counts() == {"accepted": 1, "unreadable": 1}
    assert ledger.batch(name).final_at != 0


@broken
def test_reading_many_jobs_leaves_it_out(ledger: Ledger, record: str | bytes | list[str]) -> None:
    """The service that polls a thousand jobs gets the other 999."""
    ids = ledger.add(3, watched=False)
    _write(ledger, ids[1], record)

    assert list(ledger.jobs(ids)) == [ids[0], ids[2]]
    ledger.take()


@broken
def test_it_can_be_neither_cancelled_nor_expired(ledger: Ledger, record: str | bytes | list[str]) -> None:
    """Both go on with the others; the next claim sets it aside."""
    ids = ledger.add(2, watched=False)
    _write(ledger, ids[0], record)

    assert ledger.cancel(ids[0]) == "gone"
    ledger.run_out("expiry")
    assert ledger.maintain().expired == 1
    ledger.claim()
    assert ledger.counts() == {"accepted": 2, "expired": 1, "unreadable": 1}


def test_every_place_of_a_record_is_looked_at(ledger: Ledger) -> None:
    """A head may be JSON of the right length and yet stop the script, or the worker that reads its answer."""
    good, *ids = ledger.add(1 + len(WRONG_PLACES), watched=False)
    for local_id, (place, value) in zip(ids, WRONG_PLACES, strict=True):
        _write(ledger, local_id, _head_with(place, value))

    assert list(ledger.jobs([good, *ids])) == [good]
    assert ledger.take(100).ids == [good]
    assert set(ledger.redis.zrange(ledger.key("unreadable"), 0, -1)) == set(ids)
    assert ledger.counts() == {"accepted": 1 + len(ids), "leased": 1, "unreadable": len(ids)}


@pytest.mark.parametrize("record", ["[" + "1," * 5_000_000 + "1]\n{}", "x" * 10_000_000], ids=["a head", "no line"])
def test_ten_megabytes_stop_nobody(ledger: Ledger, record: str) -> None:
    """Neither the server nor a caller who polls may choke on one of them."""
    ids = ledger.add(2, watched=False)
    _write(ledger, ids[0], record)

    assert list(ledger.jobs(ids)) == [ids[1]]
    assert ledger.take().ids == [ids[1]]
    assert ledger.counts() == {"accepted": 2, "leased": 1, "unreadable": 1}


def test_a_record_that_is_gone_is_set_aside_too(ledger: Ledger) -> None:
    """Somebody deleted it by hand; the counters must still sum up."""
    ids = ledger.add(2, watched=False)
    ledger.redis.delete(ledger.key(f"j:{ids[0]}"))

    assert ledger.take().ids == [ids[1]]
    assert ledger.counts() == {"accepted": 2, "leased": 1, "unreadable": 1}


def test_places_of_a_newer_version_are_kept(ledger: Ledger) -> None:
    """Two versions work on one Redis during an upgrade: the old one must not cut what the new one appended."""
    (local_id,) = ledger.add(1)
    head = ledger.head(local_id)
    ledger.redis.set(ledger.key(f"j:{local_id}"), ledger.raw(local_id).replace("]", ',"new"]', 1))
    ledger.attempt("retry", code="unreachable", delay_ms=HOUR_MS)

    assert ledger.head(local_id)[len(head) :] == ["new"]
