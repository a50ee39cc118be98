"""How long chats lasted is what predictions assume, while contact events come."""

from datetime import timedelta

import pytest

from outbound_chat import OutboundChat
from outbound_chat.model.lanes import Lane
from outbound_chat.store import scripts
from tests.support.harness import number, sender

from .clocked import ClockedLedger
from .conftest import PREFIX
from .ledger import HOUR_MS
from .test_contact_events import ended, ingest
from .test_why import why

INSTANCE = "i-1"


@pytest.fixture
def ledger(bare_clocked: ClockedLedger) -> ClockedLedger:
    """A budget of an instance with room for ten chats."""
    bare_clocked.configure(contacts=True, senders={"sms": {"max_chats": 10}})
    return bare_clocked


def live(ledger: ClockedLedger, number: int, *, seconds: int, first: int = 0) -> None:
    """So many chats begin and end."""
    for place in range(first, first + number):
        ledger.add(1)
        ledger.attempt("sent", contact_id=f"c-{place}", chat_ms=20 * HOUR_MS)
        ingest(ledger, ended(f"c-{place}", 1_000, seconds=seconds))


def pace(ledger: ClockedLedger) -> float | None:
    found = ledger.run(scripts.read_pace(ledger.keys, Lane.parse("2:sms::"))).pace
    assert found
    assert found.chats
    return found.chats.lasted


def test_the_mean_of_the_last_two_hundred_counts(ledger: ClockedLedger) -> None:
    """Fewer than twenty say too little: those that end first are the short ones."""
    live(ledger, 19, seconds=60)
    assert pace(ledger) is None
    live(ledger, 1, seconds=460, first=19)
    assert pace(ledger) == 80.0

    live(ledger, 210, seconds=100, first=20)
    assert pace(ledger) == 100.0


def test_without_events_the_whole_duration_is_assumed_again(ledger: ClockedLedger) -> None:
    """Where nobody listens any more, an open chat keeps its place until its assumed end."""
    live(ledger, 20, seconds=60)
    ledger.clock.now_ms += 10 * HOUR_MS
    assert pace(ledger) == 60.0, "in the morning no chat is open, and so none could have ended"

    ledger.add(1)
    ledger.attempt("sent", contact_id="c-20", chat_ms=20 * HOUR_MS)
    assert pace(ledger) is None
    ingest(ledger, ended("another"))
    assert pace(ledger) == 60.0


def test_why_says_what_its_estimate_is_based_on(ledger: ClockedLedger) -> None:
    live(ledger, 20, seconds=600)
    for place in range(10):
        ledger.add(1)
        ledger.attempt("sent", contact_id=f"open-{place}", chat_ms=20 * HOUR_MS)
    (waiting,) = ledger.add(1)
    ledger.claim()
    ledger.maintain()

    found = ledger.run(scripts.why(ledger.keys, waiting))
    assert found
    assert found.waiting
    assert (found.waiting.rule, found.waiting.lasted) == ("chats", 600.0)
    answer = why(ledger, waiting)
    assert answer.explanation.endswith("Chats lasted 10 min on average. The next is assumed to end in 60 s.")
    assert answer.expected_at == ledger.clock.now + timedelta(seconds=60)


def test_a_preflight_says_what_its_times_assume(ledger: ClockedLedger) -> None:
    """100 rows in tens, each ten as long as ten minutes; of 25 hours each as long as nothing was seen."""
    values = {"key_prefix": PREFIX, "senders": {"sms": sender(instance_id=INSTANCE, max_open_chats=10)}}
    rows = [{"to": number(index)} for index in range(100)]
    with OutboundChat(store=ledger.store, **values) as chat:
        whole = chat.preflight_batch(rows, sender="sms")
        live(ledger, 20, seconds=600)
        seen = chat.preflight_batch(rows, sender="sms")

        assert whole.chats_lasted_seconds is None
        assert whole.ends_at
        assert whole.ends_at - ledger.clock.now == pytest.approx(timedelta(hours=9 * 25), abs=timedelta(minutes=1))
        assert seen.chats_lasted_seconds == 600.0
        assert seen.ends_at
        assert seen.ends_at - ledger.clock.now == pytest.approx(timedelta(minutes=90), abs=timedelta(minutes=1))


def test_the_status_of_events_shows_how_long_chats_lasted(ledger: ClockedLedger) -> None:
    live(ledger, 19, seconds=600)
    status = ledger.run(scripts.read_contact_events(ledger.keys, [INSTANCE]))
    assert status.lasted_seconds == {}

    live(ledger, 1, seconds=600, first=19)
    status = ledger.run(scripts.read_contact_events(ledger.keys, ["i-2", INSTANCE]))
    assert status.lasted_seconds == {INSTANCE: 600.0}
    assert status.open_chats == {"i-2": 0, INSTANCE: 0}


def test_lifetimes_that_another_program_wrote_are_passed_over(ledger: ClockedLedger) -> None:
    live(ledger, 20, seconds=600)
    ledger.redis.lpush(ledger.key(f"lifetimes:{INSTANCE}"), "no number", "-5", "1e99")
    assert pace(ledger) == 600.0
    ledger.redis.set(ledger.key(f"lifetimes:{INSTANCE}"), "x")
    try:
        assert pace(ledger) is None
    finally:
        ledger.redis.delete(ledger.key(f"lifetimes:{INSTANCE}"))
