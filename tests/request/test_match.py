"""Which sender a raw request means."""

from typing import Any

import pytest

from outbound_chat.model.errors import InvalidJob
from outbound_chat.request import match_sender
from outbound_chat_config import Channel

from .senders import INSTANCE_ARN, SMS, SOURCE, raw_call, sender

OTHER_SOURCE = SOURCE + "-2"
SENDERS = {
    "support": SMS,
    "sales": sender(source=OTHER_SOURCE),
    "far": sender(instance_id="instance-2", source=SOURCE + "-3"),
}


def source(address: object) -> dict[str, Any]:
    return {"Type": "CONNECT_PHONENUMBER_ARN", "Address": address}


def refused(call: dict[str, Any], senders: dict[str, Any]) -> tuple[list[tuple[str, str]], str]:
    found = match_sender(call, senders)
    assert isinstance(found, InvalidJob)
    return [(error.field, error.code) for error in found.errors], str(found)


def test_instance_and_number_decide() -> None:
    assert match_sender(raw_call(), SENDERS) == "support"
    assert match_sender(raw_call(InstanceId=INSTANCE_ARN), SENDERS) == "support"
    assert match_sender(raw_call(SourceEndpoint=source(OTHER_SOURCE)), SENDERS) == "sales"


def test_a_flow_of_its_own_does_not_keep_a_request_from_the_only_sender() -> None:
    assert match_sender(raw_call(ContactFlowId="another"), SENDERS) == "support"


def test_flow_then_subtype_decide_between_senders_of_one_number() -> None:
    senders = {
        "a": SMS,
        "b": sender(contact_flow_id="flow-2"),
        "c": sender(contact_flow_id="flow-2", channel=Channel.WHATSAPP),
    }
    whatsapp = {"connect:Subtype": {"ValueString": "connect:WhatsApp"}}
    assert match_sender(raw_call(), senders) == "a"
    assert match_sender(raw_call(ContactFlowId=f"{INSTANCE_ARN}/contact-flow/flow-2"), senders) == "b"
    assert match_sender(raw_call(ContactFlowId="flow-2", SegmentAttributes=whatsapp), senders) == "c"

    errors, text = refused(raw_call(ContactFlowId="flow-2", SegmentAttributes=None), senders)
    assert errors == [("SourceEndpoint.Address", "ambiguous_sender")]
    assert "(b, c)" in text


@pytest.mark.parametrize(
    ("changes", "errors"),
    [
        ({"InstanceId": "nowhere"}, [("InstanceId", "unknown_sender")]),
        ({"SourceEndpoint": source("nobody")}, [("SourceEndpoint.Address", "unknown_sender")]),
        (
            {"InstanceId": "nowhere", "SourceEndpoint": source("nobody")},
            [("InstanceId", "unknown_sender"), ("SourceEndpoint.Address", "unknown_sender")],
        ),
        ({"InstanceId": "instance-2"}, [("SourceEndpoint.Address", "unknown_sender")]),
        ({"InstanceId": 7}, [("InstanceId", "unknown_sender")]),
        ({"InstanceId": None}, [("InstanceId", "required")]),
        ({"SourceEndpoint": None}, [("SourceEndpoint.Address", "required")]),
        (
            {"SourceEndpoint": "x", "InstanceId": None},
            [("InstanceId", "required"), ("SourceEndpoint", "wrong_type")],
        ),
    ],
)
def test_a_request_of_no_sender_is_refused(changes: dict[str, Any], errors: list[tuple[str, str]]) -> None:
    assert refused(raw_call(**changes), SENDERS)[0] == errors


def test_the_configured_senders_are_named_and_the_refused_value_is_not() -> None:
    _, text = refused(raw_call(InstanceId="zq-private"), SENDERS)
    assert "far, sales, support" in text
    assert "zq-private" not in text
    assert "none is configured" in refused(raw_call(), {})[1]
