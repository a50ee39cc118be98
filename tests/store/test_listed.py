"""Lists in which single jobs, and all jobs of a number, are found by those who have no id."""

import os

import pytest
import redis

from outbound_chat.model.ids import new_local_id
from outbound_chat.model.lanes import Lane
from outbound_chat.store import scripts
from outbound_chat.store.scripts import Listing

from .clocked import ClockedLedger
from .ledger import DAY_MS, KEEP_MS, LANE, LISTED, Ledger, new_job

INDEX = "abcdef" + "x" * 22
REQUEST = f"encrypted:qwerty:{INDEX}:token"
NUMBERS = Listing(100, by_number=True)


def submit(ledger: Ledger, *ids: str, listing: Listing = LISTED, lane: str = LANE, request: str = REQUEST) -> None:
    jobs = [new_job(id_, request=request) for id_ in ids]
    call = scripts.submit(ledger.keys, lane=Lane.parse(lane), max_age_ms=DAY_MS, rejected=0, jobs=jobs, listing=listing)
    assert isinstance(ledger.run(call), scripts.Submitted)
    ledger.watch(ids)


def page(ledger: Ledger, *, after: str = "", count: int = 500, blind_index: str = "") -> tuple[list[str], str]:
    """Returns ids, and the one behind which there are more."""
    call = scripts.read_listed(ledger.keys, blind_index=blind_index, after=after, skipped=0, count=count)
    found = ledger.run(call)
    return [job.id.removeprefix("main.") for job in found.jobs], found.last if found.more else ""


def test_single_jobs_are_listed_the_newest_first_and_rows_are_not(ledger: Ledger) -> None:
    """Rows are reached by their batch, which lists them already."""
    ids = ledger.add(3)
    ledger.add(2, lane=ledger.open_batch())
    ids += ledger.add(2)
    ledger.attempt("sent", contact_id="c")

    assert page(ledger) == (ids[::-1], "")


def test_an_id_is_listed_whatever_its_bits_are(ledger: Ledger) -> None:
    """It is stored as a number of 128 bits; one that came back changed would be another job."""
    alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    ids = ["0" * 26, "7" + "Z" * 25, *(f"7{one * 25}" for one in alphabet[:-1]), *(new_local_id() for _ in range(200))]
    submit(ledger, *ids)

    assert page(ledger)[0] == ids[::-1]
    assert {len(raw) for raw in _raw(ledger)} == {16}


def _raw(ledger: Ledger) -> list[bytes]:
    options = ledger.redis.connection_pool.connection_kwargs
    with redis.Redis(host=options["host"], port=options["port"]) as client:
        found: list[bytes] = client.lrange(ledger.key("listed"), 0, -1)
        return found


@pytest.mark.parametrize(
    ("count", "index", "least", "length"),
    # The list of a number is read by the same script, and never shorter: 500 pages of one would prove no more.
    [*((count, "", 150, 209) for count in (1, 3, 7)), (7, INDEX, 500, 559)],
)
def test_pages_leave_none_out_while_others_come_and_the_oldest_go(
    ledger: Ledger, count: int, index: str, least: int, length: int
) -> None:
    """A place that moved would skip a job, or show it twice."""
    few = Listing(0 if index else least, by_number=bool(index))
    ids = [new_local_id() for _ in range(least + 99)]
    for part in (ids[:400], ids[400:]):
        submit(ledger, *part, listing=few)
    seen, after = page(ledger, count=count, blind_index=index)
    later = [new_local_id() for _ in range(60)]
    for id_ in later:
        submit(ledger, id_, listing=few)
    while after:
        more, after = page(ledger, after=after, count=count, blind_index=index)
        seen += more

    assert ledger.redis.llen(ledger.key(f"by_number:{index}" if index else "listed")) == length, "it was cut once"
    assert seen == ids[100:][::-1]
    assert page(ledger, blind_index=index)[0] == [*ids, *later][100:][::-1][:500]


def test_behind_a_job_that_was_removed_there_is_none(ledger: Ledger) -> None:
    """The oldest are removed first."""
    ids = ledger.add(2)
    assert page(ledger, after=new_local_id()) == ([], "")
    assert page(ledger, after=ids[0]) == ([], "")
    assert page(ledger, after=f"{ids[0]}-1") == ([], "")


def test_no_more_are_kept_than_the_settings_say(ledger: Ledger) -> None:
    """Single jobs of years would fill Redis."""
    for _ in range(3):
        submit(ledger, *(new_local_id() for _ in range(200)), listing=Listing(10, by_number=False))
        assert ledger.redis.llen(ledger.key("listed")) < 10 + 100
    off = new_local_id()
    submit(ledger, off, listing=Listing(0, by_number=False))
    assert off not in page(ledger)[0]


def test_ids_leave_with_the_records_of_their_jobs(ledger: Ledger) -> None:
    """A list of jobs that nobody can look up any more is of no use."""
    gone, stays = ledger.add(2)
    ledger.attempt("sent", contact_id="c")
    ledger.redis.pexpire(ledger.key(f"j:{gone}"), 1)
    while ledger.redis.exists(ledger.key(f"j:{gone}")):
        pass
    assert page(ledger) == ([stays], "")
    ledger.redis.delete(ledger.key("counts"))  # they count the record that is gone
    ledger.redis.hset(ledger.key("counts"), mapping={"accepted": 1, "waiting": 1})
    ledger.maintain()
    assert ledger.redis.llen(ledger.key("listed")) == 1
    assert page(ledger) == ([stays], "")


def test_a_replay_is_listed_like_any_single_job(ledger: Ledger) -> None:
    """It is the one that reached the customer, if one did."""
    (old,) = ledger.add(1)
    ledger.attempt("failed", code="refused")
    new = ledger.replay(old).detail

    assert page(ledger) == ([new, old], "")


def test_jobs_and_rows_of_a_number_are_found_by_its_blind_index(ledger: Ledger) -> None:
    """Whether a customer got a message must not depend on how it came in."""
    single = new_local_id()
    submit(ledger, single, listing=NUMBERS)
    lane = ledger.open_batch()
    row = f"{Lane.parse(lane).batch}-1"
    submit(ledger, row, listing=NUMBERS, lane=lane)
    submit(ledger, new_local_id(), listing=NUMBERS, request=f"encrypted:qwerty:{INDEX[:-1]}y:token")
    submit(ledger, new_local_id(), listing=NUMBERS, request='{"to":"+12025550123"}')
    submit(ledger, new_local_id())

    assert page(ledger, blind_index=INDEX) == ([row, single], "")


def test_nothing_is_kept_of_numbers_unless_somebody_asks_for_it(ledger: Ledger) -> None:
    submit(ledger, new_local_id())

    assert not [name for name in ledger.names() if "number" in name]


def test_the_list_of_a_number_lives_as_long_as_the_record_of_its_last_job_may(ledger: Ledger) -> None:
    """No longer, since it says that this customer was texted."""
    submit(ledger, new_local_id(), listing=NUMBERS)
    most = DAY_MS + KEEP_MS
    assert most - 60_000 < ledger.ttl_ms(f"by_number:{INDEX}") <= most

    later = new_job(request=REQUEST, send_at_ms=ledger.now_ms() + 3 * DAY_MS)
    call = scripts.submit(
        ledger.keys, lane=Lane.parse(LANE), max_age_ms=DAY_MS, rejected=0, jobs=[later], listing=NUMBERS
    )
    ledger.run(call)
    submit(ledger, new_local_id(), listing=NUMBERS)
    assert most + 2 * DAY_MS < ledger.ttl_ms(f"by_number:{INDEX}") <= most + 3 * DAY_MS


def test_a_number_that_is_texted_again_and_again_keeps_the_newest_jobs(ledger: Ledger) -> None:
    """A number of a monitoring would make one key as large as all others."""
    ids = [new_local_id() for _ in range(700)]
    for start in (0, 350):
        submit(ledger, *ids[start : start + 350], listing=NUMBERS)

    found, after = page(ledger, blind_index=INDEX)
    assert found == ids[-500:][::-1]
    assert after == (found[-1] if ledger.redis.llen(ledger.key(f"by_number:{INDEX}")) > 500 else "")


def test_who_asks_with_another_key_learns_that_there_is_one(ledger: Ledger) -> None:
    """Else a changed key would be the answer "no message was sent to this number"."""
    submit(ledger, new_local_id(), listing=NUMBERS)
    own, other = (
        ledger.run(scripts.read_listed(ledger.keys, blind_index=index, after="", skipped=0, count=1))
        for index in (INDEX, "ghijkl" + INDEX[6:])
    )
    assert (len(own.jobs), own.other_key) == (1, False)
    assert (len(other.jobs), other.other_key) == (0, True)


@pytest.mark.parametrize("name", ["listed", f"by_number:{INDEX}", "number_keys"])
def test_a_list_that_another_program_wrote_costs_no_job(ledger: Ledger, name: str) -> None:
    """It is for readers; a message is worth more."""
    ledger.redis.set(ledger.key(name), os.urandom(4).hex())
    id_ = new_local_id()
    submit(ledger, id_, listing=NUMBERS)
    ledger.maintain()

    assert ledger.take().ids == [id_]
    page(ledger, blind_index=INDEX)
    page(ledger)
    ledger.redis.delete(ledger.key(name))


def test_elements_that_another_program_wrote_are_passed_over(clocked: ClockedLedger) -> None:
    (id_,) = clocked.add(1)
    clocked.redis.rpush(clocked.key("listed"), "x", "y" * 16, "z" * 40)
    assert page(clocked) == ([id_], "")
    clocked.maintain()
    assert clocked.redis.llen(clocked.key("listed")) == 1
