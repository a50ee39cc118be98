"""Answers to operators, as the OpenAPI document shows them: see `response_models`."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from outbound_chat.http.wire.response_models import JobModel
from outbound_chat.model.jobs import JobState

_MODEL = ConfigDict(use_attribute_docstrings=True, extra="forbid")


class RefusedReplayModel(BaseModel):
    """A job that was not sent once more."""

    model_config = _MODEL

    id: str
    code: str
    detail: str


class ReplaysModel(BaseModel):
    """What became of a page of failed and uncertain jobs."""

    model_config = _MODEL

    jobs: list[JobModel]
    """The new jobs."""
    refused: list[RefusedReplayModel]
    cursor: str | None
    """To give for the next page; null: this was the last."""


class HoldModel(BaseModel):
    """A stop."""

    model_config = _MODEL

    budget: str
    scope: str
    name: str
    owner: str
    """`person`, `system` or `cancel`."""
    code: str
    reason: str
    since: datetime
    probe_at: datetime | None


class HoldsModel(BaseModel):
    """All stops."""

    model_config = _MODEL

    holds: list[HoldModel]


class ReleasedModel(BaseModel):
    """Whether something was held."""

    model_config = _MODEL

    released: bool


class BudgetModel(BaseModel):
    """How a budget is doing."""

    model_config = _MODEL

    name: str
    rate: float
    """Calls a second that it makes now at most; 0: nothing was sent yet."""
    ceiling: float
    burst: int
    workers: int
    pumps: int
    accepted: int
    counts: dict[str, int]
    """Jobs that are `waiting` and `leased`, and how many ever ended in each state."""
    oldest_due: datetime | None
    holds: list[HoldModel]
    webhooks: dict[str, int]
    """Webhooks that are `waiting` and `posting`, for the first 500 hosts, and `dead` ones that are listed."""


class BudgetsModel(BaseModel):
    """All budgets."""

    model_config = _MODEL

    budgets: list[BudgetModel]


class SenderModel(BaseModel):
    """A sender of the settings."""

    model_config = _MODEL

    name: str
    channel: str
    budget: str


class SendersModel(BaseModel):
    """All senders."""

    model_config = _MODEL

    senders: list[SenderModel]


class SuppressedModel(BaseModel):
    """A number that a sender must not contact."""

    model_config = _MODEL

    number: str
    since: datetime
    reason: str


class SuppressedPageModel(BaseModel):
    """A page of a suppression list, in no order."""

    model_config = _MODEL

    numbers: list[SuppressedModel]
    cursor: str | None


class ChangedModel(BaseModel):
    """How many numbers the list gained or lost."""

    model_config = _MODEL

    changed: int


class EventModel(BaseModel):
    """The data of an event."""

    model_config = _MODEL

    number: int
    at: datetime
    kind: str
    """`job_final`, `batch_accepted` or `batch_final`."""
    id: str
    state: JobState | None
    code: str


class WebhookHostModel(BaseModel):
    """A host that webhooks wait for."""

    model_config = _MODEL

    budget: str
    host: str
    waiting: int
    posting: int
    failures: int
    """Posts in a row that came to no answer."""
    paused_until: datetime | None
    """It is left alone until then."""


class WebhookHostsModel(BaseModel):
    """All hosts that webhooks wait for."""

    model_config = _MODEL

    hosts: list[WebhookHostModel]


class DeadWebhookModel(BaseModel):
    """A webhook that was given up."""

    model_config = _MODEL

    id: str
    """The `webhook-id` of its posts: the id of a job and its state, or that of a batch and `finished`."""
    host: str
    attempts: int
    code: str
    """What came of the last post, such as `status_500`."""
    first_at: datetime | None
    """When its first post ended; null: none was made."""
    dead_at: datetime


class DeadWebhooksModel(BaseModel):
    """A page of webhooks that were given up."""

    model_config = _MODEL

    webhooks: list[DeadWebhookModel]


class ReplayedWebhooksModel(BaseModel):
    """What became of a replay."""

    model_config = _MODEL

    replayed: int
    """Webhooks that will be posted once more."""
    not_dead: list[str]
    """Ids that no dead webhook has, or that the API key does not show."""
