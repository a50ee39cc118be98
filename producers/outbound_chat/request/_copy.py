"""Takes values in: any mapping becomes a dict, any tuple a list, and the caller's own objects are left alone."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from outbound_chat.request._walk import DEEPEST

# Asking for these first is several times faster than asking whether a text is a Mapping.
_LEAVES = frozenset({str, int})
_NEVER_MISSING = _LEAVES | {bool, dict, list, tuple}


def normalize(value: Any, depth: int = 0) -> Any:
    """The same value in types that JSON and boto3 take, copied, so that the caller may reuse his; other types pass.

    What is nested deeper than a request may be passes as it is: validation refuses it.
    """
    if value.__class__ in _LEAVES or depth > DEEPEST:
        return value
    if isinstance(value, dict | Mapping):
        return {key: normalize(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [normalize(item, depth + 1) for item in value]
    return value


def is_missing(value: object) -> bool:
    """Whether it stands for no value: None, NaN of any type of number, NaT, or NA of pandas.

    NaN and NaT differ from themselves, and NA answers with itself when it is asked whether it does.
    https://pandas.pydata.org/docs/user_guide/missing_data.html
    """
    if value is None or value.__class__ in _NEVER_MISSING:
        return value is None
    if isinstance(value, Decimal):
        return value.is_nan()
    differs: object = value != value  # noqa: PLR0124  # that is the question
    # numpy has a bool of its own; what else may come, such as an array, says nothing of a single value.
    return differs is value or (type(differs).__name__ in {"bool", "bool_"} and bool(differs))


def last_part(value: Any) -> Any:
    """The API takes ids where the console shows ARNs: the id is the last part of the ARN.

    https://docs.aws.amazon.com/connect/latest/APIReference/API_StartOutboundChatContact.html
    """
    return value.rsplit("/", 1)[-1] if isinstance(value, str) and value.startswith("arn:") else value


def segment_value(value: Any) -> Any:
    """A segment attribute in API form, of a plain text or whole number; anything else passes."""
    if isinstance(value, str):
        return {"ValueString": value}
    if isinstance(value, int) and not isinstance(value, bool):
        return {"ValueInteger": value}
    return value
