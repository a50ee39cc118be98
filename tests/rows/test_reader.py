"""Rows are the same wherever the parts of a body are cut."""

import csv
import io
import itertools
from typing import Any

from hypothesis import given, strategies as st

from outbound_chat.rows import CsvReader, JsonReader, Row, RowReader

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
    csv.writer(written).writerows([("to", "text"), *rows])
    return written.getvalue().encode()


@given(WHOLE, CUTS)
def test_what_a_csv_writer_wrote_comes_back_however_it_is_cut(rows: list[tuple[str, str]], cuts: list[int]) -> None:
    found = _read(CsvReader(), _csv(rows), cuts)
    assert [(cells["to"], cells["text"]) for _, _, cells, _ in found] == rows
    assert [number for number, *_ in found] == list(range(1, len(rows) + 1))


@given(st.binary(max_size=120), CUTS)
def test_rows_faults_and_lines_do_not_depend_on_the_cuts(body: bytes, cuts: list[int]) -> None:
    """Broken quotes, halves of characters, lone carriage returns: one reading for files and for bodies."""
    for kind, head in ((CsvReader, b"to,text\n"), (JsonReader, b"")):
        assert _read(kind(), head + body, cuts) == _read(kind(), head + body, [])


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
