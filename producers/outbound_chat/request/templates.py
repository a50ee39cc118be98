"""Texts with `{placeholders}` that the columns of a row fill in.

    Hello {first_name|there}, your order {order} has left.

A placeholder is the name of a column: letters, digits, `_`, `-` and spaces. After a `|` comes the default, for rows
without a value; without a default, such a row is rejected. `{{` and `}}` are braces. Nothing else is supported
deliberately: Python's formats and attributes would give a template access to the program.

No value means None, an empty or blank string, or what other libraries use for it, such as NaN.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from outbound_chat.model.errors import FieldError, InvalidJob
from outbound_chat.request import MOST_FINDINGS, FieldCode, is_missing

FIELDS = ("text", "display_name")
LONGEST_TEXT = 65_536
"""In characters: four times the longest message, to leave room for the names of columns."""
MOST_PLACEHOLDERS = 500
"""Placeholders in a template. Each row fills in all of them, and may lack a value for any."""
_UNKNOWN = "x"
"""Takes the place of an unknown value, so that the text around it can be checked."""
_PIECE = re.compile(r"\{\{|\}\}|\{(?P<name>[^\W\d][\w -]*)(?:\|(?P<default>[^{}]*))?\}|(?P<other>[{}])")


@dataclass(frozen=True, slots=True)
class _Blank:
    """A placeholder."""

    name: str
    default: str | None


_Pieces = tuple[str | _Blank, ...]


@dataclass(frozen=True, slots=True)
class Template:
    """A message that all rows of a batch share, with values from each row."""

    fields: Mapping[str, _Pieces]
    attributes: Mapping[str, _Pieces]

    @classmethod
    def parse(cls, given: object) -> "Template":
        """Parses the text of the message, or a mapping with `text`, `display_name` and `attributes`.

        Raises:
            InvalidJob: it is not a valid template; `errors` names each field.
        """
        parts = {"text": given} if isinstance(given, str) else given
        errors: list[FieldError] = []
        if not isinstance(parts, Mapping) or not parts or parts.keys() - {*FIELDS, "attributes"}:
            message = "must be a string, or an object with any of text, display_name and attributes"
            errors.append(FieldError("template", FieldCode.WRONG_TYPE, message))
            parts = parts if isinstance(parts, Mapping) else {}
        attributes = parts.get("attributes") or {}
        if not isinstance(attributes, Mapping):
            errors.append(FieldError("template.attributes", FieldCode.WRONG_TYPE, "must be an object of strings"))
            attributes = {}
        given_fields = [name for name in FIELDS if parts.get(name) is not None]
        fields = {name: _pieces(f"template.{name}", parts[name], errors) for name in given_fields}
        keyed = {
            key: _pieces(f"template.attributes.#{place}", text, errors)
            for place, (key, text) in enumerate(attributes.items(), start=1)
        }
        template = cls(fields, keyed)
        if len(template._blanks()) > MOST_PLACEHOLDERS:
            errors.append(FieldError("template", FieldCode.TOO_LONG, f"has more than {MOST_PLACEHOLDERS} placeholders"))
        if errors:
            raise InvalidJob(errors[:MOST_FINDINGS])
        return template

    def _blanks(self) -> list[_Blank]:
        texts = (*self.fields.values(), *self.attributes.values())
        return [piece for pieces in texts for piece in pieces if isinstance(piece, _Blank)]

    @property
    def names(self) -> frozenset[str]:
        """The columns that it names."""
        return frozenset(blank.name for blank in self._blanks())

    @property
    def needed(self) -> frozenset[str]:
        """The columns for which it has no default."""
        return frozenset(blank.name for blank in self._blanks() if blank.default is None)

    def sample(self) -> dict[str, Any]:
        """Returns the options of a row with one letter in each column."""
        return self.fill(dict.fromkeys(self.names, _UNKNOWN), {}, [])

    def fill(self, row: Mapping[str, Any], own: Mapping[str, Any], errors: list[FieldError]) -> dict[str, Any]:
        """Returns the options that are not among the row's `own`; adds columns without a value to `errors`."""
        filled: dict[str, Any] = {
            name: _written(pieces, row, errors) for name, pieces in self.fields.items() if own.get(name) is None
        }
        if self.attributes:
            ours = {key: _written(pieces, row, errors) for key, pieces in self.attributes.items()}
            theirs = own.get("attributes")
            if theirs is None or isinstance(theirs, Mapping):
                filled["attributes"] = {**ours, **(theirs or {})}
        return filled


def _pieces(field: str, text: object, errors: list[FieldError]) -> _Pieces:
    if not isinstance(text, str):
        errors.append(FieldError(field, FieldCode.WRONG_TYPE, "must be a string"))
        return ()
    if len(text) > LONGEST_TEXT:
        errors.append(FieldError(field, FieldCode.TOO_LONG, f"must be at most {LONGEST_TEXT:,} characters; shorten it"))
        return ()
    pieces: list[str | _Blank] = []
    end = 0
    for found in _PIECE.finditer(text):
        pieces.append(text[end : found.start()])
        end = found.end()
        if found["other"]:
            message = (
                "has a brace that is not part of a placeholder; write {name} or {name|default} with a column's name, "
                "without formats or dots, and {{ or }} for a brace"
            )
            errors.append(FieldError(field, FieldCode.INVALID_TEMPLATE, message))
            return ()
        pieces.append(_Blank(found["name"].strip(), found["default"]) if found["name"] else found[0][0])
    return tuple(piece for piece in (*pieces, text[end:]) if piece != "")


def _written(pieces: _Pieces, row: Mapping[str, Any], errors: list[FieldError]) -> str:
    return "".join(
        [piece if isinstance(piece, str) else _value(piece, row.get(piece.name), errors) for piece in pieces]
    )


def _value(blank: _Blank, value: object, errors: list[FieldError]) -> str:
    if isinstance(value, str) and value.strip():
        return value
    if isinstance(value, str) or is_missing(value):
        if blank.default is None and all(error.field != blank.name for error in errors):
            message = "is empty, but the template needs it; fill it in or write {name|default} in the template"
            errors.append(FieldError(blank.name, FieldCode.REQUIRED, message))
        return _UNKNOWN if blank.default is None else blank.default
    if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value):
        return str(value)
    if all(error.field != blank.name for error in errors):
        message = "must be a string or a finite number, to fill in a template"
        errors.append(FieldError(blank.name, FieldCode.WRONG_TYPE, message))
    return _UNKNOWN
