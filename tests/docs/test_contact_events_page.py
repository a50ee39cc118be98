"""What docs/howto/contact-events.md lets people paste fits what is read, and is valid where a test can know."""

import json
from collections.abc import Mapping
from typing import Any

import boto3
import pytest

from outbound_chat.contact_events import KnownSources, read_event
from outbound_chat.model.contact_events import Change, Outcome
from outbound_chat_config import Settings
from tests.support.contact_events import contact_event, receipt_event
from tests.support.harness import sender

from .pages import DOCS, blocks

TEMPLATE, POLICY = (
    json.loads(block.body) for block in blocks(DOCS / "howto" / "contact-events.md") if block.language == "json"
)
RESOURCES: Mapping[str, Any] = TEMPLATE["Resources"]
RULES = {name: one["Properties"] for name, one in RESOURCES.items() if one["Type"] == "AWS::Events::Rule"}
WHATSAPP = ("Sent", "Delivered", "Read", "Failed", "Undeliverable")
KNOWN = KnownSources.of(Settings.from_values(senders={"support": sender(max_open_chats=2)}, budgets={"main": {}}))


def matches(pattern: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """What EventBridge does with a pattern of plain values.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html
    """
    return all(
        matches(wanted, event.get(name, {})) if isinstance(wanted, dict) else event.get(name) in wanted
        for name, wanted in pattern.items()
    )


def whatsapp(word: str) -> dict[str, Any]:
    event = receipt_event(eventType=None, eventTimestamp="1800000000")
    return {**event, "source": "aws.social-messaging", "detail-type": f"WhatsApp Message {word}"}


@pytest.mark.parametrize(
    "event",
    [
        *(contact_event(kind, "c") for kind in RULES["Contacts"]["EventPattern"]["detail"]["eventType"]),
        receipt_event(),
        *(whatsapp(word) for word in WHATSAPP),
    ],
    ids=lambda event: str(event["detail"].get("eventType", event["detail-type"])),
)
def test_what_the_rules_let_through_is_read(event: dict[str, Any]) -> None:
    """Each event of the page goes through one rule, or it would come twice."""
    assert sum(matches(rule["EventPattern"], event) for rule in RULES.values()) == 1
    found = read_event(event, KNOWN)
    assert isinstance(found, Change) or found is Outcome.SAME


@pytest.mark.parametrize(
    "event",
    [
        contact_event("CONTACT_DATA_UPDATED", "c"),
        contact_event("DISCONNECTED", "c", channel="VOICE"),
        whatsapp("Received"),
        {**receipt_event(eventType=None), "detail-type": "Registration Status Change"},
        {**receipt_event(), "source": "com.example"},
    ],
)
def test_the_rules_keep_out_what_is_not_read(event: dict[str, Any]) -> None:
    assert not any(matches(rule["EventPattern"], event) for rule in RULES.values())
    assert isinstance(read_event(event, KNOWN), Outcome)


def test_the_parts_of_the_template_refer_to_each_other() -> None:
    """A rule may write to both queues, and nobody else may."""
    names = {name for name, one in RESOURCES.items() if one["Type"] == "AWS::SQS::Queue"}
    for rule in RULES.values():
        (target,) = rule["Targets"]
        assert {target["Arn"]["Fn::GetAtt"][0], target["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0]} == names
    policy = RESOURCES["Policy"]["Properties"]
    assert {queue["Ref"] for queue in policy["Queues"]} == names
    (statement,) = policy["PolicyDocument"]["Statement"]
    allowed = {one["Fn::GetAtt"][0] for one in statement["Condition"]["ArnEquals"]["aws:SourceArn"]}
    assert allowed == RULES.keys()


def test_the_policy_of_workers_names_actions_and_queues_that_exist() -> None:
    """A misspelt action allows nothing."""
    make: Any = boto3.client
    clients = {name: make(name, region_name="us-east-1").meta for name in ("sqs", "connect")}
    known = {f"{name}:{one}" for name, meta in clients.items() for one in meta.method_to_api_mapping.values()}
    actions, queues = set[str](), set[str]()
    for statement in POLICY["Statement"]:
        of_statement = statement["Action"]
        actions |= {of_statement} if isinstance(of_statement, str) else set(of_statement)
        if isinstance(statement["Resource"], str):
            queues.add(statement["Resource"].rpartition(":")[2])
    assert actions <= known
    assert queues == {RESOURCES[name]["Properties"]["QueueName"] for name in ("Events", "DeadLetters")}
