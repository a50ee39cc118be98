"""Rows as other programs write them: delimiters, names of columns, national numbers, lists of JSON."""

import itertools
import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, strategies as st

from outbound_chat import FieldError, InvalidJob
from outbound_chat.request import number_fault
from outbound_chat.request.templates import Template
from outbound_chat.rows import DELIMITERS, ArrayReader, CsvReader, Form, JsonReader, RowReader, UnusableFile

GOOD = {"to": "+12025550101", "text": "Hello"}


def form(**options: Any) -> Form:
    """The form that a command makes of its options."""
    errors: list[FieldError] = []
    found = Form.parse(errors, option=lambda name: f"--{name.replace('_', '-')}", **options)
    assert not errors, errors
    return found


def read(
    body: str | bytes,
    kind: type[RowReader] = CsvReader,
    template: str | None = None,
    cuts: Sequence[int] = (),
    **options: Any,
) -> list[Any]:
    """The jobs of a body."""
    reader = kind("a.csv", Template.parse(template) if template else None, form(**options))
    content = body.encode() if isinstance(body, str) else body
    places = sorted({0, *(min(cut, len(content)) for cut in cuts), len(content)})
    rows = [row for start, end in itertools.pairwise(places) for row in reader.feed(content[start:end])]
    return [row.job() for row in [*rows, *reader.end()]]


@pytest.mark.parametrize(
    "body",
    [
        "\ufeffto;text\r\n+12025550101;Hello\r\n",
        "to\ttext\n+12025550101\tHello\n",
        "to|text\n+12025550101|Hello\n",
        "sep=;\r\nto;text\r\n+12025550101;Hello\r\n",
        '"sep=;"\nto;text\n+12025550101;Hello\n',
        "sep=\t\nto\ttext\n+12025550101\tHello\n",
        "\r\n;;\r\nto;text;\r\n+12025550101;Hello;\r\n;;\r\n",
        '"to";"text"\n"+12025550101";"Hello"\n',
        '"to"\t"text"\n"+12025550101"\t"Hello"\n',
        "to,text\n+12025550101,Hello\n",
    ],
)
def test_the_first_line_says_what_separates_columns(body: str) -> None:
    """Where a comma is the decimal mark, spreadsheets write semicolons."""
    for cut in range(len(body.encode())):
        assert read(body, cuts=[cut]) == [GOOD]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("to;text;_price\n+12025550101;Hello, you;1,50\n", "Hello, you"),
        ('to,text,"_price; net"\n+12025550101,Hello;you,1\n', "Hello;you"),
        ("to,text,_a;b;c;d\n+12025550101,Hello,1\n", "Hello"),
        ('to;text;"_a\n,,,"\n+12025550101;Hello;1\n', "Hello"),
    ],
)
def test_a_mark_that_is_no_delimiter_does_not_mislead(body: str, text: str) -> None:
    """Decimal commas and sentences are in cells, and quotes in the first line may hold anything."""
    assert read(body) == [{"to": "+12025550101", "text": text}]


def test_a_delimiter_that_can_not_be_found_out_is_asked_for() -> None:
    """One clause names the option; with it the file is read, and it wins over what the first line seems to say."""
    body = "phone;name, first|x\n+12025550101;Ana, 5|y\n"
    with pytest.raises(UnusableFile, match="several delimiters in its first line; name one, as --delimiter ';'"):
        read(body)
    options: dict[str, Any] = {"column": ["to=phone"], "ignore_columns": True, "delimiter": ";"}
    assert read(body, **options) == [{"to": "+12025550101"}]
    assert read("sep=,\nto:text\n+12025550101:Hello\n", delimiter=":") == [GOOD]
    assert read("to\ttext;x\n+12025550101\tHello\n", delimiter="tab", ignore_columns=True) == [{"to": "+12025550101"}]


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"delimiter": ";;"}, "delimiter"),
        ({"delimiter": '"'}, "delimiter"),
        ({"delimiter": "a"}, "delimiter"),
        ({"country": "Germany"}, "country"),
        ({"country": "UK"}, "country"),
        ({"column": ["to"]}, "column"),
        ({"column": ["to=a", "to=b"]}, "column"),
        ({"column": ["=a"]}, "column"),
    ],
)
def test_an_option_of_the_form_that_is_wrong_is_named(options: dict[str, Any], field: str) -> None:
    errors: list[FieldError] = []
    Form.parse(errors, **options)
    assert [error.field for error in errors] == [field]


def test_columns_are_mapped_and_unknown_ones_ignored() -> None:
    """The file stays as the other program wrote it; templates name its columns as they are."""
    body = "phone;first name;company;Order No.\n+12025550101;Ana;Acme;17\n"
    options: dict[str, Any] = {"column": ["to=phone", "attributes.order=Order No."], "ignore_columns": True}
    (job,) = read(body, template="Hello {first name} of {phone}", **options)
    assert job == {
        "to": "+12025550101",
        "first name": "Ana",
        "phone": "+12025550101",
        "attributes": {"order": "17"},
    }
    (job,) = read(body, template="{order}", column=["to=phone", "order=Order No."], ignore_columns=True)
    assert job == {"to": "+12025550101", "order": "17"}
    line = '{"phone": "+12025550101", "x": 1, "supported_messaging_content_types": ["text/plain"]}'
    (job,) = read(line, JsonReader, column=["to=phone"], ignore_columns=True)
    assert job == {"to": "+12025550101", "supported_messaging_content_types": ["text/plain"]}


@pytest.mark.parametrize(
    ("body", "options", "said"),
    [
        ("phone,text\n", {}, 'no column "to" for the phone numbers; did you mean "phone"? Then add --column to=phone'),
        ("To,Text\n", {}, 'did you mean "To"? Then add --column to=To'),
        ("Phone number,text\n", {}, "Then add --column 'to=Phone number'"),
        ("to,texte\n", {}, '"texte" (did you mean "text"?); rename them, say what they are with --column text=NAME'),
        ("to,company\n", {}, '"company"; rename them'),
        ("to,company\n", {}, "ignore them with --ignore-columns"),
        ("phone,text\n", {"column": ["to=fone"]}, 'no column "fone", which --column names; did you mean "phone"?'),
        ("to,a\n", {"column": ["texte=a"], "ignore_columns": True}, '"texte" (did you mean "text"?)'),
        ("+12025550101\n", {}, "its first line must name the columns"),
    ],
)
def test_columns_that_do_not_fit_are_refused_with_the_option(body: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(UnusableFile) as caught:
        read(body, **options)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("written", "country", "found"),
    [
        ("0170 1234567", "DE", "+491701234567"),
        ("(0170) 123-4567", "de", "+491701234567"),
        ("1701234567", "DE", "+491701234567"),
        ("1701234567.0", "DE", "+491701234567"),
        ("0049 170 1234567", "DE", "+491701234567"),
        ("+49 170 1234567", "DE", "+491701234567"),
        ("+12025550101", "DE", "+12025550101"),
        ("2025550101", "US", "+12025550101"),
        ("1 (202) 555-0101", "US", "+12025550101"),
        ("15112345678", "DE", "+4915112345678"),
        ("7911123456", "GB", "+447911123456"),
        ("06 1234 5678", "IT", "+390612345678"),
        ("391 234 5678", "IT", "+393912345678"),
    ],
)
def test_a_national_number_gets_the_code_of_its_country(written: str, country: str, found: str) -> None:
    """Zero, brackets and blanks are how people write it, and a zero in front is what Excel leaves out."""
    ((job),) = read(f'to\n"{written}"\n', country=country)
    assert job == {"to": found}
    assert number_fault(found) is None


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("491701234567", "may begin with its country code or with an area code"),
        ("4921123456", "may begin with its country code or with an area code"),
        ("447911123456", "may begin with its country code or with an area code"),
        ("436601234567", "may begin with its country code or with an area code"),
        ("33612345678", "may begin with its country code or with an area code"),
        ("110", "is not a number of DE"),
        ("12025550101", "is not a number of DE"),
        ("+49 (0)170 1234567", "has a 0 after the country code"),
        ("1.7E+11", "was shortened by a spreadsheet"),
        ("0800 FLOWERS", "must be written as it is dialled in DE"),
        ("0170 1234567x5", 'in DE, or with "+" and country code, such as +12065550100'),
    ],
)
def test_a_number_that_would_be_a_guess_is_refused(written: str, said: str) -> None:
    """Another person would get the message."""
    ((job),) = read(f"to\n{written}\n", country="DE")
    number = job["to"]
    assert said in (str(number) if isinstance(number, InvalidJob) else (number_fault(number) or ("", ""))[1])


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("1.20255E+10", "shortened by a spreadsheet"),
        ("+1,20255E+10", "shortened by a spreadsheet"),
        ("1.2025550101E10", "shortened by a spreadsheet"),
        ("12025550101.0", "ends in .0"),
        ("'+12025550101", "apostrophe"),
        ("=+12025550101", "apostrophe"),
        ("12025550101", 'lacks "+"'),
        ("(202) 555-0101", "the country code: add them"),
        ("0012025550101", "begins with 00"),
        ("tel:+12025550101", "has a word before it"),
        ("\u200b+12025550101", "invisible"),
        ("+12025550104\xa0", "invisible"),
        ("\uff0b12025550107", "another script"),
    ],
)
def test_a_number_in_another_form_gets_the_fix_of_that_form(written: str, said: str) -> None:
    """The sentence about E.164 alone leaves people to look for a sign that they can't see."""
    fault = number_fault(written)
    assert fault
    assert said in fault[1]
    assert written not in fault[1]


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ('="+12025550101"', "+12025550101"),
        ('"=""+12025550101"""', "+12025550101"),
        ('"=""a ""&"" """"b"""""""', 'a  "b"'),
        ('"=""a"" & B2"', '="a" & B2'),
        ("=1+2", "=1+2"),
    ],
)
def test_a_formula_that_gives_a_text_is_that_text(cell: str, text: str) -> None:
    """So Excel keeps a number with its plus, and so our own files are written for it."""
    assert read(f"to,text\n+12025550101,{cell}\n") == [{"to": "+12025550101", "text": text}]


ROWS = st.lists(st.dictionaries(st.sampled_from(["to", "text", "a"]), st.text(max_size=6)), max_size=5)
CUTS = st.lists(st.integers(0, 300), max_size=8)


@given(ROWS, st.sampled_from([None, 0, 1, "\t"]), CUTS, st.booleans())
def test_a_json_list_is_read_however_it_is_written_and_cut(
    rows: list[dict[str, str]], indent: int | str | None, cuts: list[int], is_ascii: bool
) -> None:
    body = json.dumps(rows, indent=indent, ensure_ascii=is_ascii)
    reader = ArrayReader()
    content = b"\xef\xbb\xbf" + body.encode("utf-8", "surrogatepass" if is_ascii else "replace") + b"\n"
    places = sorted({0, *(min(cut, len(content)) for cut in cuts), len(content)})
    found = [row for start, end in itertools.pairwise(places) for row in reader.feed(content[start:end])]
    found += reader.end()
    if is_ascii:
        assert [row.cells for row in found] == rows
    assert [row.number for row in found] == list(range(1, len(rows) + 1))


@given(st.binary(max_size=120), CUTS)
def test_any_bytes_are_rows_or_one_clear_error(body: bytes, cuts: list[int]) -> None:
    """And the same ones, wherever they are cut."""
    for kind, head in ((ArrayReader, b'[{"to": "+1"}'), (ArrayReader, b"["), (CsvReader, b""), (CsvReader, b"to;a\n")):
        found = []
        for where in (cuts, ()):
            try:
                found.append(str(read(head + body, kind, cuts=where, ignore_columns=True, country="DE")))
            except UnusableFile as error:
                found.append(str(error))
        assert found[0] == found[1]


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ('[{"to": "+1"}\n{"to": "+2"}]', 2),
        ('[\n{"to": "+1"},\n{"to": \n', 3),
        ('[\n{"to": "+1"\n},\n\n{"to" "+2"},\n{}]', 5),
        ("[\n{}\n]\n[{}]", 4),
        ("[\n{}\n,\n,{}]", 4),
        ("[{},]", 1),
        ("[,]", 1),
        ("", 1),
        ("{}", 1),
        ("[" * 100_000, 1),
        ('[{"a": "' + "x" * 1_100_000, 1),
    ],
)
def test_a_list_that_breaks_off_says_where(body: str, line: int) -> None:
    with pytest.raises(UnusableFile, match=f"is not a JSON list from line {line} on"):
        read(body, ArrayReader)


@pytest.mark.parametrize("line", ["sep=", 'sep="', '"sep="', "sep= ", "sep=a"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_a_line_that_names_no_possible_delimiter_is_not_one(line: str, ends: str) -> None:
    """Newer Pythons raise an error that is not of `csv` for these."""
    with pytest.raises(UnusableFile):
        read(f"{line}{ends}to;text{ends}")
    reader = CsvReader()
    with suppress(UnusableFile):
        [*reader.feed(f"{line}{ends}to;text{ends}".encode())]
    assert reader.delimiter in DELIMITERS


def test_an_object_that_is_no_job_is_refused_alone() -> None:
    """What follows it is still read."""
    reader = ArrayReader()
    body = '[5, {"a": NaN},\n {"to": "+1", "to": "+2"}, {"to": "+12025550101"}]'
    rows = [*reader.feed(body.encode()), *reader.end()]
    assert [(row.line, dict(row.cells)) for row in rows] == [
        (1, {"_row": "5"}),
        (1, {"_row": '{"a": NaN}'}),
        (2, {"_row": '{"to": "+1", "to": "+2"}'}),
        (2, {"to": "+12025550101"}),
    ]
    assert [row.fault is None for row in rows] == [False, False, False, True]
