"""Writes facts into the records of jobs, as `record_contacts` does."""

import json
from typing import Any

FACTS = 22
"""Their position in the head."""
AT_MS = 1_700_000_000_000


def write_facts(redis: Any, job_id: str, facts: object, prefix: str = "oc") -> None:
    """Replaces the facts of the job."""
    budget, _, local_id = job_id.partition(".")
    name = f"{prefix}:{{{budget}}}:j:{local_id}"
    raw, end, request = redis.get(name).partition("\n")
    head = json.loads(raw)
    head += [""] * (FACTS - len(head))
    redis.set(name, json.dumps([*head[:FACTS], facts]) + end + request, keepttl=True)
    redis.publish(f"{prefix}:{{{budget}}}:done:{local_id}", "facts")


def ended(*, reason: str = "CUSTOMER_DISCONNECT", at_ms: int = AT_MS, contact: str = "c-1") -> dict[str, Any]:
    """The facts of a contact that has ended."""
    return {"legs": {contact: [at_ms, reason]}}


def delivered(state: str = "delivered", *, basis: str = "context", code: str = "") -> dict[str, Any]:
    """The facts of a delivery."""
    return {"delivery": [state, AT_MS, basis, code]}


def match_receipts(redis: Any, *, prefix: str = "oc", budget: str = "main") -> None:
    """Notes that a job was found for a receipt, as `record_contacts` does."""
    redis.hset(f"{prefix}:{{{budget}}}:contact_events", "matched:context", 1)
