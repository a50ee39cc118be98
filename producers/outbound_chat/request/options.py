"""The options of jobs and batches, written down once: for the clients, rows, CSV columns and the HTTP service.

What has a form of its own, such as an option of the command line or a schema, is compared with these in tests.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, Required, TypedDict

from outbound_chat.model.jobs import JobState, Priority
from outbound_chat_config import Durability

DurabilityName = Literal["memory", "fsync"]
PriorityName = Literal["urgent", "normal", "bulk"]


class TimingOptions(TypedDict, total=False):
    """When a job goes, for whom, and what makes it the same job."""

    send_at: datetime | None
    """Not before this time: aware, at most 5 minutes back and a year ahead. Without it: as soon as the budget allows. A
    time in the sender's quiet hours is moved to their end."""
    expires_at: datetime | None
    """No call after this time, which lies ahead. Without it: the sender's `max_age` after the job is due."""
    expires_in: timedelta | None
    """In place of `expires_at`: no call after so long, at most a year, from `send_at` on, or from now without one."""
    idempotency_key: str | None
    """1 to 255 characters. The same key and content give the same job; other content raises `IdempotencyConflict`.
    Known to one tenant and budget, for as long as the job's record lives."""


class RequestOptions(TypedDict, total=False):
    """What is sent: every parameter of StartOutboundChatContact in snake case, values in the API's own shape.

    https://docs.aws.amazon.com/connect/latest/APIReference/API_StartOutboundChatContact.html
    """

    text: str | None
    """The message; an InitialSystemMessage of type text/plain."""
    display_name: str | None
    """Display name of the customer; short for `participant_details`."""
    contact_flow_id: str | None
    """Id of the flow that handles the contact. Without it: that of the sender."""
    segment_attributes: Mapping[str, Any] | None
    """Segment attributes of the contact, each as `{"ValueString": …}` or another kind of value; the sender's beside
    them."""
    attributes: Mapping[str, str] | None
    """Contact attributes, which the flow reads; the sender's beside them. All together at most 32,768 bytes."""
    chat_duration_in_minutes: int | None
    """How long the chat may stay open: 60 to 10,080. Without it: the sender's, or 1,500, which is 25 hours."""
    participant_details: Mapping[str, str] | None
    """`{"DisplayName": …}` of the customer."""
    initial_system_message: Mapping[str, str] | None
    """The message as `{"ContentType": …, "Content": …}`, in place of `text`."""
    initial_templated_system_message: Mapping[str, Any] | None
    """A template in place of a text, as WhatsApp requires it: `KnowledgeBaseId`, `MessageTemplateId` and
    `TemplateAttributes`."""
    related_contact_id: str | None
    """Id of a contact that the new one is related to."""
    supported_messaging_content_types: Sequence[str] | None
    """Types of messages that the customer's side can show; `text/plain` is one of them."""


class ReplayOptions(RequestOptions, total=False):
    """What a replay may change."""

    to: str
    """Phone number in E.164 form, such as +12025550123."""
    client_token: str | None
    """Used instead of a new token."""


class LaneOptions(TypedDict, total=False):
    """Whose turn it is."""

    tenant: str | None
    """Customers of yours that take turns: 1 to 32 letters, digits, `_` or `-`."""
    priority: Priority | PriorityName
    """`urgent`, `normal` (the default of single jobs) or `bulk` (of batches)."""


class SafetyOptions(TypedDict, total=False):
    """What must be safe before the call returns."""

    durability: Durability | DurabilityName | None
    """`memory`: Redis has it; `fsync`: the disk has it too, and a replica where there is one, else `NotDurable` is
    raised. Without it: `durability.default` of the settings."""


class WebhookOptions(TypedDict, total=False):
    """Where the end is reported."""

    callback_url: str | None
    """`https://` URL to which webhooks are posted: of a job when it is final; of a batch also when each of its jobs is
    that has no URL of its own. Without it: that of the sender, if it has one."""


class JobOptions(RequestOptions, TimingOptions, LaneOptions, SafetyOptions, WebhookOptions, total=False):
    """All options of a single job."""

    sender: Required[str]
    """Name of the sender in the settings."""
    to: Required[str]
    """Phone number in E.164 form, such as +12025550123."""
    client_token: str | None
    """Used instead of the token made from the job id."""


class BatchOptions(RequestOptions, LaneOptions, SafetyOptions, WebhookOptions, total=False):
    """Options that all rows of a batch share, and its own."""

    weight: float | None
    """Turns it gets where other batches of its tenant get one: 0.01 to 100."""
    concurrency: int | None
    """Calls of it that may run at the same time; without it as many as there are threads."""
    hold: str | None
    """Why the batch is held from its first job on, in at most 1,000 characters: none is sent before somebody releases
    it with `release(batch=…)`. It does not count for a batch key."""
    template: str | Mapping[str, Any] | None
    """The message with `{placeholders}` that each row fills in, as `"Hello {first_name|there}"`; or an object with any
    of `text`, `display_name` and `attributes`. Rows have the values under the names of the placeholders."""


class JobFilter(TypedDict, total=False):
    """Which jobs are meant."""

    budget: str | None
    """Without it the only one there is."""
    sender: str | Collection[str] | None
    """Only jobs of this sender, or of these."""
    tenant: str | None
    """Only jobs of this tenant."""
    state: JobState | str | None
    """Only jobs in this state."""
    code: str | None
    """Our code of the last attempt, such as `refused`."""
    since: datetime | None
    """Only jobs enqueued at this time or later."""
    until: datetime | None
    """Only jobs enqueued before this time."""
    idempotency_key: str | None
    """Only the job with this key, which may be a row of a batch; with `tenant`, if it was enqueued with one."""
    to: str | None
    """Only jobs for this number, rows of batches included. It needs `results.find_by_number`."""


class DeadFilter(TypedDict, total=False):
    """Which failed and uncertain jobs are meant."""

    budget: str | None
    """Without it the only one there is."""
    state: JobState | Literal["failed", "uncertain"] | None
    """Only those that ended so."""
    code: str | None
    """Our code of the last attempt, such as `refused`."""
    sender: str | None
    """Only jobs of this sender."""
    tenant: str | None
    """Only jobs of this tenant."""
    batch: str | None
    """Id of a batch."""


class HoldTarget(TypedDict, total=False):
    """What is held or released: exactly one of these."""

    budget: str | None
    """Name of a budget."""
    sender: str | None
    """Name of a sender."""
    instance: str | None
    """Id of an Amazon Connect instance that senders of the settings have."""
    tenant: str | None
    """Name of a tenant, in all budgets."""
    batch: str | None
    """Id of a batch."""


class ApiOptions(TimingOptions, LaneOptions, SafetyOptions, WebhookOptions, total=False):
    """A raw API request, as boto3's `start_outbound_chat_contact` takes it, and our options.

    https://docs.aws.amazon.com/connect/latest/APIReference/API_StartOutboundChatContact.html
    """

    sender: str | None
    """Without it: the sender whose instance and source the request names."""
    SourceEndpoint: Mapping[str, str]
    """The number that sends: `Type` and `Address`. Without it: that of the sender."""
    DestinationEndpoint: Mapping[str, str]
    """The customer: `{"Type": "TELEPHONE_NUMBER", "Address": "+12025550123"}`. Required."""
    InstanceId: str
    """Id of the instance. Without it: that of the sender."""
    SegmentAttributes: Mapping[str, Mapping[str, Any]]
    """Segment attributes; `connect:Subtype` says the channel. The sender's beside them."""
    Attributes: Mapping[str, str]
    """Contact attributes, which the flow reads; the sender's beside them."""
    ContactFlowId: str
    """Id of the flow that handles the contact. Without it: that of the sender."""
    ChatDurationInMinutes: int
    """How long the chat may stay open: 60 to 10,080."""
    ParticipantDetails: Mapping[str, str]
    """`{"DisplayName": …}` of the customer."""
    InitialSystemMessage: Mapping[str, str]
    """The message: `{"ContentType": …, "Content": …}`."""
    InitialTemplatedSystemMessage: Mapping[str, Any]
    """A template in place of a text, as WhatsApp requires it."""
    RelatedContactId: str
    """Id of a contact that the new one is related to."""
    SupportedMessagingContentTypes: Sequence[str]
    """Types of messages that the customer's side can show."""
    ClientToken: str
    """Used instead of the token made from the job id."""


INSTANTS = ("send_at", "expires_at")
DURATIONS = ("expires_in",)
TIMES = frozenset({*INSTANTS, *DURATIONS})
SHORT_FORM = frozenset({"to", "client_token", *RequestOptions.__annotations__})
"""Names of what is sent, in the short form."""
OWN_OPTIONS = frozenset(JobOptions.__annotations__) - SHORT_FORM
"""Names of our options beside the request, in both forms: no members of the API."""
ROW_OPTIONS = frozenset(JobOptions.__annotations__) - SafetyOptions.__annotations__.keys()
"""Names that a row of a batch may have."""
BATCH_OPTIONS = frozenset({"sender", *BatchOptions.__annotations__})
"""Names of what the rows of a batch may share, and of its own options."""
_SHORT_OR_OWN = frozenset(JobOptions.__annotations__)
BATCH_ONLY = BATCH_OPTIONS - JobOptions.__annotations__.keys()
JOB_ONLY = frozenset(JobOptions.__annotations__) - BATCH_OPTIONS


def is_raw(options: Iterable[object]) -> bool:
    """Whether these are names of a raw API request, with our options or not: its members begin with a capital."""
    return any(isinstance(name, str) and name[:1].isupper() for name in options if name not in _SHORT_OR_OWN)
