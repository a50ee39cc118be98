"""Reads a request in either dialect into its stored form. Only ARNs are changed, into their ids."""

from collections.abc import Mapping
from typing import Any

from outbound_chat.model.errors import FieldError, InvalidJob
from outbound_chat.request._codes import FieldCode
from outbound_chat.request._copy import is_missing, last_part, normalize, segment_value
from outbound_chat.request._names import DISPLAY_NAME, OF_A_JOB, OPTIONS, SHORT_NAMES, Names, closest, step
from outbound_chat.request._shapes import SPEC
from outbound_chat.request._walk import MOST_FINDINGS

_FROM_SENDER = frozenset({"InstanceId", "SourceEndpoint"})
_KEPT = frozenset(SPEC.members) - _FROM_SENDER

_TWICE = (("display_name", "participant_details"), ("text", "initial_system_message"))


def read_options(options: Mapping[str, Any]) -> tuple[dict[str, Any], Names]:
    """Returns the stored form of the short options, and what the caller calls its members.

    Raises:
        InvalidJob: an option is unknown, or two options give the same value.
    """
    body: dict[str, Any] = {}
    unknown: list[FieldError] = []
    for position, (option, value) in enumerate(options.items(), start=1):
        if value.__class__ is not str and is_missing(value):
            continue
        member = OPTIONS.get(option)
        if member is None:
            if len(unknown) >= MOST_FINDINGS:
                break
            unknown.append(FieldError(step(option, position), FieldCode.UNKNOWN_FIELD, closest(option, OF_A_JOB)))
        else:
            body[member] = value if value.__class__ is str else normalize(value)
    if unknown or ("DisplayName" in body and "ParticipantDetails" in body) or "InitialSystemMessage" in body:
        _refuse(unknown, options)
    if "ContactFlowId" in body:
        body["ContactFlowId"] = last_part(body["ContactFlowId"])
    names: Names = SHORT_NAMES
    if "DisplayName" in body:
        body["ParticipantDetails"] = {"DisplayName": body.pop("DisplayName")}
        names = {**names, **DISPLAY_NAME}
    if isinstance(body.get("SegmentAttributes"), dict):
        names = {**names, **_read_segment_attributes(body)}
    return body, names


def _refuse(unknown: list[FieldError], options: Mapping[str, Any]) -> None:
    twice = [
        FieldError(long, FieldCode.GIVEN_TWICE, f"says what {short} says; leave one of the two out")
        for short, long in _TWICE
        if options.get(short) is not None and options.get(long) is not None
    ]
    if unknown or twice:
        raise InvalidJob([*unknown, *twice])


def _read_segment_attributes(body: dict[str, Any]) -> Names:
    """Converts plain values to API form, and returns how the caller wrote them."""
    given: dict[Any, Any] = body["SegmentAttributes"]
    body["SegmentAttributes"] = {key: segment_value(value) for key, value in given.items()}
    return {
        f"SegmentAttributes.{step(key, position)}.{kind}": f"segment_attributes.{step(key, position)}"
        for position, (key, value) in enumerate(given.items(), start=1)
        if not isinstance(value, dict)
        for kind in ("ValueString", "ValueInteger")
    }


def read_call(kwargs: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns the stored form of what boto3's `start_outbound_chat_contact` takes, and what is not part of it.

    That is the sender's own members, kept for comparing, and names that the operation does not have.
    """
    body: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    for member, value in kwargs.items():
        (body if member in _KEPT else extra)[member] = value if value.__class__ is str else normalize(value)
    if "ContactFlowId" in body:
        body["ContactFlowId"] = last_part(body["ContactFlowId"])
    if "InstanceId" in extra:
        extra["InstanceId"] = last_part(extra["InstanceId"])
    _shorten(body, "to", "DestinationEndpoint", {"Type": "TELEPHONE_NUMBER"}, "Address")
    _shorten(body, "text", "InitialSystemMessage", {"ContentType": "text/plain"}, "Content")
    return body, extra


def _shorten(body: dict[str, Any], short: str, member: str, usual: Mapping[str, str], rest: str) -> None:
    value = body.get(member)
    if isinstance(value, dict) and rest in value and {**usual, rest: value[rest]} == value:
        del body[member]
        body[short] = value[rest]
