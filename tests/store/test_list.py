"""The list of batches: each is in one part of it as long as its book is kept."""

from outbound_chat.model.lanes import Lane
from outbound_chat.store import scripts
from outbound_chat.store.scripts import Claimed, Part

from .ledger import DAY_MS, KEEP_MS, Ledger


def listed(
    ledger: Ledger, part: Part, *, senders: tuple[str, ...] = (), tenant: str = "", count: int = 100
) -> list[tuple[str, int, str]]:
    """Id, jobs and hold of all batches of a part, read in pages of so many."""
    found: list[tuple[str, int, str]] = []
    after = None
    while True:
        page = ledger.run(
            scripts.read_batches(ledger.keys, part=part, after=after, senders=senders, tenant=tenant, count=count)
        )
        found += [(one.local_id, one.record.accepted, one.record.held_by) for one in page.batches]
        assert len(page.batches) <= count
        after = page.after
        if after is None:
            return found


def id_of(lane: str) -> str:
    return Lane.parse(lane).batch


def test_a_batch_moves_from_the_open_ones_to_those_that_ended(ledger: Ledger) -> None:
    """An operator who lost the id of a campaign finds it again."""
    first, second = ledger.open_batch(), ledger.open_batch()
    for lane in (first, second):
        ledger.add(1, lane=lane)
    # Both may have been made in one millisecond; then it is the higher id that goes first.
    newest_first = sorted([id_of(first), id_of(second)], reverse=True)
    assert sorted((id_ for id_, _, _ in listed(ledger, "open")), reverse=True) == newest_first
    assert listed(ledger, "ended") == []

    for lane in (first, second):
        ledger.close_batch(lane)
    ended, _ = ledger.attempt("sent", contact_id="c1")
    assert [id_ for id_, _, _ in listed(ledger, "ended")] == [ended.partition("-")[0]]
    assert len(listed(ledger, "open")) == 1
    ledger.attempt("failed", code="refused")
    assert listed(ledger, "open") == []
    assert {id_ for id_, _, _ in listed(ledger, "ended")} == {id_of(first), id_of(second)}
    assert 0 < ledger.ttl_ms("ended_batches") <= KEEP_MS


def test_pages_have_each_batch_once_also_those_of_one_millisecond(ledger: Ledger) -> None:
    """A script of one millisecond may open many; a cursor between two of them must lose none."""
    ids = [id_of(ledger.open_batch()) for _ in range(25)]
    now = ledger.now_ms()
    ledger.redis.zadd(ledger.key("open_batches"), {id_: now - place // 10 for place, id_ in enumerate(ids)})
    seen = [id_ for id_, _, _ in listed(ledger, "open", count=4)]

    assert sorted(seen) == sorted(ids)
    for group in (seen[:10], seen[10:20], seen[20:]):
        assert group == sorted(group, reverse=True)
    assert set(seen[:10]) == set(ids[:10])


def test_the_list_is_narrowed_to_a_sender_and_a_tenant_however_many_others_there_are(ledger: Ledger) -> None:
    wanted = id_of(ledger.open_batch(tenant="acme"))
    for _ in range(450):
        ledger.open_batch(tenant="other")

    assert [id_ for id_, _, _ in listed(ledger, "open", tenant="acme")] == [wanted]
    assert len(listed(ledger, "open", senders=("voice", "sms"))) == 451
    assert listed(ledger, "open", senders=("sm", "s")) == []


def test_a_batch_says_who_holds_it(ledger: Ledger) -> None:
    """Also one that has no job yet, or whose jobs are all being called: somebody must be able to release it."""
    called, held, empty, free = (ledger.open_batch() for _ in range(4))
    ledger.add(1, lane=called)
    assert isinstance(ledger.claim(), Claimed)
    for lane in (held, free):
        ledger.add(1, lane=lane)
    for lane in (called, held, empty):
        ledger.hold(f"batch:{id_of(lane)}", "wrong text")

    found = {id_: by for id_, _, by in listed(ledger, "open")}
    by = "a person holds the batch: wrong text"
    assert found == {id_of(called): by, id_of(held): by, id_of(empty): by, id_of(free): ""}
    for lane in (called, held, empty, free):
        record = ledger.run(scripts.read_batch(ledger.keys, id_of(lane)))
        assert record
        assert record.held_by == found[id_of(lane)]


def test_one_that_is_forgotten_leaves_the_list(ledger: Ledger) -> None:
    """Names must not pile up behind the batches they were for."""
    old, abandoned = ledger.open_batch(), ledger.open_batch()
    ledger.close_batch(old)
    ledger.redis.zadd(ledger.key("ended_batches"), {id_of(old): ledger.now_ms() - DAY_MS})
    ledger.redis.delete(ledger.key(f"b:{id_of(old)}"), ledger.key(f"b:{id_of(abandoned)}"))
    assert listed(ledger, "ended") == listed(ledger, "open") == []

    latest = ledger.open_batch()
    assert ledger.redis.zrange(ledger.key("open_batches"), 0, -1) == [id_of(latest)]
    ledger.close_batch(latest)
    assert ledger.redis.zrange(ledger.key("ended_batches"), 0, -1) == [id_of(latest)]
    assert "open_batches" not in ledger.names()


def test_a_batch_that_an_older_worker_ended_is_no_open_one(ledger: Ledger) -> None:
    """It knows nothing of the list, and leaves the name where it is."""
    lane = ledger.open_batch()
    ledger.close_batch(lane)
    ledger.redis.delete(ledger.key("ended_batches"))
    ledger.redis.zadd(ledger.key("open_batches"), {id_of(lane): ledger.now_ms()})

    assert listed(ledger, "open") == []
    ledger.redis.delete(*map(ledger.key, ("open_batches", f"b:{id_of(lane)}")))


def test_a_list_that_another_program_wrote_over_stops_no_batch(ledger: Ledger) -> None:
    """It serves readers; who sends may not depend on it."""
    for name in ("open_batches", "ended_batches"):
        ledger.redis.set(ledger.key(name), "theirs")
    lane = ledger.open_batch()
    ledger.add(1, lane=lane)
    ledger.close_batch(lane)
    ledger.attempt("sent", contact_id="c")

    assert ledger.batch(lane).final_at
    assert listed(ledger, "open") == listed(ledger, "ended") == []
    # Its name is lost with the list; what every other test leaves is looked at by the same rules.
    ledger.redis.delete(*map(ledger.key, ("open_batches", "ended_batches", f"b:{id_of(lane)}")))
