"""The record of a job as the scripts write it. `lua/lib/fields.lua` has the same fields."""

import json
from enum import IntEnum
from operator import itemgetter
from typing import Any

from outbound_chat.model.contacts import UNKNOWN
from outbound_chat.model.errors import WrittenByNewerVersion
from outbound_chat.model.jobs import Attempt, Job, JobState, Webhook, WebhookState
from outbound_chat.model.lanes import Lane
from outbound_chat.model.times import LAST_MS, from_ms
from outbound_chat.store.contact_facts import read_facts

RECORD_VERSION = 1
OLDEST_VERSION = 1


class UnreadableRecord(ValueError):
    """The record is invalid: another program wrote it."""


class NewerRecord(UnreadableRecord):
    """A newer version wrote the record; the workers of that version handle it."""


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
    """The job's number in the order of acceptance, less 1,000 times `CREATED`; 0 once the job is final."""
    REPLAY_OF = 18
    """This field and the next four are in some records only."""
    REPLAYED_BY = 19
    CALLBACK = 20
    """The job's own URL for webhooks."""
    WEBHOOK = 21
    """The state of the webhook about its end: `pending`, `delivered:<ms>` or `dead:<ms>:<code>`; empty: none."""
    FACTS = 22
    """What events said of its contacts and delivery; see `lua/lib/contact_facts.lua`."""


FIELDS_OF_ALL = Field.ORDER + 1
"""The number of fields that every record has."""
_TEXTS = (Field.STATE, Field.LANE, Field.CLAIM, Field.TOKEN, Field.IDEM, Field.CONTACT)
_NUMBERS = (
    *(Field.CREATED, Field.SEND_AT, Field.DUE, Field.EXPIRES, Field.ATTEMPTS),
    *(Field.MAYBE_SENT, Field.CANCEL, Field.PARTS, Field.FINISHED, Field.ORDER),
)
_texts_of, _numbers_of = itemgetter(*map(int, _TEXTS)), itemgetter(*map(int, _NUMBERS))
_ATTEMPT_TEXTS = 5
"""The number of texts in an entry of the history, after its time."""


def read_head(raw: str) -> list[Any]:
    """Reads the head from its JSON.

    Raises:
        NewerRecord: a newer version wrote it; the scripts do not touch such a record.
        UnreadableRecord: it is invalid; the scripts quarantine such a record.
    """
    try:
        head = json.loads(raw)
    except (ValueError, RecursionError):
        raise UnreadableRecord("the record's head is not JSON") from None
    if not isinstance(head, list) or not head:
        raise UnreadableRecord("the record's head is not a list")
    version = head[Field.VERSION]
    # A bool is an int in Python, but `true` is not a version.
    if type(version) is not int or version < OLDEST_VERSION:
        raise UnreadableRecord("the version in the record's head is invalid")
    if version > RECORD_VERSION:
        raise NewerRecord("a newer version wrote the record")
    if len(head) < FIELDS_OF_ALL or not _is_sound(head):
        raise UnreadableRecord("a field of the record's head is missing or invalid")
    return head


def _is_sound(head: list[Any]) -> bool:
    # By the set of their types, since a worker reads every record that it sends.
    numbers = _numbers_of(head)
    return (
        {*map(type, _texts_of(head))} == {str}
        and {*map(type, numbers)} <= {int, float}
        and all([0 <= number <= LAST_MS for number in numbers])  # noqa: C419  # a generator would cost a call for each
        and {*map(type, head[Field.REPLAY_OF : Field.WEBHOOK + 1])} <= {str}
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
    """Returns the job of a record. `scheduled` is not stored: it is a queued job whose `send_at` has not come.

    Raises:
        UnreadableRecord: the head, or the value of a field, is invalid.
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
        raise UnreadableRecord("a field of the record's head is invalid") from None


def readable_job(budget: str, local_id: str, raw: str, now_ms: int) -> Job | None:
    """As `job_from_head`; None: there is no record (`raw` is empty), or another program wrote it.

    One such record must not hide others.
    """
    try:
        return job_from_head(budget, local_id, raw, now_ms) if raw else None
    except UnreadableRecord:
        return None


def job_of_head(budget: str, local_id: str, lane: Lane, head: list[Any], now_ms: int) -> Job:
    """Returns the job of a head that is known to be valid."""
    # The lane of a row is stored without its batch, which the id contains.
    batch = lane.batch or local_id.rpartition("-")[0]
    state = JobState(head[Field.STATE])
    send_at = head[Field.SEND_AT]
    waiting = state is JobState.QUEUED
    replay_of, replayed_by, _, webhook, facts = (*head[Field.REPLAY_OF :], "", "", "", "", None)[:5]
    contact, delivery = read_facts(facts) if facts else (None, UNKNOWN)
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
        # A job without a `send_at` is due whatever the clock says, which may have been ahead when the job was accepted.
        next_attempt_at=from_ms(head[Field.DUE] or min(head[Field.CREATED], now_ms)) if waiting else None,
        finished_at=from_ms(head[Field.FINISHED]) if head[Field.FINISHED] else None,
        cancel_requested=bool(head[Field.CANCEL]),
        maybe_sent=bool(head[Field.MAYBE_SENT]),
        replay_of=f"{budget}.{replay_of}" if replay_of else None,
        replayed_by=f"{budget}.{replayed_by}" if replayed_by else None,
        webhook=_webhook(webhook) if webhook else None,
        contact=contact,
        delivery=delivery,
        history=tuple(Attempt(from_ms(at), *rest[:_ATTEMPT_TEXTS]) for at, *rest in head[Field.HISTORY] or ()),
    )


def _webhook(text: str) -> Webhook | None:
    """Reads the webhook's state; None also if another program wrote it: the job itself can still be read."""
    state, _, rest = text.partition(":")
    ms, _, code = rest.partition(":")
    if state == WebhookState.PENDING:
        return Webhook(state=WebhookState.PENDING, at=None, code="")
    if state not in {WebhookState.DELIVERED, WebhookState.DEAD} or not (ms.isascii() and ms.isdigit()):
        return None
    return Webhook(state=WebhookState(state), at=from_ms(int(ms)), code=code) if int(ms) <= LAST_MS else None
