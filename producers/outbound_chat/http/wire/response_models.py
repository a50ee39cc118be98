"""Responses as the OpenAPI document shows them: our records, and what only HTTP adds. `model.json` writes them all."""

import copy
from typing import Any

from pydantic import BaseModel, ConfigDict

from outbound_chat.model.batches import Batch
from outbound_chat.model.errors import FieldError
from outbound_chat.model.jobs import Attempt, Job, Webhook
from outbound_chat.model.operations import (
    BatchPage,
    BudgetStatus,
    Cancellation,
    DeadLetters,
    DeadWebhook,
    Event,
    Hold,
    JobPage,
    SuppressedNumber,
    SuppressedPage,
    WebhookHost,
)
from outbound_chat.model.why import Why

_CONFIG = ConfigDict(use_attribute_docstrings=True, extra="forbid", json_schema_serialization_defaults_required=True)
# Their docstrings describe their members. Only the documentation needs that, and `model` does not know pydantic.
# https://docs.pydantic.dev/latest/concepts/dataclasses/#dataclass-config
for _record in (
    *(Attempt, Batch, BatchPage, BudgetStatus, Cancellation, DeadLetters, DeadWebhook, Event, FieldError, Hold, Job),
    *(JobPage, SuppressedNumber, SuppressedPage, Webhook, WebhookHost, Why),
):
    _record.__pydantic_config__ = _CONFIG  # type: ignore[union-attr]

_ADDED: dict[str, dict[str, Any]] = {
    "Job": {
        "priority": {"type": "string", "enum": ["urgent", "normal", "bulk"]},
        "final": {"type": "boolean", "description": "Whether it will stay as it is."},
        "error": {
            "anyOf": [{"$ref": "#/components/schemas/Attempt"}, {"type": "null"}],
            "description": "The last attempt that led to no contact; null when the job was sent.",
        },
    },
    "Batch": {"remaining": {"type": "integer", "description": "Jobs that are not final yet."}},
}
"""Members that `model.json` adds to records, or writes in another form."""


class _Model(BaseModel):
    model_config = _CONFIG


class JobsById(_Model):
    """Many jobs by their ids."""

    jobs: dict[str, Job | None]
    """Every id that was asked for; null where no job has it."""


class JobOutcome(_Model):
    """What became of a job of a list."""

    status: int
    """The status code that a request for this job alone would have had: 201, or 200 if it was there before."""
    job: Job | None
    """The job; null if it was not accepted."""
    problem: "ProblemDetails | None"
    """Why it was not accepted; null if it was."""


class JobOutcomes(_Model):
    """What became of a list of jobs."""

    jobs: list[JobOutcome]
    """One for each job, in their order."""


class RejectedRow(_Model):
    """A row that was refused; nothing of it was stored."""

    row: int
    """Place among the rows, from 1."""
    line: int | None
    """Line of the body on which it begins, from 1; null for a JSON body."""
    errors: list[FieldError]


class Receipt(_Model):
    """What became of the rows."""

    id: str
    accepted: int
    """Jobs accepted."""
    rejected: int
    duplicates: int
    """Rows whose idempotency key belongs to an earlier job that asked for the same."""
    resumed_rows: int
    """Rows that an earlier request with the same Idempotency-Key had added; they are among the other counts."""
    repeated: bool
    """The batch of the Idempotency-Key was closed before: nothing new was accepted."""
    rejections_omitted: int
    """Refused rows beyond the first 20 MB of `rejections`, of which only the number is known."""
    rejections: list[RejectedRow]
    """In the order in which they were found; a long list streams in last."""


class ProblemDetails(_Model):
    """An error (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    code: str
    """Stable code, such as `unknown_job`."""
    errors: list[FieldError] | None = None
    """Everything that is wrong with the request."""


class RefusedReplay(_Model):
    """A job that was not sent again."""

    id: str
    code: str
    detail: str


class Replays(_Model):
    """What became of a page of failed and uncertain jobs."""

    jobs: list[Job]
    """The new jobs."""
    refused: list[RefusedReplay]
    cursor: str | None
    """To give for the next page; null: this was the last."""


class HoldList(_Model):
    """All stops."""

    holds: list[Hold]


class Released(_Model):
    """Whether something was held."""

    released: bool


class BudgetList(_Model):
    """All budgets."""

    budgets: list[BudgetStatus]


class SenderName(_Model):
    """A sender of the settings."""

    name: str
    channel: str
    budget: str


class SenderList(_Model):
    """All senders."""

    senders: list[SenderName]


class Changed(_Model):
    """How many numbers the list gained or lost."""

    changed: int


class WebhookHostList(_Model):
    """All hosts that webhooks wait for."""

    hosts: list[WebhookHost]


class DeadWebhookList(_Model):
    """A page of webhooks that were given up."""

    webhooks: list[DeadWebhook]


class ReplayedWebhooks(_Model):
    """What became of a replay."""

    replayed: int
    """Webhooks that will be posted again."""
    not_dead: list[str]
    """Ids that no dead webhook has, or that the API key does not show."""


def _add_why(schemas: dict[str, Any]) -> None:
    """Adds what `with_why` adds to a job or batch, which has it only where a request with `wait` ran out of time; and
    what a batch has of which a part was cancelled.
    """
    schema = copy.deepcopy(schemas["Why"])
    del schema["properties"]["job"]
    schema["required"].remove("job")
    schemas["Explanation"] = {**schema, "title": "Explanation", "description": "What a job waits for."}
    reference = {"$ref": "#/components/schemas/Explanation"}
    for name, what in (("Job", "it"), ("Batch", "its next job")):
        text = f"Only of a request with `wait` whose time was over: what {what} waits for."
        schemas[name]["properties"]["why"] = {"anyOf": [reference, {"type": "null"}], "description": text}
    part = {"$ref": "#/components/schemas/Cancellation"}
    text = "Only if `rows` or `state` were cancelled: what became of those jobs."
    schemas["Batch"]["properties"]["part"] = {"anyOf": [part, {"type": "null"}], "description": text}


def complete(schemas: dict[str, Any]) -> None:
    """Makes the schemas of the OpenAPI document say what is sent: FastAPI knows neither problems nor `model.json`."""
    problem = ProblemDetails.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= {**problem.pop("$defs"), ProblemDetails.__name__: problem}
    for name, members in _ADDED.items():
        schemas[name]["properties"] |= members
        schemas[name]["required"] = sorted({*schemas[name]["required"], *members})
    _add_why(schemas)
    # Only the answer of `enqueue` in Python has it.
    del schemas["Job"]["properties"]["repeated"], schemas["Priority"]
    schemas["Job"]["required"].remove("repeated")
    for schema in schemas.values():
        for described in (schema, *schema.get("properties", {}).values()):
            if "description" in described:
                described["description"] = described["description"].replace("None", "null").replace("\n", " ")
