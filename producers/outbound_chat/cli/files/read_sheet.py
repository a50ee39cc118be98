"""A program of its own: writes a sheet of the workbook on standard input as JSON lists of texts, a line for each row.

The reader of workbooks keeps a whole sheet in memory, and ends its process where there is not enough. Here that costs
no other program anything: memory and output are bounded, and the first line of standard error says what went wrong.
It imports nothing of the package.
"""

import json
import os
import resource
import sys
from contextlib import suppress
from datetime import date, datetime, time

MOST_MEMORY = 2 << 30
"""Bytes. 500,000 rows of 4 columns need 205 MB, a million of 20 columns about 1.6 GB."""
MOST_OUTPUT = 2 << 30
EXACT = 1 << 53
"""From here on a number of a cell no longer holds each whole number."""
PASSWORD, NO_SHEET, BROKEN = "password", "no_sheet", "broken"


def text_of(value: object) -> str:
    """Returns a cell as text: whole numbers in plain digits, others with the 15 digits that Excel has, times in ISO."""
    match value:
        case bool():
            return str(value).upper()
        case float():
            return str(int(value)) if value.is_integer() and abs(value) <= EXACT else f"{value:.15g}"
        case datetime() | date() | time():
            return value.isoformat()
    return str(value)


def main(wanted: str) -> str:
    """Writes the rows of a sheet, the first visible one if it has no name; returns what went wrong."""
    import python_calamine as calamine  # noqa: PLC0415  # only the program has it, not who reads its constants

    try:
        book = calamine.CalamineWorkbook.from_filelike(sys.stdin.buffer)
        visible = [sheet.name for sheet in book.sheets_metadata if sheet.visible == calamine.SheetVisibleEnum.Visible]
        name = wanted or next(iter(visible or book.sheet_names), "")
        if name not in book.sheet_names:
            return f"{NO_SHEET} {json.dumps(visible)}"
        sys.stdout.write(f"{json.dumps(name)}\n")
        for row in book.get_sheet_by_name(name).iter_rows():
            sys.stdout.write(f"{json.dumps([text_of(cell) for cell in row])}\n")
        sys.stdout.flush()
    except calamine.PasswordError:
        return PASSWORD
    except calamine.CalamineError:
        sys.stdin.buffer.seek(0)
        # https://learn.microsoft.com/en-us/openspecs/office_file_formats/ms-offcrypto/
        return PASSWORD if "EncryptedPackage".encode("utf-16-le") in sys.stdin.buffer.read() else BROKEN
    return ""


if __name__ == "__main__":
    limits = ((resource.RLIMIT_AS, MOST_MEMORY), (resource.RLIMIT_FSIZE, MOST_OUTPUT), (resource.RLIMIT_CORE, 0))
    for kind, most in limits:
        with suppress(ValueError):  # the system has a lower one, or none of that kind
            resource.setrlimit(kind, (most, most))
    os.environ["RUST_BACKTRACE"] = "0"
    sys.exit(main(sys.argv[1]) or 0)
