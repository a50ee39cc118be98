"""Takes values in: any mapping becomes a dict, any tuple a list, and the caller's own objects are left alone."""

from collections.abc import Mapping
from typing import Any

from outbound_chat.request._walk import DEEPEST

# Asking for these first is several times faster than asking whether a text is a Mapping.
_LEAVES = frozenset({str, int})


def plain(value: Any, depth: int = 0) -> Any:
    """The same value in types that JSON and boto3 take, copied, so that the caller may reuse his; other types pass.

    What is nested deeper than a request may be passes as it is: validation refuses it.
    """
    if value.__class__ in _LEAVES or depth > DEEPEST:
        return value
    if isinstance(value, dict | Mapping):
        return {key: plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, depth + 1) for item in value]
    return value


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
