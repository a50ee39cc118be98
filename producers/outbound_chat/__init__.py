"""Enqueue SMS and WhatsApp messages for Amazon Connect, and read the results.

    from outbound_chat import OutboundChat

    chat = OutboundChat.from_settings()
    job = chat.enqueue(sender="support", to="+12025550123", text="Your parcel arrives today")
    job = chat.wait(job.id)

Applications install this package. It stores jobs and reads results, without Celery and boto3; workers send the jobs.

Each name is loaded when it is first used: workers and their supervisor use parts of this package, but no client.
"""

import importlib

TYPE_CHECKING = False  # as that of `typing`, which the supervisor does not load
if TYPE_CHECKING:
    from outbound_chat.client import AsyncOutboundChat, FileKey, NumberSketch, OutboundChat
    from outbound_chat.model.actions import BulkAction
    from outbound_chat.model.batches import (
        Batch,
        BatchReceipt,
        BatchStart,
        EarlierBatch,
        ExpiringRow,
        FaultCount,
        Preflight,
        Preview,
        Rejection,
    )
    from outbound_chat.model.contacts import Basis, ContactFact, Delivery, DeliveryState
    from outbound_chat.model.errors import (
        BatchClosed,
        BatchKeyConflict,
        ClientClosed,
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
    from outbound_chat.model.history import History, HistoryPoint
    from outbound_chat.model.jobs import ACTIVE, FINAL, Attempt, Job, JobState, Priority, Webhook, WebhookState
    from outbound_chat.model.operations import (
        BatchPage,
        BudgetStatus,
        Cancellation,
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
        WorkerStatus,
    )
    from outbound_chat.model.why import WaitReason, Why
    from outbound_chat.request.options import (
        ApiOptions,
        BatchOptions,
        DeadFilter,
        HoldTarget,
        JobFilter,
        JobOptions,
        ReplayOptions,
    )

__all__ = [
    "ACTIVE",
    "FINAL",
    "ApiOptions",
    "AsyncOutboundChat",
    "Attempt",
    "Basis",
    "Batch",
    "BatchClosed",
    "BatchKeyConflict",
    "BatchOptions",
    "BatchPage",
    "BatchReceipt",
    "BatchStart",
    "BudgetStatus",
    "BulkAction",
    "Cancellation",
    "ClientClosed",
    "ContactFact",
    "DeadFilter",
    "DeadLetters",
    "DeadWebhook",
    "Delivery",
    "DeliveryState",
    "DuplicateRisk",
    "EarlierBatch",
    "Event",
    "EventKind",
    "Events",
    "ExpiringRow",
    "FaultCount",
    "FieldError",
    "FileKey",
    "History",
    "HistoryPoint",
    "Hold",
    "HoldTarget",
    "IdempotencyConflict",
    "InvalidJob",
    "InvalidNumbers",
    "InvalidWebhook",
    "Job",
    "JobFilter",
    "JobOptions",
    "JobPage",
    "JobState",
    "LaneStatus",
    "Lanes",
    "MissingEncryptionKey",
    "NotDurable",
    "NotReplayable",
    "NumberSketch",
    "OutboundChat",
    "OutboundChatError",
    "Preflight",
    "Preview",
    "Priority",
    "Rejection",
    "ReplayOptions",
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
    "WorkerStatus",
    "WrittenByNewerVersion",
]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


_HOMES = (
    *("model.errors", "model.jobs", "model.contacts", "model.batches", "model.operations", "model.why"),
    *("model.actions", "model.history", "request.options", "client"),
)
"""The modules of the names. The client, which loads all others, is last."""

if not TYPE_CHECKING:  # else a type checker would accept every name

    def __getattr__(name: str) -> object:
        for home in _HOMES:
            if name in __all__ and hasattr(module := importlib.import_module(f"{__name__}.{home}"), name):
                globals()[name] = getattr(module, name)
                return globals()[name]
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
