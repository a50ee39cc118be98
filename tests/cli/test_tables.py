"""Tables and times of the command line, apart from what is in them."""

import io
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from outbound_chat.cli.commands.why import print_why
from outbound_chat.cli.output import when
from outbound_chat.cli.tables import FittingTable, make_table
from outbound_chat.cli.watch_tables import BATCH_HEADS, BUDGET_HEADS, LANE_HEADS
from tests.docs.pages import bare, read, section, table

from .screens import why

SOURCES = Path(__file__).parents[2]
LONG = "the contact flow has no block that ends its contacts"


def shown(made: FittingTable, width: int, *, in_pipe: bool = False) -> list[str]:
    console = Console(width=width, file=io.StringIO(), soft_wrap=in_pipe, color_system=None)
    with console.capture() as capture:
        console.print(made, crop=False)
    return capture.get().splitlines()


def sample() -> FittingTable:
    made = make_table("id", "count", "why", "beside", "empty", numbers=("count",), folds=("why",), extras=("beside",))
    made.add_row("main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR", "1,000", LONG, "seldom", "")
    made.add_row("main.2", "7", "", "", "")
    return made


def test_a_wide_terminal_has_all_in_one_line_each() -> None:
    lines = shown(sample(), 140)
    assert lines[1] == f"main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR  1,000  {LONG}  seldom"
    assert lines[2] == "main.2                               7"
    assert len(lines) == 3


def test_a_narrow_one_breaks_sentences_and_leaves_out_what_matters_less() -> None:
    lines = shown(sample(), 60)
    assert max(map(len, lines)) <= 60
    assert "beside" not in lines[0]
    assert " ".join(line[40:].strip() for line in lines[1:] if line[40:].strip()) == LONG
    assert lines[1].startswith("main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR  1,000  ")


@pytest.mark.parametrize("width", [10, 30, 45])
def test_an_id_is_whole_where_there_is_no_room_at_all(width: int) -> None:
    assert shown(sample(), width)[1].startswith("main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR  1,000  ")


def test_in_a_pipe_a_row_is_one_line_whatever_is_in_it() -> None:
    """A text with line ends would look like several rows, and other characters could hide a row."""
    made = make_table("id", "text", folds=("text",))
    made.add_row("1", "two\nlines\tand \x1b[2J an order")
    assert shown(made, 20, in_pipe=True) == ["id  text", r"1   two lines and \x1b[2J an order"]


def test_a_column_of_nothing_is_left_out_everywhere_if_it_is_an_extra() -> None:
    made = make_table("id", "contact", "note", extras=("contact",))
    made.add_row("1", "", "")
    assert shown(made, 80, in_pipe=True) == ["id  note", "1"]


@pytest.mark.parametrize(
    ("before", "place"), [(0, "first"), (2, "third"), (10, "11th"), (12, "13th"), (21, "22nd"), (1_110, "1,111th")]
)
def test_the_position_of_a_job_is_in_words(before: int, place: str, capsys: pytest.CaptureFixture[str]) -> None:
    print_why(why(position=before, ahead=before))
    assert re.search(
        rf"^position  {place} in its lane, (about )?{place} overall$", capsys.readouterr().out, re.MULTILINE
    )


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("berlin")
def test_a_time_is_local_and_has_its_zone() -> None:
    assert when(datetime(2026, 5, 1, 7, 0, tzinfo=UTC)) == "2026-05-01 09:00:00 CEST"
    assert when(datetime(2026, 11, 30, 7, 0, tzinfo=UTC), brief=True).endswith("08:00:00 CET")
    before = datetime.now(UTC) - timedelta(days=2)
    assert when(before, brief=True) == when(before)
    now = datetime.now(UTC)
    is_still_today = datetime.now(UTC).astimezone().date() == now.astimezone().date()
    assert when(now, brief=True) == when(now).partition(" ")[2] or not is_still_today


def test_no_command_has_a_format_of_its_own_for_times() -> None:
    """Else half of them forget the zone."""
    places = ("producers/outbound_chat/cli", "worker/outbound_chat_worker")
    files = [path for place in places for path in (SOURCES / place).rglob("*.py")]
    assert len(files) > 50
    assert [path.name for path in files if "%H:%M" in path.read_text(encoding="utf-8")] == []


def test_the_glossary_explains_each_column_of_watch() -> None:
    rows = table(section(read("glossary.md"), "## What `watch` shows"), "head")
    explained = {bare(name) for row in rows for name in row["head"].split(", ")}
    assert explained == {*BUDGET_HEADS, *LANE_HEADS, *BATCH_HEADS, "batch", "name", "stopped by"}
