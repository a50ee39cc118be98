"""`send-batch --dry-run`: shows what would become of a file, before anything of it is stored."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

import typer

from outbound_chat.cli.before_sending import Campaign, warn_of_earlier
from outbound_chat.cli.errors import Exit
from outbound_chat.cli.files.faults import LineFaults, print_faults
from outbound_chat.cli.files.job_file import JobFile
from outbound_chat.cli.files.rejects import Rejects
from outbound_chat.cli.output import out, print_json, warn, when
from outbound_chat.cli.progress import read_file
from outbound_chat.cli.tables import make_table, print_table
from outbound_chat.doctor.open_chats import batch_warning, span
from outbound_chat.model.batches import EarlierBatch, FaultCount, Preflight, Preview
from outbound_chat.model.durations import mean_of
from outbound_chat.model.errors import StoreUnavailable
from outbound_chat.model.json import json_default
from outbound_chat_config import Sender

MANY = 100
"""From so many calls a second on, decimals do not matter."""


def show_preflight(campaign: Campaign, rejects: Rejects, *, as_json: bool) -> None:
    """Checks a file, prints what would become of it, and exits with 1 if rows are rejected, as sending it would."""
    rows = campaign.rows
    faults = LineFaults(rows, rejects.add)
    earlier: list[EarlierBatch] = []
    try:
        key = campaign.key()
        options = {"on_rejected": faults.report, **campaign.shared}
        flight = read_file(campaign.chat.preflight_batch, "check", rows, counts=False, **options)
        with suppress(StoreUnavailable):  # a file is checked where no Redis is, too
            earlier = campaign.earlier(key)
        named = (*(one.row for one in flight.first_expiring), *(one.row for one in flight.previews))
        lines = rows.lines_of(named)
    finally:
        rows.close()
        rejects.close()
    path = str(rejects.path) if flight.rejected else None
    warn_of_earlier(earlier)
    campaign.repeated.warn(campaign.sender)
    for warning in _warnings(flight, campaign.sender, rows):
        warn(warning)
    if as_json:
        beside = {"earlier": earlier, "repeated_numbers": campaign.repeated.count}
        _print_json(flight, faults, rejects, lines, beside)
    else:
        print_preflight(flight, campaign.parts_of(flight), faults.faults, lines, path)
    if flight.rejected:
        raise typer.Exit(Exit.NOT_ALL_SENT)


def _warnings(flight: Preflight, sender: Sender, rows: JobFile) -> list[str]:
    found = []
    if flight.assumed_idle:
        found.append("Redis can't be reached or no worker of this budget was ever started: times assume an idle budget")
    elif not flight.workers:
        found.append("no worker is running; times assume that one were")
    if flight.held_by:
        found.append(f"{flight.held_by}; times assume that the hold ends now")
    chats = batch_warning(sender, flight.accepted, rows.own_minutes, flight.chats_lasted_seconds)
    return [*found, *(warning for warning in (chats, rows.warning) if warning)]


def _print_json(
    flight: Preflight, faults: LineFaults, rejects: Rejects, lines: dict[int, int], beside: dict[str, Any]
) -> None:
    found = {
        **json_default(flight),
        "rejections": rejects.first,
        "faults": [
            {**json_default(one), "first_lines": same.first_rows}
            for one, same in zip(flight.faults, faults.faults, strict=True)
        ],
        "previews": [
            {"line": lines[one.row], "row": one.row, "text": one.text, "parts": one.parts} for one in flight.previews
        ],
        "first_expiring": [{"line": lines[one.row], **json_default(one)} for one in flight.first_expiring],
    }
    path = str(rejects.path) if flight.rejected else None
    print_json({"preflight": found, **beside, "rejects": path}, rejects.errors)


def print_preflight(
    flight: Preflight, parts: str, faults: Sequence[FaultCount], lines: Mapping[int, int], path: str | None
) -> None:
    """Prints what would become of a file. `lines`: of the rows that `flight` names; `path`: where rejected rows are."""
    out.print(f"{flight.accepted:,} accepted, {flight.rejected:,} rejected; nothing was stored")
    print_faults(faults, out)
    if path:
        out.print(f"  all rejected rows are in {path}")
    if parts:
        out.print(f"parts   {parts}")
    if flight.starts_at and flight.ends_at:
        lasts = span(timedelta(seconds=round((flight.ends_at - flight.starts_at).total_seconds())))
        rate = f", at {flight.rate:{',.0f' if flight.rate >= MANY else '.3g'}}/s" if flight.rate else ""
        out.print(f"starts  {when(flight.starts_at)}{rate}")
        out.print(f"ends    {when(flight.ends_at)}, {lasts} later")
    if flight.chats_lasted_seconds is not None:
        out.print(f"chats   lasted {mean_of(flight.chats_lasted_seconds)}, as the times assume")
    if flight.expiring:
        out.print(f"\n{flight.expiring:,} would expire before they are sent:")
        late = make_table("line", "expires", "its turn", numbers=["line"])
        for one in flight.first_expiring:
            late.add_row(f"{lines[one.row]:,}", when(one.expires_at), when(one.expected_turn))
        print_table(late)
    if flight.previews:
        out.print("")
        shown = make_table("line", "parts", "message", numbers=["line", "parts"], folds=["message"])
        for preview in flight.previews:
            shown.add_row(f"{lines[preview.row]:,}", f"{preview.parts:,}", _message(preview))
        print_table(shown)


def _message(preview: Preview) -> str:
    template = preview.request.get("InitialTemplatedSystemMessage")
    return preview.text or (
        f"template {json.dumps(template, ensure_ascii=False)}" if template else "none; the flow speaks"
    )
