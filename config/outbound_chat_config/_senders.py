"""Settings of budgets and senders."""

import math
from datetime import timedelta
from enum import StrEnum
from typing import Self

from pydantic import Field, SecretStr, model_validator

from outbound_chat_config._model import Model
from outbound_chat_config._quiet_hours import QuietHours, check_zone, quiet_hours
from outbound_chat_config._values import (
    Attributes,
    Duration,
    FlowId,
    InstanceId,
    Name,
    NumberArn,
    QuietHoursText,
    Region,
    RoleArn,
    SegmentAttributes,
    Url,
    Weight,
    Zone,
    number_region,
)


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


LATEST_SECONDS = 0.5
"""A call leaves within this time after its claim, or its job is handed back."""

# https://docs.aws.amazon.com/connect/latest/APIReference/API_StartOutboundChatContact.html
LEAST_CHAT_MINUTES, MOST_CHAT_MINUTES = 60, 10_080


class Budget(Model):
    """The allowance of one AWS account and Region, shared by all workers and all senders that name it."""

    rate: float = Field(default=2.0, gt=0, le=10_000)
    """Calls a second. AWS gives 2 by default (Service Quotas code L-408DD6C6).
    https://docs.aws.amazon.com/connect/latest/adminguide/amazon-connect-service-limits.html"""
    burst: int = Field(default=5, ge=1, le=10_000)
    """Calls that may follow each other at once after a quiet time. AWS gives 5 by default (same page)."""
    max_pumps: int = Field(default=8, ge=1, le=1_000)
    """Pumps that may work for this budget at the same time, over all machines."""
    reserve: float = Field(default=0.0, ge=0)
    """Calls a second, of `rate`, that are left for agents and other programs of the same account and Region."""
    weights: dict[Name, Weight] = Field(default_factory=dict)
    """Tenant → its turns for each turn of the others (0.01 to 100). A tenant that is not named has 1."""

    @model_validator(mode="after")
    def _something_is_left(self) -> Self:
        if self.reserve >= self.rate:
            raise ValueError(
                f"has reserve = {self.reserve:g} and rate = {self.rate:g}, so nothing is left; lower reserve"
            )
        return self

    @property
    def own_rate(self) -> float:
        """Calls a second that workers may make: `rate` without `reserve`."""
        return self.rate - self.reserve

    @property
    def own_burst(self) -> int:
        """Burst that workers may make: `burst` without the calls that may arrive late.

        AWS counts a call when it arrives, up to `LATEST_SECONDS` after its claim, so calls can come closer together
        than they were claimed, by as many as the rate gives in that time. Rate 2, burst 5: 4; rate 20, burst 20: 10.
        Never fewer than 1, nor than the rate gives in the 50 ms between two claims of a busy pump.
        """
        needed = max(1, math.ceil(self.own_rate * 0.05))
        return max(min(needed, self.burst), self.burst - math.ceil(self.own_rate * LATEST_SECONDS))


class Sender(Model):
    """A named identity that sends: where, from which number, with which flow."""

    budget: Name = "main"
    """The budget its calls are counted against."""
    region: Region
    """AWS Region of the Connect instance."""
    instance_id: InstanceId = Field(min_length=1, max_length=100)
    """Connect instance: its id, or its ARN, which contains the id."""
    contact_flow_id: FlowId = Field(min_length=1, max_length=500)
    """Flow that handles the contact: its id, or its ARN, which contains the id."""
    source: NumberArn
    """ARN of the number that sends."""
    channel: Channel
    """`sms` or `whatsapp`."""

    profile: str | None = Field(default=None, min_length=1)
    """AWS profile with the credentials; without it boto3 searches its usual places."""
    role_arn: RoleArn | None = None
    """Role to assume for the calls."""
    external_id: SecretStr | None = None
    """External id that the role's trust policy requires."""
    endpoint_url: Url | None = None
    """Another server that speaks the operation, such as the sandbox. `AWS_ENDPOINT_URL_CONNECT` serves as well."""

    display_name: str | None = Field(default=None, min_length=1, max_length=256)
    """Display name of the customer in the chat, unless a job sets one."""
    chat_duration_minutes: int | None = Field(default=None, ge=LEAST_CHAT_MINUTES, le=MOST_CHAT_MINUTES)
    """Life of a chat, unless a job sets it. AWS's default is 25 hours."""
    attributes: Attributes = Field(default_factory=dict)
    """Contact attributes of every job; a job's own win. At most 32,768 UTF-8 bytes, names and values together."""
    segment_attributes: SegmentAttributes = Field(default_factory=dict)
    """Segment attributes of every job, as text values; a job's own win."""

    number_rate: float | None = Field(default=None, gt=0, le=10_000)
    """Message parts a second that the number can send (US long code 1, toll-free 3, short code 100).
    https://docs.aws.amazon.com/sms-voice/latest/userguide/sms-limitations-mps.html"""
    max_open_chats: int | None = Field(default=None, ge=1)
    """Chats that may be open on the instance; a contact of ours counts for its chat's duration. AWS's default is 500.
    Without it nothing is counted, and a full instance is held once AWS reports it."""
    concurrency: int | None = Field(default=None, ge=1, le=100_000)
    """Calls of this sender that may run at the same time, over all workers."""
    max_age: Duration = Field(default=timedelta(days=3), gt=timedelta(0), le=timedelta(days=365))
    """How long after its due time a job may still be sent; then it ends `expired`."""

    quiet_hours: QuietHoursText | None = None
    """Times of day at which nothing is sent, by the recipient's clocks, such as `21:00-08:00`; also with days of the
    week: `21:00-08:00, sat-sun 00:00-24:00`. Days are those on which a range begins."""
    quiet_zone: Zone = "UTC"
    """Time zone of the quiet hours for numbers whose own zone is unknown."""
    quiet_spares_urgent: bool = False
    """Whether urgent jobs, such as one-time codes, are sent in quiet hours too."""

    callback_url: SecretStr | None = None
    """URL for webhooks of its jobs and batches that name none themselves."""

    @property
    def quiet(self) -> QuietHours | None:
        """The parsed quiet hours; None: the sender has none."""
        return quiet_hours(self.quiet_hours) if self.quiet_hours else None

    @property
    def number(self) -> str:
        """Id of the number that sends: the last part of its ARN."""
        return self.source.rpartition("/")[2]

    @model_validator(mode="after")
    def _number_is_in_the_region(self) -> Self:
        region = number_region(self.source)
        if region != self.region:
            raise ValueError(f'has source in Region {region} but region = "{self.region}"; make them agree')
        return self

    @model_validator(mode="after")
    def _zones_are_known(self) -> Self:
        if self.quiet_hours:
            # Pydantic does not check the default, and even UTC needs the database.
            try:
                check_zone(self.quiet_zone)
            except ValueError as error:
                raise ValueError(f"quiet_zone {error}") from None
        return self
