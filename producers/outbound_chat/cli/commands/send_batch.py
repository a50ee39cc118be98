"""The command that enqueues a file: send-batch."""

from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from outbound_chat.cli.before_sending import Campaign
from outbound_chat.cli.dry_run import show_preflight
from outbound_chat.cli.endings import ends_of
from outbound_chat.cli.errors import Exit
from outbound_chat.cli.failures import print_failures
from outbound_chat.cli.files.job_file import JobFile
from outbound_chat.cli.files.rejects import Rejects
from outbound_chat.cli.files.row_file import STANDARD_INPUT, form_of, unpacked_name
from outbound_chat.cli.files.workbook import ENDINGS as WORKBOOKS
from outbound_chat.cli.files.writing import check_writable
from outbound_chat.cli.one_row import send_row
from outbound_chat.cli.options import (
    CallbackUrl,
    Column,
    Country,
    Delimiter,
    Durability,
    IgnoreColumns,
    Json,
    Sheet,
    Tenant,
    pairs,
)
from outbound_chat.cli.output import end_with, print_json, shown, talk
from outbound_chat.cli.sending import Sending
from outbound_chat.cli.show_batches import print_batch
from outbound_chat.client import OutboundChat
from outbound_chat.model.batches import Batch
from outbound_chat.model.errors import FieldError, InvalidJob, StoreError
from outbound_chat.model.jobs import JobState
from outbound_chat.model.json import json_default
from outbound_chat.request import with_report
from outbound_chat.request.templates import Template
from outbound_chat_config import load_settings

HOLD_REASON = "stored with send-batch --hold"


def send_batch(
    file: Annotated[
        Path, typer.Argument(help="CSV or JSON file, gzipped or not, or a workbook; - reads standard input.")
    ],
    *,
    sender: Annotated[str, typer.Option(help="Sender, as named in the settings.")],
    text: Annotated[str | None, typer.Option(help="Default message for rows without one.")] = None,
    template: Annotated[
        str | None, typer.Option(help="Message with {column} or {column|default}, filled in from each row.")
    ] = None,
    attribute: Annotated[
        list[str] | None, typer.Option(help="Contact attribute; its value may have {column}; can be repeated.")
    ] = None,
    display_name: Annotated[
        str | None, typer.Option(help="Display name of the customer, such as {first_name}.")
    ] = None,
    delimiter: Delimiter = None,
    column: Column = None,
    ignore_columns: IgnoreColumns = False,
    country: Country = None,
    sheet: Sheet = None,
    name: Annotated[str, typer.Option(help="Name of the batch; the file's name by default.")] = "",
    priority: Annotated[str, typer.Option(help="urgent, normal or bulk.")] = "bulk",
    tenant: Tenant = None,
    weight: Annotated[
        float | None, typer.Option(help="Turns for each turn of the tenant's other batches, 0.01 to 100.")
    ] = None,
    concurrency: Annotated[int | None, typer.Option(help="Maximum number of simultaneous calls.")] = None,
    callback_url: CallbackUrl = None,
    durability: Durability = None,
    batch_key: Annotated[
        str | None, typer.Option(help="Identifies the batch when you run again; by default, file, name and options do.")
    ] = None,
    rejects: Annotated[
        Path | None, typer.Option(help="File for rejected rows; FILE.rejects.csv or .jsonl by default.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check all rows and predict their times; store and send nothing.")
    ] = False,
    test_to: Annotated[
        str | None, typer.Option(help="Send only the first valid row, to your own number.", show_default=False)
    ] = None,
    test_row: Annotated[
        int | None, typer.Option(help="With --test-to: the row to send, counted from 1.", min=1, show_default=False)
    ] = None,
    hold: Annotated[
        bool, typer.Option("--hold", help="Store the batch, and send nothing until it is released.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before sending.")] = False,
    follow: Annotated[bool, typer.Option("--follow", help="Show progress until every job is final.")] = False,
    timeout: Annotated[float, typer.Option(help="With --follow: maximum number of seconds.", min=0)] = 86_400.0,
    as_json: Json = False,
) -> None:
    r"""Send a file of messages as one batch.

    Each row is a message. Rejected rows are written to a file of their own, with the reasons. If the command is
    interrupted, run it again: it resumes where it stopped, and never adds a row twice.

    $ outbound-chat send-batch parcels.csv --sender support --dry-run
    $ outbound-chat send-batch parcels.csv --sender support --follow
    $ outbound-chat send-batch parcels.csv --sender support \
        --template "Hello {first_name|there}, your parcel has left."
    """
    if test_row and test_to is None:
        raise typer.BadParameter("needs --test-to, the number to send the row to", param_hint="--test-row")
    if test_to is not None and dry_run:
        raise typer.BadParameter("sends a message, and --dry-run sends none; leave one out", param_hint="--test-to")
    faults: list[FieldError] = []
    filled = {"text": template, "display_name": display_name, "attributes": pairs(attribute or [], faults)}
    filled = {part: given for part, given in filled.items() if given is not None}
    shared: dict[str, Any] = {"text": text, "priority": priority, "tenant": tenant}
    shared |= {"weight": weight, "concurrency": concurrency, "durability": durability, "callback_url": callback_url}
    shared |= {"template": filled} if filled else {}
    how = {"delimiter": delimiter, "ignore_columns": ignore_columns, "country": country, "sheet": sheet}
    form = form_of(column, faults, **how)
    settings = load_settings()
    try:
        rows = JobFile(file, _checked_template(filled, faults), form)
    except InvalidJob:
        with OutboundChat.from_settings(settings) as chat:
            # Raises with all else that is wrong, before any row.
            chat.enqueue_batch((), sender=sender, **with_report(shared, faults))
        raise
    _print_ignored(rows)
    shared |= {"sender": sender} | ({"hold": HOLD_REASON} if hold else {})
    with OutboundChat.from_settings(settings) as chat, closing(rows):
        campaign = Campaign(chat, rows, shared, name or shown(rows.name), batch_key, settings.senders)
        if test_to is not None:
            send_row(campaign, test_to, test_row, timeout, as_json=as_json)
            return
        rejected = Rejects(_rejects_path(file, rejects, ".csv" if rows.is_csv else ".jsonl"), rows)
        if dry_run:
            show_preflight(campaign, rejected, as_json=as_json)
            return
        sending = Sending(campaign, rejected)
        receipt = sending.run(yes=yes, as_json=as_json)
        sending.print_end(receipt)
        batch, errors = _batch(chat, receipt.id, timeout if follow else None) if receipt.id else (None, [])
        if as_json:
            found = {
                "receipt": {**json_default(receipt), "id": receipt.id or None, "rejections": rejected.first},
                "batch": batch,
                "earlier": sending.earlier,
                "repeated_numbers": campaign.repeated.count,
            }
            path = str(rejected.path) if receipt.rejected else None
            print_json({**found, "rejects": path}, [*errors, *rejected.errors])
        elif batch:
            print_batch(batch)
        if batch and batch.final and follow:
            print_failures(chat, batch, rows)
    end_with(errors)
    if (receipt.rejected and not receipt.repeated) or (follow and batch and not _all_sent(batch)):
        raise typer.Exit(Exit.NOT_ALL_SENT)


def _batch(chat: OutboundChat, batch_id: str, timeout: float | None) -> tuple[Batch | None, list[BaseException]]:
    """Returns the batch, followed to its end for at most `timeout`. If that fails: as it is, or None, and why."""
    try:
        batch = chat.batch(batch_id)
    except StoreError as error:
        return None, [error]
    if timeout is None:
        return batch, []
    (batch,), errors = ends_of(chat, [batch], timeout)
    return batch, errors


def _all_sent(batch: Batch) -> bool:
    return batch.counts[JobState.SENT] == batch.accepted


def _checked_template(filled: dict[str, Any], errors: list[FieldError]) -> Template | None:
    if errors:
        raise InvalidJob(errors)
    return Template.parse(filled) if filled else None


def _print_ignored(rows: JobFile) -> None:
    """Prints the columns that are not sent: one of them may be misspelt."""
    if rows.ignored:
        talk.print(f"columns ignored: {', '.join(map(shown, rows.ignored))}")


def _rejects_path(file: Path, wanted: Path | None, ending: str) -> Path:
    """Returns the path for rejected rows: a file that can be written and is not the one that is read."""
    unpacked = Path("stdin") if file == STANDARD_INPUT else unpacked_name(file)
    own = "" if unpacked.suffix.lower() in {".json", *WORKBOOKS} else unpacked.suffix
    path = wanted or unpacked.with_suffix(f".rejects{own or ending}")
    if path.resolve() == file.resolve():
        raise typer.BadParameter("is the file with the rows, which would be lost; name another", param_hint="--rejects")
    if not path.parent.is_dir():
        raise typer.BadParameter(f"{path.parent} is not a folder; make it first", param_hint="--rejects")
    check_writable(path)
    return path
