"""Opens workbooks of Excel and other spreadsheets: a sheet becomes lines of JSON in a temporary file."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from outbound_chat.cli.errors import MissingExtra
from outbound_chat.cli.files import read_sheet
from outbound_chat.cli.progress import spinner
from outbound_chat.rows import Form, UnusableFile

ENDINGS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
MAGIC = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""The first bytes of workbooks: of ZIP files, and of OLE files, which the older ones are."""

_TOO_LARGE = "is too large to be read as a workbook; save the sheet as CSV"


def opened_sheet(workbook: IO[bytes], path: Path, form: Form) -> tuple[str, IO[bytes], int]:
    """Returns the name of the sheet that `form` asks for, a file with its rows, and its size.

    Raises:
        UnusableFile: there is no such sheet, or it can't be read.
        MissingExtra: the reader of workbooks is not installed.
    """
    if find_spec("python_calamine") is None:
        raise MissingExtra(str(path), "python-calamine", "excel")
    rows = TemporaryFile()  # noqa: SIM115  # closed by whoever has it
    workbook.seek(0)
    command = [sys.executable, "-P", read_sheet.__file__, form.sheet]
    with spinner("{task.description}") as progress:
        progress.add_task("read the workbook", total=None)
        done = subprocess.run(command, stdin=workbook, stdout=rows, stderr=subprocess.PIPE, check=False)  # noqa: S603
    if done.returncode:
        rows.close()
        said = done.stderr.decode("utf-8", "replace")
        is_killed = done.returncode < 0 or "MemoryError" in said or "File too large" in said
        raise UnusableFile(f"{path} {_TOO_LARGE if is_killed else _fault(said, form)}")
    size = rows.tell()
    rows.seek(0)
    return json.loads(rows.readline()), rows, size


def _fault(said: str, form: Form) -> str:
    word, _, rest = said.partition("\n")[0].partition(" ")
    if word == read_sheet.NO_SHEET:
        names = ", ".join(f'"{name}"' for name in json.loads(rest)[:10])
        return f'has no sheet "{form.sheet}"; {form.option("sheet")} may name {names}'
    if word == read_sheet.PASSWORD:
        return "is protected with a password; save it without one"
    return "is no workbook, or is broken; open it in a spreadsheet and save it again, or save the sheet as CSV"
