"""Turns cells into the options of a job."""

import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import isfinite
from typing import TYPE_CHECKING, Any, NoReturn

from outbound_chat.model.errors import FieldError, InvalidJob
from outbound_chat.request import FieldCode
from outbound_chat.request.options import DURATIONS, INSTANTS, ROW_OPTIONS
from outbound_chat_config import whole_number

if TYPE_CHECKING:
    from outbound_chat.rows._form import Form

MAPS = ("attributes", "segment_attributes")
JSON_ONLY = frozenset(
    {
        "participant_details",
        "initial_system_message",
        "initial_templated_system_message",
        "supported_messaging_content_types",
    }
)
"""Options that a cell of a CSV can't hold."""
COLUMNS = ROW_OPTIONS - JSON_ONLY - set(MAPS)
MOST_MEMBERS = 13_000
"""Members of one object: the 32,768 bytes of attributes hold at most 12,330, with shortest names and no values.

A megabyte has room for 100,000, each of which would be checked.
"""
_DURATION = re.compile(r"([1-9][0-9]{0,7})([smhd])", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
NUMBERS = ("chat_duration_in_minutes",)


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it was read."""

    number: int
    """Position among the rows, from 1."""
    line: int
    """Line on which it begins, from 1."""
    cells: Mapping[str, Any]
    fault: InvalidJob | None = None
    """Why it can't be a job at all."""
    named: frozenset[str] = frozenset()
    """Columns that the template names."""
    lines: int = 1
    """How many lines it has: a cell in quotes may have several."""
    form: "Form | None" = None
    """How it is written, if that changes its cells."""

    def job(self) -> Mapping[str, Any] | InvalidJob:
        """Returns the row as `enqueue_batch` takes it."""
        cells = self.form.applied(self.cells, self.named) if self.form else self.cells
        return self.fault or converted(cells, self.named)


def parse_time(field: str, text: object) -> datetime | InvalidJob | None:
    """Parses an ISO 8601 time with a zone, such as 2026-05-01T09:00:00+02:00; returns an `InvalidJob` if invalid."""
    if text is None:
        return None
    with suppress(ValueError):
        instant = datetime.fromisoformat(text if isinstance(text, str) else "")
        if instant.tzinfo:
            return instant
    message = "must be an ISO 8601 time with a zone, such as 2026-05-01T09:00:00+02:00"
    return InvalidJob([FieldError(field, FieldCode.INVALID_TIME, message)])


def parse_duration(field: str, text: object) -> timedelta | InvalidJob | None:
    """Parses a duration, a number and its unit, such as 90s, 10m, 12h or 3d; returns an `InvalidJob` if invalid."""
    if text is None:
        return None
    found = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        message = "must be a duration, such as 90s, 10m, 12h or 3d"
        return InvalidJob([FieldError(field, FieldCode.INVALID_TIME, message)])
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


TIMES: Mapping[str, Callable[[str, object], datetime | timedelta | InvalidJob | None]] = {
    **dict.fromkeys(INSTANTS, parse_time),
    **dict.fromkeys(DURATIONS, parse_duration),
}
"""Options that are strings in files and JSON, with their parsers."""


class TooManyMembers(ValueError):
    """An object has more members than any job. The message is a sentence without its subject."""


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Makes a JSON object. Refuses a name that occurs twice, because one of the values would be lost."""
    if len(pairs) > MOST_MEMBERS:
        raise TooManyMembers(
            f"has an object with {len(pairs):,} members; no job has more than {MOST_MEMBERS:,}, so remove some"
        )
    if len(found := dict(pairs)) < len(pairs):
        raise ValueError("a name occurs twice")
    return found


def parse_json(text: str) -> Any:
    """Parses a JSON document strictly: Python would also accept NaN, Infinity and repeated names.

    Raises:
        TooManyMembers: an object has more members than any job.
        ValueError: it is not JSON, or has a number that is out of range.
    """
    return STRICT_JSON.decode(text)


def _refuse_number(text: str) -> NoReturn:
    raise ValueError(f"{text[:64]} is not a JSON number")


def _finite(text: str) -> float:
    return found if isfinite(found := float(text)) else _refuse_number(text)


STRICT_JSON = json.JSONDecoder(parse_constant=_refuse_number, parse_float=_finite, object_pairs_hook=_each_once)


def known_column(column: str) -> bool:
    """Returns whether a CSV file may have this column."""
    base, _, key = column.partition(".")
    return column.startswith("_") or column in COLUMNS or bool(key and base in MAPS)


def refused(code: FieldCode, message: str) -> InvalidJob:
    """Returns why a row can't be a job at all."""
    return InvalidJob([FieldError("row", code, message)])


def converted(cells: Mapping[str, Any], named: frozenset[str] = frozenset()) -> Mapping[str, Any]:
    """Returns cells as `enqueue_batch` takes them. An empty or blank cell is an option that is not given.

    A cell that can't be read becomes an `InvalidJob`. `named`: columns that the template names, which may also begin
    with `_`.
    """
    row: dict[str, Any] = {}
    for column, value in cells.items():
        base, dot, key = column.partition(".")
        if (
            value is None
            or (isinstance(value, str) and not value.strip())
            or (column.startswith("_") and column not in named)
        ):
            continue
        if isinstance(value, str) and not _is_text(value):
            message = "is not UTF-8; save the file as UTF-8"
            row[column] = InvalidJob([FieldError(column, FieldCode.NOT_UNICODE, message)])
        elif dot and base in MAPS and cells.get(base) is not None:
            message = f"is given both as an object and as {base}.NAME; leave out one of the two"
            row[f"{base}."] = InvalidJob([FieldError(base, FieldCode.GIVEN_TWICE, message)])
        elif dot and base in MAPS:
            row.setdefault(base, {})[key] = value
        elif column in TIMES:
            row[column] = TIMES[column](column, value)
        elif column in NUMBERS and isinstance(value, str):
            number = whole_number(value)
            row[column] = value if number is None else number
        else:
            row[column] = value
    return row


def _is_text(value: str) -> bool:
    """Returns whether all bytes were UTF-8: other bytes were decoded as lone surrogates."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
