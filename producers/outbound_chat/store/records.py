"""The record of a job, as the scripts keep it: see `lua/lib/fields.lua`, whose fields are the same."""

import json
from enum import IntEnum
from typing import Any

from outbound_chat.model.errors import WrittenByNewerVersion
from outbound_chat.model.jobs import Attempt, Job, JobState, Webhook, WebhookState
from outbound_chat.model.lanes import Lane
from outbound_chat.model.times import LAST_MS, from_ms

RECORD_VERSION = 1
OLDEST_VERSION = 1


class UnreadableRecord(ValueError):
    """What is stored as a record is not one: another program wrote it."""


class NewerRecord(UnreadableRecord):
    """A newer version wrote it; its own workers see to it."""


class Field(IntEnum):
    """Fields of the head, counted from 0 (Lua counts from 1)."""

    VERSION = 0
    STATE = 1
    LANE = 2
    CREATED = 3
    SEND_AT = 4
    DUE = 5
    EXPIRES = 6
    ATTEMPTS = 7
    CLAIM = 8
    MAYBE_SENT = 9
    CANCEL = 10
    PARTS = 11
    TOKEN = 12
    IDEM = 13
    CONTACT = 14
    FINISHED = 15
    HISTORY = 16
    ORDER = 17
    """Its number in the order of acceptance, beyond 1,000 times `CREATED`; 0 once it is final."""
    REPLAY_OF = 18
    """With the next three: only some records have it."""
    REPLAYED_BY = 19
    CALLBACK = 20
    """URL of its own for webhooks."""
    TOLD = 21
    """What became of the webhook of its end: `pending`, `delivered:<ms>` or `dead:<ms>:<code>`; empty: none."""


FIELDS_OF_ALL = Field.ORDER + 1
"""Fields that every record has."""
_TEXTS = (Field.STATE, Field.LANE, Field.CLAIM, Field.TOKEN, Field.IDEM, Field.CONTACT)
_NUMBERS = (
    *(Field.CREATED, Field.SEND_AT, Field.DUE, Field.EXPIRES, Field.ATTEMPTS),
    *(Field.MAYBE_SENT, Field.CANCEL, Field.PARTS, Field.FINISHED, Field.ORDER),
)
_NEW = [{**dict.fromkeys(_TEXTS, ""), Field.STATE: "queued"}.get(field, 0) for field in Field][:FIELDS_OF_ALL]
_ATTEMPT_TEXTS = 5
"""Texts of an entry of the history, behind its time."""


def new_head(*, lane: Lane, created: int, send_at: int, expires: int, parts: int, idem: str) -> list[Any]:
    """The head that `submit` gives to a new job. Times are in milliseconds; `send_at` 0: at once."""
    head: list[Any] = [*_NEW]
    head[Field.VERSION], head[Field.LANE], head[Field.IDEM] = RECORD_VERSION, str(lane), idem
    head[Field.CREATED], head[Field.SEND_AT], head[Field.DUE] = created, send_at, send_at
    head[Field.EXPIRES], head[Field.PARTS] = expires, parts
    return head


def read_head(raw: str) -> list[Any]:
    """The head from its JSON.

    Raises:
        NewerRecord: a newer version wrote it; the scripts leave such a record alone.
        UnreadableRecord: it is invalid; the scripts quarantine such a record.
    """
    try:
        head = json.loads(raw)
    except (ValueError, RecursionError):
        raise UnreadableRecord("the record's head is not JSON") from None
    if not isinstance(head, list) or not head:
        raise UnreadableRecord("the record's head is not a list")
    version = head[Field.VERSION]
    # A bool is an int to Python, and "true" no version.
    if type(version) is not int or version < OLDEST_VERSION:
        raise UnreadableRecord("the record's head is not of this version")
    if version > RECORD_VERSION:
        raise NewerRecord("a newer version wrote the record")
    if len(head) < FIELDS_OF_ALL or not _is_sound(head):
        raise UnreadableRecord("a field of the record's head holds what no job has")
    return head


def _is_sound(head: list[Any]) -> bool:
    return (
        all(isinstance(head[field], str) for field in _TEXTS)
        and all(_is_number(head[field]) for field in _NUMBERS)
        and all(isinstance(other, str) for other in head[Field.REPLAY_OF : Field.TOLD + 1])
        and _is_history(head[Field.HISTORY])
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= LAST_MS


def _is_history(history: object) -> bool:
    return history == 0 or (
        isinstance(history, list)
        and bool(history)
        and all(
            isinstance(entry, list)
            and len(entry) > _ATTEMPT_TEXTS
            and _is_number(entry[0])
            and all(isinstance(text, str) for text in entry[1 : _ATTEMPT_TEXTS + 1])
            for entry in history
        )
    )


def job_from_head(budget: str, local_id: str, raw: str, now_ms: int) -> Job:
    """What callers see of a record. `scheduled` is not stored: it is a queued job whose `send_at` lies ahead.

    Raises:
        UnreadableRecord: as `read_head`, or a field of it holds what no job has.
        WrittenByNewerVersion: a newer version wrote it.
    """
    try:
        head = read_head(raw)
        return job_of_head(budget, local_id, Lane.parse(head[Field.LANE]), head, now_ms)
    except NewerRecord as error:
        raise WrittenByNewerVersion(f"{budget}.{local_id}") from error
    except UnreadableRecord:
        raise
    except ValueError:
        raise UnreadableRecord("a field of the record's head holds what no job has") from None


def job_of_head(budget: str, local_id: str, lane: Lane, head: list[Any], now_ms: int) -> Job:
    """The same of a head that is known to be sound."""
    # The lane of a row is stored without its batch, which the id tells.
    batch = lane.batch or local_id.rpartition("-")[0]
    state = JobState(head[Field.STATE])
    send_at = head[Field.SEND_AT]
    waiting = state is JobState.QUEUED
    replay_of, replayed_by = (*head[Field.REPLAY_OF :], "", "")[:2]
    if waiting and send_at > now_ms:
        state = JobState.SCHEDULED
    return Job(
        id=f"{budget}.{local_id}",
        state=state,
        sender=lane.sender,
        tenant=lane.tenant or None,
        priority=lane.priority,
        batch_id=f"{budget}.{batch}" if batch else None,
        attempts=head[Field.ATTEMPTS],
        contact_id=head[Field.CONTACT] or None,
        created_at=from_ms(head[Field.CREATED]),
        send_at=from_ms(send_at) if send_at else None,
        expires_at=from_ms(head[Field.EXPIRES]),
        # One that may go at once is due whatever the clock says; that may have been ahead when it came.
        next_attempt_at=from_ms(head[Field.DUE] or min(head[Field.CREATED], now_ms)) if waiting else None,
        finished_at=from_ms(head[Field.FINISHED]) if head[Field.FINISHED] else None,
        cancel_requested=bool(head[Field.CANCEL]),
        maybe_sent=bool(head[Field.MAYBE_SENT]),
        replay_of=f"{budget}.{replay_of}" if replay_of else None,
        replayed_by=f"{budget}.{replayed_by}" if replayed_by else None,
        webhook=_webhook(head[Field.TOLD]) if len(head) > Field.TOLD else None,
        history=tuple(Attempt(from_ms(at), *rest[:_ATTEMPT_TEXTS]) for at, *rest in head[Field.HISTORY] or ()),
    )


def _webhook(told: str) -> Webhook | None:
    """None also where another program wrote something else: the job can be told all the same."""
    state, _, rest = told.partition(":")
    ms, _, code = rest.partition(":")
    if state == WebhookState.PENDING:
        return Webhook(state=WebhookState.PENDING, at=None, code="")
    if state not in {WebhookState.DELIVERED, WebhookState.DEAD} or not (ms.isascii() and ms.isdigit()):
        return None
    return Webhook(state=WebhookState(state), at=from_ms(int(ms)), code=code) if int(ms) <= LAST_MS else None
