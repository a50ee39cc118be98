"""Suppression lists: a number on the list of its sender is never called, and the list costs others nothing."""

from collections.abc import Sequence
from typing import Any

import pytest

from outbound_chat.model.jobs import Job, JobState
from outbound_chat.store import scripts
from outbound_chat.store.scripts import FIRST_PAGE, Claimed, Empty, Listed, Unlisted

from .clocked import ClockedLedger
from .ledger import HOUR_MS, Ledger, lane
from .test_bucket import left

NUMBER, OTHER = "+12025550123", "+12025550124"


def to(number: str) -> str:
    return f'{{"to":"{number}","text":"Hello"}}'


def listed(ledger: Ledger, **chosen: Any) -> Listed:
    answer = ledger.run(scripts.read_suppressed(ledger.keys, **{"sender": "sms", **chosen}))
    assert isinstance(answer, Listed)
    return answer


def read(ledger: Ledger, *numbers: str, **chosen: Any) -> Sequence[tuple[str, int, str]]:
    return listed(ledger, names=numbers, **chosen).entries


def pages(ledger: Ledger, **chosen: Any) -> list[Sequence[tuple[str, int, str]]]:
    found: list[Sequence[tuple[str, int, str]]] = []
    cursor = FIRST_PAGE
    while not found or cursor != FIRST_PAGE:
        page = listed(ledger, cursor=cursor, **chosen)
        cursor = page.cursor
        found.append(page.entries)
    return found


def outcome(job: Job) -> tuple[JobState, str, int]:
    assert job.error
    return job.state, job.error.code, job.attempts


def test_a_number_is_listed_once_with_what_was_said_first(ledger: Ledger) -> None:
    """An import that runs every night must not wipe out when and why somebody asked to be left alone."""
    before = ledger.now_ms()
    assert ledger.suppress(NUMBER, OTHER, reason="sent STOP") == 2
    assert ledger.suppress(NUMBER, "+12025550125", reason="nightly import") == 1

    (found,) = read(ledger, NUMBER, "+12025550199")
    number, since_ms, reason = found
    assert (number, reason) == (NUMBER, "sent STOP")
    assert before <= since_ms <= ledger.now_ms()
    assert ledger.unsuppress(NUMBER, "+12025550199") == 1
    assert ledger.unsuppress(NUMBER) == 0
    assert read(ledger, NUMBER) == []


def test_the_whole_list_is_read_in_pages(ledger: Ledger) -> None:
    """A list of a million must not hold the server while it is read."""
    numbers = {f"+1202{5_000_000 + index}" for index in range(3_000)}
    for start in range(0, 3_000, scripts.MOST_JOBS):
        ledger.suppress(*sorted(numbers)[start : start + scripts.MOST_JOBS])

    found = pages(ledger)
    assert {number for page in found for number, _, _ in page} == numbers
    assert max(map(len, found)) < 1_000
    assert len(found) > 3


def test_an_empty_list_has_one_empty_page(ledger: Ledger) -> None:
    """A sender without a list is the usual case."""
    assert pages(ledger) == [[]]


@pytest.mark.parametrize(
    "request_", [to(NUMBER), f'{{"DestinationEndpoint":{{"Type":"TELEPHONE_NUMBER","Address":"{NUMBER}"}}}}']
)
def test_a_suppressed_job_fails_without_a_call(ledger: Ledger, request_: str) -> None:
    """Whoever asked to be left alone gets nothing, whatever was enqueued before."""
    (local_id,) = ledger.add(1, request=request_)
    (free,) = ledger.add(1, request=to(OTHER))
    ledger.suppress(NUMBER)

    assert ledger.take().ids == [free]
    assert outcome(ledger.job(local_id)) == (JobState.FAILED, "suppressed", 0)
    assert NUMBER not in str(ledger.job(local_id).history)
    assert ledger.request(local_id) == request_, "a person may look at it"
    assert ledger.counts() == {"accepted": 2, "failed": 1, "leased": 1}


def test_a_number_off_the_list_is_called_again(ledger: Ledger) -> None:
    """They asked for messages anew."""
    ledger.suppress(NUMBER)
    ledger.unsuppress(NUMBER)
    (local_id,) = ledger.add(1, request=to(NUMBER))

    assert ledger.take().ids == [local_id]
    assert "suppressed:sms" not in ledger.names()


def test_the_list_of_one_sender_is_not_that_of_another(ledger: Ledger) -> None:
    """No more news, but still the codes to log in."""
    ledger.suppress(NUMBER, sender="news")
    (news,) = ledger.add(1, lane=lane(sender="news"), request=to(NUMBER))
    (codes,) = ledger.add(1, lane=lane(sender="codes"), request=to(NUMBER))

    assert ledger.take().ids == [codes]
    assert ledger.state(news) is JobState.FAILED


def test_suppressed_jobs_take_no_token_and_no_part_of_the_numbers_pace(clocked: ClockedLedger) -> None:
    """A list of half the campaign must not halve the pace of the rest."""
    clocked.configure(rate=1, burst=3, version="v2", senders={"sms": {"number_rate": 3.0, "concurrency": 3}})
    blocked = clocked.add(5, request=to(NUMBER))
    free = clocked.add(4, request=to(OTHER))
    clocked.suppress(NUMBER)

    assert clocked.take(3).ids == free[:3]
    assert {clocked.state(local_id) for local_id in blocked} == {JobState.FAILED}
    assert left(clocked) == 0
    assert clocked.state(free[3]) is JobState.QUEUED


def test_a_claim_that_finds_nobody_to_call_says_when_to_look_again(ledger: Ledger) -> None:
    """A thousand suppressed jobs in front must not make the pump sleep before the one behind them."""
    ledger.add(700, watched=False, request=to(NUMBER))
    (free,) = ledger.add(1, request=to(OTHER))
    ledger.suppress(NUMBER)

    first = ledger.claim(linger_ms=1_000)
    assert isinstance(first, Empty)
    assert (first.waiting, first.until_ms) == (True, 0)
    assert ledger.take().ids == [free]
    assert ledger.counts() == {"accepted": 701, "failed": 700, "leased": 1}


def test_a_job_that_waits_for_another_attempt_is_suppressed_too(ledger: Ledger) -> None:
    """Its first call was refused; the second must not reach somebody who has opted out meanwhile."""
    (local_id,) = ledger.add(1, request=to(NUMBER))
    ledger.attempt("snooze", code="throttled")
    ledger.suppress(NUMBER)

    assert isinstance(ledger.claim(), Empty)
    assert outcome(ledger.job(local_id)) == (JobState.FAILED, "suppressed", 0)
    assert [entry.code for entry in ledger.job(local_id).history] == ["throttled", "suppressed"]


def test_a_job_that_may_have_been_sent_ends_uncertain(ledger: Ledger) -> None:
    """A contact may exist; `failed` would say that none does."""
    (local_id,) = ledger.add(1, request=to(NUMBER))
    ledger.attempt("retry", code="no_answer", maybe_sent=True)
    ledger.suppress(NUMBER)

    ledger.claim()
    job = ledger.job(local_id)
    assert outcome(job) == (JobState.UNCERTAIN, "suppressed", 1)
    assert job.history[-1].outcome == "uncertain"


def test_a_job_ahead_is_judged_when_its_time_comes(ledger: Ledger) -> None:
    """Lists change: who is on it today may ask for messages tomorrow."""
    (local_id,) = ledger.add(1, send_at_ms=ledger.now_ms() + HOUR_MS, request=to(NUMBER))
    ledger.suppress(NUMBER)

    assert isinstance(ledger.claim(), Empty)
    assert ledger.state(local_id) is JobState.SCHEDULED


def test_a_batch_whose_last_job_is_suppressed_is_final(ledger: Ledger) -> None:
    """`wait_batch` must end."""
    batch = ledger.open_batch()
    ledger.add(2, lane=batch, request=to(NUMBER))
    ledger.close_batch(batch)
    ledger.suppress(NUMBER)

    ledger.claim()
    assert ledger.batch(batch).failed == 2
    assert ledger.batch(batch).final_at > 0


def test_a_suppressed_job_is_no_probe(ledger: Ledger) -> None:
    """The probe of a hold tells by its call whether the sender works; without a call it would tell nothing."""
    (refused,) = ledger.add(1, request=to(OTHER))
    ledger.attempt("hold", code="access_denied", scope="sender:sms", delay_ms=1)
    (blocked,) = ledger.add(1, request=to(NUMBER))
    ledger.suppress(NUMBER)
    found: list[str] = []
    while not found:
        ledger.maintain()
        answer = ledger.claim()
        found = [job.local_id for job in answer.jobs] if isinstance(answer, Claimed) else []

    assert found == [refused]
    assert ledger.state(blocked) is JobState.FAILED


@pytest.mark.parametrize("request_", ["", "no JSON", "[]", '"+12025550123"', '{"to":5}', '{"DestinationEndpoint":7}'])
def test_a_request_that_can_not_be_read_is_left_to_the_worker(ledger: Ledger, request_: str) -> None:
    """It says `unreadable_request`; a claim that broke on it would stop everybody."""
    (local_id,) = ledger.add(1, request=request_)
    ledger.suppress(NUMBER)

    assert ledger.take().ids == [local_id]


def test_an_entry_of_a_sync_gives_way_to_one_of_a_person_and_never_replaces_it(ledger: Ledger) -> None:
    """A sync that mirrors may remove the one, and not the other; a rewrite keeps which is which."""

    def write(since: str, note: str) -> int:
        added = ledger.run(scripts.suppress(ledger.keys, sender="sms", entries=[(NUMBER, since, note)]))
        assert isinstance(added, int)
        return added

    def remove() -> list[bool]:
        answer = ledger.run(scripts.unsuppress(ledger.keys, sender="sms", of_sync=True, names=[NUMBER, OTHER]))
        assert isinstance(answer, Unlisted)
        return list(answer.removed)

    assert [write("00", "sync"), write("00", "later"), write("0123", "rewritten")] == [1, 0, 0]
    assert read(ledger, NUMBER) == [(NUMBER, 123, "rewritten")]
    assert remove() == [True, False]
    assert [write("00", "sync"), write("0", "person"), write("00", "sync"), write("0123", "sync")] == [1, 0, 0, 0]
    assert [note for _, _, note in read(ledger, NUMBER)] == ["person"]
    assert remove() == [False, False]
    assert write("123", "rewritten") == 0
    assert read(ledger, NUMBER) == [(NUMBER, 123, "rewritten")]
    assert remove() == [False, False]


def test_the_total_of_a_sender_is_that_of_both_of_its_lists(ledger: Ledger) -> None:
    """After encryption was switched on it has two, of which one names its key."""
    for key_id, names in (("", [NUMBER]), ("key", ["keyone", "keytwo"])):
        entries = [(name, 0, "said STOP") for name in names]
        ledger.run(scripts.suppress(ledger.keys, sender="sms", key_id=key_id, entries=entries))

    assert [listed(ledger, key_id=key_id, cursor=FIRST_PAGE).total for key_id in ("", "key")] == [3, 3]
