"""What a sender is made of: ids and ARNs, attributes."""

import pytest

from outbound_chat_config import Sender, Settings

from .given import INSTANCE, NUMBER, refused, with_sender

_WRONG_ARNS = [
    ("source", "+12065550100", "must be the ARN of a number claimed in Amazon Connect"),
    ("source", "", "must be the ARN of a number"),
    ("source", INSTANCE, "must be the ARN of a number"),
    ("source", NUMBER.replace(":connect:", ":sms-voice:"), "must be the ARN of a number"),
    ("source", NUMBER.replace("123456789012", "1"), "must be the ARN of a number"),
    ("source", f"{NUMBER}\n", "must be the ARN of a number"),
    ("instance_id", NUMBER, "must be the id of a Connect instance, or its ARN"),
    ("instance_id", f"{INSTANCE}/contact-flow/flow-1", "must be the id of a Connect instance, or its ARN"),
    ("instance_id", "arn:aws:s3:::bucket/instance-1", "must be the id of a Connect instance, or its ARN"),
    ("instance_id", "", "is refused: string should have at least 1 character"),
    ("contact_flow_id", INSTANCE, "must be the id of a flow, or its ARN"),
    ("contact_flow_id", f"{INSTANCE}/queue/q", "must be the id of a flow, or its ARN"),
    ("role_arn", "sender", "must be the ARN of an IAM role"),
    ("role_arn", "arn:aws:iam::123456789012:user/sender", "must be the ARN of an IAM role"),
    ("region", "Frankfurt", "must be an AWS Region"),
]


def _sender(**changes: object) -> Sender:
    return Settings.from_values(**with_sender(**changes)).senders["support"]


def test_ids_may_be_given_as_the_arns_that_the_console_shows() -> None:
    """The API takes ids only; people copy ARNs."""
    sender = _sender(instance_id=INSTANCE, contact_flow_id=f"{INSTANCE}/contact-flow/flow-1")

    assert (sender.instance_id, sender.contact_flow_id) == ("instance-1", "flow-1")
    assert _sender() == sender


@pytest.mark.parametrize(("field", "value", "refusal"), _WRONG_ARNS)
def test_a_wrong_arn_or_region_is_told_with_the_form_it_must_have(field: str, value: str, refusal: str) -> None:
    """The last part of any ARN would pass for an id, and fail at AWS for every job."""
    [line] = refused(with_sender(**{field: value}))

    assert line.startswith(f"senders.support.{field} {refusal}")


@pytest.mark.parametrize(
    ("partition", "region"),
    [
        ("aws", "eu-central-1"),
        ("aws-us-gov", "us-gov-west-1"),
        ("aws-cn", "cn-north-1"),
        ("aws-iso-b", "us-isob-east-1"),
    ],
)
def test_numbers_of_every_partition_are_taken(partition: str, region: str) -> None:
    """GovCloud and China have partitions of their own."""
    source = f"arn:{partition}:connect:{region}:123456789012:phone-number/a-1"
    role = f"arn:{partition}:iam::123456789012:role/path/sender@team"

    sender = _sender(region=region, source=source, role_arn=role)

    assert (sender.region, sender.source, sender.role_arn) == (region, source, role)


def test_a_number_must_be_in_the_region_of_its_sender() -> None:
    """AWS would refuse each call with words that do not name the Region."""
    assert refused(with_sender(region="eu-central-1")) == [
        'senders.support has source in Region us-east-1 but region = "eu-central-1"; make them agree'
    ]


@pytest.mark.parametrize("name", ["a b", "a.b", "", "é", "connect:Subtype", "a\n"])
def test_a_name_of_an_attribute_has_letters_digits_and_dashes(name: str) -> None:
    """AWS refuses any other, and would refuse it for every job of the sender."""
    [line] = refused(with_sender(attributes={name: "x", "good_Name-1": "x"}))

    assert line.startswith("senders.support.attributes.")
    assert line.endswith(" must have a name with only letters A-Z, digits, '_' and '-'; rename it")


@pytest.mark.parametrize("name", ["a b", "connect:", "connect:a b", "other:a", ""])
def test_a_name_of_a_segment_attribute_may_be_a_system_attributes(name: str) -> None:
    """AWS's own begin with `connect:`; nothing else may."""
    [line] = refused(with_sender(segment_attributes={name: "x", "connect:Own": "x", "own": "x"}))

    assert line.startswith("senders.support.segment_attributes.")
    assert line.endswith("digits, '_' and '-', after 'connect:' in a system attribute; rename it")


def test_attributes_fit_in_a_contact() -> None:
    """32,768 bytes in UTF-8, names and values together: the limit of AWS, which a job's own share."""
    assert _sender(attributes={"ab": "é" * 16_383}).attributes
    assert refused(with_sender(attributes={"ab": "é" * 16_383, "c": ""})) == [
        (
            "senders.support.attributes must be at most 32,768 UTF-8 bytes, names and values together; it has 32,769, "
            "shorten some"
        )
    ]


@pytest.mark.parametrize("field", ["attributes", "segment_attributes"])
def test_attributes_are_a_table_of_texts(field: str) -> None:
    """A number in TOML needs quotes here, and the line says so."""
    assert refused(with_sender(**{field: {"wave": 2}})) == [f"senders.support.{field}.wave must be a string in quotes"]
    assert refused(with_sender(**{field: 3})) == [f"senders.support.{field} must be a table, not a single value"]
