"""The examples that run from a command line, as their heads say."""

import shutil
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.harness import Harness, free_port, number
from tests.http.conftest import start_service
from tests.http.keyring import make_key
from tests.waiting import wait_until

from .conftest import EXAMPLES, TIMEOUT, contacts, run

LONGEST = 60
"""Lines that a reader takes in at a glance."""


def test_each_example_is_short() -> None:
    files = [file for file in EXAMPLES.rglob("*") if file.suffix in {".py", ".sh", ".mjs", ".html"}]
    assert len(files) > 10
    for file in files:
        assert len(file.read_text(encoding="utf-8").splitlines()) <= LONGEST, file.name


def test_the_quickstart_sends_one_message_and_a_batch(shared: Harness) -> None:
    ended = run(shared, sys.executable, EXAMPLES / "quickstart.py")
    assert ended.returncode == 0, ended.stderr
    assert "row 3 rejected: to" in ended.stdout
    assert "2 of 2 sent, 1 rejected" in ended.stdout


def test_cron_may_run_twice_and_reminds_once(shared: Harness, tmp_path: Path) -> None:
    # Local time, as cron's; both days, should midnight come in the middle.
    days = [(datetime.now(tz=UTC).astimezone() + timedelta(days=count)).date() for count in (1, 2)]
    file = tmp_path / "appointments.csv"
    lines = [f"{count},{number(120 + count)},{day},9:30" for count, day in enumerate(days)]
    file.write_text("\n".join(["id,phone,day,time", *lines, f"9,12,{days[0]},10:00"]), encoding="utf-8")
    script = EXAMPLES / "remind.py"

    first = run(shared, sys.executable, script, file)
    assert (first.returncode, first.stdout) == (1, "1 reminders on their way, 0 were before, 1 refused\n"), first.stderr
    assert first.stderr.startswith("reminder 2 refused: to: ")
    again = run(shared, sys.executable, script, file)
    assert (again.returncode, again.stdout) == (1, "0 reminders on their way, 1 were before, 1 refused\n")
    assert run(shared, sys.executable, script, tmp_path / "none.csv").returncode == 2
    assert (
        run(
            shared, sys.executable, script, file, OUTBOUND_CHAT_REDIS_URL=f"redis://127.0.0.1:{free_port()}/0"
        ).returncode
        == 2
    )

    wait_until(lambda: contacts(shared)[number(120)] + contacts(shared)[number(121)], timeout=TIMEOUT)
    assert contacts(shared)[number(120)] + contacts(shared)[number(121)] == 1


def test_the_campaign_sends_again_what_failed(shared: Harness, tmp_path: Path) -> None:
    """The sandbox refuses every call to the second number: docs/sandbox.md."""
    file = tmp_path / "customers.csv"
    rows = [f"{number(130)},Ada", "+12025550140,Bob", "12,Cyd"]
    file.write_text("\n".join(["to,first_name", *rows]), encoding="utf-8")
    ended = run(shared, sys.executable, EXAMPLES / "campaign.py", file)
    assert ended.returncode == 0, ended.stderr
    assert "2 would be taken, 1 refused" in ended.stdout
    assert "customer 3: to" in ended.stdout
    assert "{'sent': 1, 'failed': 1}" in ended.stdout
    assert "once more: failed" in ended.stdout
    assert contacts(shared)[number(130)] == 1


@pytest.fixture(scope="module")
def service(shared: Harness) -> dict[str, str]:
    """Where the HTTP service is, and a key of it, as the environment of a program."""
    return {"OUTBOUND_CHAT_KEY": make_key(shared).token, "OUTBOUND_CHAT_URL": start_service(shared).url}


@pytest.mark.parametrize(("program", "script", "index"), [("sh", "send.sh", 140), ("node", "send.mjs", 141)])
def test_other_languages_send_once_over_http(
    shared: Harness, service: dict[str, str], program: str, script: str, index: int
) -> None:
    needed = "curl" if program == "sh" else program
    if shutil.which(needed) is None:
        pytest.skip(f"{needed} is not installed")
    text = 'She said "hello", and left \\o/'
    for _ in range(2):
        ended = run(shared, program, EXAMPLES / script, number(index), text, script, **service)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert "sent" in ended.stdout
    (contact,) = [contact for contact in shared.sandbox.contacts() if contact.destination == number(index)]
    assert contact.body["InitialSystemMessage"]["Content"] == text

    refused = run(shared, program, EXAMPLES / script, "12", text, "another", **service)
    assert refused.returncode == 1
    assert "invalid_request" in refused.stderr
    stranger = {**service, "OUTBOUND_CHAT_KEY": "oc_000000000000_" + "0" * 64}
    turned_away = run(shared, program, EXAMPLES / script, number(1), text, "another", **stranger)
    assert turned_away.returncode == 1
    assert "unauthorized" in turned_away.stderr
