"""Finds the sender of a raw request that does not name its sender."""

from collections.abc import Iterable, Mapping
from typing import Any

from outbound_chat.model.errors import FieldError, InvalidJob
from outbound_chat.request._codes import FieldCode
from outbound_chat.request._copy import last_part
from outbound_chat_config import Sender

_INSTANCE, _SOURCE = "InstanceId", "SourceEndpoint.Address"
_NO_OBJECT = FieldError("SourceEndpoint", FieldCode.WRONG_TYPE, "must be an object with the members Type, Address")


def match_sender(kwargs: Mapping[str, Any], senders: Mapping[str, Sender]) -> str | InvalidJob:
    """Returns the name of the sender with the InstanceId (or its ARN) and the source number of a raw request.

    If several senders have both, the ContactFlowId decides if one of them has it, then the `connect:Subtype`. An
    `InvalidJob` says why no sender was found: a field is missing (`required`) or not an object (`wrong_type`), no
    sender matches (`unknown_sender`), or several do (`ambiguous_sender`).
    """
    instance, source = last_part(kwargs.get("InstanceId")), _inside(kwargs, "SourceEndpoint", "Address")
    if missing := [field for field, value in ((_INSTANCE, instance), (_SOURCE, source)) if value is None]:
        message = "is required without a sender; add it or name a sender"
        faults = {field: FieldError(field, FieldCode.REQUIRED, message) for field in missing}
        if not isinstance(kwargs.get("SourceEndpoint"), Mapping | None):
            faults[_SOURCE] = _NO_OBJECT
        return InvalidJob([*faults.values()])
    matching = {name: one for name, one in senders.items() if (one.instance_id, one.source) == (instance, source)}
    if not matching:
        return InvalidJob(_unknown(instance, source, senders))
    flow = last_part(kwargs.get("ContactFlowId"))
    matching = {name: one for name, one in matching.items() if one.contact_flow_id == flow} or matching
    subtype = _inside(kwargs, "SegmentAttributes", "connect:Subtype", "ValueString")
    matching = {name: one for name, one in matching.items() if one.channel.subtype == subtype} or matching
    if len(matching) > 1:
        message = f"belongs to several senders ({_list(matching)}); name one of them"
        return InvalidJob([FieldError(_SOURCE, FieldCode.AMBIGUOUS_SENDER, message)])
    return next(iter(matching))


def _inside(value: Any, *steps: str) -> Any:
    for name in steps:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _unknown(instance: Any, source: Any, senders: Mapping[str, Sender]) -> list[FieldError]:
    known_instance = any(sender.instance_id == instance for sender in senders.values())
    known_source = any(sender.source == source for sender in senders.values())
    fields = [field for field, known in ((_INSTANCE, known_instance), (_SOURCE, known_source)) if not known]
    wants = f"configured are: {_list(senders)}" if senders else "none is configured"
    message = f"does not belong to a configured sender; correct it or add a sender ({wants})"
    # Both may be known, and still belong to different senders.
    return [FieldError(field, FieldCode.UNKNOWN_SENDER, message) for field in fields or (_SOURCE,)]


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
