"""Writes records as JSON, in the same form on the command line and over HTTP: objects, with times in ISO 8601."""

import json
from dataclasses import fields
from datetime import datetime
from functools import cache
from typing import Any

from outbound_chat.model.batches import Batch
from outbound_chat.model.jobs import Job, JobState
from outbound_chat.model.operations import LaneStatus


def json_default(value: Any) -> Any:
    """Returns a record as a dict, which may contain further records. For the `default` of `json.dumps`."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    kind: Any = type(value)
    record = {name: getattr(value, name) for name in _names_of(kind)}
    if isinstance(value, Job):
        del record["repeated"]
        record |= {"priority": value.priority.name.lower(), "final": value.final, "error": value.error}
        # Before a job is sent there is nothing to deliver.
        record["delivery"] = value.delivery if value.state is JobState.SENT else None
    if isinstance(value, LaneStatus):
        record["priority"] = value.priority.name.lower()
    if isinstance(value, Batch):
        record |= {"counts": dict(value.counts), "deliveries": dict(value.deliveries), "remaining": value.remaining}
    return record


@cache
def _names_of(kind: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


_encode = json.JSONEncoder(default=json_default, separators=(",", ":")).encode


def to_json(value: Any) -> bytes:
    """Returns the value as JSON in ASCII. Lone surrogates are escaped, as they were in the input."""
    return _encode(value).encode("ascii")
