"""Documented rules for contact attributes and segment attributes; `_rules` has the table and the sources.

Each rule accepts values of any shape and ignores those of a wrong shape, which the walk over the shape reports.
"""

import re
from collections.abc import Callable
from typing import Any

from outbound_chat.request._codes import FieldCode
from outbound_chat.request._names import Path, step
from outbound_chat.request._walk import DEEPEST, MOST_FINDINGS, Finding, Found
from outbound_chat_config import Sender

ATTRIBUTE_BYTES = 32_768

_is_key = re.compile(r"[A-Za-z0-9_-]*").fullmatch
_is_segment_key = re.compile(r"(?:connect:)?[A-Za-z0-9_-]*").fullmatch
_is_arn = re.compile(r"arn:[a-z-]+:[a-z0-9-]+:[a-z0-9-]*:[0-9]*:\S+").fullmatch


def keys(value: Any, path: Path, _: Sender, found: Found) -> None:
    """Checks the keys of attributes."""
    _check_keys(value, path, found, _is_key, "its name must have only letters A-Z, digits, '-' and '_'")


def segment_keys(value: Any, path: Path, _: Sender, found: Found) -> None:
    """Checks the keys of segment attributes. System keys have a prefix that the documented rule forbids."""
    wants = "its name must have only letters A-Z, digits, '-' and '_', after 'connect:' in a system attribute"
    _check_keys(value, path, found, _is_segment_key, wants)


def _check_keys(value: Any, path: Path, found: Found, is_key: Callable[[str], object], wants: str) -> None:
    if not isinstance(value, dict):
        return
    for position, key in enumerate(value, start=1):
        if len(found) >= MOST_FINDINGS:
            return
        if isinstance(key, str) and not is_key(key):
            found.append(Finding((*path, step(key, position)), FieldCode.INVALID_KEY, f"{wants}; rename it"))


def total_bytes(value: Any, path: Path, sender: Sender, found: Found) -> None:
    """Checks that all attributes, including those of the sender, fit into a contact.

    https://docs.aws.amazon.com/connect/latest/APIReference/API_StartChatContact.html
    """
    merged = {**sender.attributes, **value} if isinstance(value, dict) else sender.attributes
    texts = [text for pair in merged.items() for text in pair if isinstance(text, str)]
    if sum(len(text.encode(errors="surrogatepass")) for text in texts) > ATTRIBUTE_BYTES:
        message = f"must be at most {ATTRIBUTE_BYTES:,} UTF-8 bytes, including those of the sender; shorten some"
        found.append(Finding(path, FieldCode.TOO_LONG, message))


def subtype(value: Any, path: Path, sender: Sender, found: Found) -> None:
    """Checks that the channel in the request, if any, is that of the sender."""
    if not isinstance(value, dict) or "connect:Subtype" not in value:
        return
    subtype = value["connect:Subtype"]
    if isinstance(subtype, dict) and subtype.get("ValueString") != sender.channel.subtype:
        message = f'must be "{sender.channel.subtype}", the channel of the sender; leave it out or name another sender'
        found.append(Finding((*path, "connect:Subtype", "ValueString"), FieldCode.SENDER_MISMATCH, message))


def segment_values(value: Any, path: Path, sender: Sender, found: Found) -> None:
    """Checks segment attributes at any depth."""
    if not isinstance(value, dict):
        return
    for position, (key, attribute) in enumerate(value.items(), start=1):
        is_system = isinstance(key, str) and key.startswith("connect:")
        _segment_value(attribute, (*path, step(key, position)), sender, found, is_system=is_system)


def _segment_value(value: Any, path: Path, sender: Sender, found: Found, *, is_system: bool) -> None:
    if not isinstance(value, dict) or len(path) > DEEPEST:
        return
    if len(value) != 1:
        message = "must have exactly one of ValueString, ValueInteger, ValueMap, ValueList, ValueArn"
        found.append(Finding(path, FieldCode.ONE_KIND, message))
    for kind in value.keys() & {"ValueList", "ValueArn"}:
        if not is_system:
            message = "is for system attributes (connect:…) only; use ValueString, ValueInteger or ValueMap"
            found.append(Finding((*path, kind), FieldCode.NOT_ALLOWED, message))
    arn = value.get("ValueArn")
    if isinstance(arn, str) and not _is_arn(arn):
        found.append(Finding((*path, "ValueArn"), FieldCode.INVALID_ARN, "must be an ARN"))
    nested = (*path, "ValueMap")
    segment_keys(value.get("ValueMap"), nested, sender, found)
    items = value.get("ValueMap"), value.get("ValueList")
    if isinstance(items[0], dict):
        for position, (key, item) in enumerate(items[0].items(), start=1):
            _segment_value(item, (*nested, step(key, position)), sender, found, is_system=is_system)
    if isinstance(items[1], list):
        for index, item in enumerate(items[1]):
            _segment_value(item, (*path, "ValueList", str(index)), sender, found, is_system=is_system)
