"""Answers as the OpenAPI document shows them. They are sent by `outbound_chat.model.json`; a test compares the two."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from outbound_chat.model.jobs import JobState, WebhookState
from outbound_chat.model.why import WaitReason

_MODEL = ConfigDict(use_attribute_docstrings=True, extra="forbid")


class AttemptModel(BaseModel):
    """One call to Amazon Connect that did not lead to a contact, and why."""

    model_config = _MODEL

    at: datetime
    outcome: str
    """`retry`, `snooze`, `failed` or `uncertain`."""
    code: str
    """Stable code, see the page of errors."""
    aws_code: str
    message: str
    """The provider's message, with anything like a phone number taken out."""
    request_id: str


class WebhookModel(BaseModel):
    """What became of the webhook that tells of a job's end."""

    model_config = _MODEL

    state: WebhookState
    at: datetime | None
    """When it was delivered or given up."""
    code: str
    """Of a dead one: what came of its last post, such as `status_500`."""


class JobModel(BaseModel):
    """A job as it stands. Holds no phone number and no text."""

    model_config = _MODEL

    id: str = Field(examples=["main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR"])
    state: JobState
    final: bool
    """Whether it will stay as it is."""
    sender: str
    tenant: str | None
    priority: str
    """`urgent`, `normal` or `bulk`."""
    batch_id: str | None
    attempts: int
    contact_id: str | None
    """Connect's id of the contact; there when `state` is `sent`."""
    created_at: datetime
    send_at: datetime | None
    expires_at: datetime
    next_attempt_at: datetime | None
    finished_at: datetime | None
    cancel_requested: bool
    maybe_sent: bool
    """A call may have reached Connect without an answer; it is repeated with the same token only."""
    replay_of: str | None
    replayed_by: str | None
    webhook: WebhookModel | None
    """Of a final job whose end is told to somebody: what became of that."""
    history: list[AttemptModel]
    """The last attempts that led to no contact, oldest first, at most 5."""
    error: AttemptModel | None
    """The last attempt that led to no contact."""


class JobsModel(BaseModel):
    """Many jobs by their ids."""

    model_config = _MODEL

    jobs: dict[str, JobModel | None]
    """Every id that was asked for; null where no job has it."""


class WhyModel(BaseModel):
    """What a job waits for."""

    model_config = _MODEL

    job: JobModel
    asked_at: datetime
    reason: WaitReason
    explanation: str
    """A sentence or two for people."""
    then: WaitReason | None
    position: int | None
    ahead: int | None
    next_attempt_at: datetime | None
    expected_at: datetime | None
    scope: str | None
    held_by: str | None
    held_reason: str | None
    until: datetime | None


class FieldErrorModel(BaseModel):
    """One thing that is wrong."""

    model_config = _MODEL

    field: str
    """Path of the field as the caller wrote it."""
    code: str
    """Stable code, such as `invalid_number`."""
    message: str


class RejectionModel(BaseModel):
    """A row that was refused; nothing of it was stored."""

    model_config = _MODEL

    row: int
    """Place among the rows, from 1."""
    line: int | None
    """Line of the body on which it begins, from 1; null for a JSON body."""
    errors: list[FieldErrorModel]


class ReceiptModel(BaseModel):
    """What became of the rows."""

    model_config = _MODEL

    id: str
    accepted: int
    """Jobs taken."""
    rejected: int
    duplicates: int
    """Rows whose idempotency key belongs to an earlier job that asked for the same."""
    resumed_rows: int
    """Rows that an earlier request with the same Idempotency-Key had brought in; they are among the other counts."""
    repeated: bool
    """The batch of the Idempotency-Key was closed before: nothing new was taken."""
    rejections_omitted: int
    """Refused rows beyond the first 20 MB of `rejections`, of which only the number is known."""
    rejections: list[RejectionModel]
    """In the order in which they were found; a long list streams in last."""


class BatchModel(BaseModel):
    """A batch as it stands."""

    model_config = _MODEL

    id: str
    name: str
    sender: str
    tenant: str | None
    accepted: int
    rejected: int
    counts: dict[JobState, int]
    """Jobs by state; with `unreadable` they sum up to `accepted`."""
    unreadable: int
    remaining: int
    created_at: datetime
    closed: bool
    final: bool
    """Closed, and every job of it is final."""
    rate: float
    expected_end: datetime | None
    held_by: str
    """Why no end can be told; empty: it goes on."""


class BatchPageModel(BaseModel):
    """A page of batches."""

    model_config = _MODEL

    batches: list[BatchModel]
    """With their counts and measured rate; `expected_end` is null: read one by its id."""
    cursor: str | None
    """Where the next page begins; null: this was the last."""


class JobPageModel(BaseModel):
    """A page of jobs."""

    model_config = _MODEL

    jobs: list[JobModel]
    cursor: str | None
    """Where the next page begins; null: this was the last."""


class ProblemModel(BaseModel):
    """An error (RFC 9457)."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="allow")

    type: str
    title: str
    status: int
    detail: str
    code: str
    """Stable code, such as `unknown_job`."""
    errors: list[FieldErrorModel] | None = None
    """Everything that is wrong with the request."""
