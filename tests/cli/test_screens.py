"""What commands print for people, as a terminal shows it: tables and records, kept in `snapshots/`.

`make snapshots` writes them anew; look at each that has changed.
"""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from functools import cache
from pathlib import Path

import pytest

from .screens import BATCH, CONTACT, INSTANCE, MARK, OTHER, SCREENS

SNAPSHOTS = Path(__file__).parent / "snapshots"
ROOT = Path(__file__).parents[2]
WIDTHS = (40, 80, 140)
TIMEOUT = 120.0
_STYLES = re.compile(r"\x1b\[[0-9;]*m")


def _screens_of(printed: str) -> dict[str, str]:
    parts = (part.partition("\n") for part in _STYLES.sub("", printed).replace("\r\n", "\n").split(MARK)[1:])
    return {name: text for name, _, text in parts}


def _start(output: int) -> subprocess.Popen[bytes]:
    hidden = ("COLUMNS", "LINES", "FORCE_COLOR", "TTY_COMPATIBLE", "PYTHONPATH")
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**kept, "PYTHONPATH": paths, "TZ": "Europe/Berlin", "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
    command = [sys.executable, "-m", "tests.cli.screens"]
    return subprocess.Popen(command, env=environment, stdin=output, stdout=output, stderr=output, cwd=ROOT)


@cache
def on_terminal(width: int) -> dict[str, str]:
    """All screens as they are written to a terminal; the terminal itself may break long lines once more."""
    own, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    process = _start(its)
    os.close(its)
    written = b""
    try:
        while more := os.read(own, 65536):
            written += more
    except OSError:  # so Linux reports the end
        pass
    os.close(own)
    assert process.wait(TIMEOUT) == 0
    return _screens_of(written.decode())


@cache
def in_pipe() -> dict[str, str]:
    """All screens as they are written to a file."""
    reader, writer = os.pipe()
    process = _start(writer)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as lines:
        printed = lines.read()
    assert process.wait(TIMEOUT) == 0
    return _screens_of(printed)


@pytest.mark.parametrize("screen", SCREENS)
def test_a_screen_of_80_columns_is_the_one_that_was_looked_at(screen: str) -> None:
    shown, path = on_terminal(80)[screen], SNAPSHOTS / f"{screen}.txt"
    if os.environ.get("REWRITE_SNAPSHOTS"):
        path.write_text(shown, encoding="utf-8")
    assert shown == path.read_text(encoding="utf-8")
    assert max(map(len, shown.splitlines())) <= 80


def test_there_is_a_snapshot_of_each_screen_and_of_no_other() -> None:
    assert {path.stem for path in SNAPSHOTS.iterdir()} == set(SCREENS)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("screen", SCREENS)
def test_ids_and_names_are_whole_at_any_width(screen: str, width: int) -> None:
    """An id that is broken into lines can't be copied."""
    shown, whole = on_terminal(width)[screen], in_pipe()[screen]
    names = set(re.findall(r"^(\S+)", whole, re.MULTILINE)) & set(whole.split())
    names |= set(re.findall(rf"{BATCH}\S*|{OTHER}\S*|{INSTANCE}|\+\d+", whole))
    if screen.startswith("status-job-") or screen == "status-job":
        names |= {CONTACT} & set(whole.split())
    if screen.startswith("watch"):
        names = {"support", "acme", "main"}
    assert {name for name in names if name not in shown} - _OF_EXTRAS.get(screen, set()) == set()


_OF_EXTRAS = {"sandbox-inbox": {INSTANCE}}
"""Ids in columns that a narrow terminal leaves out."""


@pytest.mark.parametrize(
    ("screen", "lines"),
    [("list", 5), ("status-jobs", 6), ("dead", 3), ("holds", 4), ("keys-list", 4), ("sandbox-inbox", 3), ("doctor", 8)],
)
def test_in_a_pipe_each_row_is_one_line_with_all_its_columns(screen: str, lines: int) -> None:
    """So that it can be searched."""
    shown = in_pipe()[screen]
    assert len(shown.splitlines()) == lines
    assert not any(line != line.rstrip() for line in shown.splitlines())
    everything = {
        "list": "a person holds the batch: wrong text",
        "status-jobs": CONTACT,
        "dead": "is not a valid phone number",
        "holds": "next try",
        "keys-list": "2026-07-30 09:00:12 CEST",
        "sandbox-inbox": INSTANCE,
        "doctor": "held by a person since 2026-05-01 09:00:12 CEST: number is being ported → to continue: outbound",
    }
    assert everything[screen] in shown
