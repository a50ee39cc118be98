"""`outbound-chat demo`: what a newcomer sees first."""

import sys
import uuid

from tests.support.harness import Harness, data_of
from tests.support.tagged import TAG, tagged


def test_the_demo_ends_with_exact_counts_and_leaves_no_process_behind(stack: Harness) -> None:
    """The first impression: 300 jobs, real workers, faults on the way, and every contact counted once."""
    tag = uuid.uuid4().hex
    process = stack.start([sys.executable, "-m", "outbound_chat.cli", "demo", "--json"], {TAG: tag})

    assert process.wait(120) == 0
    answer = data_of(next(line for line in stack.logs().splitlines() if line.startswith("{")))
    report = answer["report"]
    assert answer["faults"] == []
    assert report["receipt"]["accepted"] == 300
    assert report["receipt"]["rejected"] == 3
    assert report["sent"] == report["sandbox"]["accepted"] == report["destinations"] == 299
    assert report["reasons"] == {"failed: refused": 1}
    assert report["sent_after_retry"] > 0
    assert tagged(tag) == []
