"""Enqueue SMS and WhatsApp messages for Amazon Connect, and ask what became of them.

    from outbound_chat import OutboundChat

    chat = OutboundChat.from_settings()
    job = chat.enqueue(sender="support", to="+12025550123", text="Your parcel arrives today")
    job = chat.wait(job.id)

What a caller installs: it imports neither Celery nor boto3. Workers send; this package stores jobs and reads results.
"""

from outbound_chat.client import AsyncOutboundChat, FileKey, OutboundChat
from outbound_chat.errors import (
    BatchClosed,
    BatchKeyConflict,
    FieldError,
    IdempotencyConflict,
    InvalidJob,
    InvalidNumbers,
    MissingKey,
    NewerVersion,
    NotDurable,
    NotReplayable,
    OutboundChatError,
    SettingsError,
    StoreError,
    StoreUnavailable,
    UnknownBatch,
    UnknownJob,
    Unprotected,
    WaitTimeout,
)
from outbound_chat.jobs import (
    ACTIVE,
    FINAL,
    Attempt,
    Batch,
    BatchReceipt,
    BatchStart,
    ExpiringRow,
    Job,
    JobState,
    Preflight,
    Priority,
    Rejection,
)
from outbound_chat.reports import (
    BudgetStatus,
    DeadLetters,
    Event,
    EventKind,
    Events,
    Hold,
    JobPage,
    SuppressedNumber,
    SuppressedPage,
)
from outbound_chat.why import WaitReason, Why

__all__ = [
    "ACTIVE",
    "FINAL",
    "AsyncOutboundChat",
    "Attempt",
    "Batch",
    "BatchClosed",
    "BatchKeyConflict",
    "BatchReceipt",
    "BatchStart",
    "BudgetStatus",
    "DeadLetters",
    "Event",
    "EventKind",
    "Events",
    "ExpiringRow",
    "FieldError",
    "FileKey",
    "Hold",
    "IdempotencyConflict",
    "InvalidJob",
    "InvalidNumbers",
    "Job",
    "JobPage",
    "JobState",
    "MissingKey",
    "NewerVersion",
    "NotDurable",
    "NotReplayable",
    "OutboundChat",
    "OutboundChatError",
    "Preflight",
    "Priority",
    "Rejection",
    "SettingsError",
    "StoreError",
    "StoreUnavailable",
    "SuppressedNumber",
    "SuppressedPage",
    "UnknownBatch",
    "UnknownJob",
    "Unprotected",
    "WaitReason",
    "WaitTimeout",
    "Why",
]
