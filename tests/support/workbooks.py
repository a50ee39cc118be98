"""Writes small workbooks of Excel, as plain as the format allows."""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

_HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
_NS = "http://schemas.openxmlformats.org"
_TYPES = (
    f'{_HEAD}<Types xmlns="{_NS}/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/></Types>'
)
_LINKS = f'{_HEAD}<Relationships xmlns="{_NS}/package/2006/relationships">%s</Relationships>'
_LINK = f'<Relationship Id="%s" Type="{_NS}/officeDocument/2006/relationships/%s" Target="%s"/>'
_STYLES = (
    f'{_HEAD}<styleSheet xmlns="{_NS}/spreadsheetml/2006/main"><cellXfs count="2">'
    '<xf numFmtId="0"/><xf numFmtId="22"/></cellXfs></styleSheet>'
)

Cell = str | float | bool | tuple[float | str] | None
"""Text, a number, a truth value, a time as days since 1900 or an error in a tuple, or nothing."""


def write_workbook(path: Path, sheets: Mapping[str, Sequence[Sequence[Cell]]], *, hidden: str = "") -> Path:
    """Writes the sheets, of which one may be hidden."""
    names = list(sheets)
    books = "".join(
        f'<sheet name="{escape(name)}" sheetId="{n}" r:id="r{n}" state="{"hidden" if name == hidden else "visible"}"/>'
        for n, name in enumerate(names, 1)
    )
    links = "".join(_LINK % (f"r{n}", "worksheet", f"worksheets/sheet{n}.xml") for n in range(1, len(names) + 1))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("[Content_Types].xml", _TYPES)
        book.writestr("_rels/.rels", _LINKS % _LINK % ("r1", "officeDocument", "xl/workbook.xml"))
        book.writestr(
            "xl/workbook.xml",
            f'{_HEAD}<workbook xmlns="{_NS}/spreadsheetml/2006/main" '
            f'xmlns:r="{_NS}/officeDocument/2006/relationships"><sheets>{books}</sheets></workbook>',
        )
        book.writestr("xl/_rels/workbook.xml.rels", _LINKS % (links + _LINK % ("s", "styles", "styles.xml")))
        book.writestr("xl/styles.xml", _STYLES)
        for number, name in enumerate(names, 1):
            book.writestr(f"xl/worksheets/sheet{number}.xml", sheet_of(sheets[name]))
    return path


def sheet_of(rows: Sequence[Sequence[Cell]]) -> str:
    """The XML of a sheet."""
    lines = (
        f'<row r="{n}">{"".join(_cell(f"{_letters(place)}{n}", cell) for place, cell in enumerate(row))}</row>'
        for n, row in enumerate(rows, 1)
    )
    return (
        f'{_HEAD}<worksheet xmlns="{_NS}/spreadsheetml/2006/main"><sheetData>{"".join(lines)}</sheetData></worksheet>'
    )


def _letters(place: int) -> str:
    return chr(ord("A") + place) if place < 26 else f"{_letters(place // 26 - 1)}{_letters(place % 26)}"


def _cell(at: str, cell: Cell) -> str:
    match cell:
        case None:
            return ""
        case bool():
            return f'<c r="{at}" t="b"><v>{cell:d}</v></c>'
        case str():
            return f'<c r="{at}" t="inlineStr"><is><t xml:space="preserve">{escape(cell)}</t></is></c>'
        case (str() as error,):
            return f'<c r="{at}" t="e"><f>A1</f><v>{error}</v></c>'
        case (days,):
            return f'<c r="{at}" s="1"><v>{days!r}</v></c>'
    return f'<c r="{at}"><v>{cell!r}</v></c>'
