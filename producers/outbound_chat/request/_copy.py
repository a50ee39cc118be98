"""Copies values: mappings become dicts, tuples become lists, and the caller's objects are not changed."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from outbound_chat.request._walk import DEEPEST

# Asking for these first is several times faster than asking whether a text is a Mapping.
_LEAVES = frozenset({str, int})
NEVER_MISSING = _LEAVES | {bool, dict, list, tuple}


def normalize(value: Any, depth: int = 0) -> Any:
    """Returns a copy in types that JSON and boto3 accept, so that the caller can reuse the value. Other types pass.

    Values that are nested too deeply for a request pass unchanged: validation refuses them.
    """
    if value.__class__ in _LEAVES or depth > DEEPEST:
        return value
    # Leaves are most of what there is; asking here saves a call for each.
    if value.__class__ is dict or isinstance(value, Mapping):
        return {key: item if item.__class__ in _LEAVES else normalize(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [item if item.__class__ in _LEAVES else normalize(item, depth + 1) for item in value]
    return value


def is_missing(value: object) -> bool:
    """Returns whether this means no value: None, NaN of any number type, or NaT or NA of pandas.

    NaN and NaT differ from themselves, and `NA != NA` is NA.
    https://pandas.pydata.org/docs/user_guide/missing_data.html
    """
    if value is None or value.__class__ in NEVER_MISSING:
        return value is None
    if isinstance(value, Decimal):
        return value.is_nan()
    differs: object = value != value  # noqa: PLR0124  # that is the question
    # numpy has its own bool; any other result, such as an array, is not about a single value.
    return differs is value or (type(differs).__name__ in {"bool", "bool_"} and bool(differs))


def last_part(value: Any) -> Any:
    """Returns the id in an ARN, which is its last part: the API takes ids, but the console shows ARNs.

    https://docs.aws.amazon.com/connect/latest/APIReference/API_StartOutboundChatContact.html
    """
    return value.rsplit("/", 1)[-1] if isinstance(value, str) and value.startswith("arn:") else value


def segment_value(value: Any) -> Any:
    """Returns a plain string or integer as a segment attribute in API form. Other values pass."""
    if isinstance(value, str):
        return {"ValueString": value}
    if isinstance(value, int) and not isinstance(value, bool):
        return {"ValueInteger": value}
    return value
