"""Enqueue SMS and WhatsApp messages for Amazon Connect, and ask what became of them.

    from outbound_chat import OutboundChat

    chat = OutboundChat.from_settings()
    job = chat.enqueue(sender="support", to="+12025550123", text="Your parcel arrives today")
    job = chat.wait(job.id)

What a caller installs: it imports neither Celery nor boto3. Workers send; this package stores jobs and reads results.
"""

from outbound_chat.client import AsyncOutboundChat, OutboundChat
from outbound_chat.errors import (
    BatchClosed,
    FieldError,
    IdempotencyConflict,
    InvalidJob,
    InvalidNumbers,
    InvalidWebhook,
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
    ExpiringRow,
    Job,
    JobState,
    Preflight,
    Priority,
    Rejection,
    Webhook,
    WebhookState,
)
from outbound_chat.reports import (
    BudgetStatus,
    DeadLetters,
    DeadWebhook,
    Event,
    EventKind,
    Events,
    Hold,
    JobPage,
    SuppressedNumber,
    SuppressedPage,
    WebhookHost,
)
from outbound_chat.why import WaitReason, Why

__all__ = [
    "ACTIVE",
    "FINAL",
    "AsyncOutboundChat",
    "Attempt",
    "Batch",
    "BatchClosed",
    "BatchReceipt",
    "BudgetStatus",
    "DeadLetters",
    "DeadWebhook",
    "Event",
    "EventKind",
    "Events",
    "ExpiringRow",
    "FieldError",
    "Hold",
    "IdempotencyConflict",
    "InvalidJob",
    "InvalidNumbers",
    "InvalidWebhook",
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
    "Webhook",
    "WebhookHost",
    "WebhookState",
    "Why",
]
