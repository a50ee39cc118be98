"""The options of jobs and batches, defined once for the clients, rows, CSV columns and the HTTP service.

Other forms, such as options of the command line and schemas, are compared with these in tests.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, Required, TypedDict

from outbound_chat.model.jobs import JobState, Priority
from outbound_chat_config import Durability

DurabilityName = Literal["memory", "fsync"]
PriorityName = Literal["urgent", "normal", "bulk"]


class TimingOptions(TypedDict, total=False):
    """When a job is sent, and how repeated calls are recognized."""

    send_at: datetime | None
    """Earliest time to send, timezone-aware: at most 5 minutes in the past and a year ahead. Default: as soon as the
    budget allows. A time in the sender's quiet hours is moved to their end."""
    expires_at: datetime | None
    """Latest time to send, in the future. Default: the sender's `max_age` after the job is due."""
    expires_in: timedelta | None
    """Instead of `expires_at`: how long after `send_at`, or after now, the job may be sent. At most a year."""
    idempotency_key: str | None
    """1 to 255 characters. The same key and content return the same job; other content raises `IdempotencyConflict`.
    Keys belong to one tenant and budget, and are known as long as the job's record is kept."""


class RequestOptions(TypedDict, total=False):
    """What is sent: every parameter of StartOutboundChatContact in snake case, with values in the API's own shape.

    https://docs.aws.amazon.com/connect/latest/APIReference/API_StartOutboundChatContact.html
    """

    text: str | None
    """The message, an InitialSystemMessage of type text/plain."""
    display_name: str | None
    """The customer's display name; short for `participant_details`."""
    contact_flow_id: str | None
    """Id of the flow that handles the contact. Default: the sender's."""
    segment_attributes: Mapping[str, Any] | None
    """Segment attributes of the contact, in addition to the sender's, each as `{"ValueString": …}` or another kind of
    value. A string or an integer is short for `ValueString` or `ValueInteger`."""
    attributes: Mapping[str, str] | None
    """Contact attributes for the flow, in addition to the sender's. Together at most 32,768 bytes."""
    chat_duration_in_minutes: int | None
    """How long the chat may stay open: 60 to 10,080. Default: the sender's, or 1,500, which is 25 hours."""
    participant_details: Mapping[str, str] | None
    """The customer as `{"DisplayName": …}`."""
    initial_system_message: Mapping[str, str] | None
    """The message as `{"ContentType": …, "Content": …}`, instead of `text`."""
    initial_templated_system_message: Mapping[str, Any] | None
    """A template instead of a text, as WhatsApp requires: `KnowledgeBaseId`, `MessageTemplateId` and
    `TemplateAttributes`."""
    related_contact_id: str | None
    """Id of a contact that the new one is related to."""
    supported_messaging_content_types: Sequence[str] | None
    """Content types that the customer's side can show, which must include `text/plain`."""


class ReplayOptions(RequestOptions, total=False):
    """What a replay can change."""

    to: str
    """Phone number in E.164 form, such as +12025550123."""
    client_token: str | None
    """Client token to use instead of a new one."""


class LaneOptions(TypedDict, total=False):
    """Which jobs go first."""

    tenant: str | None
    """Tenant that this counts toward; tenants take turns. 1 to 32 letters, digits, `_` or `-`."""
    priority: Priority | PriorityName
    """`urgent`, `normal` (the default for single jobs) or `bulk` (the default for batches)."""


class SafetyOptions(TypedDict, total=False):
    """What is guaranteed when the call returns."""

    durability: Durability | DurabilityName | None
    """`memory`: it is in Redis's memory. `fsync`: it is also on disk, and on a replica if there is one; otherwise
    `NotDurable` is raised. Default: `durability.default` of the settings."""


class WebhookOptions(TypedDict, total=False):
    """Where webhooks are posted."""

    callback_url: str | None
    """`https://` URL to notify when a job is final. For a batch: when the batch is final, and when each job without a
    URL of its own is final. Default: the sender's, if it has one."""


class JobOptions(RequestOptions, TimingOptions, LaneOptions, SafetyOptions, WebhookOptions, total=False):
    """All options of a single job."""

    sender: Required[str]
    """Name of the sender, as in the settings."""
    to: Required[str]
    """Phone number in E.164 form, such as +12025550123."""
    client_token: str | None
    """Client token to use instead of the one made from the job id."""


class BatchOptions(RequestOptions, LaneOptions, SafetyOptions, WebhookOptions, total=False):
    """Options of a batch, and options that all of its rows share."""

    weight: float | None
    """Turns that this batch gets for each turn of another batch of its tenant: 0.01 to 100. Default: 1."""
    concurrency: int | None
    """Calls of this batch that may run at the same time. Default: no limit but the threads of the workers."""
    hold: str | None
    """Reason to hold the batch from its first job on, at most 1,000 characters: no job is sent until somebody releases
    it with `release(batch=…)`. It is not part of the batch key: the batch that has the key already is held too, unless
    it is final."""
    template: str | Mapping[str, Any] | None
    """The message with `{placeholders}` that each row fills in, such as `"Hello {first_name|there}"`, or an object with
    any of `text`, `display_name` and `attributes`. Rows have values under the names of the placeholders."""


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
    """Which failed and uncertain jobs to read."""

    budget: str | None
    """Name of the budget. Default: the only one."""
    state: JobState | Literal["failed", "uncertain"] | None
    """Only jobs in this state."""
    code: str | None
    """Only jobs whose last attempt ended with this code, such as `refused`."""
    sender: str | None
    """Only jobs of this sender."""
    tenant: str | None
    """Only jobs of this tenant."""
    batch: str | None
    """Only jobs of the batch with this id."""


class HoldTarget(TypedDict, total=False):
    """What to hold or release: exactly one of these."""

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
    """A raw API request, as boto3's `start_outbound_chat_contact` takes it, and the options of a job.

    https://docs.aws.amazon.com/connect/latest/APIReference/API_StartOutboundChatContact.html
    """

    sender: str | None
    """Name of the sender. Default: the sender with the instance and source number of the request."""
    SourceEndpoint: Mapping[str, str]
    """The number that sends: `Type` and `Address`. Default: the sender's."""
    DestinationEndpoint: Mapping[str, str]
    """The customer: `{"Type": "TELEPHONE_NUMBER", "Address": "+12025550123"}`. Required."""
    InstanceId: str
    """Id of the instance. Default: the sender's."""
    SegmentAttributes: Mapping[str, Mapping[str, Any]]
    """Segment attributes, in addition to the sender's; `connect:Subtype` is the channel."""
    Attributes: Mapping[str, str]
    """Contact attributes for the flow, in addition to the sender's."""
    ContactFlowId: str
    """Id of the flow that handles the contact. Default: the sender's."""
    ChatDurationInMinutes: int
    """How long the chat may stay open: 60 to 10,080."""
    ParticipantDetails: Mapping[str, str]
    """The customer as `{"DisplayName": …}`."""
    InitialSystemMessage: Mapping[str, str]
    """The message: `{"ContentType": …, "Content": …}`."""
    InitialTemplatedSystemMessage: Mapping[str, Any]
    """A template instead of a text, as WhatsApp requires."""
    RelatedContactId: str
    """Id of a contact that the new one is related to."""
    SupportedMessagingContentTypes: Sequence[str]
    """Content types that the customer's side can show."""
    ClientToken: str
    """Client token to use instead of the one made from the job id."""


INSTANTS = ("send_at", "expires_at")
DURATIONS = ("expires_in",)
TIMES = frozenset({*INSTANTS, *DURATIONS})
SHORT_FORM = frozenset({"to", "client_token", *RequestOptions.__annotations__})
"""Names of what is sent, in the short form."""
OWN_OPTIONS = frozenset(JobOptions.__annotations__) - SHORT_FORM
"""Names of our own options, in both forms, which are not members of the API."""
ROW_OPTIONS = frozenset(JobOptions.__annotations__) - SafetyOptions.__annotations__.keys()
"""Names that a row of a batch may have."""
BATCH_OPTIONS = frozenset({"sender", *BatchOptions.__annotations__})
"""Names of options that the rows of a batch may share, and of the batch's own options."""
_SHORT_OR_OWN = frozenset(JobOptions.__annotations__)
BATCH_ONLY = BATCH_OPTIONS - JobOptions.__annotations__.keys()
JOB_ONLY = frozenset(JobOptions.__annotations__) - BATCH_OPTIONS


def is_raw(options: Iterable[object]) -> bool:
    """Returns whether these are names of a raw API request, whose members begin with a capital letter."""
    return any(isinstance(name, str) and name[:1].isupper() for name in options if name not in _SHORT_OR_OWN)
