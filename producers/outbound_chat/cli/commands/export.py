"""The command that writes what became of the jobs of a batch to a file: export."""

import json
import sys
from contextlib import ExitStack, closing
from pathlib import Path
from typing import IO, Annotated, Any, Literal

import typer

from outbound_chat.cli.files.job_file import JobFile
from outbound_chat.cli.files.row_file import form_of
from outbound_chat.cli.files.writing import check_overwrites, replacing
from outbound_chat.cli.output import shown, talk
from outbound_chat.cli.progress import rows_progress
from outbound_chat.client import FileKey, OutboundChat
from outbound_chat.model.jobs import Job, JobState
from outbound_chat.rows import Form
from outbound_chat.rows.results import RESULT_COLUMNS, row_of, values_of
from outbound_chat.rows.writing import CsvWriter
from outbound_chat_config import load_settings

Format = Literal["csv", "jsonl"]


def export(
    batch: Annotated[str, typer.Argument(help="ID of a batch.", show_default=False)],
    *,
    state: Annotated[JobState | None, typer.Option(help="Only jobs in this state; all final ones by default.")] = None,
    format_: Annotated[Format, typer.Option("--format", help="csv or jsonl.")] = "csv",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; standard output by default.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the --output file if it exists.")] = False,
    join: Annotated[
        Path | None,
        typer.Option(help="The file that was sent, unchanged: adds its columns to the results."),
    ] = None,
    delimiter: Annotated[
        str | None,
        typer.Option(help="Character between columns, or tab; as in the joined file, or a comma, by default."),
    ] = None,
    sheet: Annotated[str | None, typer.Option(help="Sheet of a joined workbook; the first by default.")] = None,
    excel: Annotated[
        bool, typer.Option("--excel", help="Write CSV that Excel opens without changing numbers or running formulas.")
    ] = False,
) -> None:
    r"""Export the results of a batch as CSV or JSON lines.

    Writes a row for each final job, or for each job in the given --state, in the order of the original file. With
    --join, each row also has the columns of that file, so that you can repair and resend those that failed.

    $ outbound-chat export main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR -o results.csv
    $ outbound-chat export main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR --state failed \
        --join parcels.csv -o failed.csv
    """
    if output and join and output.resolve() == join.resolve():
        raise typer.BadParameter("is the file with the rows, which would be lost; name another", param_hint="--output")
    form = form_of(delimiter=delimiter, sheet=sheet)
    if output:
        check_overwrites(output, overwrite=overwrite)
    with ExitStack() as stack:
        chat = stack.enter_context(OutboundChat.from_settings(load_settings()))
        last = chat.batch(batch)
        rows = stack.enter_context(closing(_joined(chat, batch, join, form))) if join else None
        if rows and format_ == "csv" and not rows.is_csv:
            raise typer.BadParameter("is JSON, which can't be written as CSV; add --format jsonl", param_hint="--join")
        file = stack.enter_context(replacing(output)) if output else sys.stdout
        mark = form.delimiter or (rows.delimiter if rows else ",")
        table = CsvWriter(file, mark, for_excel=excel) if format_ == "csv" else None
        writer = _Writer(file, table, rows)
        show = stack.enter_context(rows_progress("export", last.accepted + last.rejected, quiet=output is None))
        for job in (one for one in chat.each_batch_job(batch, state) if state or one.final):
            writer.write(job)
            show(row_of(job), writer.written)
        file.flush()
    talk.print(f"{writer.written:,} written{f' to {output}' if output else ''}")


def _joined(chat: OutboundChat, batch: str, path: Path, form: Form) -> JobFile:
    """Opens the file that was sent, byte by byte: in any other, even a sorted one, rows belong to other people."""
    rows = JobFile(path, form=form, any_columns=True)
    if is_its_file := chat.is_file_of(batch, FileKey(rows.content_hash())):
        return rows
    rows.close()
    reason = (
        "this batch did not come from one file of send-batch, so its jobs can't be matched to rows; leave it out"
        if is_its_file is None
        else f"{path} is not the file of this batch, or it was sorted, edited or unpacked since; give it as it was "
        "sent, with the same --delimiter or --sheet"
    )
    raise typer.BadParameter(f"{reason}. Nothing was written", param_hint="--join")


class _Writer:
    """Writes jobs, with the rows of their file if it is given, which come in the same order."""

    def __init__(self, file: IO[str], table: CsvWriter | None, rows: JobFile | None) -> None:
        self.written = 0
        self._file = file
        self._rows = rows
        self._unread = rows.rows() if rows else iter(())
        # Columns that begin with _ are ignored if the file is sent again, and hide none of its own.
        self._columns = [f"_{name}" if rows else name for name in RESULT_COLUMNS]
        self._theirs = [name for name in rows.columns if name not in self._columns] if rows else []
        self._csv = table
        if self._csv:
            self._csv.write([*self._theirs, *self._columns])

    def write(self, job: Job) -> None:
        """Writes one job."""
        ours = dict(zip(self._columns, values_of(job), strict=True))
        cells = self._cells_of(row_of(job)) if self._rows else {}
        if self._csv:
            self._csv.write([*(cells.get(name, "") for name in self._theirs), *map(_cell, ours.values())])
        else:
            self._file.write(json.dumps({**cells, **ours}) + "\n")
        self.written += 1

    def _cells_of(self, number: int) -> dict[str, Any]:
        found = next((row for row in self._unread if row.number == number), None)
        if found is None:
            raise typer.BadParameter(f"has no row {number}: the file changed while it was read", param_hint="--join")
        return dict(found.cells)


def _cell(value: object) -> object:
    return "" if value is None else shown(value) if isinstance(value, str) else value
