"""What an event changes: each kind, in each envelope, and whatever else may come through a door."""

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from outbound_chat.contact_events import KnownSources, read_event
from outbound_chat.model.contact_events import Change, Outcome
from outbound_chat_config import Settings
from tests.support.contact_events import ACCOUNT, INSTANCE_ARN, REGION, contact_event
from tests.support.harness import INSTANCE_ID, sender

ENDED_MS, BEGUN_MS = 1_777_626_300_000, 1_777_626_000_000
SETTINGS = {"senders": {"support": sender(max_open_chats=5)}}
KNOWN = KnownSources.of(Settings.from_values(**SETTINGS))
COUNT_ALL = KnownSources.of(Settings.from_values(**SETTINGS, contact_events={"count_all": True}))
END = contact_event("DISCONNECTED", "c-1")


def change(event: object, known: KnownSources = KNOWN) -> Change:
    found = read_event(event, known)
    assert isinstance(found, Change), found
    return found


def detail(**changes: Any) -> dict[str, Any]:
    return contact_event("DISCONNECTED", "c-1", **changes)


def test_the_end_of_a_chat() -> None:
    found = change(detail(disconnectReason="EXPIRED"))
    assert found.budgets == ["main"]
    assert found.contacts == ("c-1",)
    assert found.facts == {"legs": {"c-1": [ENDED_MS, "EXPIRED"]}}
    assert found.place
    assert (found.place.has_ended, found.place.instance, found.place.seconds) == (True, INSTANCE_ID, 300)


@pytest.mark.parametrize(
    "wrapped",
    [
        json.dumps(END),
        json.dumps(END).encode(),
        END["detail"],
        {"Type": "Notification", "TopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:t", "Message": json.dumps(END)},
        {"Type": "Notification", "TopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:t", "Message": json.dumps(END["detail"])},
    ],
    ids=["text", "bytes", "bare", "sns", "sns-bare"],
)
def test_every_envelope_tells_the_same(wrapped: object) -> None:
    assert change(wrapped).facts == change(END).facts


def test_capital_letters_and_times_that_are_not_set() -> None:
    """Samples of AWS have both."""
    event = detail(disconnectTimestamp="1970-01-01T00:00:00.001Z")
    event["detail"] = {name[0].upper() + name[1:]: value for name, value in event["detail"].items()}
    assert change(event).facts == {"legs": {"c-1": [ENDED_MS + 1000, ""]}}, "the time of the envelope"
    assert change(event["detail"]).facts == {"legs": {"c-1": [1, ""]}}, "it ended, nobody says when"
    timeless = change({**event["detail"], "InitiationTimestamp": None}).place
    assert timeless
    assert timeless.seconds == -1


@pytest.mark.parametrize("metrics", ["chatMetrics", "ChatMetrics"])
def test_a_customer_who_wrote_has_got_the_message(metrics: str) -> None:
    answers = {"CustomerMetrics": {"MessagesSent": 2, "LastMessageTimestamp": "2026-05-01T09:00:00.000Z"}}
    found = change(contact_event("COMPLETED", "c-1", **{metrics: answers}))
    assert found.facts["delivery"] == ["answered", BEGUN_MS, "contact", ""]


@pytest.mark.parametrize("sent", [0, -1, True, "2", None, {}, float("nan")])
def test_metrics_that_prove_nothing(sent: object) -> None:
    assert "delivery" not in change(detail(chatMetrics={"customerMetrics": {"messagesSent": sent}})).facts


@pytest.mark.parametrize("method", ["TRANSFER", "QUEUE_TRANSFER", "DISCONNECT"])
def test_a_transfer(method: str) -> None:
    event = contact_event("INITIATED", "c-2", initiationMethod=method, previousContactId="c-1", initialContactId="c-1")
    found = change(event)
    assert found.contacts == ("c-2", "c-1")
    assert found.waits_at == "c-1"
    assert found.facts == {"legs": {"c-2": [0, ""], "c-1": [1, ""]}}
    assert found.place
    assert (found.place.has_ended, found.place.before) == (False, "c-1")


def test_a_related_contact_is_another_chat() -> None:
    """A job may name the contact of an earlier one (`related_contact_id`), whose events its own must not become."""
    found = change(detail(relatedContactId="c-0"))
    assert (found.contacts, found.waits_at) == (("c-1",), "c-1")


@pytest.mark.parametrize("kind", ["INITIATED", "CONNECTED_TO_SYSTEM", "QUEUED", "CONNECTED_TO_AGENT"])
def test_a_beginning_counts_only_where_all_chats_do(kind: str) -> None:
    event = contact_event(kind, "c-1")
    assert read_event(event, KNOWN) is Outcome.SAME
    place = change(event, COUNT_ALL).place
    assert place
    assert (place.has_ended, place.before, place.until_ms) == (False, "", BEGUN_MS + 25 * 3_600_000)


@pytest.mark.parametrize(
    "changes",
    [
        {"account": "999999999999"},
        {"region": "eu-west-2"},
        {"detail": {**END["detail"], "instanceArn": INSTANCE_ARN[:-1] + "f"}},
        {"detail": {**END["detail"], "instanceArn": INSTANCE_ARN.replace(ACCOUNT, "999999999999")}},
        {"detail": {**END["detail"], "channel": "Voice"}},
    ],
    ids=["account", "region", "instance", "account-of-instance", "channel"],
)
def test_events_of_others_are_foreign(changes: dict[str, Any]) -> None:
    assert read_event({**END, **changes}, KNOWN) is Outcome.FOREIGN


@pytest.mark.parametrize(
    "event",
    [
        {**END, "source": "aws.other"},
        {**END, "source": "my.program"},
        {**END, "detail-type": "Contact Lens Post Chat Rules Matched"},
        detail(eventType="SHINY_NEW_KIND"),
        detail(eventType="CONTACT_DATA_UPDATED"),
        detail(eventType=None),
        {"hello": "world"},
        {},
    ],
)
def test_unknown_kinds_are_passed_over(event: object) -> None:
    assert read_event(event, KNOWN) is Outcome.UNKNOWN


@pytest.mark.parametrize(
    "event",
    [
        b"\xff\xfe",
        "",
        "[]",
        "null",
        "{",
        "[" * 100_000,
        7,
        None,
        [END],
        "x" * 10_000_000,
        json.dumps(detail(padding="x" * 10_000_000)),
        detail(contactId=None),
        detail(contactId=["c-1"]),
        detail(contactId="c 1"),
        detail(contactId="c" * 300),
        detail(instanceArn="arn:aws:connect"),
        {**END, "detail": None},
        {**END, "detail": [END]},
        {"Type": "Notification", "Message": 5},
    ],
)
def test_what_cannot_be_read_is_counted(event: object) -> None:
    assert read_event(event, KNOWN) is Outcome.UNREADABLE


def test_envelopes_in_envelopes_end() -> None:
    event: object = END
    for _ in range(50):
        event = {"Type": "Notification", "Message": json.dumps(event)}
        if len(json.dumps(event)) > 500_000:
            break
    assert read_event(event, KNOWN) is Outcome.UNREADABLE


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(junk=JUNK)
def test_nothing_raises(junk: object) -> None:
    assert isinstance(read_event(junk, KNOWN), Outcome)


@given(name=st.sampled_from([*END["detail"], "previousContactId", "chatMetrics", "disconnectReason"]), junk=JUNK)
def test_no_field_of_another_type_raises(name: str, junk: object) -> None:
    for kind in ("DISCONNECTED", "INITIATED"):
        event = contact_event(kind, "c-1")
        event["detail"][name] = junk
        read_event(event, COUNT_ALL)


@given(name=st.sampled_from(list(END)), junk=JUNK)
def test_no_envelope_of_another_type_raises(name: str, junk: object) -> None:
    read_event({**END, name: junk}, KNOWN)
