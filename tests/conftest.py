"""Fixtures that every folder of tests may use."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import Harness, running_harness


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Harness]:
    """A real Valkey and an unlimited sandbox; the test starts workers itself.

    At the end the books must add up, and no waker may have found anything to put right.
    """
    with running_harness(tmp_path) as harness:
        yield harness
        if not harness.broken:
            assert harness.books_add_up()
            assert harness.findings() == {}
