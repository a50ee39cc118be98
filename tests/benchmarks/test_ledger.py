"""The ledgers that growth and memory are measured on hold what they were told to hold."""

from pathlib import Path

from benchmarks.ledger import running_side
from outbound_chat.store import scripts

JOBS = 20 * scripts.MOST_JOBS


def test_a_ledger_of_rows_has_them_all(tmp_path: Path) -> None:
    """Rows that came out of order would be taken for a repetition, and a share of nothing would look small."""
    with running_side(tmp_path / "valkey") as side:
        side.open_batch()
        side.fill(JOBS)
        assert side.waiting() == JOBS
