"""Lists of batches, page by page. Steps that a client runs, as those of `_verbs`."""

import re
from collections.abc import Collection
from dataclasses import dataclass

from outbound_chat.client.steps.base import Steps, ask
from outbound_chat.client.steps.jobs import Verbs
from outbound_chat.client.steps.progress import NO_WORKER, batch_from_book
from outbound_chat.model.errors import FieldError, InvalidJob
from outbound_chat.model.jobs import Batch
from outbound_chat.model.operations import BatchPage
from outbound_chat.request import FieldCode
from outbound_chat.store import scripts
from outbound_chat.store.scripts import ListedBatches, Part
from outbound_chat_config import DEFAULT_CHAT_DURATION

MOST_ASKED = 20
"""Calls for one page, where few of many batches are wanted; each looks at 200."""
_CURSOR = re.compile(r"(?P<part>open|ended)(?: (?P<score>[0-9]{1,15}) (?P<before>[A-Z0-9-]{1,40}))?")


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which batches are wanted; None: all."""

    budget: str | None
    sender: str | Collection[str] | None
    tenant: str | None
    open: bool


def batches(verbs: Verbs, chosen: Chosen, cursor: str | None, limit: int) -> Steps[BatchPage]:
    """A page of a budget's batches."""
    part, after = _begin(cursor, limit)
    keys = verbs.keys(verbs.budget(chosen.budget))
    found: list[Batch] = []
    for _ in range(MOST_ASKED):
        call = scripts.read_batches(
            keys,
            part=part,
            after=after,
            senders=(chosen.sender,) if isinstance(chosen.sender, str) else chosen.sender or (),
            tenant=chosen.tenant or "",
            count=limit - len(found),
        )
        listed = yield from ask(call)
        found += _as_batches(keys.budget, listed)
        after = listed.after
        if after is None:
            if part == "ended" or chosen.open:
                return BatchPage(batches=tuple(found), cursor=None)
            part = "ended"
        if len(found) >= limit:
            break
    return BatchPage(batches=tuple(found), cursor=" ".join([part, *(after or ())]))


def _begin(cursor: str | None, limit: int) -> tuple[Part, tuple[str, str] | None]:
    errors: list[FieldError] = []
    begun = _CURSOR.fullmatch(cursor or "open")
    if begun is None:
        errors.append(FieldError("cursor", FieldCode.NOT_ALLOWED, "must be the cursor of a page, as it was given"))
    if not 0 < limit <= scripts.MOST_BATCHES:
        errors.append(FieldError("limit", FieldCode.OUT_OF_RANGE, f"must be from 1 to {scripts.MOST_BATCHES}"))
    if errors or begun is None:
        raise InvalidJob(errors)
    after = (begun["score"], begun["before"]) if begun["score"] else None
    return ("open" if begun["part"] == "open" else "ended"), after


def _as_batches(budget: str, listed: ListedBatches) -> list[Batch]:
    found: list[Batch] = []
    for one in listed.batches:
        waits = int(one.book.fields["waiting"] or 0) > 0
        held_by = one.held_by or (NO_WORKER if waits and not listed.workers else "")
        # The duration of chats matters to predictions alone.
        found.append(batch_from_book(f"{budget}.{one.local_id}", one.book, DEFAULT_CHAT_DURATION, held_by))
    return found
