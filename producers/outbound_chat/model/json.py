"""Records of ours as plain JSON, the same from the command line and over HTTP: objects, times as ISO 8601."""

import json
from dataclasses import fields
from datetime import datetime
from typing import Any

from outbound_chat.model.jobs import Batch, Job


def plain(value: Any) -> Any:
    """What `json.dumps` takes as `default`: one record, its own records still to be made plain."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    record = {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, Job):
        del record["repeated"]
        record |= {"priority": value.priority.name.lower(), "final": value.final, "error": value.error}
    if isinstance(value, Batch):
        record |= {"counts": dict(value.counts), "remaining": value.remaining}
    return record


def to_plain_json(value: Any) -> bytes:
    """The value as JSON in ASCII: what is no Unicode comes out escaped, as it came in."""
    return json.dumps(value, default=plain, separators=(",", ":")).encode("ascii")
