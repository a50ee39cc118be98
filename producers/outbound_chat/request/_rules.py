"""Documented rules beyond the shapes of the model: each member with its rules, each rule with its sources.

Two documented points need no rule. Content has at most 16,384 UTF-8 bytes, and the 4,096 characters of WhatsApp never
take more. And either initial message, both or neither may be given, since the documentation allows it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, cast

from outbound_chat.request import _attribute_rules as attributes, _message_rules as messages
from outbound_chat.request._codes import FieldCode
from outbound_chat.request._names import OPTIONS, SHORT_NAMES, closest, step
from outbound_chat.request._shapes import SPEC, Structure
from outbound_chat.request._walk import MOST_FINDINGS, Check, Finding, Found, walk
from outbound_chat.request.options import OWN_OPTIONS, SHORT_FORM
from outbound_chat_config import Channel, Sender

_REFERENCE = "https://docs.aws.amazon.com/connect/latest/APIReference/"
_OPERATION = f"{_REFERENCE}API_StartOutboundChatContact.html"
_START_CHAT = f"{_REFERENCE}API_StartChatContact.html"
_SEND_MESSAGE = f"{_REFERENCE}API_connect-participant_SendMessage.html"
_MESSAGE_SIZES = "https://docs.aws.amazon.com/connect/latest/adminguide/feature-limits.html#chat-message-size-limits"
_SMS_SIZES = "https://docs.aws.amazon.com/sms-voice/latest/userguide/sms-limitations-character.html"
_FLOW_ACTION = "https://docs.aws.amazon.com/connect/latest/devguide/contact-actions-startoutboundchatcontact.html"
_SEGMENT_ATTRIBUTE = f"{_REFERENCE}API_SegmentAttributeValue.html"
_TEMPLATE_ATTRIBUTES = f"{_REFERENCE}API_TemplateAttributes.html"


@dataclass(frozen=True, slots=True)
class FieldRule:
    """A documented rule: the check, what it requires in a few words, and the pages that state it."""

    check: Check
    demand: str
    sources: tuple[str, ...]


RULES: Mapping[str, tuple[FieldRule, ...]] = MappingProxyType(
    {
        "SourceEndpoint": (
            FieldRule(
                messages.endpoint_type("CONNECT_PHONENUMBER_ARN"),
                "Type is CONNECT_PHONENUMBER_ARN",
                (_OPERATION, _FLOW_ACTION),
            ),
            FieldRule(messages.source_address, "the ARN of the sender's number, in any partition", (_OPERATION,)),
        ),
        "DestinationEndpoint": (
            FieldRule(
                messages.endpoint_type("TELEPHONE_NUMBER"), "Type is TELEPHONE_NUMBER", (_OPERATION, _FLOW_ACTION)
            ),
            FieldRule(messages.destination_address, "a possible E.164 number", (_OPERATION, _FLOW_ACTION)),
        ),
        "InstanceId": (FieldRule(messages.instance, "the instance of the sender", (_OPERATION,)),),
        "ContactFlowId": (FieldRule(messages.filled, "not empty", (_OPERATION,)),),
        "Attributes": (FieldRule(attributes.keys, "letters, digits, - and _ in keys", (_START_CHAT,)),),
        "SegmentAttributes": (
            FieldRule(
                attributes.segment_keys, "letters, digits, - and _ in keys; connect: in system keys", (_OPERATION,)
            ),
            FieldRule(attributes.subtype, "connect:Subtype is the channel", (_OPERATION,)),
            FieldRule(
                attributes.segment_values, "one kind of value; lists and ARNs by system only", (_SEGMENT_ATTRIBUTE,)
            ),
        ),
        "InitialSystemMessage": (
            FieldRule(messages.content_type, "text/plain, on SMS and WhatsApp", (_SEND_MESSAGE,)),
            FieldRule(messages.content_of_message, "what the channel carries", (_MESSAGE_SIZES, _SMS_SIZES)),
        ),
        "InitialTemplatedSystemMessage": (
            FieldRule(messages.profile_is_json, "CustomerProfileAttributes is a JSON object", (_TEMPLATE_ATTRIBUTES,)),
        ),
        "SupportedMessagingContentTypes": (
            FieldRule(messages.supported_types, "known types, text/plain among them", (_OPERATION,)),
        ),
        "ClientToken": (FieldRule(messages.filled, "not empty", (_OPERATION,)),),
    },
)
"""Rules of a member, in the order in which they are checked."""

ANY_SENDER = Sender.model_construct(channel=Channel.WHATSAPP, region="", instance_id="", contact_flow_id="", source="")
"""Takes the place of an unknown sender: no channel allows longer texts. Mismatches with it are ignored."""


_CONTENT = cast("Structure", SPEC.members["InitialSystemMessage"]).members["Content"]
_NAME = cast("Structure", SPEC.members["ParticipantDetails"]).members["DisplayName"]


def check_member(member: str, value: Any, sender: Sender, found: Found) -> None:
    """Checks the shape and then the rules of a member in API form; adds errors to `found`."""
    path = (member,)
    walk(SPEC.members[member], value, path, found)
    for rule in RULES.get(member, ()):
        rule.check(value, path, sender, found)


def _check_to(value: Any, sender: Sender, found: Found) -> None:
    if not isinstance(value, str):
        found.append(Finding(("to",), FieldCode.WRONG_TYPE, 'must be a string, such as "+12065550100"'))
    else:
        messages.number(value, ("to",), sender, found)


def _check_text(value: Any, sender: Sender, found: Found) -> None:
    walk(_CONTENT, value, ("text",), found)
    messages.content(value, ("text",), sender, found)


# The members that are kept under a short name have the rules of the members that they replace.
_SHORT: Mapping[str, Callable[[Any, Sender, Found], None]] = MappingProxyType(
    {
        "to": _check_to,
        "text": _check_text,
        "DisplayName": lambda value, _, found: walk(_NAME, value, ("DisplayName",), found),
    }
)
# These depend on the sender, so they are checked in any case.
_DEPENDING = ("to", "text", "SegmentAttributes")
_TWICE = (("to", "DestinationEndpoint"), ("text", "InitialSystemMessage"), ("DisplayName", "ParticipantDetails"))


def check_body(body: Mapping[str, Any], sender: Sender, checked: Mapping[str, Any], *, sure: bool) -> Found:
    """Returns everything that is wrong with the stored form of a request.

    `checked`: values that are known to be valid. `sure`: the other members passed `copy_and_check`.
    """
    found: Found = []
    given = {member: body[member] for member in _DEPENDING if member in body} if sure else body
    for position, (member, value) in enumerate(given.items(), start=1):
        if checked and value is checked.get(member):
            continue
        check = _SHORT.get(member)
        if check is not None:
            check(value, sender, found)
        elif sure:
            attributes.subtype(value, (member,), sender, found)
        elif member in SPEC.members:
            check_member(member, value, sender, found)
        else:
            found.append(Finding((step(member, position),), FieldCode.UNKNOWN_FIELD, closest(member, OPTIONS)))
    if "to" not in body and "DestinationEndpoint" not in body:
        found.append(
            Finding(("DestinationEndpoint",), FieldCode.REQUIRED, "is required; add the number of the customer")
        )
    for short, member in _TWICE:
        if member in body and short in body:
            message = f"has the same meaning as {SHORT_NAMES[short]}; leave out one of the two"
            found.append(Finding((member,), FieldCode.GIVEN_TWICE, message))
    ours = body.get("Attributes")
    if (sender.attributes or not sure) and (ours is None or ours is not checked.get("Attributes")):
        attributes.total_bytes(ours, ("Attributes",), sender, found)
    return found


def check_extra(extra: Mapping[str, Any], sender: Sender) -> Found:
    """Returns everything that is wrong with the rest of a raw request: the sender's own members, and unknown names."""
    found: Found = []
    for position, (member, value) in enumerate(extra.items(), start=1):
        if len(found) >= MOST_FINDINGS:
            break
        if member in SPEC.members:
            check_member(member, value, sender, found)
        elif member in SHORT_FORM:
            message = "belongs to the short form, but the request has members of the raw form; use one of the two forms"
            found.append(Finding((member,), FieldCode.NOT_ALLOWED, message))
        else:
            found.append(
                Finding(
                    (step(member, position),),
                    FieldCode.UNKNOWN_FIELD,
                    closest(member, SPEC.members.keys() | OWN_OPTIONS),
                )
            )
    return found
