"""All errors that outbound-chat raises, and the description of an invalid field.

They never contain a phone number or a message text, so they can be logged.
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
    """An invalid field."""

    field: str
    """Path of the field as the caller wrote it: `to`, or `DestinationEndpoint.Address` in a raw request."""
    code: str
    """Stable code for programs, such as `invalid_number`; `docs/errors.md` lists all of them."""
    message: str
    """A sentence for people: what is wrong and what to do. It never contains the invalid value."""

    def __str__(self) -> str:
        return f"{self.field}: {self.message} [{self.code}]"


class OutboundChatError(Exception):
    """Base class of all errors of this package except `SettingsError`.

    `code` is a stable code for programs, the same over HTTP and in the JSON of the command line; see `docs/errors.md`.
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
    """A job was refused. Nothing was stored. `errors` lists everything that is wrong with it."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__("; ".join(map(str, errors)))
        self.errors = tuple(errors)


class InvalidNumbers(OutboundChatError, ValueError, code="invalid_request"):
    """Some phone numbers are invalid; the others were accepted. `errors` lists the first 100, by position."""

    def __init__(self, errors: Sequence[FieldError], *, rejected: int) -> None:
        more = f"; and {rejected - len(errors):,} more" if rejected > len(errors) else ""
        super().__init__("; ".join(map(str, errors)) + more)
        self.errors = tuple(errors)
        self.rejected = rejected


class IdempotencyConflict(OutboundChatError, code="idempotency_conflict"):
    """The idempotency key belongs to a job with other content, `job_id`. Nothing was stored."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"the idempotency key belongs to job {job_id}, which has other content; use a new key")
        self.job_id = job_id


class BatchKeyConflict(OutboundChatError, code="idempotency_conflict"):
    """The batch key belongs to a batch with another name or other options, `batch_id`. Nothing was stored."""

    def __init__(self, batch_id: str) -> None:
        super().__init__(f"the batch key belongs to batch {batch_id}, which has other options; use a new key")
        self.batch_id = batch_id


class UnknownJob(OutboundChatError, LookupError, code="unknown_job"):
    """No job has this id: it never existed, or its record is no longer kept."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"no job has the id {job_id!r}; results are only kept for a while (results.keep)")
        self.job_id = job_id


class WrittenByNewerVersion(OutboundChatError, code="written_by_newer_version"):
    """A newer version of outbound-chat wrote the job, and this version can't read it. Newer workers will send it."""

    def __init__(self, job_id: str) -> None:
        super().__init__(
            f"job {job_id} was written by a newer version of outbound-chat; upgrade this program to read it"
        )
        self.job_id = job_id


class UnknownBatch(OutboundChatError, LookupError, code="unknown_batch"):
    """No batch has this id: it never existed, or its record is no longer kept."""

    def __init__(self, batch_id: str) -> None:
        super().__init__(f"no batch has the id {batch_id!r}; results are only kept for a while (results.keep)")
        self.batch_id = batch_id


class BatchClosed(OutboundChatError, code="batch_closed"):
    """Jobs can't be added to a closed batch, and a final batch can't be held. Nothing of this call was stored."""

    def __init__(self, batch_id: str, reason: str = "is closed; open a new batch for more jobs") -> None:
        super().__init__(f"batch {batch_id} {reason}")
        self.batch_id = batch_id


class NotReplayable(OutboundChatError, code="not_replayable"):
    """The job can't be replayed: it did not fail, its request is not kept, or it was replayed with other changes."""

    def __init__(self, job_id: str, reason: str) -> None:
        super().__init__(f"job {job_id} {reason}")
        self.job_id = job_id


class DuplicateRisk(OutboundChatError, code="duplicate_risk"):
    """A replay might text the customer twice: a call may have created a contact, and no token prevents another.

    Nothing was stored. `force=True` accepts the risk.
    """

    def __init__(self, job_id: str, since: datetime, *, edited: bool) -> None:
        why = "an edited replay needs a new token" if edited else "its token has expired"
        super().__init__(
            f"job {job_id} may have been sent on {since:%Y-%m-%d %H:%M} UTC, and {why}, so the customer may be "
            "texted twice; check Amazon Connect, then replay it with force"
        )
        self.job_id = job_id
        self.since = since


class InvalidWebhook(OutboundChatError, ValueError, code="invalid_webhook"):
    """The webhook is not valid: not signed with a known secret, changed on its way, or too old."""


class MissingEncryptionKey(OutboundChatError, code="missing_encryption_key"):
    """Something in Redis is encrypted with a key that is not in the settings. The message names the key."""


_NOT_YET = {
    "final": "{} is not final yet",
    "ended": "the contact of {} has not ended yet",
    "delivered": "it is not known yet what became of the message of {}",
}


class WaitTimeout(OutboundChatError, TimeoutError, code="wait_timeout"):
    """The job or batch was not final in time. It continues; wait again with the same id.

    The message explains what it waits for, unless Redis did not answer.
    """

    def __init__(self, id_: str, why: Why | None = None, explanation: str = "", until: str = "final") -> None:
        """`explanation`: overrides that of `why`. `until`: what was waited for."""
        self.id = id_
        self.until = until
        self.why = why
        """Why the job waits, as from `OutboundChat.why`; for a batch, why its next job waits. None: it is unknown, or
        no job of the batch waits."""
        self.explanation = explanation or (why.explanation if why else "")
        """The same in a sentence or two; for a batch also how many jobs wait. Empty: it is unknown."""
        reason = f": {self.explanation} It continues;" if self.explanation else "; it continues,"
        super().__init__(f"{_NOT_YET[until].format(id_)}{reason} wait again with the same id")


class ClientClosed(OutboundChatError, RuntimeError, code="client_closed"):
    """A client was used after its `close`, or after its `with` block.

    Nothing was done, unless another thread or task closed the client during the call: then a part may be stored.
    """

    def __init__(self) -> None:
        super().__init__("the client is closed; use it inside its `with` block or create another one")


class StoreError(OutboundChatError, code="store_refused"):
    """Redis refused a command. The message says which and why."""


class StoreUnavailable(StoreError, code="store_unavailable"):
    """Redis could not be reached or did not answer in time.

    Jobs that were being enqueued may or may not be stored: repeat the call with the same idempotency key.
    """


class NotDurable(StoreError, code="not_durable"):
    """Redis did not confirm in time that a job or batch with `durability="fsync"` is safe.

    It was accepted and will be sent. It is safe to repeat the call with the same idempotency keys: it returns the same
    jobs and waits again. `id` is that of the job or batch.
    """

    def __init__(self, id_: str, reason: str, *, missing: Sequence[str]) -> None:
        state = "was accepted" if "store" in missing else "is in the store and will be sent"
        again = "repeat the call with the same idempotency key; without a key, that would enqueue another job"
        super().__init__(f"{id_} {state}, but {reason}; {again}")
        self.id = id_
        self.missing = tuple(missing)
        """What is not confirmed: `disk`, `replicas`, or `store` if a restart or failover of Redis lost it."""
