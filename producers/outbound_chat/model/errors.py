"""Every error that a caller of outbound-chat may get, and the shape of an invalid field.

None of them holds a phone number or a message text, so they may be logged as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from outbound_chat.model.why import Why
from outbound_chat_config import SettingsError

__all__ = [
    "BatchClosed",
    "BatchKeyConflict",
    "ClientClosed",
    "DuplicateRisk",
    "FieldError",
    "IdempotencyConflict",
    "InvalidJob",
    "InvalidNumbers",
    "InvalidWebhook",
    "MissingEncryptionKey",
    "NotDurable",
    "NotReplayable",
    "OutboundChatError",
    "SettingsError",
    "StoreError",
    "StoreUnavailable",
    "UnknownBatch",
    "UnknownJob",
    "WaitTimeout",
    "WrittenByNewerVersion",
]


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing that is wrong with a job."""

    field: str
    """Path of the field as the caller wrote it: `to`, or `DestinationEndpoint.Address` in a raw request."""
    code: str
    """Stable word for programs, such as `invalid_number`; the list is in `docs/errors.md`."""
    message: str
    """A sentence for people: what is wrong and what to do. It never has the invalid value."""

    def __str__(self) -> str:
        return f"{self.field}: {self.message} [{self.code}]"


class OutboundChatError(Exception):
    """Base of all errors of this package but `SettingsError`.

    `code` is a stable word for programs, the same over HTTP and in the JSON of the command line; see `docs/errors.md`.
    """

    code = "error"

    def __init_subclass__(cls, code: str | None = None) -> None:
        cls.code = code or cls.code

    def __reduce__(self) -> tuple[Any, ...]:
        # Exception's own would call the class with the text, which is not what these classes take.
        return _blank, (type(self),), {**vars(self), "args": self.args}


def _blank(kind: type[OutboundChatError]) -> OutboundChatError:
    return kind.__new__(kind)


class InvalidJob(OutboundChatError, ValueError, code="invalid_request"):
    """A job was refused before anything was stored. `errors` has everything that is wrong with it, at least one."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__("; ".join(map(str, errors)))
        self.errors = tuple(errors)


class InvalidNumbers(OutboundChatError, ValueError, code="invalid_request"):
    """Some of many phone numbers are invalid; the others were accepted. `errors` has the first 100, by position."""

    def __init__(self, errors: Sequence[FieldError], *, rejected: int) -> None:
        more = f"; and {rejected - len(errors):,} more" if rejected > len(errors) else ""
        super().__init__("; ".join(map(str, errors)) + more)
        self.errors = tuple(errors)
        self.rejected = rejected


class IdempotencyConflict(OutboundChatError, code="idempotency_conflict"):
    """The idempotency key was used for another job. `job_id` is that job; nothing was stored."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"the idempotency key belongs to job {job_id}, which asked for something else; use a new key")
        self.job_id = job_id


class BatchKeyConflict(OutboundChatError, code="idempotency_conflict"):
    """The batch key was used for a batch with another name or other options. `batch_id` is that batch."""

    def __init__(self, batch_id: str) -> None:
        super().__init__(f"the batch key belongs to batch {batch_id}, which has other options; use a new key")
        self.batch_id = batch_id


class UnknownJob(OutboundChatError, LookupError, code="unknown_job"):
    """No job has this id: it never existed, or its record has passed its lifetime."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"no job has the id {job_id!r}; results are kept for a while only (results.keep)")
        self.job_id = job_id


class WrittenByNewerVersion(OutboundChatError, code="written_by_newer_version"):
    """A newer version of outbound-chat wrote the job, and this one can't read it. Newer workers continue with it."""

    def __init__(self, job_id: str) -> None:
        super().__init__(
            f"job {job_id} was written by a newer version of outbound-chat; upgrade this program to read it"
        )
        self.job_id = job_id


class UnknownBatch(OutboundChatError, LookupError, code="unknown_batch"):
    """No batch has this id: it never existed, or its record has passed its lifetime."""

    def __init__(self, batch_id: str) -> None:
        super().__init__(f"no batch has the id {batch_id!r}; results are kept for a while only (results.keep)")
        self.batch_id = batch_id


class BatchClosed(OutboundChatError, code="batch_closed"):
    """Jobs can't be added to a closed batch, and a final one can't be held. Nothing of this call was stored."""

    def __init__(self, batch_id: str, reason: str = "is closed; open a new batch for more jobs") -> None:
        super().__init__(f"batch {batch_id} {reason}")
        self.batch_id = batch_id


class NotReplayable(OutboundChatError, code="not_replayable"):
    """The job can't be sent again: it did not fail, its request is gone, or it was replayed with other changes."""

    def __init__(self, job_id: str, reason: str) -> None:
        super().__init__(f"job {job_id} {reason}")
        self.job_id = job_id


class DuplicateRisk(OutboundChatError, code="duplicate_risk"):
    """A replay might text the customer twice: a call of the job may have led to a contact, and no token prevents it.

    Nothing was stored. `force=True` accepts it.
    """

    def __init__(self, job_id: str, since: datetime, *, edited: bool) -> None:
        why = "an edited replay needs a new token" if edited else "its token has expired"
        super().__init__(
            f"job {job_id} may have been sent on {since:%Y-%m-%d %H:%M} UTC, and {why}: the customer may be texted "
            "twice; check in Amazon Connect, then replay it with force"
        )
        self.job_id = job_id
        self.since = since


class InvalidWebhook(OutboundChatError, ValueError, code="invalid_webhook"):
    """The request is not a webhook of ours: signed with no known secret, changed on its way, or too old."""


class MissingEncryptionKey(OutboundChatError, code="missing_encryption_key"):
    """Something in Redis is encrypted, and the settings lack the key for it; the text says which. Nothing was done."""


class WaitTimeout(OutboundChatError, TimeoutError, code="wait_timeout"):
    """The job or batch did not become final in time. It continues by itself; wait again with the same id.

    The text says why. It was asked when the time was over, and is missing if Redis did not answer.
    """

    def __init__(self, id_: str, why: Why | None = None, explanation: str = "") -> None:
        """`explanation`: if it is another than that of `why`."""
        self.id = id_
        self.why = why
        """What the job waits for, as of `OutboundChat.why`; of a batch, what its next job waits for. None: it is not
        known, or no job of the batch waits."""
        self.explanation = explanation or (why.explanation if why else "")
        """The same in a sentence or two; of a batch also how many of its jobs wait. Empty: it is not known."""
        reason = f": {self.explanation} It continues;" if self.explanation else "; it continues,"
        super().__init__(f"{id_} is not final yet{reason} wait again with the same id")


class ClientClosed(OutboundChatError, RuntimeError, code="client_closed"):
    """A client was used after its `close`, or after its `with` block.

    Nothing was done, unless another thread or task closed it while the call ran: then a part may be stored.
    """

    def __init__(self) -> None:
        super().__init__("the client is closed; use it inside of its `with` block, or create another one")


class StoreError(OutboundChatError, code="store_refused"):
    """Redis refused a command; the text says which and why."""


class StoreUnavailable(StoreError, code="store_unavailable"):
    """Redis could not be reached or did not answer in time.

    What was being enqueued may or may not be stored: repeat it with the same idempotency key.
    """


class NotDurable(StoreError, code="not_durable"):
    """`durability="fsync"` was requested, and Redis did not confirm in time that what was enqueued is safe.

    It was accepted, and will be sent. Enqueuing it again with the same idempotency keys is safe: it gives the same jobs
    and waits again. `id` is that of the job or batch.
    """

    def __init__(self, id_: str, reason: str, *, missing: Sequence[str]) -> None:
        state = "was accepted" if "store" in missing else "is in the store and will be sent"
        again = "enqueue it again with the same idempotency key, which is safe; without a key it would be another job"
        super().__init__(f"{id_} {state}, but {reason}; {again}")
        self.id = id_
        self.missing = tuple(missing)
        """What was not reached: `disk`, `replicas`, or `store` when a restart or failover of Redis lost it."""
