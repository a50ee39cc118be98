"""Initial messages: what SMS and WhatsApp carry, and how many parts an SMS takes."""

from typing import Any

import pytest
from hypothesis import given, strategies as st

from outbound_chat.request import ChatRequest
from outbound_chat_config import Sender

from .senders import SMS, WHATSAPP, found, found_raw, short

TOO_LONG = [("text", "too_long")]
EXTENSION = "^{}\\[~]|€"
EMOJI = "\N{GRINNING FACE}"


@pytest.mark.parametrize(
    ("text", "by", "errors"),
    [
        ("a" * 1024, SMS, []),
        ("a" * 1025, SMS, TOO_LONG),
        # Ten parts of 153 places, of which a character that takes two leaves the last one empty.
        ("€" * 760, SMS, []),
        ("€" * 761, SMS, TOO_LONG),
        ("€" * 760 + "a" * 10, SMS, TOO_LONG),
        (("€" * 76 + "a") * 10, SMS, []),
        (("€" * 76 + "a") * 10 + "a", SMS, TOO_LONG),
        ("a" * 520 + "~" * 502, SMS, []),
        ("a" * 520 + "~" * 503, SMS, TOO_LONG),
        ("a" * 1023 + "~", SMS, []),
        ("a" * 1024 + "~", SMS, TOO_LONG),
        ("я" * 630, SMS, []),
        ("я" * 631, SMS, TOO_LONG),
        ("a" * 629 + "я", SMS, []),
        ("a" * 630 + "я", SMS, TOO_LONG),
        (EMOJI * 315, SMS, []),
        (EMOJI * 315 + "a", SMS, TOO_LONG),
        (EMOJI * 314 + "яя", SMS, []),
        ("€" * 629 + "я", SMS, []),
        ("€" * 630 + "я", SMS, TOO_LONG),
        ("`" * 631, SMS, TOO_LONG),
        ("a" * 4096, WHATSAPP, []),
        ("a" * 4097, WHATSAPP, TOO_LONG),
        (EMOJI * 4096, WHATSAPP, []),
        (EMOJI * 4097, WHATSAPP, TOO_LONG),
        ("a" * 20_000, WHATSAPP, TOO_LONG),
        ("a" * 20_000, SMS, TOO_LONG),
    ],
)
def test_a_text_is_no_longer_than_its_channel_carries(text: str, by: Sender, errors: list[tuple[str, str]]) -> None:
    assert found(short(text=text), by) == errors


@pytest.mark.parametrize("blank", [" ", "   ", "\n\t ", "\u00a0", "\u3000\u2003", "\u200b", "\ufeff \u2060", " " * 400])
@pytest.mark.parametrize("by", [SMS, WHATSAPP])
def test_a_text_of_blanks_alone_is_refused_in_every_form(blank: str, by: Sender) -> None:
    """Nobody means to send it: its source had nothing to say."""
    message = {"ContentType": "text/plain", "Content": blank}
    assert found(short(text=blank), by) == [("text", "too_short")]
    assert found(short(initial_system_message=message), by) == [("initial_system_message.Content", "too_short")]
    assert found_raw({"InitialSystemMessage": message}) == [("InitialSystemMessage.Content", "too_short")]
    assert found(short(text=f"{blank}."), by) == []
    assert found(short(text=f"{blank}{EMOJI}"), by) == []


@pytest.mark.parametrize("character", EXTENSION)
def test_each_extension_character_takes_two_places(character: str) -> None:
    assert found(short(text=character * 760)) == []
    assert found(short(text=character * 761)) == TOO_LONG


def test_the_error_says_which_of_the_two_limits_it_is() -> None:
    """Whoever counts 700 characters would not believe that there are more than 1,024."""
    (characters,) = short(text="a" * 1025).errors(SMS)
    (parts,) = short(text="€" * 761).errors(SMS)
    assert "at most 1,024 characters" in characters.message
    assert "10 message parts" in parts.message
    assert "takes 11" in parts.message


@given(st.text(st.sampled_from("aя€~" + EMOJI), min_size=200, max_size=1_100))
def test_a_text_that_passes_takes_ten_parts_at_most(text: str) -> None:
    request = short(text=text)
    if not found(request):
        assert request.parts(SMS) <= 10
        assert len(text) <= 1_024


def test_content_in_full_form_is_held_to_the_same_limits() -> None:
    message = {"ContentType": "text/plain", "Content": "a" * 1025}
    assert found_raw({"InitialSystemMessage": message}) == [("InitialSystemMessage.Content", "too_long")]
    assert found(short(initial_system_message=message)) == [("initial_system_message.Content", "too_long")]
    assert found(short(initial_system_message=message), WHATSAPP) == []


def test_the_bytes_of_content_never_exceed_what_connect_takes() -> None:
    """Why there is no rule of 16,384 bytes: no character takes more than four."""
    assert len((EMOJI * 4096).encode()) == 16_384


@pytest.mark.parametrize("character", ["\x00", "\x07", "\x0b", "\f", "\x1b", "\x1f", "\x7f", "\x85", "\x9f"])
def test_control_characters_are_refused_wherever_text_stands(character: str) -> None:
    text = f"a{character}b"
    assert found(short(text=text)) == [("text", "control_character")]
    assert found(short(display_name=text)) == [("display_name", "control_character")]
    assert found(short(attributes={"a": text})) == [("attributes.a", "control_character")]
    assert found(short(attributes={text: "a"})) == [
        ("attributes.#1", "control_character"),
        ("attributes.#1", "invalid_key"),
    ]


def test_line_breaks_and_tabs_are_text() -> None:
    assert found(short(text="a\r\n\tb", attributes={"a": "b\nc"})) == []


def test_invisible_characters_that_scripts_need_are_text() -> None:
    """Zero-width joiners hold emoji and Indic letters together; right-to-left marks order Arabic and Hebrew."""
    assert found(short(text="\u200d\u200f\ufeff\u00a0\ue000")) == []


@pytest.mark.parametrize("half", [chr(0xD800), chr(0xDFFF)])
def test_half_a_surrogate_pair_is_refused(half: str) -> None:
    assert found(short(text=f"a{half}", attributes={"a": half})) == [
        ("attributes.a", "not_unicode"),
        ("text", "not_unicode"),
    ]


TEMPLATE: dict[str, Any] = {"KnowledgeBaseId": "kb", "MessageTemplateId": "mt", "TemplateAttributes": {}}


@pytest.mark.parametrize("profile", ["", "[]", "null", "{", '{"a": NaN}', '"a"', "{" * 100_000, "[" * 100_000])
def test_customer_profile_attributes_are_a_json_object(profile: str) -> None:
    template = {**TEMPLATE, "TemplateAttributes": {"CustomerProfileAttributes": profile}}
    assert found(short(initial_templated_system_message=template)) == [
        ("initial_templated_system_message.TemplateAttributes.CustomerProfileAttributes", "invalid_json"),
    ]


@pytest.mark.parametrize("by", [SMS, WHATSAPP])
def test_a_template_and_a_text_may_go_together_or_alone(by: Sender) -> None:
    assert found(short(initial_templated_system_message=TEMPLATE), by) == []
    assert found(short(initial_templated_system_message=TEMPLATE, text="Hello"), by) == []


@pytest.mark.parametrize(
    ("member", "longest"),
    [("KnowledgeBaseId", 500), ("MessageTemplateId", 500)],
)
def test_limits_of_a_template_are_inclusive(member: str, longest: int) -> None:
    place = f"initial_templated_system_message.{member}"
    assert found(short(initial_templated_system_message={**TEMPLATE, member: "x" * longest})) == []
    assert found(short(initial_templated_system_message={**TEMPLATE, member: "x" * (longest + 1)})) == [
        (place, "too_long"),
    ]
    assert found(short(initial_templated_system_message={**TEMPLATE, member: ""})) == [(place, "too_short")]


@pytest.mark.parametrize(
    ("types", "errors"),
    [
        (["text/plain"], []),
        (["text/markdown", "text/plain"], []),
        (
            [
                "text/plain",
                "application/json",
                "application/vnd.amazonaws.connect.message.interactive",
                "application/vnd.amazonaws.connect.message.interactive.response",
            ],
            [],
        ),
        ([], [("", "required")]),
        (["text/markdown"], [("", "required")]),
        (["text/plain", "text/html"], [(".1", "not_allowed")]),
        (["text/plain", 7, ""], [(".1", "wrong_type"), (".2", "too_short")]),
        ("text/plain", [("", "wrong_type")]),
    ],
)
def test_supported_types_are_known_and_have_plain_text_among_them(types: object, errors: list[tuple[str, str]]) -> None:
    short_form = [("supported_messaging_content_types" + path, code) for path, code in errors]
    raw = [("SupportedMessagingContentTypes" + path, code) for path, code in errors]
    assert found(short(supported_messaging_content_types=types)) == short_form
    assert found_raw({"SupportedMessagingContentTypes": types}) == raw


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("a" * 1024, 7),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("я" * 70, 1),
        ("я" * 71, 2),
        ("я" * 134, 2),
        ("я" * 135, 3),
        ("a" * 70 + "я", 2),
        (EMOJI * 35, 1),
        (EMOJI * 36, 2),
    ],
)
def test_parts_of_an_sms(text: str, parts: int) -> None:
    assert short(text=text).parts(SMS) == parts
    assert short(initial_system_message={"ContentType": "text/plain", "Content": text}).parts(SMS) == parts
    assert short(text=text).parts(WHATSAPP) == 1


def test_a_character_of_two_units_is_never_split_over_parts() -> None:
    assert short(text="€" * 153).parts(SMS) == 3
    assert short(text=EMOJI * 67).parts(SMS) == 3


def test_a_chat_that_starts_silent_has_no_parts_and_a_template_has_one() -> None:
    for by in (SMS, WHATSAPP):
        assert short().parts(by) == 0
        assert short(initial_templated_system_message=TEMPLATE).parts(by) == 1
    assert short(initial_templated_system_message=TEMPLATE, text="a" * 161).parts(SMS) == 3


@given(st.text(max_size=500))
def test_parts_hold_the_whole_text(text: str) -> None:
    """Whatever the text, its parts are enough for its units and not twice as many."""
    parts = short(text=text).parts(SMS)
    units = len(text.encode("utf-16-le", "surrogatepass")) // 2
    assert parts <= -(-units // 66)
    assert parts >= units / 160


def test_parts_of_what_is_no_text_are_none() -> None:
    assert ChatRequest.from_stored({"text": 7}).parts(SMS) == 0
    assert ChatRequest.from_stored({"InitialSystemMessage": "x"}).parts(SMS) == 0
