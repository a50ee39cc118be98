"""The examples that run from a command line, as their heads say."""

import os
import re
import shutil
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.docs.pages import bare, read, table
from tests.http.conftest import start_service
from tests.http.keyring import make_key
from tests.support.harness import Harness, free_port, number
from tests.support.waiting import wait_until

from .conftest import EXAMPLES, TIMEOUT, contacts, run, said

DOCS = EXAMPLES.parent / "docs"
KEY = re.compile(r"""idempotency[_-]key["']?\s*[:=]([^,)\n]*)""", re.IGNORECASE)
NUMBER = re.compile(r"""[\['"](to|phone|number)['"\]]|\.to\b|\+1202""")
LONGEST = 60
"""Lines that a reader takes in at a glance."""


def test_each_example_is_short() -> None:
    files = [file for file in EXAMPLES.rglob("*") if file.suffix in {".py", ".sh", ".mjs", ".html"}]
    assert len(files) > 10
    for file in files:
        assert len(file.read_text(encoding="utf-8").splitlines()) <= LONGEST, file.name


def test_each_example_is_on_the_page_of_examples() -> None:
    files = [file.name for file in EXAMPLES.iterdir() if file.suffix in {".py", ".sh", ".mjs"}]
    listed = {bare(row["file"]): row["example"] for row in table(read("examples.md"), "example")}
    assert sorted(listed) == sorted([*files, "django_shop/"])
    for name, link in listed.items():
        assert link.endswith(f"](../examples/{name.rstrip('/')})")


def test_the_quickstart_sends_one_message_and_a_batch(shared: Harness) -> None:
    ended = run(shared, sys.executable, EXAMPLES / "quickstart.py")
    assert ended.returncode == 0, ended.stderr
    assert "row 3 rejected: to" in ended.stdout
    assert "2 of 2 sent, 1 rejected" in ended.stdout


def test_cron_may_run_twice_and_reminds_once_of_each_time(shared: Harness) -> None:
    # Local time, as cron's; both days, should midnight come in the middle.
    days = [(datetime.now(tz=UTC).astimezone() + timedelta(days=count)).date() for count in (1, 2)]
    command = said("remind.py")

    def run_with(time: str, *more: str) -> tuple[int, str, str]:
        lines = [f"{count},{number(120 + count)},{day},{time}" for count, day in enumerate(days)]
        text = "\n".join(["id,phone,day,time", *lines, f"9,12,{days[0]},10:00", ",,,", *more])
        # As Windows writes it.
        (shared.folder / command[-1]).write_text(text, encoding="utf-8-sig")
        ended = run(shared, *command)
        return ended.returncode, ended.stdout, ended.stderr

    def texts() -> int:
        return contacts(shared)[number(120)] + contacts(shared)[number(121)]

    code, told, wrong = run_with("9:30")
    assert (code, told) == (1, "1 reminders on their way, 0 were before, 1 refused\n"), wrong
    assert wrong.startswith("reminder 2 refused: to: ")
    assert run_with("9:30")[:2] == (1, "0 reminders on their way, 1 were before, 1 refused\n")
    wait_until(texts, timeout=TIMEOUT)
    assert texts() == 1
    assert run_with("11:30")[:2] == (1, "1 reminders on their way, 0 were before, 1 refused\n"), "another time"
    wait_until(lambda: texts() == 2, timeout=TIMEOUT)

    short, long = f"20,{number(122)},{days[0]}", f"21,{number(123)},{days[0]},10:00, room 4"
    code, told, wrong = run_with("11:30", short, long)
    assert (code, told) == (1, "0 reminders on their way, 1 were before, 3 refused\n"), wrong
    assert "row: has no time" in wrong
    assert "row: has more cells than the first line" in wrong
    assert contacts(shared)[number(122)] + contacts(shared)[number(123)] == 0

    (shared.folder / "column.csv").write_text(f"id,phone,day\n1,{number(1)},{days[0]}\n", encoding="utf-8")
    ended = run(shared, *command[:-1], "column.csv")
    assert (ended.returncode, "can't be used: KeyError('time')" in ended.stderr) == (2, True), ended.stderr
    assert not [one for one in shared.chat().batches().batches if not one.closed], "no empty batch is left open"
    assert run(shared, *command[:-1], "none.csv").returncode == 2
    away = f"redis://127.0.0.1:{free_port()}/0"
    assert run(shared, *command, OUTBOUND_CHAT_REDIS_URL=away).returncode == 2


def test_the_campaign_sends_again_what_failed_and_nothing_when_it_is_run_again(shared: Harness) -> None:
    """The sandbox refuses every call to the second number: docs/sandbox.md."""
    command = said("campaign.py")
    rows = [f"1,{number(130)},Ada", "2,+12025550140,Bob", "3,12,Cyd", ",,"]
    (shared.folder / command[-1]).write_text("\n".join(["id,to,first_name", *rows]), encoding="utf-8-sig")
    ended = run(shared, *command)
    assert ended.returncode == 0, ended.stderr
    assert "2 would be taken, 1 refused" in ended.stdout
    assert "customer 3: to" in ended.stdout
    assert "{'sent': 1, 'failed': 1}" in ended.stdout
    assert "once more: failed" in ended.stdout

    again = run(shared, *command)
    assert again.returncode == 0, again.stderr
    assert "0 taken, 2 were taken before" in again.stdout
    assert contacts(shared)[number(130)] == 1

    for gap in (f"4,{number(131)}", f"4,{number(131)},", f",{number(131)},Dee", f"4,{number(131)},Dee, M.D."):
        (shared.folder / command[-1]).write_text("\n".join(["id,to,first_name", rows[0], gap]), encoding="utf-8")
        ended = run(shared, *command)
        assert (ended.returncode, ended.stdout) == (1, "")
        assert ended.stderr.startswith("customer 2 has no id, no number or no first name, or a cell too many")
    assert contacts(shared)[number(131)] == 0


def test_no_idempotency_key_of_an_example_is_made_from_a_number() -> None:
    """Keys may be seen by operators and stand in logs of others: docs/privacy.md."""
    files = [*EXAMPLES.rglob("*.py"), *EXAMPLES.rglob("*.sh"), *EXAMPLES.rglob("*.mjs"), *DOCS.rglob("*.md")]
    keys = [key for file in files for key in KEY.findall(file.read_text(encoding="utf-8"))]
    assert len(keys) > 5
    assert [key for key in keys if NUMBER.search(key)] == []


@pytest.fixture(scope="module")
def service(shared: Harness) -> dict[str, str]:
    """Where the HTTP service is, and a key of it, as the environment of a program."""
    return {
        "OUTBOUND_CHAT_KEY": make_key(shared, "--tenant", "shop", scopes=("enqueue", "read")).token,
        "OUTBOUND_CHAT_URL": start_service(shared).url,
    }


SPY = """\
#!/bin/sh
printf '%s\\n' "$*" >>"$SPIED"
exec {curl} "$@"
"""


@pytest.mark.parametrize(("script", "index"), [("send.sh", 140), ("send.mjs", 141)])
def test_other_languages_send_once_over_http(shared: Harness, service: dict[str, str], script: str, index: int) -> None:
    program = said(script)[:2]
    text = 'She said "hello", and left \\o/'
    for _ in range(2):
        ended = run(shared, *program, number(index), text, script, **service)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert "sent" in ended.stdout
    (contact,) = [contact for contact in shared.sandbox.contacts() if contact.destination == number(index)]
    assert contact.body["InitialSystemMessage"]["Content"] == text

    other = run(shared, *program, number(index), "Another text", script, **service)
    assert (other.returncode, "idempotency_conflict" in other.stderr) == (1, True), other.stderr
    refused = run(shared, *program, "12", text, "another", **service)
    assert refused.returncode == 1
    assert "invalid_request" in refused.stderr
    stranger = {**service, "OUTBOUND_CHAT_KEY": "oc_000000000000_" + "0" * 64}
    turned_away = run(shared, *program, number(1), text, "another", **stranger)
    assert turned_away.returncode == 1
    assert "unauthorized" in turned_away.stderr


def test_curl_gets_neither_key_nor_number_nor_text_as_arguments(
    shared: Harness, service: dict[str, str], tmp_path: Path
) -> None:
    """Every user of a machine may list the arguments of all processes."""
    curl = shutil.which("curl")
    spy, seen = tmp_path / "curl", tmp_path / "seen"
    spy.write_text(SPY.format(curl=curl), encoding="utf-8")
    spy.chmod(0o755)
    environment = {**service, "PATH": f"{tmp_path}:{os.environ['PATH']}", "SPIED": str(seen)}

    ended = run(shared, *said("send.sh")[:2], number(142), "A secret", "unseen", **environment)

    assert ended.returncode == 0, ended.stderr
    arguments = seen.read_text(encoding="utf-8")
    assert "/v1/jobs" in arguments
    assert [word for word in (service["OUTBOUND_CHAT_KEY"], number(142), "A secret") if word in arguments] == []
