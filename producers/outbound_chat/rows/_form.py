"""How rows are written, where they are not as we ask for: delimiter, names of columns, country of the numbers."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import phonenumbers

from outbound_chat.model.errors import FieldError, InvalidJob
from outbound_chat.request import FieldCode, to_e164
from outbound_chat.request.options import ROW_OPTIONS
from outbound_chat.rows._values import known_column

DELIMITERS = ",;\t|"
"""Those that are found without being named."""
_WORDS = {"tab": "\t", "\\t": "\t"}
_NO_DELIMITERS = frozenset("\"'+-._= ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What a caller says of the form of rows."""

    delimiter: str = ""
    """Empty: the one that the header has."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Columns that have another name, by ours."""
    ignore_columns: bool = False
    """Whether unknown columns are ignored."""
    country: str = ""
    """Country in which numbers without `+` are dialled, as in ISO 3166."""
    sheet: str = ""
    """Sheet of a workbook; empty: the first that is visible."""
    option: Callable[[str], str] = field(default=str, compare=False)
    """Returns an option as this caller writes it, for errors."""

    @classmethod
    def parse(
        cls,
        errors: list[FieldError],
        *,
        delimiter: str | None = None,
        column: Iterable[str] = (),
        ignore_columns: bool = False,
        country: str | None = None,
        sheet: str | None = None,
        option: Callable[[str], str] = str,
    ) -> "Form":
        """Reads the options; adds what is wrong with them to `errors`."""
        mark = _WORDS.get(delimiter or "", delimiter or "")
        if mark and (len(mark) > 1 or not mark.isascii() or mark.isalnum() or mark in _NO_DELIMITERS or mark in "\r\n"):
            message = 'must be one character, such as ";", "," or "|", or the word tab'
            errors.append(FieldError("delimiter", FieldCode.NOT_ALLOWED, message))
        code = (country or "").upper()
        if code and code not in phonenumbers.SUPPORTED_REGIONS:
            message = "must be two letters of ISO 3166, such as DE, US or GB"
            errors.append(FieldError("country", FieldCode.NOT_ALLOWED, message))
        given: dict[str, Any] = {"ignore_columns": ignore_columns, "sheet": sheet or "", "option": option}
        return cls(delimiter=mark, columns=_pairs(column, errors), country=code, **given)

    @property
    def read_as(self) -> str:
        """What of it makes other jobs of the same rows, as `FileKey` takes it; empty if it has nothing of that."""
        given = {"columns": self.columns, "ignore_columns": self.ignore_columns, "country": self.country}
        given = {name: value for name, value in given.items() if value}
        return json.dumps(given, sort_keys=True) if given else ""

    def applied(self, cells: Mapping[str, Any], named: frozenset[str]) -> Mapping[str, Any]:
        """Returns the cells of a row under our names, its number with country code. `named`: columns of a template."""
        theirs = set(self.columns.values()) - named
        found = {
            name: value
            for name, value in cells.items()
            if name not in theirs and (not self.ignore_columns or name in named or is_known(name))
        }
        found |= {ours: cells[name] for ours, name in self.columns.items() if name in cells}
        if self.country and isinstance(number := found.get("to"), str) and number.strip():
            found["to"] = self.number(number)
        return found

    def number(self, written: str) -> str | InvalidJob:
        """Returns a number in E.164 form, if it is national; or why it can't be known."""
        found = to_e164(written, self.country) if self.country else written
        return found if isinstance(found, str) else InvalidJob([FieldError("to", *found)])


def is_known(name: str) -> bool:
    """Whether rows may have this column."""
    return known_column(name) or name in ROW_OPTIONS


def _pairs(given: Iterable[str], errors: list[FieldError]) -> dict[str, str]:
    found: dict[str, str] = {}
    for ours, equals, theirs in (text.partition("=") for text in given):
        name = ours.strip()
        if not (equals and name and theirs.strip()):
            message = "must be written NAME=THEIRS, with the name in the file second, such as to=phone"
            errors.append(FieldError("column", FieldCode.WRONG_TYPE, message))
        elif name in found:
            errors.append(FieldError("column", FieldCode.GIVEN_TWICE, f'names "{name[:64]}" twice; leave one out'))
        else:
            found[name] = theirs.strip()
    return found
