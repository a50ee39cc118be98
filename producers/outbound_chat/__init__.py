"""Enqueue SMS and WhatsApp messages for Amazon Connect, and read what became of them.

    from outbound_chat import OutboundChat

    chat = OutboundChat.from_settings()
    job = chat.enqueue(sender="support", to="+12025550123", text="Your parcel arrives today")
    job = chat.wait(job.id)

Callers install this package: it stores jobs and reads results, without Celery and boto3. Workers send.
"""

from outbound_chat.client import AsyncOutboundChat, FileKey, OutboundChat
from outbound_chat.model.batches import Batch, BatchReceipt, BatchStart, ExpiringRow, Preflight, Rejection
from outbound_chat.model.errors import (
    BatchClosed,
    BatchKeyConflict,
    DuplicateRisk,
    FieldError,
    IdempotencyConflict,
    InvalidJob,
    InvalidNumbers,
    InvalidWebhook,
    MissingEncryptionKey,
    NotDurable,
    NotReplayable,
    OutboundChatError,
    SettingsError,
    StoreError,
    StoreUnavailable,
    UnknownBatch,
    UnknownJob,
    WaitTimeout,
    WrittenByNewerVersion,
)
from outbound_chat.model.jobs import ACTIVE, FINAL, Attempt, Job, JobState, Priority, Webhook, WebhookState
from outbound_chat.model.operations import (
    BatchPage,
    BudgetStatus,
    DeadLetters,
    DeadWebhook,
    Event,
    EventKind,
    Events,
    Hold,
    JobPage,
    Lanes,
    LaneStatus,
    SuppressedNumber,
    SuppressedPage,
    WebhookHost,
)
from outbound_chat.model.why import WaitReason, Why

__all__ = [
    "ACTIVE",
    "FINAL",
    "AsyncOutboundChat",
    "Attempt",
    "Batch",
    "BatchClosed",
    "BatchKeyConflict",
    "BatchPage",
    "BatchReceipt",
    "BatchStart",
    "BudgetStatus",
    "DeadLetters",
    "DeadWebhook",
    "DuplicateRisk",
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
    "InvalidWebhook",
    "Job",
    "JobPage",
    "JobState",
    "LaneStatus",
    "Lanes",
    "MissingEncryptionKey",
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
    "WaitReason",
    "WaitTimeout",
    "Webhook",
    "WebhookHost",
    "WebhookState",
    "Why",
    "WrittenByNewerVersion",
]
