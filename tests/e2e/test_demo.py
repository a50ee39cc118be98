"""`outbound-chat demo` and `dev`: what a newcomer sees first."""

import os
import signal
import sys
import uuid
from pathlib import Path

from tests.support.harness import Harness, data_of, number
from tests.support.waiting import wait_until

TAG = "OUTBOUND_TEST_TAG"


def _tagged(tag: str) -> list[int]:
    """Processes that carry the tag in their environment: all that a command started, directly or not."""
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"{TAG}={tag}".encode() in environment.read_bytes():
                found.append(int(environment.parent.name))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return found


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
    assert _tagged(tag) == []


def test_dev_prints_addresses_that_work_and_ends_everything_on_ctrl_c(stack: Harness) -> None:
    """A stack to develop against, with nothing to install and nothing left running."""
    tag = uuid.uuid4().hex
    folder = stack.folder / "dev"
    command = [sys.executable, "-m", "outbound_chat.cli", "dev", "--json", "--folder", str(folder)]
    process = stack.start(command, {TAG: tag})
    wait_until(lambda: '"sandbox_url"' in stack.logs(), timeout=60, what="the addresses")
    addresses = data_of(next(line for line in stack.logs().splitlines() if line.startswith("{")))
    stack.settings_file = Path(addresses["settings"])

    sent = stack.run("send", "--sender", "demo", "--to", number(1), "--text", "Hello", "--wait", "60", "--json")

    assert sent.returncode == 0, sent.stderr
    assert data_of(sent.stdout)["state"] == "sent"
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(60) == 0
    assert _tagged(tag) == []
