"""Files as spreadsheets write them, and files of ours that a spreadsheet opens."""

import csv
import fcntl
import gzip
import io
import json
import os
import re
import sys
import zipfile
from collections.abc import Sequence
from contextlib import closing, suppress
from errno import ENOSPC
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings, strategies as st

from outbound_chat import FieldError, InvalidJob
from outbound_chat.cli.errors import MissingExtra
from outbound_chat.cli.files.job_file import JobFile
from outbound_chat.cli.files.number_file import NumberFile
from outbound_chat.cli.files.rejects import Rejects
from outbound_chat.cli.files.row_file import form_of
from outbound_chat.cli.files.writing import check_writable, settle
from outbound_chat.model.batches import Rejection
from outbound_chat.request import FieldCode
from outbound_chat.rows import CsvReader, Form, UnusableFile
from outbound_chat.rows.writing import CsvWriter
from tests.support.harness import number
from tests.support.workbooks import Cell, sheet_of, write_workbook

ROWS: list[list[Cell]] = [
    ["to", "text", "company", None],
    ["+12025550101", "Hello", "Acme", None],
    [None, None, None, None],
    [1701234567.0, "Zwei\nZeilen", "=HYPERLINK(1)", None],
    ["0170 1234568", "Hallo, Ana; 1,50", 17.0, None],
]


def form(**options: Any) -> Form:
    """The form that a command makes of its options."""
    return form_of(**options)


def jobs(path: Path, **options: Any) -> list[Any]:
    """The jobs of a file."""
    with closing(JobFile(path, None, form(**options))) as file:
        return list(file)


def reject_all(path: Path, **options: Any) -> Path:
    """Rejects each row of a file; returns the file of rejects."""
    with closing(JobFile(path, None, form(**options))) as file:
        rejects = Rejects(path.with_name("r.csv" if file.is_csv else "r.jsonl"), file)
        fault = FieldError("to", FieldCode.INVALID_NUMBER, "must be right")
        for number, _ in enumerate(file, 1):
            rejects.add(Rejection(number, (fault,)))
        rejects.close()
    return rejects.path


def saved_by_excel(path: Path, delimiter: str) -> bytes:
    """What Excel makes of a CSV that is opened and saved: values of formulas, and numbers without plus and zeros."""
    content = path.read_bytes()
    assert content.startswith(b"\xef\xbb\xbf"), "Excel would take it for the code page of its country"
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=delimiter))
    saved = io.StringIO(newline="")
    csv.writer(saved, delimiter=";").writerows([_value(cell) for cell in row] for row in rows)
    return b"\xef\xbb\xbf" + saved.getvalue().encode()


def _value(cell: str) -> str:
    if cell.startswith("=") and re.fullmatch(r'="(?:[^"]|"")*"(?:&"(?:[^"]|"")*")*', cell):
        literals = re.findall(r'"((?:[^"]|"")*)"', cell)
        assert all(len(text) <= 255 * 2 for text in literals)
        return "".join(text.replace('""', '"') for text in literals)
    assert not cell.startswith(("=", "+", "-", "@")), "Excel would run it"
    return f"{float(cell):.5G}" if re.fullmatch(r"\d{12,}", cell) else cell.lstrip("0") if cell.isdigit() else cell


def test_a_workbook_is_read_as_the_same_rows_in_csv_would_be(tmp_path: Path) -> None:
    """The first sheet that is visible; numbers in plain digits, times as ISO 8601, lines as the sheet counts them."""
    more: list[list[Cell]] = [*ROWS, ["+12025550105", True, (45000.25,), None], ["+12025550106", 1e20, 0.1 + 0.2, None]]
    path = write_workbook(tmp_path / "a.xlsx", {"old": [["x"]], "Kunden": more}, hidden="old")
    with closing(JobFile(path, None, form(country="DE", ignore_columns=True))) as file:
        rows = list(file.rows())
        assert [row.line for row in rows] == [2, 4, 5, 6, 7]
        assert [job["to"] for job in (row.job() for row in rows) if not isinstance(job, InvalidJob)] == [
            *("+12025550101", "+491701234567", "+491701234568", "+12025550105", "+12025550106")
        ]
        assert [row.cells["company"] for row in rows] == ["Acme", "=HYPERLINK(1)", "17", "2023-03-15T06:00:00", "0.3"]
        assert [row.cells["text"] for row in rows[1:]] == ["Zwei\nZeilen", "Hallo, Ana; 1,50", "TRUE", "1e+20"]
    stdin = gzip.compress(path.read_bytes())
    (tmp_path / "a.xlsx.gz").write_bytes(stdin)
    with pytest.raises(UnusableFile, match="is no workbook"):
        JobFile(tmp_path / "a.xlsx.gz")


def test_a_file_that_is_saved_while_it_is_read_gives_no_row_of_both(tmp_path: Path) -> None:
    """Also where no whole part changed its place: some bytes of the old rows were read before."""
    path = tmp_path / "a.csv"
    old, new = (["to,text", *(f"{number(row)},{text} {row}" for row in range(5_000))] for text in ("Hello", "Dear"))
    path.write_text("\n".join(old), encoding="utf-8")
    with closing(JobFile(path)) as file:
        read = [*file.rows()]
        file.check_unchanged()
        file.rewind()
        path.write_text("\n".join(new), encoding="utf-8")
        assert [row.cells for row in file.rows()] == [row.cells for row in read]
        with pytest.raises(UnusableFile, match=r"a\.csv changed while it was read; run the command again"):
            file.check_unchanged()


def test_a_file_that_finds_no_room_for_its_copy_says_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.csv"
    path.write_text("to\n+12025550101\n", encoding="utf-8")

    def fail(*_: object) -> None:
        raise OSError(ENOSPC, "No space left on device")

    monkeypatch.setattr("shutil.copyfileobj", fail)
    with pytest.raises(UnusableFile, match=r"can't be copied to /.*: No space left on device; set TMPDIR to another"):
        JobFile(path)


def test_an_error_in_place_of_a_text_sends_no_other_text(tmp_path: Path) -> None:
    """It can't be told from an empty cell. Its row is rejected, with and without --text, and again unless repaired."""
    texts: list[Cell] = [("#N/A",), " ", "Hi"]
    rows: list[list[Cell]] = [["Wert", "to"], *([text, f"+1202555010{n}"] for n, text in enumerate(texts, 1))]
    path = write_workbook(tmp_path / "a.xlsx", {"A": rows})
    *rejected, sent = jobs(path, column=["text=Wert"])
    assert sent == {"text": "Hi", "to": "+12025550103"}
    assert [(error.field, error.code) for job in rejected for error in job.errors] == [("text", "required")] * 2
    assert "remove the column and give all rows their text with --text" in str(rejected[0])
    again = jobs(reject_all(path, column=["text=Wert"]), column=["text=Wert"])
    assert ["to" in job for job in again] == [False, False, True]
    rows[0][0] = "_note"
    assert all("to" in job for job in jobs(write_workbook(path, {"A": rows})))


def test_a_sheet_is_named_and_another_one_is_another_file(tmp_path: Path) -> None:
    """Else a batch could go on in another sheet, and its results be joined with other people."""
    path = write_workbook(tmp_path / "a.xlsx", {"A": [["to"], ["+12025550101"]], "B": [["to"], ["+12025550102"]]})
    assert [jobs(path, sheet=name) for name in ("A", "B")] == [[{"to": "+12025550101"}], [{"to": "+12025550102"}]]
    hashes = []
    for name in (None, "A", "B"):
        with closing(JobFile(path, None, form(sheet=name))) as file:
            hashes.append(file.content_hash())
    assert hashes[0] == hashes[1] != hashes[2]
    with pytest.raises(UnusableFile, match='has no sheet "C"; --sheet may name "A", "B"'):
        jobs(path, sheet="C")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is no workbook"),
        (b"to,text\n", "is no workbook"),
        (b"PK\x03\x04", "is no workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(3_000), "is no workbook"),
        (b"\xd0\xcf\x11\xe0" + bytes(3_000) + "EncryptedPackage".encode("utf-16-le"), "is protected with a password"),
    ],
)
@pytest.mark.parametrize("kind", [JobFile, NumberFile])
def test_a_workbook_that_can_not_be_read_says_why(tmp_path: Path, content: bytes, said: str, kind: Any) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(content)
    with pytest.raises(UnusableFile, match=said):
        kind(path)


def test_a_workbook_that_unpacks_to_more_than_there_is_memory_is_refused(tmp_path: Path) -> None:
    """The reader of workbooks would end the whole program; a last cell in the last corner is enough."""
    path = write_workbook(tmp_path / "a.xlsx", {"A": [["to"], ["+12025550101"]]})
    corner = sheet_of([["to"]]).replace("</row>", '</row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>')
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(tmp_path / "b.xlsx", "w") as new:
        for name in old.namelist():
            new.writestr(name, corner if "sheet1" in name else old.read(name))
    with pytest.raises(UnusableFile, match="is too large to be read as a workbook; save the sheet as CSV"):
        JobFile(tmp_path / "b.xlsx")


def test_without_its_reader_a_workbook_names_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_workbook(tmp_path / "a.xlsx", {"A": [["to"]]})
    monkeypatch.setattr(sys, "path", [place for place in sys.path if not (Path(place) / "python_calamine").is_dir()])
    monkeypatch.delitem(sys.modules, "python_calamine", raising=False)
    with pytest.raises(MissingExtra, match=r"needs python-calamine; run: pip install 'outbound-chat\[excel\]'"):
        JobFile(path)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 1_500), st.binary(max_size=40))
def test_a_workbook_with_any_bytes_in_it_is_read_or_refused(tmp_path: Path, place: int, junk: bytes) -> None:
    path = write_workbook(tmp_path / "a.xlsx", {"A": ROWS})
    content = path.read_bytes()
    path.write_bytes(content[:place] + junk + content[place + len(junk) :])
    with suppress(UnusableFile):
        jobs(path, ignore_columns=True)


@pytest.mark.parametrize("ending", [".json", ".jsonl", ".json.gz"])
def test_a_list_of_json_objects_is_read_row_by_row(tmp_path: Path, ending: str) -> None:
    """On one line or on many; its rejected rows are lines, which can be sent as they are."""
    rows = [{"to": "+12025550101", "text": "Hello"}, {"phone": "x"}]
    path = tmp_path / f"a{ending}"
    for indent in (None, 2):
        content = json.dumps(rows, indent=indent).encode()
        path.write_bytes(gzip.compress(content) if ending.endswith(".gz") else content)
        assert jobs(path) == rows
    assert jobs(reject_all(path))[0] == rows[0]


def test_numbers_to_suppress_are_read_from_every_such_file(tmp_path: Path) -> None:
    """A number that is not understood stays contactable, so it is named."""
    book = write_workbook(tmp_path / "a.xlsx", {"A": [["phone", "name"], ["0170 1234567", "Ana"], [1701234568.0, ""]]})
    table = tmp_path / "a.txt"
    table.write_bytes(b"\xef\xbb\xbfnumber;asked\r\n+12025550101;2026-05-01\r\n491701234567;x\r\n447911123456;x\r\n")
    with closing(NumberFile(book, form(country="DE", column=["to=phone"]))) as file:
        assert list(file) == ["+491701234567", "+491701234568"]
    with closing(NumberFile(table, form(country="DE"))) as file:
        numbers = iter(file)
        assert next(numbers) == "+12025550101"
        for _ in range(2):
            assert next(numbers) == ""
            assert file.fault
            assert "may begin with its country code" in file.fault.message
    with pytest.raises(UnusableFile, match="of another name is given with --column to=NAME"):
        NumberFile(book)


@pytest.mark.parametrize("kind", ["xlsx", "csv"])
def test_rejects_of_a_spreadsheet_come_through_one_unchanged(tmp_path: Path, kind: str) -> None:
    """Opened, saved and sent again: no plus, zero or digit is lost, no formula runs, nothing is cut off."""
    cells: list[list[str]] = [
        ["to", "text", "attributes.id", "_note"],
        ["+12025550101", '=HYPERLINK("http://x";"y")' + "z" * 600, "00123456789012345678", "-1"],
        ["0170 1234567", "Zwei\nZeilen; 1,50", "2026-12-01", "@x"],
        ["+12025550103", "true", "1-2", '="x"'],
        ["+12025550104", "7" * 41, "1,000 " * 10, ""],
    ]
    path = tmp_path / f"a.{kind}"
    if kind == "xlsx":
        write_workbook(path, {"A": cells})
    else:
        with path.open("w", encoding="utf-8", newline="") as file:
            CsvWriter(file, ";", for_excel=True).write(cells[0])
            csv.writer(file, delimiter=";").writerows(
                [[cell.replace('="x"', '="=""x"""') for cell in row] for row in cells[1:]]
            )
    before = _cells(path)
    assert before == [dict(zip(cells[0], row, strict=True)) for row in cells[1:]]
    rejected = reject_all(path)
    assert _cells(rejected) == before, "as it is"
    rejected.write_bytes(saved_by_excel(rejected, "," if kind == "xlsx" else ";"))
    found = _cells(rejected)
    assert [{name: row[name] for name in cells[0][:-1]} for row in found] == [
        {name: row[name] for name in cells[0][:-1]} for row in before
    ]


def _cells(path: Path) -> list[dict[str, str]]:
    with closing(JobFile(path)) as file:
        return [
            {name: cell for name, cell in row.cells.items() if name not in {"_line", "_errors", "_row"}}
            for row in file.rows()
        ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", ":"])
def test_rejects_have_the_delimiter_of_their_file(tmp_path: Path, delimiter: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        delimiter.join(["to", "text", '"_a,;|\t"']) + "\n" + delimiter.join(["1", '"a,;b"', "c"]) + "\n",
        encoding="utf-8",
    )
    options = {"delimiter": ":"} if delimiter == ":" else {}
    rejected = reject_all(path, **options)
    assert jobs(rejected, **options) == [{"to": "1", "text": "a,;b"}]
    assert delimiter in rejected.read_text("utf-8-sig").partition("\n")[0]


def test_two_runs_at_once_write_the_rejects_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is locked before it is compared, and no check removes what another run has written meanwhile."""
    path, content = tmp_path / "a.rejects.csv", b"to\n12\n"
    lock, look, runs = fcntl.flock, Path.stat, []

    def after_another(file: Any, operation: int) -> None:
        runs.append(path.write_bytes(content))
        lock(file, operation)

    def before_another(self: Path, **given: Any) -> os.stat_result:
        try:
            return look(self, **given)
        finally:
            self.write_bytes(content)

    monkeypatch.setattr(fcntl, "flock", after_another)
    assert settle(io.BytesIO(content), path) == path
    assert (runs, path.read_bytes()) == ([len(content)], content)
    monkeypatch.setattr(Path, "stat", before_another)
    check_writable(tmp_path / "new.csv")
    assert (tmp_path / "new.csv").read_bytes() == content


CELLS = st.text(st.sampled_from("=+-@\"&';,|\t\r\n 01aé"), max_size=10)


@given(st.lists(st.tuples(CELLS, CELLS), max_size=4), st.sampled_from(",;\t|"), st.booleans())
@example([('="a"', "=" * 300)], ",", True)
@example([('="a"', '="a"&"b"')], ",", False)
def test_what_is_written_for_excel_is_read_back_exactly(
    rows: Sequence[tuple[str, str]], delimiter: str, for_excel: bool
) -> None:
    written = io.StringIO(newline="")
    writer = CsvWriter(written, delimiter, for_excel=for_excel)
    for row in [("to", "text, or; more"), *rows]:
        writer.write(row)
    reader = CsvReader()
    reader.any_columns = True
    found = [*reader.feed(written.getvalue().encode()), *reader.end()]
    assert [tuple(row.cells.values()) for row in found] == [row for row in rows if "".join(row).strip()]
