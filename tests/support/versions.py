"""The next version of the product: a copy of its packages whose records are of version n + 1, and which reads both."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import outbound_chat
import outbound_chat_config
import outbound_chat_worker
from outbound_chat.store.records import RECORD_VERSION

NEXT = RECORD_VERSION + 1
_STORE = Path("outbound_chat/store")


def _replace(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    if text.count(old) != 1:
        raise AssertionError(f"{file.name} has {old!r} {text.count(old)} times")
    file.write_text(text.replace(old, new), encoding="utf-8")


def make_next_version(folder: Path) -> Mapping[str, str]:
    """Makes the copy; the environment by which a process runs it."""
    for package in (outbound_chat, outbound_chat_config, outbound_chat_worker):
        source = Path(str(package.__file__)).parent
        shutil.copytree(source, folder / source.name, ignore=shutil.ignore_patterns("__pycache__"))
    record = folder / _STORE / "lua/lib/records.lua"
    _replace(record, f"records.NEWEST_VERSION = {RECORD_VERSION}\n", f"records.NEWEST_VERSION = {NEXT}\n")
    # What it saves is of its version, as when a place has got a new meaning.
    _replace(
        record, "  local lane = head[LANE]\n", "  local lane = head[LANE]\n  head[VERSION] = records.NEWEST_VERSION\n"
    )
    _replace(folder / _STORE / "records.py", f"\nRECORD_VERSION = {RECORD_VERSION}\n", f"\nRECORD_VERSION = {NEXT}\n")
    return {"PYTHONPATH": os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH", "")]))}
