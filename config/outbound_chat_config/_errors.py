"""Turns the errors of pydantic into one readable error, with a line per field that names the fix."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydantic import ValidationError

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_MOST_FAULTS = 50
_DURATION = 'must be a duration: seconds as a number, or ISO 8601 text such as "PT30S"'
_SENTENCES: Mapping[str, str] = {
    "missing": "is required; add it",
    "extra_forbidden": "is not a setting of outbound-chat; check the spelling or remove it",
    "string_type": "must be a string in quotes",
    "int_type": "must be an integer",
    "int_parsing": "must be an integer",
    "int_from_float": "must be an integer",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "dict_type": "must be a table, not a single value",
    "model_type": "must be a table, not a single value",
    "model_attributes_type": "must be a table, not a single value",
    "tuple_type": 'must be a list, such as ["…"]',
    "time_delta_type": _DURATION,
    "time_delta_parsing": _DURATION,
}


class SettingsError(ValueError):
    """The settings can't be used. The message has a line for each fault, with the field and the fix.

    It never contains an invalid value, which may be a password.
    """


class NotConfigured(SettingsError):
    """The settings have nothing of this name. The text lists what they have."""


def explain(
    error: ValidationError, source: str, nearest: Callable[[str], str | None] = lambda _: None
) -> SettingsError:
    """Returns the same faults as sentences.

    `source`: where the values came from. `nearest`: returns a similar known name for an unknown one, or None.
    """
    lines = [f"{_path(fault['loc'])} {_sentence(fault, nearest)}".lstrip() for fault in error.errors(include_url=False)]
    if len(lines) > _MOST_FAULTS:
        lines[_MOST_FAULTS:] = [f"and {len(lines) - _MOST_FAULTS:,} more"]
    return SettingsError("\n".join([f"Settings can't be used ({source}):", *(f"  {line}" for line in lines)]))


def _path(location: Iterable[int | str]) -> str:
    # As TOML would write it; pydantic adds "[key]" if the last name itself is at fault.
    steps = [str(step) for step in location if step != "[key]"]
    return ".".join(step if _BARE_KEY.fullmatch(step) else json.dumps(step, ensure_ascii=False) for step in steps)


def _sentence(fault: Mapping[str, Any], nearest: Callable[[str], str | None]) -> str:
    if fault["type"] == "value_error":
        return str(fault["ctx"]["error"])
    if fault["type"] == "extra_forbidden" and (meant := nearest(str(fault["loc"][0]))):
        return f"is not a setting of outbound-chat; did you mean {meant}?"
    return _SENTENCES.get(fault["type"]) or f"is refused: {fault['msg'][0].lower()}{fault['msg'][1:]}"
