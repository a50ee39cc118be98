"""Fixtures that every folder of tests may use, and a look at the end for what they left behind."""

import os
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from outbound_chat_worker.sandbox import SANDBOX_ENVIRONMENT
from tests.support.harness import Harness, running_harness
from tests.support.waiting import wait_until

_RUN = "PYTEST_RUN_OF_OUTBOUND_CHAT"
"""The variable by which the processes of one run of the suite are known, whoever started them."""


@pytest.hookimpl(trylast=True)  # once pytest has a temporary folder
def pytest_configure(config: pytest.Config) -> None:
    # Shells start what runs in the background with SIGINT ignored, and all that it starts would ignore it, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if not hasattr(config, "workerinput"):
        os.environ[_RUN] = uuid.uuid4().hex
    if config.getoption("numprocesses", None):
        # The whole suite leaves nothing in the repository; one test that runs alone keeps the examples that failed.
        folder: Path = config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]  # no fixture is made yet
        os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = str(folder / "hypothesis")
        # Nor elsewhere: a process that a test kills with SIGKILL removes none of its temporary files.
        os.environ["TMPDIR"] = str(folder / "left")
        (folder / "left").mkdir(exist_ok=True)


@pytest.hookimpl(trylast=True)  # once the processes that run the tests have ended
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fails the run when a process outlives it, which would take the jobs or the ports of the next."""
    if session.config.getoption("numprocesses", None):
        try:
            wait_until(lambda: not _left_behind(), what="the end of all processes")
        except AssertionError as error:
            raise pytest.UsageError(f"the tests left processes behind: {_left_behind()}") from error


def _left_behind() -> list[str]:
    """The commands of this run's processes, but for this one."""
    mark, found = f"{_RUN}={os.environ[_RUN]}".encode(), []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes().split(b"\0"):
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:  # it ended meanwhile, or is another user's
            continue
    return found


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Harness]:
    """A real Valkey and an unlimited sandbox; the test starts workers itself.

    At the end the counts must add up, and no waker may have found anything to put right.
    """
    with running_harness(tmp_path) as harness:
        yield harness
        if not harness.broken:
            assert harness.counts_add_up()
            assert harness.findings() == {}


@pytest.fixture
def sandbox_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS credentials of this process that the sandbox accepts."""
    for name, value in SANDBOX_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
