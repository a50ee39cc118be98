"""`send-batch --dry-run`: shows what would become of a file, before anything of it is stored."""

from datetime import timedelta
from typing import Any

import typer

from outbound_chat.cli.doctor.open_chats import batch_warning, span
from outbound_chat.cli.errors import Exit
from outbound_chat.cli.files.job_file import JobFile
from outbound_chat.cli.files.rejects import Rejects
from outbound_chat.cli.output import out, print_json, warn, when
from outbound_chat.cli.progress import read_file
from outbound_chat.client import OutboundChat
from outbound_chat.model.batches import Preflight
from outbound_chat.model.json import json_default
from outbound_chat_config import Sender, Settings


def show_preflight(
    settings: Settings, rows: JobFile, rejects: Rejects, sender: str, shared: dict[str, Any], *, as_json: bool
) -> None:
    """Checks a file, prints what would become of it, and exits with 1 if rows are rejected, as sending it would."""
    try:
        with OutboundChat.from_settings(settings) as chat:
            options = {"sender": sender, "on_rejected": rejects.add, **shared}
            flight = read_file(chat.preflight_batch, "check", rows, **options)
        lines = rows.lines_of({one.row for one in flight.first_expiring})
    finally:
        rows.close()
        rejects.close()
    path = str(rejects.path) if flight.rejected else None
    for warning in _warnings(flight, settings.senders[sender], rows):
        warn(warning)
    if as_json:
        expiring = [{"line": lines[one.row], **json_default(one)} for one in flight.first_expiring]
        found = {**json_default(flight), "rejections": rejects.first, "first_expiring": expiring}
        print_json({"preflight": found, "rejects": path}, rejects.errors)
    else:
        _print(flight, rejects.first, lines, path)
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
    chats = batch_warning(sender, flight.accepted, rows.own_minutes)
    return [*found, *(warning for warning in (chats, rows.warning) if warning)]


def _print(flight: Preflight, named: list[dict[str, Any]], lines: dict[int, int], path: str | None) -> None:
    out.print(f"{flight.accepted:,} accepted, {flight.rejected:,} rejected; nothing was stored")
    for one in named:
        for error in one["errors"]:
            out.print(f"  line {one['line']}: {error}")
    if path:
        more = f"{flight.rejected - len(named):,} more; " if flight.rejected > len(named) else ""
        out.print(f"  {more}all rejected rows are in {path}")
    if flight.starts_at and flight.ends_at:
        lasts = span(timedelta(seconds=round((flight.ends_at - flight.starts_at).total_seconds())))
        rate = f", at {flight.rate:.3g}/s" if flight.rate else ""
        out.print(f"  starts    {when(flight.starts_at)}{rate}")
        out.print(f"  ends      {when(flight.ends_at)}, {lasts} later")
        out.print(f"  expire    {flight.expiring:,} before they are sent")
    for expiring in flight.first_expiring:
        turn, expires = when(expiring.expected_turn), when(expiring.expires_at)
        out.print(f"    line {lines[expiring.row]}: expires {expires}, its turn is {turn}")
