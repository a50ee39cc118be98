"""What submit, claim and finish cost beside 1,000 to a million waiting jobs of a batch: `growth` as a curve."""

import statistics
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks.growth import work_in_turn
from benchmarks.ledger import running_side
from benchmarks.report import Report

FEW = 1_000


def measure_backlog_cost(
    report: Report, sizes: tuple[int, ...], rounds: int
) -> dict[str, list[tuple[int, float, float]]]:
    """Call → (waiting jobs, microseconds on the server, ratio to the side that keeps 1,000), size by size."""
    curves: dict[str, list[tuple[int, float, float]]] = {}
    with tempfile.TemporaryDirectory(prefix="outbound-chat-bench-") as folder, ExitStack() as stack:
        small, large = (stack.enter_context(running_side(Path(folder) / name)) for name in ("small", "large"))
        filled = 0
        for side in (small, large):
            side.open_batch()
        small.fill(FEW)
        for size in sizes:
            report.say(f"growth: {size:,} waiting jobs")
            large.fill(size - filled)
            filled = size
            few, many = work_in_turn([small, large], rounds)
            for call in few:
                cost = statistics.median(one.server for one in many[call])
                ratio = cost / statistics.median(one.server for one in few[call])
                curves.setdefault(call, []).append((size, cost, ratio))
    return curves
