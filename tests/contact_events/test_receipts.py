"""Receipts: what an event of a carrier or of WhatsApp says, and whose receipt it may be."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import example, given, strategies as st

from outbound_chat.contact_events import KnownSources, read_event
from outbound_chat.model.contact_events import Change, Outcome, Receipt
from outbound_chat_config import Settings
from tests.fuzz.hostile import fuzzed, nested, values
from tests.support.harness import sender

ACCOUNT, REGION = "123456789012", "us-east-1"
CONTACT = "11111111-2222-4333-8444-555555555555"
JOB = "main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR"
NUMBER = "+12065550100"
HOUR = 1_800_000_000_000
KNOWN = KnownSources({}, {(ACCOUNT, REGION): ["main"]})


def sms(kind: str = "TEXT_DELIVERED", **fields: Any) -> dict[str, Any]:
    """An event of a configuration set, with the fields that the pages of AWS show."""
    return {
        "eventType": kind,
        "eventVersion": "1.0",
        "eventTimestamp": HOUR + 6_700,
        "isFinal": True,
        "originationPhoneNumber": NUMBER,
        "destinationPhoneNumber": "+12025550123",
        "isoCountryCode": "US",
        "messageId": "862a8790-60c0-4430-9b2b-658bdexample",
        "messageRequestTimestamp": HOUR + 1_000,
        "messageStatus": kind.partition("_")[2],
        "messageStatusDescription": "Message has been accepted by phone",
        "context": {"job": JOB},
        "totalMessageParts": 2,
        "totalMessagePrice": 0.09582,
        "totalCarrierFee": 0.0,
        **fields,
    }


def bridged(detail: Any, kind: str = "Text Message Delivery Status Updated", **fields: Any) -> dict[str, Any]:
    """The event as EventBridge sends it."""
    source = "aws.social-messaging" if kind.startswith("WhatsApp") else "aws.sms-voice"
    return {
        "version": "0",
        "id": "5c0fa4f8-e4ba-ed02-6101-c795472fccd0",
        "detail-type": kind,
        "source": source,
        "account": ACCOUNT,
        "time": "2027-01-15T08:00:07Z",
        "region": REGION,
        "resources": [],
        "detail": detail,
        **fields,
    }


def noticed(event: Any, account: str = ACCOUNT, region: str = REGION) -> dict[str, Any]:
    """The event as a topic of SNS sends it."""
    topic = f"arn:aws:sns:{region}:{account}:receipts"
    return {"Type": "Notification", "MessageId": "x", "TopicArn": topic, "Message": json.dumps(event)}


def read(raw: object, known: KnownSources = KNOWN) -> Change:
    change = read_event(raw, known)
    assert isinstance(change, Change)
    return change


@pytest.mark.parametrize(
    ("kind", "is_final", "delivery"),
    [
        ("TEXT_PENDING", False, ["pending", "context", ""]),
        ("TEXT_QUEUED", False, ["pending", "context", ""]),
        ("TEXT_SENT", False, ["pending", "context", ""]),
        ("TEXT_SUCCESSFUL", False, ["carrier", "context", ""]),
        ("TEXT_SUCCESSFUL", True, ["delivered", "carrier", ""]),
        ("TEXT_DELIVERED", True, ["delivered", "context", ""]),
        ("TEXT_INVALID", True, ["undelivered", "context", "invalid_number"]),
        ("TEXT_INVALID_MESSAGE", True, ["undelivered", "context", "invalid_message"]),
        ("TEXT_UNREACHABLE", True, ["undelivered", "context", "unreachable"]),
        ("TEXT_CARRIER_UNREACHABLE", True, ["undelivered", "context", "carrier_unreachable"]),
        ("TEXT_BLOCKED", True, ["undelivered", "context", "blocked"]),
        ("TEXT_CARRIER_BLOCKED", True, ["undelivered", "context", "carrier_blocked"]),
        ("TEXT_SPAM", True, ["undelivered", "context", "spam"]),
        ("TEXT_TTL_EXPIRED", True, ["undelivered", "context", "ttl_expired"]),
        ("TEXT_PROTECT_BLOCKED", True, ["undelivered", "context", "protect_blocked"]),
        ("TEXT_UNKNOWN", True, ["no_receipt", "context", ""]),
        ("RCS_SENT", False, ["pending", "context", ""]),
        ("RCS_READ", True, ["read", "context", ""]),
        ("RCS_FAILED", True, ["undelivered", "context", "failed"]),
        ("RCS_FALLEN_BACK_TO_SMS", True, None),
        # What may still change is no state.
        ("TEXT_BLOCKED", False, None),
        ("TEXT_INVALID", None, None),
        ("TEXT_SPAM", "true", None),
    ],
)
def test_a_receipt_says_how_far_the_message_came(kind: str, is_final: Any, delivery: list[str] | None) -> None:
    """`SUCCESSFUL` alone means that the carrier has it; final, it is all that many countries ever say."""
    change = read(sms(kind, isFinal=is_final))
    state, basis, code = delivery or ("", "", "")
    assert change.facts == ({"delivery": [state, HOUR + 6_700, basis, code]} if delivery else {})
    assert change.receipt
    assert change.receipt.kind == kind


def test_a_number_that_opted_out_has_a_code_of_its_own() -> None:
    """No type of event says so, only its description."""
    change = read(sms("TEXT_BLOCKED", messageStatusDescription="Destination phone number is opted-out"))
    assert change.facts == {"delivery": ["undelivered", HOUR + 6_700, "context", "opted_out"]}
    assert change.receipt
    assert not change.receipt.refused


@pytest.mark.parametrize(
    "wrap",
    [
        sms,
        lambda: json.dumps(sms()),
        lambda: json.dumps(sms()).encode(),
        lambda: noticed(sms()),
        lambda: bridged(sms()),
        lambda: json.dumps(noticed(bridged(sms()), account="999999999999")),
        lambda: {name[0].upper() + name[1:]: value for name, value in sms().items()},
    ],
)
def test_every_form_of_an_event_says_the_same(wrap: Any) -> None:
    """A queue of SQS holds it bare or in envelopes, as its owner has set it up."""
    if isinstance(raw := wrap(), Mapping) and "EventType" in raw:
        raw = bridged(raw)
    receipt = Receipt(
        number=NUMBER, kind="TEXT_DELIVERED", hour_ms=HOUR, message=sms()["messageId"], parts=2, price=95_820
    )
    facts = {"delivery": ["delivered", HOUR + 6_700, "context", ""]}
    assert read(raw) == Change(budgets=["main"], values=(JOB,), facts=facts, receipt=receipt)


def test_the_event_of_the_default_bus_names_nobody() -> None:
    """It has neither context nor recipient in the pages of AWS: it counts for its number, and is about no job."""
    detail = sms()
    del detail["context"], detail["destinationPhoneNumber"]
    change = read(bridged(detail))
    assert (change.values, change.contacts, change.facts, change.waits_at) == ((), (), {}, "")
    assert change.receipt
    assert change.receipt.message == detail["messageId"]


@pytest.mark.parametrize(
    ("context", "found"),
    [
        ({"a": CONTACT, "b": JOB}, (CONTACT, JOB)),
        ({"a": f" {CONTACT} ", "b": CONTACT}, (CONTACT,)),
        ({"account": "bar", "n": 7, "deep": {"job": JOB}, "list": [CONTACT]}, ()),
        ({f"k{n}": f"main.{n:026d}" for n in range(50)}, tuple(f"main.{n:026d}" for n in range(5))),
        ([CONTACT], ()),
        (CONTACT, ()),
        (None, ()),
    ],
)
def test_only_an_id_in_the_context_says_whose_receipt_it_is(context: Any, found: tuple[str, ...]) -> None:
    """All of them are passed on: the store gives a receipt to nobody if they name two jobs."""
    assert read(sms(context=context)).values == found


@pytest.mark.parametrize(
    ("word", "delivery"),
    [("Sent", "pending"), ("Delivered", "delivered"), ("Read", "read"), ("Failed", ""), ("Undeliverable", "")],
)
def test_whatsapp_says_the_same_in_its_own_words(word: str, delivery: str) -> None:
    """Its times are seconds, as text."""
    detail = {
        "wabaId": "1",
        "originationPhoneNumber": NUMBER,
        "messageId": "m-1",
        "status": word.lower(),
        "eventTimestamp": str(HOUR // 1000 + 7),
        "errors": [{"code": 131026, "title": "Message undeliverable"}],
        "context": {"contact": CONTACT},
    }
    change = read(bridged(detail, f"WhatsApp Message {word}"))
    code = "" if delivery else "whatsapp_131026"
    assert change.facts == {"delivery": [delivery or "undelivered", HOUR + 7_000, "context", code]}
    kind = f"WHATSAPP_{word.upper()}"
    expected = Receipt(number=NUMBER, kind=kind, hour_ms=HOUR, message="m-1", refused=not delivery)
    assert change.receipt == expected


@pytest.mark.parametrize(
    ("raw", "outcome"),
    [
        (bridged(sms(), account="999999999999"), Outcome.FOREIGN),
        (bridged(sms(), region="eu-west-1"), Outcome.FOREIGN),
        (noticed(sms(), account="999999999999"), Outcome.FOREIGN),
        (noticed(sms(), region="eu-west-1"), Outcome.FOREIGN),
        (bridged(sms("TEXT_TELEPATHY")), Outcome.UNKNOWN),
        (bridged(sms("VOICE_ANSWERED"), "Voice Message Delivery Status Updated"), Outcome.UNKNOWN),
        (bridged({"status": "x"}, "Registration Status Change"), Outcome.UNKNOWN),
        (bridged(sms(), source="com.example"), Outcome.UNKNOWN),
        (bridged({"messageId": "m"}, "WhatsApp Message Received"), Outcome.UNKNOWN),
        (bridged({"messageId": "m"}, "WhatsApp Handover Failed"), Outcome.UNKNOWN),
        (sms(messageId=None), Outcome.UNREADABLE),
        (sms(messageId="m\n1"), Outcome.UNREADABLE),
        (json.dumps(sms(filler="x" * 10_000_000)), Outcome.UNREADABLE),
    ],
)
def test_other_events_change_nothing_and_say_why(raw: object, outcome: Outcome) -> None:
    """A queue gets what its rules let through, and what somebody forged."""
    assert read_event(raw, KNOWN) is outcome


def test_an_event_without_an_account_needs_senders_in_one_place() -> None:
    """A bare event of a configuration set does not say where it comes from."""
    here, there = (ACCOUNT, REGION), ("999999999999", REGION)
    both = KnownSources({}, {here: ["main"], there: ["other"]})
    assert read(sms()).budgets == ["main"]
    assert read_event(sms(), both) is Outcome.FOREIGN
    assert read(noticed(sms(), account=there[0]), both).budgets == ["other"]


def test_the_senders_say_which_accounts_are_known() -> None:
    """Their sources are ARNs."""
    one = sender()
    settings = Settings.from_values(redis_url="redis://x", senders={"support": one}, budgets={"main": {}})
    _, _, _, region, account, *_ = one["source"].split(":")
    assert read(bridged(sms(), account=account, region=region), KnownSources.of(settings)).budgets == ["main"]


@pytest.mark.parametrize("bad", [None, True, -1, 10**400, float("nan"), float("inf"), "1e400", "٣", "x", [1], {"a": 1}])
def test_numbers_that_make_no_sense_are_left_out(bad: Any) -> None:
    """An estimate without them is better than a receipt that is lost."""
    fields = dict.fromkeys(("totalMessageParts", "totalMessagePrice", "eventTimestamp", "messageRequestTimestamp"), bad)
    receipt = read(bridged(sms(**fields))).receipt
    assert receipt
    assert receipt.parts in {0, 1, 3}
    assert receipt.price in {0, 1_000_000, 3_000_000}
    assert receipt.hour_ms in {0, HOUR}


FIELDS = [*sms(), "EventType", "errors", "detail"]
events = st.dictionaries(st.sampled_from(FIELDS), values)


@fuzzed
@given(changed=events, kept=st.sampled_from((sms(), {})))
@example(changed={"errors": [{"code": 10**400}]}, kept=sms())
def test_no_event_raises(changed: dict[str, Any], kept: dict[str, Any]) -> None:
    """Anyone may write to the queue; one message must not stop the others."""
    check_reading({**kept, **changed})


def test_no_nesting_raises() -> None:
    """The text of it may be deeper than a parser goes."""
    check_reading(sms(context=nested(300, "dict"), messageId=nested(300)))
    for deep in ("[" * 100_000, '{"detail":' * 100_000, json.dumps(noticed(noticed(noticed(noticed(sms())))))):
        assert read_event(deep, KNOWN) is Outcome.UNREADABLE


def check_reading(event: dict[str, Any]) -> None:
    raws: list[object] = [event, noticed(event), bridged(event)]
    raws += [bridged(event, "WhatsApp Message Failed"), json.dumps(bridged(event)), json.dumps(event).encode()]
    for raw in raws:
        found = read_event(raw, KNOWN)
        assert isinstance(found, Outcome | Change)
        if isinstance(found, Change):
            json.dumps(found.facts, allow_nan=False)
            assert found.receipt
            assert 1 <= len(found.receipt.message) <= 200
            assert found.receipt.message.isascii()
            assert 0 <= found.receipt.hour_ms < 2**53
            assert 0 <= found.receipt.price <= 10**9
            assert 0 <= found.receipt.parts <= 100
