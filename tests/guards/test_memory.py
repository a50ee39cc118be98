"""Bytes of Redis a job, weighed on a real server: they decide how many jobs an installation can hold.

Weighed are all keys (`MEMORY USAGE`) and the server's own tables of them; not what a server holds for connections and
while a table grows, which differs from run to run by a fifth of a job. The bounds are tighter than the bars
of `make bench`, 900, 400 and 300.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.ledger import Side, running_side
from benchmarks.peers import outbound
from outbound_chat.encryption import RequestCipher
from outbound_chat.request import ChatRequest, codec
from outbound_chat.store import scripts
from outbound_chat_config import EncryptionSettings

JOBS = 4_000
MOST_WAITING_SINGLE = 490
MOST_WAITING_ROW = 390
MOST_FINISHED = 280
MOST_EVENT = 72


@pytest.fixture
def side(tmp_path: Path) -> Iterator[Side]:
    """A ledger on a server of its own that has seen the scripts, and keeps nothing on disk."""
    with running_side(tmp_path / "valkey") as made:
        made.open_lanes(1)
        made.fill(scripts.MOST_JOBS)
        made.finish(made.claim(scripts.MOST_JOBS))
        yield made


def _weight(side: Side) -> int:
    """Bytes of all keys but the events, and of the tables that list them."""
    names = [name for name in side.redis.scan_iter(count=1_000) if name != side.keys.events]
    with side.redis.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.memory_usage(name, samples=0)
        # A key whose time is over since it was listed, such as the memory of a claim, weighs nothing.
        of_keys = sum(size or 0 for size in pipe.execute())
    return int(of_keys + side.redis.memory_stats()["overhead.db.hashtable.lut"])


def _weight_of_events(side: Side) -> int:
    return int(side.redis.memory_usage(side.keys.events, samples=0))


def test_a_waiting_single_job_with_its_whole_request_is_small(side: Side) -> None:
    """482: 260 for its record with its key, 90 each for its places in the lane and in the index of expiry, 18 for that
    in the list of single jobs.
    """
    before = _weight(side)
    side.fill(JOBS)
    assert (_weight(side) - before) / JOBS <= MOST_WAITING_SINGLE


def test_a_waiting_row_that_shares_its_text_is_smaller(side: Side) -> None:
    """370: its record has no text, and its lane has the row instead of a whole id."""
    side.open_batch()
    before = _weight(side)
    side.fill(JOBS)
    assert (_weight(side) - before) / JOBS <= MOST_WAITING_ROW


def test_a_finished_job_is_its_record_and_a_place_in_the_list(side: Side) -> None:
    """277, of which 225 to 230 are the record with its key, and 18 its place in the list of single jobs.

    Kept for a week by default, finished jobs are most of what an installation holds. Their events, 66 each, are weighed
    by themselves: the last 10,000 are kept, however many jobs come.
    """
    before, events_before = _weight(side), _weight_of_events(side)
    side.fill(JOBS)
    for _ in range(JOBS // scripts.MOST_JOBS):
        side.finish(side.claim(scripts.MOST_JOBS))
    assert (_weight(side) - before) / JOBS <= MOST_FINISHED
    assert (_weight_of_events(side) - events_before) / JOBS <= MOST_EVENT


def test_a_full_request_is_stored_under_short_names() -> None:
    """557 characters, where the names of the API would make them 804: each waiting job holds them."""
    request = ChatRequest.from_short(outbound.job_of(123_456))
    assert len(codec.encode(RequestCipher(EncryptionSettings()), request)) <= 570
