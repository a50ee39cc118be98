"""The rules of `StartOutboundChatContact` that its documentation has and its model lacks.

Main source, where a rule names no other:
https://docs.aws.amazon.com/connect/latest/APIReference/API_StartOutboundChatContact.html
Each function takes a body that has passed `_shapes`, and raises `Refusal`. Texts of refusals name fields only.
"""

import json
import re
import string
from typing import Any

from outbound_chat_worker.sandbox._refusal import Refusal, invalid

# An id, or an ARN that ends with it; a flow may be followed by the name of a version.
_UUID = r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
_INSTANCE = re.compile(rf"(?:arn:aws[a-z-]*:connect:\S+:instance/)?{_UUID}")
_FLOW = re.compile(rf"(?:arn:aws[a-z-]*:connect:\S+:instance/\S+/contact-flow/)?{_UUID}(?::\S+)?")
_E164 = re.compile(r"\+[1-9][0-9]{1,14}")
_PHONE_NUMBER_ARN = re.compile(r"arn:aws[a-z-]*:connect:[a-z0-9-]+:[0-9]{12}:phone-number/[A-Za-z0-9-]+")
_ATTRIBUTE_NAME = re.compile(r"[A-Za-z0-9_-]+")
_SEGMENT_NAME = re.compile(r"(?:connect:)?[A-Za-z0-9_-]+")
_SUBTYPE = "connect:Subtype"
_CHANNELS = {"connect:SMS": "SMS", "connect:WhatsApp": "WhatsApp"}

# https://docs.aws.amazon.com/connect/latest/adminguide/feature-limits.html#chat-message-size-limits
MOST_CHARACTERS = {"SMS": 1024, "WhatsApp": 4096}
# https://docs.aws.amazon.com/sms-voice/latest/userguide/sms-limitations-character.html (alphabet: GSM 03.38)
_MAX_PARTS, _MAX_UCS2_UNITS = 10, 630
_GSM_SINGLE, _GSM_PART, _UCS2_SINGLE, _UCS2_PART = 160, 153, 70, 67
_GSM_BASIC = frozenset(
    string.ascii_letters
    + string.digits
    + " !\"#%&'()*+,-./:;<=>?@_$\n\r"
    + "\u00a1\u00a3\u00a4\u00a5\u00a7\u00bf"  # inverted !, pound, currency, yen, section, inverted ?
    + "\u00c4\u00c5\u00c6\u00c7\u00c9\u00d1\u00d6\u00d8\u00dc"  # capital A", A ring, AE, C cedilla, E', N~, O", O/, U"
    + "\u00df\u00e0\u00e4\u00e5\u00e6\u00e8\u00e9\u00ec\u00f1\u00f2\u00f6\u00f8\u00f9\u00fc"  # sharp s and small ones
    + "\u0393\u0394\u0398\u039b\u039e\u03a0\u03a3\u03a6\u03a8\u03a9"  # the Greek capitals Latin has no letter for
)
_GSM_EXTENDED = frozenset("\f^{}\\[~]|\u20ac")  # sent with an escape before it: two units each
_GSM = _GSM_BASIC | _GSM_EXTENDED

# https://docs.aws.amazon.com/connect/latest/APIReference/API_UpdateContactAttributes.html
MOST_ATTRIBUTE_BYTES = 32_768
_CONTENT_TYPES = frozenset(
    {
        "text/plain",
        "text/markdown",
        "application/json",
        "application/vnd.amazonaws.connect.message.interactive",
        "application/vnd.amazonaws.connect.message.interactive.response",
    }
)


def check_rules(body: dict[str, Any]) -> None:
    """Raises `Refusal` if the request breaks a rule."""
    _check_endpoint(body["SourceEndpoint"], "SourceEndpoint", "CONNECT_PHONENUMBER_ARN")
    if not _PHONE_NUMBER_ARN.fullmatch(body["SourceEndpoint"]["Address"]):
        raise invalid("SourceEndpoint.Address must be the ARN of a phone number of Amazon Connect.")
    _check_endpoint(body["DestinationEndpoint"], "DestinationEndpoint", "TELEPHONE_NUMBER")
    if not _E164.fullmatch(body["DestinationEndpoint"]["Address"]):
        raise invalid("DestinationEndpoint.Address must be a number in E.164 form.")
    if not body["ContactFlowId"]:
        raise invalid("ContactFlowId must not be empty.")
    # An id of another form can't exist.
    for name, form in (("InstanceId", _INSTANCE), ("ContactFlowId", _FLOW)):
        if not form.fullmatch(body[name]):
            raise Refusal("ResourceNotFoundException", f"{name} names nothing that exists.")
    channel = _channel(body["SegmentAttributes"])
    _check_attributes(body.get("Attributes", {}))
    if "InitialSystemMessage" in body:
        _check_message(body["InitialSystemMessage"], channel)
    if "InitialTemplatedSystemMessage" in body:
        _check_template(body["InitialTemplatedSystemMessage"])
    if "SupportedMessagingContentTypes" in body:
        _check_content_types(body["SupportedMessagingContentTypes"])


def _check_endpoint(endpoint: dict[str, str], path: str, wanted_type: str) -> None:
    for name in ("Type", "Address"):
        if name not in endpoint:
            raise invalid(f"{path}.{name} is required.")
    if endpoint["Type"] != wanted_type:
        raise invalid(f"{path}.Type must be {wanted_type}.")


def _channel(segment_attributes: dict[str, Any]) -> str:
    for name, value in segment_attributes.items():
        if not _SEGMENT_NAME.fullmatch(name):
            raise invalid(
                "A key of SegmentAttributes may have letters, digits, - and _ only, after an optional connect:."
            )
        _check_segment_value(value, from_system=name.startswith("connect:"))
    subtype = segment_attributes.get(_SUBTYPE)
    if subtype is None:
        raise invalid(f"SegmentAttributes must have {_SUBTYPE}.")
    channel = _CHANNELS.get(subtype.get("ValueString", ""))
    if channel is None:
        raise invalid(f"SegmentAttributes {_SUBTYPE} must be the ValueString {' or '.join(_CHANNELS)}.")
    return channel


def _check_segment_value(value: dict[str, Any], *, from_system: bool) -> None:
    if len(value) != 1:
        raise invalid("A value of SegmentAttributes must have exactly one kind, such as ValueString.")
    if not from_system and ("ValueList" in value or "ValueArn" in value):
        raise invalid("ValueList and ValueArn are for system-defined SegmentAttributes only.")
    for name, inner in value.get("ValueMap", {}).items():
        if not _SEGMENT_NAME.fullmatch(name):
            raise invalid("A key of a ValueMap may have letters, digits, - and _ only, after an optional connect:.")
        _check_segment_value(inner, from_system=from_system)
    for inner in value.get("ValueList", ()):
        _check_segment_value(inner, from_system=from_system)


def _check_attributes(attributes: dict[str, str]) -> None:
    size = 0
    for name, value in attributes.items():
        if not _ATTRIBUTE_NAME.fullmatch(name):
            raise invalid("A key of Attributes may have letters, digits, - and _ only.")
        size += len(name) + len(value.encode())
    if size > MOST_ATTRIBUTE_BYTES:
        raise invalid(f"Attributes may have {MOST_ATTRIBUTE_BYTES} bytes in all.")


def _check_message(message: dict[str, str], channel: str) -> None:
    # https://docs.aws.amazon.com/connect/latest/APIReference/API_connect-participant_SendMessage.html
    if message["ContentType"] != "text/plain":
        raise invalid("InitialSystemMessage.ContentType must be text/plain for SMS and WhatsApp.")
    content = message["Content"]
    if len(content) > MOST_CHARACTERS[channel]:
        raise invalid(f"InitialSystemMessage.Content may have {MOST_CHARACTERS[channel]} characters on {channel}.")
    if channel == "SMS":
        _check_sms(content)


def _check_sms(content: str) -> None:
    if _GSM.issuperset(content):
        if sms_parts(content) > _MAX_PARTS:
            raise invalid(f"InitialSystemMessage.Content may have {_MAX_PARTS} message parts in the GSM alphabet.")
    elif len(content.encode("utf-16-le", "surrogatepass")) // 2 > _MAX_UCS2_UNITS:
        alphabet = "UCS-2, as it leaves the GSM alphabet"
        raise invalid(f"InitialSystemMessage.Content may have {_MAX_UCS2_UNITS} units in {alphabet}.")


def sms_parts(content: str) -> int:
    """Returns in how many message parts a text is sent."""
    is_gsm = _GSM.issuperset(content)
    single, part = (_GSM_SINGLE, _GSM_PART) if is_gsm else (_UCS2_SINGLE, _UCS2_PART)
    sizes = [2 if (character in _GSM_EXTENDED if is_gsm else character > "\uffff") else 1 for character in content]
    if sum(sizes) <= single:
        return 1
    parts, room = 0, 0
    for size in sizes:
        if size > room:  # an escape and its character are never split between parts
            parts, room = parts + 1, part
        room -= size
    return parts


def _check_template(template: dict[str, Any]) -> None:
    profile = template["TemplateAttributes"].get("CustomerProfileAttributes")
    if profile is None:
        return
    try:
        json.loads(profile)
    except ValueError:
        raise invalid("InitialTemplatedSystemMessage CustomerProfileAttributes must be JSON.") from None


def _check_content_types(content_types: list[str]) -> None:
    if "text/plain" not in content_types:
        raise invalid("SupportedMessagingContentTypes must contain text/plain.")
    if not _CONTENT_TYPES.issuperset(content_types):
        raise invalid(f"SupportedMessagingContentTypes may contain {', '.join(sorted(_CONTENT_TYPES))}.")
