"""Settings of budgets and senders."""

import math
from datetime import timedelta
from enum import StrEnum
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from outbound_chat_config._model import Model
from outbound_chat_config._quiet_hours import QuietHours, check_zone, quiet_hours
from outbound_chat_config._recipients import RecipientCap, RecipientCapText
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
    """The channel that carries the message."""

    SMS = "sms"
    """SMS, from a number of AWS End User Messaging."""
    WHATSAPP = "whatsapp"
    """WhatsApp, from a number linked to a WhatsApp Business account."""

    @property
    def subtype(self) -> str:
        """Returns the `connect:Subtype` segment attribute that StartOutboundChatContact requires."""
        return {"sms": "connect:SMS", "whatsapp": "connect:WhatsApp"}[self.value]


LATEST_SECONDS = 0.5
"""A call is made within this time after its claim, or its job is returned."""

# https://docs.aws.amazon.com/connect/latest/APIReference/API_StartOutboundChatContact.html
LEAST_CHAT_MINUTES, MOST_CHAT_MINUTES = 60, 10_080


class Budget(Model):
    """The allowance of one AWS account and Region, shared by all workers, and by all senders that name it."""

    rate: float = Field(default=2.0, gt=0, le=10_000)
    """Calls per second. AWS allows 2 by default (Service Quotas code L-408DD6C6).
    https://docs.aws.amazon.com/connect/latest/adminguide/amazon-connect-service-limits.html"""
    burst: int = Field(default=5, ge=1, le=10_000)
    """Calls that can be made at once after a pause. AWS allows 5 by default (same page)."""
    max_pumps: int = Field(default=8, ge=1, le=1_000)
    """Pumps that may work for this budget at the same time, on all machines together."""
    reserve: float = Field(default=0.0, ge=0)
    """Calls per second, out of `rate`, that are left for agents and other programs in the same account and Region."""
    weights: dict[Name, Weight] = Field(default_factory=dict)
    """Tenant → its turns for each turn of the others (0.01 to 100). Default: 1."""

    @model_validator(mode="after")
    def _something_is_left(self) -> Self:
        if self.reserve >= self.rate:
            raise ValueError(
                f"has reserve = {self.reserve:g} and rate = {self.rate:g}, so nothing is left; lower reserve"
            )
        return self

    @property
    def own_rate(self) -> float:
        """Calls per second that workers may make: `rate` minus `reserve`."""
        return self.rate - self.reserve

    @property
    def own_burst(self) -> int:
        """Burst that workers may make: `burst` minus the calls that may arrive late.

        AWS counts a call when it arrives, up to `LATEST_SECONDS` after its claim, so calls can arrive closer together
        than they were claimed, by as many as the rate allows in that time. Rate 2, burst 5: 4; rate 20, burst 20: 10.
        It is at least 1, and at least what the rate allows in the 50 ms between two claims of a busy pump.
        """
        needed = max(1, math.ceil(self.own_rate * 0.05))
        return max(min(needed, self.burst), self.burst - math.ceil(self.own_rate * LATEST_SECONDS))


class Sender(Model):
    """A named identity that sends: from which instance and number, with which flow."""

    budget: Name = "main"
    """Budget that its calls count toward."""
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
    """AWS profile with the credentials. Default: boto3 searches its usual places."""
    role_arn: RoleArn | None = None
    """ARN of an IAM role to assume for the calls."""
    external_id: SecretStr | None = None
    """External id that the role's trust policy requires."""
    endpoint_url: Url | None = None
    """URL of another server with the same API, such as the sandbox. `AWS_ENDPOINT_URL_CONNECT` works too."""

    display_name: str | None = Field(default=None, min_length=1, max_length=256)
    """Display name of the customer in the chat, unless a job sets one."""
    chat_duration_minutes: int | None = Field(default=None, ge=LEAST_CHAT_MINUTES, le=MOST_CHAT_MINUTES)
    """How long a chat may stay open, unless a job sets it. AWS's default is 25 hours."""
    attributes: Attributes = Field(default_factory=dict)
    """Contact attributes of every job; a job's own take precedence. At most 32,768 UTF-8 bytes in total."""
    segment_attributes: SegmentAttributes = Field(default_factory=dict)
    """Segment attributes of every job, as strings; a job's own take precedence."""

    number_rate: float | None = Field(default=None, gt=0, le=10_000)
    """Message parts per second that the number can send (US long code 1, toll-free 3, short code 100).
    https://docs.aws.amazon.com/sms-voice/latest/userguide/sms-limitations-mps.html"""
    max_open_chats: int | None = Field(default=None, ge=1)
    """Chats that may be open on the instance; each contact counts for the duration of its chat. AWS's default is 500.
    Default: chats are not counted, and a full instance is put on hold when AWS reports it."""
    concurrency: int | None = Field(default=None, ge=1, le=100_000)
    """Calls of this sender that may run at the same time, in all workers together."""
    max_age: Duration = Field(default=timedelta(days=3), gt=timedelta(0), le=timedelta(days=365))
    """How long after it is due a job may still be sent. After that, it ends as `expired`."""

    per_recipient: tuple[RecipientCapText, ...] = Field(default=(), max_length=10)
    """How often one number may be contacted, over all jobs and batches: a list of caps, each a number of contacts (1 to
    100) and a window (1 second to 31 days), such as `["1/PT10M", "3/P1D"]`. Default: as often as there are jobs."""
    over_cap: Literal["wait", "suppress"] = "wait"
    """What becomes of a job over a cap: `wait` until the window allows it, or `suppress` (end with this code)."""

    quiet_hours: QuietHoursText | None = None
    """Times of day at which nothing is sent, in the recipient's local time, such as `21:00-08:00`, optionally with
    days of the week on which a range begins: `21:00-08:00, sat-sun 00:00-24:00`."""
    quiet_zone: Zone = "UTC"
    """Time zone of the quiet hours for numbers whose own zone is unknown."""
    quiet_spares_urgent: bool = False
    """Whether urgent jobs, such as one-time codes, are sent in quiet hours too."""

    callback_url: SecretStr | None = None
    """URL for webhooks of jobs and batches that don't set one."""

    @property
    def quiet(self) -> QuietHours | None:
        """The parsed quiet hours; None if the sender has none."""
        return quiet_hours(self.quiet_hours) if self.quiet_hours else None

    @property
    def recipient_caps(self) -> tuple[RecipientCap, ...]:
        """The parsed caps of `per_recipient`, the one with the longest window last."""
        return tuple(sorted(map(RecipientCap.parse, self.per_recipient), key=lambda cap: cap.window))

    @property
    def number(self) -> str:
        """Id of the number that sends, the last part of its ARN."""
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
