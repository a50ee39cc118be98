"""Batches: opened, filled, closed, final, and counted all the way."""

from outbound_chat.model.jobs import JobState, Priority
from outbound_chat.model.lanes import Lane
from outbound_chat.store import scripts
from outbound_chat.store.scripts import KeyUse, NotOpen, Opened

from .ledger import HOUR_MS, KEEP_MS, Ledger, lane, new_job


def test_a_batch_counts_its_jobs_at_every_step(ledger: Ledger) -> None:
    """Progress is read from these counts; at any moment they sum up to what was accepted."""
    name = ledger.open_batch(tenant="acme")
    ledger.add(4, lane=name)
    ledger.add(1, lane=lane(Priority.BULK, tenant="zzz"))
    sent, claim = ledger.take_one()
    book = ledger.batch(name)
    assert (book.accepted, book.waiting, book.leased) == (4, 3, 1)

    ledger.finish(sent, claim, "sent", contact_id="contact-1")
    book = ledger.batch(name)
    assert (book.accepted, book.waiting, book.leased, book.sent) == (4, 3, 0, 1)


def test_opening_a_batch_twice_changes_nothing(ledger: Ledger) -> None:
    """The repeat of a call that timed out must not empty a batch."""
    name = ledger.open_batch()
    ledger.add(1, lane=name)
    before = ledger.batch(name)
    batch = Lane.parse(name).batch
    again = scripts.open_batch(ledger.keys, batch=batch, lane=Lane.parse("3:other::"), name="Other", shared="[]")

    assert ledger.run(again) == Opened(KeyUse.NEW, batch)
    assert ledger.batch(name) == before


def test_a_batch_keeps_the_request_that_its_jobs_share(ledger: Ledger) -> None:
    """It is stored once for 100,000 rows, and read when the first of them is sent."""
    shared = '{"text":"Hello {name}"}'
    name = ledger.open_batch(shared=shared)
    ledger.add(1, lane=name)

    assert ledger.run(scripts.read_shared(ledger.keys, Lane.parse(name).batch)) == shared


def test_a_batch_is_final_only_when_it_is_closed_and_all_its_jobs_are(ledger: Ledger) -> None:
    """A fast worker may empty a batch while its file is still being read."""
    name = ledger.open_batch()
    ledger.add(2, lane=name)
    ledger.attempt("sent", contact_id="contact-1")
    ledger.attempt("failed", code="refused")
    assert ledger.batch(name).final_at == 0

    ledger.submit(new_job(f"{Lane.parse(name).batch}-3"), lane=name)
    assert ledger.close_batch(name, rejected=2) == "ok"
    assert ledger.batch(name).final_at == 0

    ledger.attempt("sent", contact_id="contact-2")
    book = ledger.batch(name)
    assert book.final_at >= book.closed_at > 0
    assert (book.accepted, book.sent, book.failed, book.rejected) == (3, 2, 1, 2)
    assert KEEP_MS - 60_000 < ledger.ttl_ms(f"b:{Lane.parse(name).batch}") <= KEEP_MS


def test_a_batch_closed_after_its_last_job_ended_is_final_at_once(ledger: Ledger) -> None:
    """Nothing else would happen later to make it final."""
    name = ledger.open_batch()
    ledger.add(1, lane=name)
    ledger.attempt("sent", contact_id="contact-1")
    ledger.close_batch(name)

    assert ledger.batch(name).final_at != 0


def test_the_end_of_a_batch_is_published(ledger: Ledger) -> None:
    """Who waits for a batch of hours must not poll for it."""
    name = ledger.open_batch()
    ledger.add(1, lane=name)
    ledger.close_batch(name)
    with ledger.redis.pubsub(ignore_subscribe_messages=True) as heard:
        heard.subscribe(ledger.keys.done(Lane.parse(name).batch))
        heard.get_message(timeout=60)
        ledger.attempt("sent", contact_id="contact-1")
        message = heard.get_message(timeout=60)

    assert message
    assert message["data"] == "final"


def test_closing_a_batch_twice_changes_nothing(ledger: Ledger) -> None:
    """The second close is the first one, repeated after a time-out."""
    name = ledger.open_batch()
    ledger.close_batch(name, rejected=1)
    before = ledger.batch(name)

    assert ledger.close_batch(name, rejected=1) == "ok"
    assert ledger.batch(name) == before


def test_jobs_of_an_unknown_batch_are_refused(ledger: Ledger) -> None:
    """Their shared text would be missing, so nothing may be sent."""
    name = lane(batch="01JD2Y8Q6ZK4X0B7V5N3M1C9TR")

    assert ledger.submit(new_job(f"{Lane.parse(name).batch}-1"), lane=name, watched=False) == NotOpen(closed=False)
    assert ledger.close_batch(name) == "gone"
    assert ledger.run(scripts.read_batch(ledger.keys, Lane.parse(name).batch)) is None
    assert ledger.counts() == {}


def test_jobs_for_a_closed_batch_are_refused(ledger: Ledger) -> None:
    """A batch that was reported final must stay so."""
    name = ledger.open_batch()
    ledger.close_batch(name)

    assert ledger.submit(new_job(f"{Lane.parse(name).batch}-1"), lane=name, watched=False) == NotOpen(closed=True)
    assert ledger.batch(name).accepted == 0


def test_a_batch_never_closed_keeps_its_template_while_jobs_wait(ledger: Ledger) -> None:
    """A producer that died half way leaves jobs that will still be sent, perhaps after weeks under a hold."""
    name = ledger.open_batch()
    book = f"b:{Lane.parse(name).batch}"
    assert ledger.ttl_ms(book) > 29 * 24 * HOUR_MS

    ledger.add(1, lane=name)
    assert ledger.ttl_ms(book) == -1
    local_id, claim = ledger.take_one()
    assert ledger.ttl_ms(book) == -1
    ledger.finish(local_id, claim, "retry", delay_ms=0)
    assert ledger.ttl_ms(book) == -1

    ledger.attempt("sent", contact_id="contact-1")
    assert ledger.ttl_ms(book) > 29 * 24 * HOUR_MS


def test_a_batch_tells_scheduled_from_queued(ledger: Ledger) -> None:
    """A row that waits for its second attempt was not scheduled by anybody."""
    name = ledger.open_batch()
    batch = Lane.parse(name).batch
    ahead = ledger.now_ms() + HOUR_MS
    ledger.submit(new_job(f"{batch}-1"), new_job(f"{batch}-2", send_at_ms=ahead), lane=name)
    ledger.attempt("retry", delay_ms=HOUR_MS)

    book = ledger.batch(name)
    assert (book.scheduled, book.waiting) == (1, 2)
    assert [ledger.state(f"{batch}-{row}") for row in (1, 2)] == [JobState.QUEUED, JobState.SCHEDULED]
