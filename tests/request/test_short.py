"""The short form: options in snake case, and what a caller is told about them."""

import json

import pytest

from outbound_chat.model.errors import FieldError, InvalidJob
from outbound_chat.request import ChatRequest

from .senders import SMS, TO, WHATSAPP, found, sender, short


def refused(**options: object) -> list[tuple[str, str]]:
    errors: list[FieldError] = []
    errors += ChatRequest.from_short({"to": TO, **options}, errors).errors(SMS)
    return [(error.field, error.code) for error in errors]


def test_a_number_and_a_text_are_a_request() -> None:
    request = short(text="Hello")

    assert request.errors(SMS) == ()
    assert request.stored() == {"to": TO, "text": "Hello"}
    assert request.api(SMS, "token") == {
        "InstanceId": "instance-1",
        "ContactFlowId": "flow-1",
        "SourceEndpoint": {"Type": "CONNECT_PHONENUMBER_ARN", "Address": SMS.source},
        "DestinationEndpoint": {"Type": "TELEPHONE_NUMBER", "Address": TO},
        "SegmentAttributes": {"connect:Subtype": {"ValueString": "connect:SMS"}},
        "InitialSystemMessage": {"ContentType": "text/plain", "Content": "Hello"},
        "ClientToken": "token",
    }


def test_a_chat_may_start_silent() -> None:
    assert short().errors(SMS) == ()
    assert "InitialSystemMessage" not in short().api(SMS, "token")


def test_none_means_not_given() -> None:
    assert short(text=None, attributes=None) == short()


def test_the_number_is_required() -> None:
    assert found(ChatRequest.from_short({"text": "Hello"})) == [("to", "required")]


def test_the_job_wins_over_the_defaults_of_its_sender() -> None:
    by = sender(
        display_name="Customer",
        chat_duration_minutes=90,
        attributes={"team": "a", "lang": "en"},
        segment_attributes={"campaign": "none", "wave": "1"},
    )
    plain = short().api(by, "token")
    assert plain["ParticipantDetails"] == {"DisplayName": "Customer"}
    assert plain["ChatDurationInMinutes"] == 90
    assert plain["Attributes"] == {"team": "a", "lang": "en"}

    own = short(
        display_name="Ana",
        chat_duration_in_minutes=60,
        attributes={"lang": "es"},
        segment_attributes={"campaign": "spring"},
        contact_flow_id="flow-2",
        client_token="mine",
    )
    call = own.api(by, "token")
    assert call["ParticipantDetails"] == {"DisplayName": "Ana"}
    assert call["ChatDurationInMinutes"] == 60
    assert call["Attributes"] == {"team": "a", "lang": "es"}
    assert call["SegmentAttributes"] == {
        "campaign": {"ValueString": "spring"},
        "wave": {"ValueString": "1"},
        "connect:Subtype": {"ValueString": "connect:SMS"},
    }
    assert (call["ContactFlowId"], call["ClientToken"]) == ("flow-2", "mine")


def test_the_id_is_taken_of_a_flow_given_as_arn() -> None:
    arn = "arn:aws-us-gov:connect:us-gov-west-1:123456789012:instance/i/contact-flow/flow-9"
    assert short(contact_flow_id=arn).api(SMS, "token")["ContactFlowId"] == "flow-9"


def test_an_arn_without_an_id_is_an_empty_flow() -> None:
    assert found(short(contact_flow_id="arn:aws:connect:us-east-1:123456789012:instance/")) == [
        ("contact_flow_id", "too_short"),
    ]


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("txt", "text"),
        ("Text", "text"),
        ("message", "text"),
        ("phone", "to"),
        ("DestinationEndpoint", "to"),
        ("ContactFlowId", "contact_flow_id"),
        ("atributes", "attributes"),
        ("chat_duration", "chat_duration_in_minutes"),
    ],
)
def test_an_unknown_option_is_refused_with_the_nearest_known_one(name: str, near: str) -> None:
    with pytest.raises(InvalidJob, match=f'did you mean "{near}"') as caught:
        ChatRequest.from_short({"to": TO, name: "x"})
    assert [(error.field, error.code) for error in caught.value.errors] == [(name, "unknown_field")]


def test_an_unknown_option_near_to_nothing_gets_the_list_of_all() -> None:
    with pytest.raises(InvalidJob, match="use one of: attributes, callback_url, chat_duration"):
        ChatRequest.from_short({"zzz": 1})


def test_all_unknown_options_are_named_at_once() -> None:
    assert refused(zzz=1, yyy=2) == [("zzz", "unknown_field"), ("yyy", "unknown_field")]


def test_two_options_for_the_same_thing_are_refused() -> None:
    message = {"ContentType": "text/plain", "Content": "x"}
    assert refused(text="x", initial_system_message=message) == [("initial_system_message", "given_twice")]
    assert refused(display_name="x", participant_details={"DisplayName": "x"}) == [
        ("participant_details", "given_twice"),
    ]


def test_errors_come_all_at_once_and_in_the_words_of_the_caller() -> None:
    request = ChatRequest.from_short(
        {
            "to": "020 7946 0000",
            "text": "",
            "display_name": "",
            "attributes": {"color": 5, "size": "\x00"},
            "segment_attributes": {"wave": "x" * 1025, "kind": {"ValueString": 7}},
            "chat_duration_in_minutes": 59,
            "initial_templated_system_message": {"KnowledgeBaseId": "kb", "TemplateAttributes": {"Other": 1}},
            "supported_messaging_content_types": ["text/html"],
            "related_contact_id": "",
            "client_token": "x" * 501,
            "contact_flow_id": 7,
        },
    )
    assert found(request) == [
        ("attributes.color", "wrong_type"),
        ("attributes.size", "control_character"),
        ("chat_duration_in_minutes", "out_of_range"),
        ("client_token", "too_long"),
        ("contact_flow_id", "wrong_type"),
        ("display_name", "too_short"),
        ("initial_templated_system_message.MessageTemplateId", "required"),
        ("initial_templated_system_message.TemplateAttributes.Other", "unknown_field"),
        ("related_contact_id", "too_short"),
        ("segment_attributes.kind.ValueString", "wrong_type"),
        ("segment_attributes.wave", "too_long"),
        ("supported_messaging_content_types", "required"),
        ("supported_messaging_content_types.0", "not_allowed"),
        ("text", "too_short"),
        ("to", "invalid_number"),
    ]


def test_a_name_given_as_participant_details_is_called_so() -> None:
    assert found(short(participant_details={"DisplayName": ""})) == [("participant_details.DisplayName", "too_short")]
    assert found(short(participant_details={})) == [("participant_details.DisplayName", "required")]


def test_a_message_in_api_form_is_called_so() -> None:
    request = short(initial_system_message={"ContentType": "text/markdown", "Content": ""})
    assert found(request) == [
        ("initial_system_message.Content", "too_short"),
        ("initial_system_message.ContentType", "not_allowed"),
    ]


def test_other_mappings_and_tuples_are_taken_in_and_the_callers_objects_left_alone() -> None:
    types = ("text/plain", "application/json")
    attributes = {"a": "b"}
    request = short(supported_messaging_content_types=types, attributes=attributes)
    attributes["a"] = "changed"

    assert request.errors(SMS) == ()
    assert json.loads(json.dumps(request.stored())) == request.stored()
    assert request.api(SMS, "token")["Attributes"] == {"a": "b"}


def test_a_row_wins_over_what_its_batch_shares() -> None:
    shared = ChatRequest.from_short({"text": "Hi", "attributes": {"a": "1", "b": "1"}, "segment_attributes": {"x": 1}})
    row = short(attributes={"b": "2"}, segment_attributes={"y": "z"})

    merged = row.merged(shared)
    assert merged.stored() == {
        "to": TO,
        "text": "Hi",
        "Attributes": {"a": "1", "b": "2"},
        "SegmentAttributes": {"x": {"ValueInteger": 1}, "y": {"ValueString": "z"}},
    }
    assert merged.merged(shared) == merged
    assert short(text="Own").merged(shared).stored()["text"] == "Own"


def test_a_row_pushes_out_the_same_thing_in_another_form() -> None:
    message = {"ContentType": "text/plain", "Content": "Own"}
    in_full = short(initial_system_message=message)
    assert in_full.merged(ChatRequest.from_short({"text": "Hi"})).stored() == {
        "to": TO,
        "InitialSystemMessage": message,
    }
    assert short(text="Own").merged(ChatRequest.from_short({"initial_system_message": message})).stored() == {
        "to": TO,
        "text": "Own",
    }


def test_a_merged_row_has_errors_in_the_words_of_the_caller() -> None:
    shared = ChatRequest.from_short({"display_name": "", "segment_attributes": {"x": "y" * 1025}})
    assert found(short().merged(shared)) == [("display_name", "too_short"), ("segment_attributes.x", "too_long")]


def test_a_batch_cannot_share_a_token() -> None:
    """Connect answers the same token with the same contact: all rows but the first would send nothing."""
    with pytest.raises(InvalidJob, match="not_shareable"):
        short().merged(ChatRequest.from_short({"client_token": "one"}))


def test_a_body_that_says_a_thing_twice_is_refused() -> None:
    body = {"to": TO, "text": "a", "InitialSystemMessage": {"ContentType": "text/plain", "Content": "b"}}
    assert found(ChatRequest.from_stored(body)) == [("initial_system_message", "given_twice")]


def test_a_stored_member_that_is_unknown_is_refused() -> None:
    assert found(ChatRequest.from_stored({"to": TO, "Later": 1})) == [("Later", "unknown_field")]


def test_repr_and_errors_show_no_values() -> None:
    secret = "Zq7secret"
    wrong = f"{secret}\x00{secret}"
    request = ChatRequest.from_short(
        {
            "to": secret,
            "text": wrong,
            "contact_flow_id": wrong,
            "segment_attributes": {wrong: wrong, "connect:Subtype": wrong, "a": {"ValueArn": secret, wrong: wrong}},
            "attributes": {wrong: wrong, "a": [secret]},
            "chat_duration_in_minutes": secret,
            "display_name": wrong,
            "initial_templated_system_message": {
                "KnowledgeBaseId": wrong,
                "TemplateAttributes": {"CustomerProfileAttributes": wrong},
            },
            "related_contact_id": wrong,
            "supported_messaging_content_types": [wrong],
            "client_token": wrong,
        },
    )
    for by in (SMS, WHATSAPP):
        errors = request.errors(by)
        assert len(errors) > 15
        assert secret not in repr(request) + repr(errors) + repr(InvalidJob(errors))
    assert repr(short(text=secret, attributes={"a": secret})) == "ChatRequest(to, text, Attributes)"


def test_names_that_could_be_private_are_shown_by_position() -> None:
    """A list read without its header makes names of a customer's values."""
    assert refused(**{TO: "x", "see you at 5": "x"}) == [("#2", "unknown_field"), ("#3", "unknown_field")]
    assert found(short(attributes={"12065550100": 1, "a b": "x"})) == [
        ("attributes.#1", "wrong_type"),
        ("attributes.#2", "invalid_key"),
    ]
