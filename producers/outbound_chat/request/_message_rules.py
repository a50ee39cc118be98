"""Documented rules for endpoints and messages; `_rules` has the table and the sources.

Each rule accepts values of any shape and ignores those of a wrong shape, which the walk over the shape reports.
"""

import json
import re
from typing import Any

from outbound_chat.request._codes import FieldCode
from outbound_chat.request._names import Path
from outbound_chat.request._numbers import number_fault
from outbound_chat.request._sms import is_gsm, sms_parts, utf16_units
from outbound_chat.request._walk import Check, Finding, Found, instead
from outbound_chat_config import Channel, Sender

SMS_CHARACTERS, SMS_PARTS, SMS_UTF16_UNITS, WHATSAPP_CHARACTERS = 1_024, 10, 630, 4_096

CONTENT_TYPES = (
    "text/plain",
    "text/markdown",
    "application/json",
    "application/vnd.amazonaws.connect.message.interactive",
    "application/vnd.amazonaws.connect.message.interactive.response",
)

# Anything but blanks and characters that only control how others are shown.
_is_visible = re.compile("[^\\s\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]").search
_is_source_arn = re.compile(r"arn:aws[a-z-]*:connect:[a-z0-9-]+:[0-9]{12}:phone-number/[A-Za-z0-9-]+").fullmatch


def number(value: Any, path: Path, _: Sender, found: Found) -> None:
    """Checks that it is in E.164 form, with a length that its country has."""
    # A value that is not text was reported before.
    if isinstance(value, str) and (fault := number_fault(value)):
        found.append(Finding(path, *fault))


def content(value: Any, path: Path, sender: Sender, found: Found) -> None:
    """Checks that the text is not blank, and not longer than the channel allows for its alphabet."""
    if isinstance(value, str) and value and not _is_visible(value):
        found.append(Finding(path, FieldCode.TOO_SHORT, "must not be blank; write a message or leave the field out"))
    # A character takes at most two units of either alphabet: short texts need no counting.
    if not isinstance(value, str) or len(value) <= SMS_UTF16_UNITS // 2:
        return
    if sender.channel is Channel.WHATSAPP:
        if len(value) > WHATSAPP_CHARACTERS:
            message = f"must be at most {WHATSAPP_CHARACTERS:,} characters for WhatsApp; shorten it"
            instead(found, path, FieldCode.TOO_LONG, message)
        return
    # Amazon Connect counts characters, and the carrier counts parts.
    if not is_gsm(value):
        if utf16_units(value) > SMS_UTF16_UNITS:
            message = (
                f"has characters outside the GSM alphabet, so an SMS carries at most {SMS_UTF16_UNITS} of them "
                "(emoji count twice); shorten it, or replace those characters"
            )
            instead(found, path, FieldCode.TOO_LONG, message)
    elif len(value) > SMS_CHARACTERS:
        instead(found, path, FieldCode.TOO_LONG, f"must be at most {SMS_CHARACTERS:,} characters for SMS; shorten it")
    elif (parts := sms_parts(value)) > SMS_PARTS:
        message = (
            f"must fit into {SMS_PARTS} message parts of SMS, but takes {parts} "
            "(^{}\\[~]|€ count twice there); shorten it"
        )
        instead(found, path, FieldCode.TOO_LONG, message)


def content_of_message(value: Any, path: Path, sender: Sender, found: Found) -> None:
    """Checks the content of a message with `content`."""
    if isinstance(value, dict):
        content(value.get("Content"), (*path, "Content"), sender, found)


def content_type(value: Any, path: Path, _: Sender, found: Found) -> None:
    """Checks that it is plain text."""
    # The operation also accepts markdown, JSON and interactive responses; neither SMS nor WhatsApp carries them.
    if isinstance(value, dict) and isinstance(value.get("ContentType"), str) and value["ContentType"] != "text/plain":
        message = "must be text/plain, the only type that SMS and WhatsApp carry"
        instead(found, (*path, "ContentType"), FieldCode.NOT_ALLOWED, message)


def endpoint_type(kind: str) -> Check:
    """Returns a check that an endpoint has this type and an address."""

    def check(value: Any, path: Path, _: Sender, found: Found) -> None:
        if not isinstance(value, dict):
            return
        missing = [name for name in ("Type", "Address") if name not in value]
        found.extend(Finding((*path, name), FieldCode.REQUIRED, "is required; add it") for name in missing)
        if isinstance(value.get("Type"), str) and value["Type"] != kind:
            instead(found, (*path, "Type"), FieldCode.NOT_ALLOWED, f"must be {kind}")

    return check


def destination_address(value: Any, path: Path, sender: Sender, found: Found) -> None:
    """Checks the address of an endpoint with `number`."""
    if isinstance(value, dict):
        number(value.get("Address"), (*path, "Address"), sender, found)


def source_address(value: Any, path: Path, sender: Sender, found: Found) -> None:
    """Checks that it is the number of the sender."""
    address = value.get("Address") if isinstance(value, dict) else None
    if not isinstance(address, str):
        return
    place = (*path, "Address")
    if not _is_source_arn(address):
        message = "must be the ARN of a number claimed in Amazon Connect (Connect console, Phone numbers)"
        found.append(Finding(place, FieldCode.INVALID_ARN, message))
    elif address != sender.source:
        message = "is not the number of the sender; leave it out or name the sender that has it"
        found.append(Finding(place, FieldCode.SENDER_MISMATCH, message))


def instance(value: Any, path: Path, sender: Sender, found: Found) -> None:
    """Checks that it is the instance of the sender."""
    if isinstance(value, str) and value != sender.instance_id:
        message = "is not the instance of the sender; leave it out or name the sender that has it"
        found.append(Finding(path, FieldCode.SENDER_MISMATCH, message))


def profile_is_json(value: Any, path: Path, _: Sender, found: Found) -> None:
    """Checks that the attributes of a customer profile are a JSON object in a string."""
    attributes = value.get("TemplateAttributes") if isinstance(value, dict) else None
    text = attributes.get("CustomerProfileAttributes") if isinstance(attributes, dict) else None
    if isinstance(text, str) and not _is_json_object(text):
        place = (*path, "TemplateAttributes", "CustomerProfileAttributes")
        found.append(
            Finding(place, FieldCode.INVALID_JSON, 'must be a JSON object in a string, such as {"FirstName": "Ana"}')
        )


def _is_json_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text, parse_constant=_refuse), dict)
    except (ValueError, RecursionError):
        return False


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def filled(value: Any, path: Path, _: Sender, found: Found) -> None:
    """Checks that it is not empty, which the model would allow."""
    if value == "":
        found.append(Finding(path, FieldCode.TOO_SHORT, "must not be empty; give a value or leave the field out"))


def supported_types(value: Any, path: Path, _: Sender, found: Found) -> None:
    """Checks that all content types are known and include text/plain."""
    if not isinstance(value, list):
        return
    if "text/plain" not in value:
        found.append(Finding(path, FieldCode.REQUIRED, "must contain text/plain; add it"))
    found.extend(
        Finding((*path, str(index)), FieldCode.NOT_ALLOWED, f"must be one of {', '.join(CONTENT_TYPES)}")
        for index, item in enumerate(value)
        if isinstance(item, str) and item and item not in CONTENT_TYPES
    )
