"""Checks a value against any shape of the operation: types, lengths, ranges, choices, names.

Two rules apply to every string: no control characters except line breaks and tabs, because others break logs, carriers
and JSON readers, and no half surrogate pairs, which UTF-8 can't encode.
"""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

from outbound_chat.request._codes import FieldCode
from outbound_chat.request._names import Path, closest, step
from outbound_chat.request._shapes import Integer, ListOf, MapOf, Shape, Structure, Text
from outbound_chat_config import Sender


class Finding(NamedTuple):
    """An error at a path in API names."""

    path: Path
    code: FieldCode
    message: str


Found: TypeAlias = list[Finding]
Check: TypeAlias = Callable[[Any, Path, Sender, Found], None]
"""Checks the value at the path, for this sender, and adds what is wrong to `Found`."""

MOST_FINDINGS = 50
"""Errors that are reported for one request, since a map may have a million invalid names."""
DEEPEST = 20
"""Steps that a path may have. This is our own limit: AWS documents none, and segment attributes may be nested."""

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]").search
_SURROGATE = re.compile("[\ud800-\udfff]").search

# A Smithy integer is a signed 32-bit number. https://smithy.io/2.0/spec/simple-types.html#integer
SMALLEST, LARGEST = -(2**31), 2**31 - 1


def instead(found: Found, path: Path, code: FieldCode, message: str) -> None:
    """Adds an error, and removes a less specific one with the same code."""
    found[:] = [other for other in found if (other.path, other.code) != (path, code)]
    found.append(Finding(path, code, message))


def walk(shape: Shape, value: Any, path: Path, found: Found) -> None:
    """Adds the differences between the value and the shape to `found`."""
    if (_fits(shape, value) and len(path) <= DEEPEST) or len(found) >= MOST_FINDINGS:
        return
    if len(path) > DEEPEST:
        found.append(Finding(path[:DEEPEST], FieldCode.TOO_DEEP, f"must not be nested deeper than {DEEPEST} levels"))
        return
    _WALKERS[type(shape)](shape, value, path, found)


def _fits(shape: Shape, value: Any) -> bool:
    """Returns whether a string is certainly valid. Most are, so this is checked before a path is built for errors."""
    return (
        shape.__class__ is Text
        and value.__class__ is str
        and value.isprintable()
        and (shape.max is None or len(value) <= shape.max)
        and (not shape.min or len(value) >= shape.min)
        and (not shape.choices or value in shape.choices)
    )


def _walk_text(shape: Text, value: Any, path: Path, found: Found) -> None:
    found.extend(Finding(path, code, message) for code, message in _faults(shape, value))


def _faults(shape: Text, value: Any) -> list[tuple[FieldCode, str]]:
    if not isinstance(value, str):
        return [(FieldCode.WRONG_TYPE, "must be a string")]
    faults = []
    if shape.min is not None and len(value) < shape.min:
        faults.append((FieldCode.TOO_SHORT, "must not be empty; give a value or leave the field out"))
    elif shape.max is not None and len(value) > shape.max:
        faults.append((FieldCode.TOO_LONG, f"must be at most {shape.max:,} characters; shorten it"))
    elif shape.choices and value not in shape.choices:
        faults.append((FieldCode.NOT_ALLOWED, f"must be one of {', '.join(shape.choices)}"))
    if _CONTROL(value):
        faults.append(
            (FieldCode.CONTROL_CHARACTER, "must have no control characters except line breaks and tabs; remove them")
        )
    if _SURROGATE(value):
        message = "must be valid Unicode, but has half of a surrogate pair; decode its source with the right encoding"
        faults.append((FieldCode.NOT_UNICODE, message))
    return faults


def _walk_integer(shape: Integer, value: Any, path: Path, found: Found) -> None:
    smallest = SMALLEST if shape.min is None else shape.min
    largest = LARGEST if shape.max is None else shape.max
    if not isinstance(value, int) or isinstance(value, bool):
        found.append(Finding(path, FieldCode.WRONG_TYPE, "must be an integer"))
    elif not smallest <= value <= largest:
        found.append(Finding(path, FieldCode.OUT_OF_RANGE, f"must be from {smallest:,} to {largest:,}"))


def _walk_list(shape: ListOf, value: Any, path: Path, found: Found) -> None:
    if not isinstance(value, list):
        found.append(Finding(path, FieldCode.WRONG_TYPE, "must be a list"))
        return
    for index, item in enumerate(value):
        walk(shape.item, item, (*path, str(index)), found)


def _walk_map(shape: MapOf, value: Any, path: Path, found: Found) -> None:
    if not isinstance(value, dict):
        found.append(Finding(path, FieldCode.WRONG_TYPE, "must be an object of names and values"))
        return
    for position, (key, item) in enumerate(value.items(), start=1):
        if _fits(shape.key, key) and _fits(shape.value, item):
            continue
        if len(found) >= MOST_FINDINGS:
            return
        place = (*path, step(key, position))
        found.extend(Finding(place, code, f"its name {message}") for code, message in _faults(shape.key, key))
        walk(shape.value, item, place, found)


def _walk_structure(shape: Structure, value: Any, path: Path, found: Found) -> None:
    if not isinstance(value, dict):
        members = ", ".join(shape.members)
        found.append(Finding(path, FieldCode.WRONG_TYPE, f"must be an object with the members {members}"))
        return
    for position, (name, item) in enumerate(value.items(), start=1):
        member = shape.members.get(name)
        if member is not None and _fits(member, item):
            continue
        if len(found) >= MOST_FINDINGS:
            return
        place = (*path, step(name, position))
        if member is None:
            found.append(Finding(place, FieldCode.UNKNOWN_FIELD, closest(name, shape.members)))
        else:
            walk(member, item, place, found)
    for name in shape.members if shape.required else ():
        if name in shape.required and name not in value:
            found.append(Finding((*path, name), FieldCode.REQUIRED, "is required; add it"))


_WALKERS: Mapping[type, Callable[[Any, Any, Path, Found], None]] = MappingProxyType(
    {
        Text: _walk_text,
        Integer: _walk_integer,
        ListOf: _walk_list,
        MapOf: _walk_map,
        Structure: _walk_structure,
    },
)
