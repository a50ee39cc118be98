"""Reads a request, in the short or the raw form, into its stored form. Only ARNs are changed, into their ids."""

from collections.abc import Mapping, Sequence
from typing import Any

from outbound_chat.model.errors import FieldError, InvalidJob
from outbound_chat.request._codes import FieldCode
from outbound_chat.request._compiled import copy_and_check
from outbound_chat.request._copy import NEVER_MISSING, is_missing, last_part, normalize, segment_value
from outbound_chat.request._names import DISPLAY_NAME, OF_A_JOB, OPTIONS, SHORT_NAMES, Names, closest, step
from outbound_chat.request._shapes import SPEC
from outbound_chat.request._walk import MOST_FINDINGS

_FROM_SENDER = frozenset({"InstanceId", "SourceEndpoint"})
_KEPT = frozenset(SPEC.members) - _FROM_SENDER
_OBJECTS = frozenset({dict})


def read_options(options: Mapping[str, Any], errors: list[FieldError]) -> tuple[dict[str, Any], Names, str]:
    """Returns the stored form of the short options, the caller's names of members, and the JSON of `copy_and_check`.

    Adds unknown options to `errors`, and the errors of values that are an `InvalidJob`. The stored form has neither.
    """
    body: dict[str, Any] = {}
    for option, value in options.items():
        if value.__class__ not in NEVER_MISSING and (is_missing(value) or is_report(value, errors)):
            continue
        member = OPTIONS.get(option)
        if member is not None:
            body[member] = value
        elif len(errors) < MOST_FINDINGS:
            position = list(options).index(option) + 1
            errors.append(FieldError(step(option, position), FieldCode.UNKNOWN_FIELD, closest(option, OF_A_JOB)))
    if "ContactFlowId" in body:
        body["ContactFlowId"] = last_part(body["ContactFlowId"])
    names: Names = SHORT_NAMES
    # Where both are given, both are kept to be checked: the rules refuse that.
    if "DisplayName" in body and "ParticipantDetails" not in body:
        body["ParticipantDetails"] = {"DisplayName": body.pop("DisplayName")}
        names = {**names, **DISPLAY_NAME}
    segments = body.get("SegmentAttributes")
    if isinstance(segments, dict | Mapping) and not {*map(type, segments.values())} <= _OBJECTS:
        body["SegmentAttributes"] = {key: segment_value(value) for key, value in segments.items()}
        names = {**names, **_names_of_plain(segments)}
    body, json = copy_and_check(body)
    return body, names, json


def with_report(options: Mapping[str, Any], errors: Sequence[FieldError]) -> Mapping[str, Any]:
    """Returns the options together with errors of their reader, so that all errors are reported at once."""
    return {**options, "#report": InvalidJob(errors)} if errors else options


def is_report(value: object, errors: list[FieldError]) -> bool:
    """Returns whether the value is an `InvalidJob` of the reader of the options; if so, adds its errors."""
    if not isinstance(value, InvalidJob):
        return False
    errors += value.errors
    return True


def _names_of_plain(segments: Mapping[Any, Any]) -> Names:
    """Returns how the caller wrote the segment attributes that are not objects."""
    return {
        f"SegmentAttributes.{step(key, position)}.{kind}": f"segment_attributes.{step(key, position)}"
        for position, (key, value) in enumerate(segments.items(), start=1)
        if not isinstance(value, Mapping)
        for kind in ("ValueString", "ValueInteger")
    }


def read_call(kwargs: Mapping[str, Any], errors: list[FieldError]) -> tuple[dict[str, Any], dict[str, Any], str]:
    """Returns the stored form of what boto3's `start_outbound_chat_contact` takes, the rest, and the JSON of the form.

    The rest is the sender's own members, kept for comparison, and unknown names. Adds the errors of values that are an
    `InvalidJob` to `errors`.
    """
    body: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    for member, value in kwargs.items():
        if member in _KEPT:
            body[member] = value
        elif not isinstance(value, InvalidJob) or not is_report(value, errors):
            extra[member] = value
    if "ContactFlowId" in body:
        body["ContactFlowId"] = last_part(body["ContactFlowId"])
    extra = normalize(extra)
    if "InstanceId" in extra:
        extra["InstanceId"] = last_part(extra["InstanceId"])
    _shorten(body, "to", "DestinationEndpoint", {"Type": "TELEPHONE_NUMBER"}, "Address")
    _shorten(body, "text", "InitialSystemMessage", {"ContentType": "text/plain"}, "Content")
    body, json = copy_and_check(body)
    return body, extra, json


def _shorten(body: dict[str, Any], short: str, member: str, usual: Mapping[str, str], rest: str) -> None:
    value = body.get(member)
    if isinstance(value, Mapping) and rest in value and {**usual, rest: value[rest]} == {**value}:
        del body[member]
        body[short] = value[rest]
