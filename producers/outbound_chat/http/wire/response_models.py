"""Responses as the OpenAPI document shows them: records, and what only HTTP adds. `model.json` writes them all."""

import copy
from dataclasses import is_dataclass
from types import GenericAlias
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, create_model

from outbound_chat.model import actions, audit, batches, contacts, diagnostics, errors, history, jobs, operations, why
from outbound_chat.model.actions import BulkAction
from outbound_chat.model.contact_events import Outcome
from outbound_chat.model.diagnostics import Check
from outbound_chat.model.errors import FieldError
from outbound_chat.model.jobs import Job
from outbound_chat.model.operations import BudgetStatus, DeadWebhook, Hold, NumberReceipts, WebhookHost, WorkerStatus

_CONFIG = ConfigDict(use_attribute_docstrings=True, extra="forbid", json_schema_serialization_defaults_required=True)
# Their docstrings describe their members. Only the documentation needs this, and `model` does not import pydantic.
# https://docs.pydantic.dev/latest/concepts/dataclasses/#dataclass-config
for _module in (actions, audit, batches, contacts, diagnostics, errors, history, jobs, operations, why):
    for _record in vars(_module).values():
        if isinstance(_record, type) and is_dataclass(_record):
            _record.__pydantic_config__ = _CONFIG  # type: ignore[attr-defined]

_PRIORITY = {"type": "string", "enum": ["urgent", "normal", "bulk"], "description": "Which jobs go first."}
_ADDED: dict[str, dict[str, Any]] = {
    "Job": {
        "priority": _PRIORITY,
        "final": {"type": "boolean", "description": "Whether the job has ended."},
        "error": {
            "anyOf": [{"$ref": "#/components/schemas/Attempt"}, {"type": "null"}],
            "description": "The last attempt that created no contact; null if the job was sent.",
        },
        "delivery": {
            "anyOf": [{"$ref": "#/components/schemas/Delivery"}, {"type": "null"}],
            "description": "What is known of the delivery, most often `unknown`; null if the job is not `sent`.",
        },
    },
    "LaneStatus": {"priority": _PRIORITY},
    "FaultCount": {
        "first_lines": {
            "type": "array",
            "items": {"type": "integer"},
            "description": "The lines of the body where the first 5 begin; empty for a JSON body.",
        },
    },
    "Batch": {"remaining": {"type": "integer", "description": "Jobs that are not final."}},
}
"""Members that `model.json` adds to records or writes in another form."""


class _Model(BaseModel):
    model_config = _CONFIG


class JobsById(_Model):
    """Jobs by their ids."""

    jobs: dict[str, Job | None]
    """A job for each requested id; null for an unknown id."""


class JobOutcome(_Model):
    """The result of one job of a list."""

    status: int
    """The status code that a request for this job alone would have had: 201, or 200 if the job already existed."""
    job: Job | None
    """The job; null if it was refused."""
    problem: "ProblemDetails | None"
    """Why it was refused; null if it was accepted."""


class RejectedRow(_Model):
    """A row that was rejected. None of it was stored."""

    row: int
    """Position among the rows, from 1."""
    line: int | None
    """Line of the body where the row begins, from 1; null for a JSON body."""
    errors: list[FieldError]
    """Everything that is wrong with it."""


class Receipt(_Model):
    """What happened to the rows."""

    id: str
    """Id of the batch."""
    accepted: int
    """Jobs accepted."""
    rejected: int
    """Rows rejected."""
    duplicates: int
    """Rows whose idempotency key belongs to an earlier job with the same content; nothing was added."""
    resumed_rows: int
    """Rows that an earlier request with the same Idempotency-Key added; the other counts include them."""
    repeated: bool
    """The batch with this Idempotency-Key was already closed: nothing new was accepted."""
    rejections_omitted: int
    """Rejected rows that are missing in `rejections`, which holds at most 20 MB."""
    rejections: list[RejectedRow]
    """The rejected rows, in the order in which they were found. A long list is streamed after the counts."""


class ProblemDetails(_Model):
    """An error response (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: str
    """Path of the documentation of this code."""
    title: str
    """Short summary of the code."""
    status: int
    """The status code of the response."""
    detail: str
    """What happened and what to do, for people."""
    code: str
    """Stable code for programs, such as `unknown_job`."""
    errors: list[FieldError] | None = None
    """Every invalid field, if the request is invalid."""


class Released(_Model):
    """The result of a release."""

    released: bool
    """Whether there was a hold to release."""


class SenderName(_Model):
    """A sender in the settings."""

    name: str
    """Name of the sender."""
    channel: str
    """`sms` or `whatsapp`."""
    budget: str
    """Budget that its calls count toward."""


class Changed(_Model):
    """How much a suppression list changed."""

    changed: int
    """Numbers added or removed."""


class Ingested(_Model):
    """What became of events."""

    counts: dict[str, int]
    """How many events had each outcome."""
    outcomes: list[Outcome]
    """The outcome of each event, in their order: `changed`, `same`, `unmatched`, `late`, `foreign`, `unknown` or
    `unreadable`."""


class ReplayedWebhooks(_Model):
    """The result of replaying webhooks."""

    replayed: int
    """Webhooks that will be posted again."""
    not_dead: list[str]
    """Ids without a dead webhook, or with one that the API key may not see."""


def _list_of(name: str, description: str, record: type, **member: str) -> type[BaseModel]:
    """Returns a model with one member, a list of records. `member`: its name and description, so no source is read."""
    members: Any = {name: (GenericAlias(list, record), Field(description=text)) for name, text in member.items()}
    return create_model(name, __config__=_CONFIG | {"use_attribute_docstrings": False}, __doc__=description, **members)


_OUTCOMES = "One result per job, in the order of the request."
JobOutcomes = _list_of("JobOutcomes", "The results of a list of jobs.", JobOutcome, jobs=_OUTCOMES)
ActionList = _list_of("ActionList", "Bulk actions.", BulkAction, actions="The actions, newest first.")
HoldList = _list_of("HoldList", "Holds.", Hold, holds="The holds.")
_RECEIPTS = "One entry for each number and hour, newest hour first."
ReceiptList = _list_of("ReceiptList", "Receipts by source number and hour.", NumberReceipts, receipts=_RECEIPTS)
BudgetList = _list_of("BudgetList", "All budgets.", BudgetStatus, budgets="The status of each budget.")
_WORKERS = "One entry for each budget of a worker."
WorkerList = _list_of("WorkerList", "The workers of all budgets.", WorkerStatus, workers=_WORKERS)
_CHECKS = "The findings, in the order in which they were made."
CheckList = _list_of("CheckList", "What the doctor found.", Check, checks=_CHECKS)
SenderList = _list_of("SenderList", "All senders that the API key may use.", SenderName, senders="The senders.")
WebhookHostList = _list_of("WebhookHostList", "Hosts that webhooks are posted to.", WebhookHost, hosts="The hosts.")
_DEAD = "The dead webhooks, newest first."
DeadWebhookList = _list_of("DeadWebhookList", "A page of dead webhooks.", DeadWebhook, webhooks=_DEAD)


def _add_why(schemas: dict[str, Any]) -> None:
    """Adds what `with_why` adds to a job or batch that was not final after `wait`, and the counts of a part that was
    cancelled.
    """
    schema = copy.deepcopy(schemas["Why"])
    del schema["properties"]["job"]
    schema["required"].remove("job")
    schemas["Explanation"] = {**schema, "title": "Explanation", "description": "Why a job waits."}
    reference = {"$ref": "#/components/schemas/Explanation"}
    for name, what in (("Job", "it"), ("Batch", "its next job")):
        text = f"Only if it is not final after `wait`: what {what} waits for."
        schemas[name]["properties"]["why"] = {"anyOf": [reference, {"type": "null"}], "description": text}
    part = {"$ref": "#/components/schemas/Cancellation"}
    text = "Only if `rows` or `state` were cancelled: what became of those jobs."
    schemas["Batch"]["properties"]["part"] = {"anyOf": [part, {"type": "null"}], "description": text}


def complete(schemas: dict[str, Any]) -> None:
    """Adds to the schemas of the OpenAPI document what FastAPI doesn't know: problems, and what `model.json` does."""
    problem = ProblemDetails.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= {**problem.pop("$defs"), ProblemDetails.__name__: problem}
    for name, members in _ADDED.items():
        schemas[name]["properties"] |= members
        schemas[name]["required"] = sorted({*schemas[name]["required"], *members})
    _add_why(schemas)
    # The rejections of a preflight are written as those of a receipt.
    of_receipt = schemas["Receipt"]["properties"]
    schemas["Preflight"]["properties"] |= {name: of_receipt[name] for name in ("rejections", "rejections_omitted")}
    schemas["Preflight"]["required"].append("rejections_omitted")
    del schemas["Rejection"], schemas["Preview"]["properties"]["request"]
    schemas["Preview"]["required"].remove("request")
    # Only the result of `enqueue` in Python has it.
    del schemas["Job"]["properties"]["repeated"], schemas["Priority"]
    schemas["Job"]["required"].remove("repeated")
    for schema in schemas.values():
        for described in (schema, *schema.get("properties", {}).values()):
            inner = described.get("additionalProperties")
            if isinstance(inner, dict) and inner.get("type") == "object":
                inner["title"] = "Numbers"  # else generators name it after `additionalProperties`
            if "description" in described:
                described["description"] = described["description"].replace("None", "null").replace("\n", " ")
