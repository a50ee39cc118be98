"""Rows are the same wherever the parts of a body are cut."""

import csv
import io
import itertools
import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, strategies as st

from outbound_chat import FieldError, InvalidJob
from outbound_chat.request.templates import Template
from outbound_chat.rows import CsvReader, JsonReader, Row, RowReader, UnusableFile

CELLS = st.text(st.sampled_from('ab", \r\n1é+'), max_size=8)
WHOLE = st.lists(st.tuples(CELLS, CELLS), max_size=6)
CUTS = st.lists(st.integers(0, 200), max_size=8)


def _read(reader: RowReader, body: bytes, cuts: list[int]) -> list[tuple[int, int, Any, bool]]:
    places = sorted({0, *(min(cut, len(body)) for cut in cuts), len(body)})
    rows: list[Row] = []
    for start, end in itertools.pairwise(places):
        rows += reader.feed(body[start:end])
    rows += reader.end()
    return [(row.number, row.line, dict(row.cells), row.fault is None) for row in rows]


def _csv(rows: list[tuple[str, str]]) -> bytes:
    written = io.StringIO(newline="")
    csv.writer(written, quoting=csv.QUOTE_ALL).writerows([("to", "text"), *rows])
    return written.getvalue().encode()


@given(WHOLE, CUTS)
def test_what_a_csv_writer_wrote_comes_back_however_it_is_cut(rows: list[tuple[str, str]], cuts: list[int]) -> None:
    found = _read(CsvReader(), _csv(rows), cuts)
    assert [(cells["to"], cells["text"]) for _, _, cells, _ in found] == [row for row in rows if "".join(row).strip()]
    assert [number for number, *_ in found] == list(range(1, len(found) + 1))


@given(st.binary(max_size=120), CUTS)
def test_rows_faults_and_lines_do_not_depend_on_the_cuts(body: bytes, cuts: list[int]) -> None:
    """Broken quotes, halves of characters, lone carriage returns: one reading for files and for bodies."""
    for kind, head in ((CsvReader, b"to,text\n"), (CsvReader, b"to,text\r"), (JsonReader, b"{}\n")):
        assert _read(kind(), head + body, cuts) == _read(kind(), head + body, [])


def _rows(body: str | bytes, kind: type[RowReader] = CsvReader, template: str | None = None) -> list[Row]:
    reader = kind(template=Template.parse(template) if template else None)
    return [*reader.feed(body.encode() if isinstance(body, str) else body), *reader.end()]


def _errors(row: Row) -> list[FieldError]:
    """What is wrong with the row, or with cells of it."""
    job = row.job()
    reports = [job] if isinstance(job, InvalidJob) else job.values()
    return [error for report in reports if isinstance(report, InvalidJob) for error in report.errors]


def _fault(row: Row) -> str:
    return _errors(row)[0].message


GOOD = {"to": "+12025550101", "text": "Hello"}


@pytest.mark.parametrize(
    "body",
    [
        "to,text\r+12025550101,Hello\r",
        "to,text\r+12025550101,Hello",
        "to,text\r\r\n+12025550101,Hello\r\r\n",
        "\r\n,\r\nto,text\r\n , \r\n+12025550101,Hello\r\n,\r\n\r\n",
        "to,text,,\n+12025550101,Hello,, \n,,,\n",
        'to, text\n+12025550101, "Hello"\n',
        '\ufeffto,text\n+12025550101,"Hello"\n',
        "to,text,send_at\n+12025550101,Hello,  \n",
    ],
)
def test_what_spreadsheets_leave_behind_is_no_fault(body: str) -> None:
    """Old line ends, rows and columns without a value, blanks around names and before quotes, cells of blanks."""
    (row,) = _rows(body)
    assert row.job() == GOOD
    lines = body.replace("\r\r\n", "\n").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert "+12025550101" in lines[row.line - 1]


@pytest.mark.parametrize(
    ("body", "said", "text", "line"),
    [
        (
            "to,text\n+1,Hello Ana, your parcel\n",
            "3 fields where the first line names 2",
            "+1,Hello Ana, your parcel",
            2,
        ),
        ("to,text\n\n+1\n", "1 fields where the first line names 2", "+1", 3),
        ('to,text\n+1,a\n+2,"b\n+3,c\n+4,d\n', "not closed", '+2,"b\n+3,c\n+4,d', 3),
        ('to,text\n+1,"a\n+2,"b"\n+3,c\n', "after a closing quote", '+1,"a\n+2,"b"', 2),
        ("to,text\n+1,a\rb\n", "line break outside quotes", "+1,a\rb", 2),
        ("to,text\r+1,a\nb\r", "line break outside quotes", "+1,a\nb", 2),
        ("to,,text\n+1,x,Hello\n", "column 2, which has no name", "+1,x,Hello", 2),
        ('to,text\n+1,\t"Hello"\n', "blanks before a quote", '+1,\t"Hello"', 2),
        ('to,text\n+1,\xa0"Hello"\n', "blanks before a quote", '+1,\xa0"Hello"', 2),
    ],
)
def test_a_row_that_can_not_be_read_is_kept_whole(body: str, said: str, text: str, line: int) -> None:
    """Cells that are cut off at the wrong place could be accepted, and half of a text be sent."""
    row = next(row for row in _rows(body) if row.fault)
    assert said in _fault(row)
    assert (dict(row.cells), row.line) == ({"_row": text}, line)


def test_an_open_quote_says_which_lines_it_takes() -> None:
    """The rows behind it are in no count, so whoever repairs the file must learn of them."""
    _, row = _rows('to,text\n+1,a\n+2,"b\n+3,c\n+4,d\n')
    assert "the row takes 3 lines, 3 to 5" in _fault(row)


@pytest.mark.parametrize("line", ['{"to": NaN}', '{"a": Infinity}', '{"a": [-Infinity]}', '{"a": 1e999}'])
def test_numbers_that_json_does_not_have_are_refused(line: str) -> None:
    """Python reads and writes them; as a text they would be the words nan and inf."""
    (row,) = _rows(line, JsonReader)
    assert row.cells == {"_row": line}
    assert _fault(row).startswith("must be one JSON object")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize(("kind", "body"), [(CsvReader, "to\ttext\r\n+1\ta\r\n"), (JsonReader, '{"to": "+1"}\r\n')])
def test_wide_characters_are_named_as_such(encoding: str, kind: type[RowReader], body: str) -> None:
    """As spreadsheets save "Unicode text": once, and not for each row."""
    with pytest.raises(UnusableFile, match="save it as UTF-8"):
        _rows(body.encode(encoding), kind)


@pytest.mark.parametrize("minutes", ["9" * 5_000, "0" * 5_000])
def test_a_number_of_any_length_is_a_fault_of_its_row(minutes: str) -> None:
    """Python refuses to read numbers of more than 4,300 digits, with an error of its own."""
    row, other = _rows(f"to,chat_duration_in_minutes\n+12025550101,{minutes}\n+12025550101,90\n")
    assert row.job() == {"to": "+12025550101", "chat_duration_in_minutes": int(minutes[:20])}
    assert other.job() == {"to": "+12025550101", "chat_duration_in_minutes": 90}


@pytest.mark.parametrize("time", ["1700000000", "true", "[]", '"tomorrow"'])
def test_a_time_that_is_no_text_is_refused_in_words_of_json(time: str) -> None:
    (row,) = _rows(f'{{"to": "+12025550101", "send_at": {time}}}\n', JsonReader)
    assert "must be an ISO 8601 time with a zone" in _fault(row)


@pytest.mark.parametrize(
    "members",
    [
        '"attributes": {"a": "1"}, "attributes.a": "2"',
        '"attributes.a": "2", "attributes": {"b": "1"}',
        '"attributes": "x", "attributes.a": "2"',
        '"attributes": [], "attributes.a": "2"',
        '"segment_attributes": {"a": 1}, "segment_attributes.b": "2"',
    ],
)
def test_attributes_are_given_in_one_way(members: str) -> None:
    """As an object and by their names, some would be lost in silence."""
    row, other = _rows(f'{{"to": "+12025550101", {members}}}\n{{"to": "+12025550102"}}\n', JsonReader)
    field = members[1:].partition("ributes")[0] + "ributes"
    assert [(error.field, error.code) for error in _errors(row)] == [(field, "given_twice")]
    assert other.job() == {"to": "+12025550102"}


def test_an_empty_object_of_attributes_is_not_given() -> None:
    (row,) = _rows('{"to": "+12025550101", "attributes": null, "attributes.a": "1"}\n', JsonReader)
    assert row.job() == {"to": "+12025550101", "attributes": {"a": "1"}}


def test_blanks_are_no_value_for_a_template() -> None:
    """A cell that looks empty is empty: else a text begins "Hello  ,"."""
    (row,) = _rows("to,name\n+12025550101,  \n", template="Hello {name}")
    assert row.job() == {"to": "+12025550101"}


@pytest.mark.parametrize("body", ["", "\n", "\ufeff\r\n,,\r\n"])
def test_a_file_without_a_first_line_has_no_columns(body: str) -> None:
    """Lists of numbers take any columns, so nothing else ends the reading."""
    reader = CsvReader()
    reader.any_columns = True
    assert [*reader.feed(body.encode()), *reader.end()] == []
    assert reader.columns == []


class _Counting(CsvReader):
    """Counts what is read."""

    characters = 0

    def next_line(self) -> str:
        line = super().next_line()
        self.characters += len(line)
        return line


def test_a_row_that_comes_byte_by_byte_is_not_read_again_with_each() -> None:
    """One slow caller would take a whole core: a row may have a million bytes."""
    reader = _Counting()
    parts = [b"to,text\n", b'1,"' + b"x\n" * 50_000, *([b"\n", b'""\n'] * 2_000), b'"\n2,y\n']
    rows = [row for part in parts for row in reader.feed(part)] + list(reader.end())

    assert [row.cells["to"] for row in rows] == ["1", "2"]
    assert reader.characters < 10 * sum(map(len, parts))


def test_a_row_with_more_members_than_a_job_can_have_is_refused_unread() -> None:
    """A line of 1 MB may have 100,000 of them, and each would be looked at."""
    most = {f"a{place}": "" for place in range(13_000)}
    lines = [json.dumps({"to": "+12025550101", "attributes": attributes}) for attributes in (most, {**most, "b": ""})]
    taken, refused = (row.job() for row in _rows("\n".join(lines), JsonReader))
    assert not isinstance(taken, InvalidJob)
    assert isinstance(refused, InvalidJob)
    assert [(error.field, error.code) for error in refused.errors] == [("row", "too_long")]
    assert "13,001 members" in refused.errors[0].message


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("10m", 600), ("12h", 43_200), ("3d", 259_200), ("99999999d", 8_639_999_913_600)]
)
def test_a_duration_is_a_number_and_its_unit(text: str, seconds: int) -> None:
    for row in (
        *_rows(f"to,expires_in\n+1,{text}\n"),
        *_rows(json.dumps({"to": "+1", "expires_in": text}), JsonReader),
    ):
        assert row.job() == {"to": "+1", "expires_in": timedelta(seconds=seconds)}


@pytest.mark.parametrize(
    "text", ["10", "m", "-10m", "0m", "1.5h", "10 m", "10M", "PT10M", "\uff110m", "10m\n", "100000000s"]
)
def test_any_other_duration_is_refused_with_examples(text: str) -> None:
    (row,) = _rows(json.dumps({"to": "+1", "expires_in": text}), JsonReader)
    assert _fault(row) == "must be a duration, such as 90s, 10m, 12h or 3d"


def test_a_duration_in_json_is_text() -> None:
    (row,) = _rows('{"to": "+1", "expires_in": 600}', JsonReader)
    assert _fault(row) == "must be a duration, such as 90s, 10m, 12h or 3d"
