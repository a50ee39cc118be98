"""Budgets and senders, as an operator writes them down."""

import re
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")

# Any partition: aws, aws-cn, aws-us-gov, ...
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
_NUMBER_ARN = re.compile(r"arn:aws[a-z-]*:connect:(?P<region>[a-z0-9-]+):\d{12}:phone-number/[A-Za-z0-9-]+")
_ROLE_ARN = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+")
_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d+")


class Channel(StrEnum):
    """What carries the message to the customer."""

    SMS = "sms"
    """Text messages, from a number of AWS End User Messaging."""
    WHATSAPP = "whatsapp"
    """WhatsApp messages, from a number linked to a WhatsApp Business account."""

    @property
    def subtype(self) -> str:
        """The `connect:Subtype` segment attribute that StartOutboundChatContact requires."""
        return {"sms": "connect:SMS", "whatsapp": "connect:WhatsApp"}[self.value]


def check_name(name: str) -> str:
    """The name, if it can stand in Redis keys and job ids.

    Raises:
        ValueError: it holds other characters than letters, digits, `_` and `-`, or more than 32.
    """
    if not NAME.fullmatch(name):
        raise ValueError(
            "is not a usable name: use 1 to 32 letters, digits, '_' or '-', starting with a letter or digit"
        )
    return name


def _last_part_of_arn(value: object) -> object:
    """The API takes ids where the console shows ARNs: the id is the last part of the ARN.

    https://docs.aws.amazon.com/connect/latest/APIReference/API_StartOutboundChatContact.html
    """
    return value.rsplit("/", 1)[-1] if isinstance(value, str) and value.startswith("arn:") else value


def _number_arn(value: str) -> str:
    if not _NUMBER_ARN.fullmatch(value):
        raise ValueError(
            "must be the ARN of a number claimed in Amazon Connect, such as "
            '"arn:aws:connect:us-east-1:123456789012:phone-number/…" (Connect console, Phone numbers)'
        )
    return value


def _role_arn(value: str) -> str:
    if not _ROLE_ARN.fullmatch(value):
        raise ValueError('must be the ARN of an IAM role, such as "arn:aws:iam::123456789012:role/sender"')
    return value


def _region(value: str) -> str:
    if not _REGION.fullmatch(value):
        raise ValueError('must be an AWS Region, such as "us-east-1"')
    return value


Name = Annotated[str, AfterValidator(check_name)]
_MODEL = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Budget(BaseModel):
    """The allowance of one AWS account and Region, shared by all workers and all senders that name it."""

    model_config = _MODEL

    rate: float = Field(default=2.0, gt=0, le=10_000)
    """Calls a second. AWS gives 2 by default (Service Quotas code L-408DD6C6).
    https://docs.aws.amazon.com/connect/latest/adminguide/amazon-connect-service-limits.html"""
    burst: int = Field(default=5, ge=1, le=10_000)
    """Calls that may follow each other at once after a quiet time. AWS gives 5 by default (same page)."""
    max_pumps: int = Field(default=8, ge=1, le=1_000)
    """Pumps that may work for this budget at the same time, over all machines."""


class Sender(BaseModel):
    """A named identity that sends: where, from which number, with which flow."""

    model_config = _MODEL

    budget: Name = "main"
    """The budget its calls are counted against."""
    region: Annotated[str, AfterValidator(_region)]
    """AWS Region of the Connect instance."""
    instance_id: Annotated[str, BeforeValidator(_last_part_of_arn)] = Field(min_length=1, max_length=100)
    """Connect instance: its id, or its ARN, of which the id is taken."""
    contact_flow_id: Annotated[str, BeforeValidator(_last_part_of_arn)] = Field(min_length=1, max_length=500)
    """Flow that handles the contact: its id, or its ARN, of which the id is taken."""
    source: Annotated[str, AfterValidator(_number_arn)]
    """ARN of the number that sends."""
    channel: Channel
    """`sms` or `whatsapp`."""

    profile: str | None = Field(default=None, min_length=1)
    """AWS profile to take credentials from; without it boto3 looks where it always looks."""
    role_arn: Annotated[str, AfterValidator(_role_arn)] | None = None
    """Role to assume for the calls."""
    external_id: SecretStr | None = None
    """External id that the role's trust policy asks for."""
    endpoint_url: str | None = Field(default=None, pattern=r"^https?://\S+$")
    """Another server that speaks the operation, such as the sandbox. `AWS_ENDPOINT_URL_CONNECT` serves as well."""

    display_name: str | None = Field(default=None, min_length=1, max_length=256)
    """Display name of the customer in the chat, where a job gives none."""
    chat_duration_minutes: int | None = Field(default=None, ge=60, le=10_080)
    """Life of a chat, where a job gives none. AWS takes 25 hours by default."""
    attributes: dict[str, str] = Field(default_factory=dict)
    """Contact attributes of every job; a job's own win."""
    segment_attributes: dict[str, str] = Field(default_factory=dict)
    """Segment attributes of every job, as text values; a job's own win."""

    number_rate: float | None = Field(default=None, gt=0, le=10_000)
    """Message parts a second that the number carries (US long code 1, toll-free 3, short code 100).
    https://docs.aws.amazon.com/sms-voice/latest/userguide/sms-limitations-mps.html"""
    max_open_chats: int | None = Field(default=None, ge=1)
    """Chats that may be open on the instance. AWS gives 500 by default."""
    max_age: timedelta = Field(default=timedelta(days=3), gt=timedelta(0), le=timedelta(days=365))
    """How long after its due time a job may still be sent; then it ends `expired`."""

    @model_validator(mode="after")
    def _number_is_in_the_region(self) -> Self:
        number = _NUMBER_ARN.fullmatch(self.source)
        if number and number["region"] != self.region:
            raise ValueError(f'has source in Region {number["region"]} but region = "{self.region}"; make them agree')
        return self
