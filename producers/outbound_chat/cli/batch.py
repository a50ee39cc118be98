"""The command for files: send-batch."""

from pathlib import Path
from typing import Annotated, Any

import typer

from outbound_chat.cli.files import JobFile, UnusableFile
from outbound_chat.cli.jobs import Callback, Json, Safety
from outbound_chat.cli.open_chats import batch_warning
from outbound_chat.cli.output import Exit, number_of, print_batch, print_json, shown, talk
from outbound_chat.cli.preflight import show_preflight
from outbound_chat.cli.progress import file_progress, follow_batch
from outbound_chat.cli.rejects import Rejects
from outbound_chat.client import OutboundChat
from outbound_chat.jobs import BatchReceipt, JobState
from outbound_chat.plain import plain
from outbound_chat_config import load_settings


def send_batch(
    file: Annotated[Path, typer.Argument(help="CSV or JSONL; columns as in the short form: to, text, send_at …")],
    *,
    sender: Annotated[str, typer.Option(help="Sender in the settings.")],
    text: Annotated[str | None, typer.Option(help="The message of all rows that bring none.")] = None,
    name: Annotated[str, typer.Option(help="What to call the batch; the file's name by default.")] = "",
    priority: Annotated[str, typer.Option(help="urgent, normal or bulk.")] = "bulk",
    tenant: Annotated[str | None, typer.Option(help="Tenant whose turn it takes.")] = None,
    weight: Annotated[float | None, typer.Option(help="Turns it gets where other batches get one.")] = None,
    concurrency: Annotated[int | None, typer.Option(help="Calls of it that may run at the same time.")] = None,
    callback_url: Callback = None,
    durability: Safety = None,
    rejects: Annotated[
        Path | None, typer.Option(help="Where to write rejected rows; FILE.rejects.csv or .jsonl by default.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check all rows and predict their times; store and send nothing.")
    ] = False,
    follow: Annotated[bool, typer.Option("--follow", help="Stay until every job is final.")] = False,
    timeout: Annotated[float, typer.Option(help="With --follow: seconds to stay.", min=0)] = 86_400.0,
    as_json: Json = False,
) -> None:
    """Enqueue a file of messages as one batch. Rejected rows go to a file of their own, with the reasons."""
    try:
        rows = JobFile(file)
    except UnusableFile as error:
        raise typer.BadParameter(str(error), param_hint="FILE") from error
    rejected = Rejects(_rejects_path(file, rejects), rows)
    shared: dict[str, Any] = {"text": text, "priority": priority, "tenant": tenant}
    shared |= {"weight": weight, "concurrency": concurrency, "durability": durability, "callback_url": callback_url}
    settings = load_settings()
    if dry_run:
        show_preflight(settings, rows, rejected, sender, shared, as_json=as_json)
        return
    with OutboundChat.from_settings(settings) as chat:
        try:
            receipt = enqueue_file(chat, rows, rejected, sender=sender, name=name or shown(file.name), shared=shared)
        except UnusableFile as error:
            raise typer.BadParameter("\n".join([str(error), *error.__notes__]), param_hint="FILE") from error
        finally:
            rows.close()
            rejected.close()
        if receipt.rejected:
            rows_were = number_of(receipt.rejected, "row was", "rows were")
            talk.print(f"{rows_were} rejected; see {rejected.path}", style="yellow", markup=False)
        if warning := batch_warning(settings.senders[sender], receipt.accepted, rows.own_minutes):
            talk.print(f"warning: {warning}", style="yellow", markup=False)
        batch = follow_batch(chat, receipt.id, timeout) if follow else chat.batch(receipt.id)
    if as_json:
        told = {**plain(receipt), "rejections": rejected.first}
        print_json({"receipt": told, "batch": batch, "rejects": str(rejected.path) if receipt.rejected else None})
    else:
        print_batch(batch)
    if receipt.rejected or (follow and batch.counts[JobState.SENT] < batch.accepted):
        raise typer.Exit(Exit.NOT_ALL_SENT)


def _rejects_path(file: Path, wanted: Path | None) -> Path:
    """Where rejected rows go: a file that can be written and is not the one that is read."""
    path = wanted or file.with_suffix(f".rejects{file.suffix}")
    if path.resolve() == file.resolve():
        raise typer.BadParameter("is the file with the rows, which would be lost; name another", param_hint="--rejects")
    if not path.parent.is_dir():
        raise typer.BadParameter(f"{path.parent} is no folder; make it first", param_hint="--rejects")
    return path


def enqueue_file(
    chat: OutboundChat, rows: JobFile, rejects: Rejects, *, sender: str, name: str, shared: dict[str, Any]
) -> BatchReceipt:
    """Enqueues a file as one batch, with a progress bar; rejected rows go to `rejects`."""
    with file_progress("enqueue", rows) as show:
        receipt = chat.enqueue_batch(
            rows, sender=sender, name=name, on_rejected=rejects.add, on_progress=show, **shared
        )
        show(receipt.accepted, receipt.rejected)
    return receipt
