"""A dry run of a batch: every row is checked as in `enqueue_batch`, and nothing is stored.

After the last row, it predicts when each row would be sent. For each row, only its number and times are kept, 24 bytes
in a temporary file, and rows are counted by the time they are due; so memory does not grow with the number of rows.
"""

import struct
from bisect import insort
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from math import ceil, inf
from tempfile import TemporaryFile
from typing import Any

from outbound_chat.client.steps.base import Steps, ask
from outbound_chat.client.steps.batch_rows import BatchRows
from outbound_chat.client.steps.context import Context
from outbound_chat.client.steps.new_job import max_age_ms
from outbound_chat.client.steps.rejections import FaultCounter, OnProgress, OnRejected, Rejections
from outbound_chat.client.steps.validation import Errors, check_durability
from outbound_chat.forecast import Chats, LaneDemand, Pace, forecast, rate_now
from outbound_chat.model.batches import ExpiringRow, Preflight, Preview
from outbound_chat.model.errors import InvalidJob
from outbound_chat.model.times import from_ms
from outbound_chat.request import ChatRequest
from outbound_chat.store import scripts
from outbound_chat.store.scripts import PaceNow
from outbound_chat_config import chat_duration

NAMED = 10
"""How many of the rows that would expire are listed."""
MOST_TIMES = 2_048
"""Different times that are counted separately. If there are more, times that are close together are merged."""
PROGRESS_ROWS = 500
FARTHEST_MS = 100 * 365 * 86_400_000

PREVIEWS = 3
_OF_ROW = frozenset({"DestinationEndpoint", "ClientToken", "InstanceId", "SourceEndpoint"})
"""Members of a call that a preview leaves out: the recipient's, and those of the sender."""

_ROW = struct.Struct("<qqq")
_AT_A_TIME = 4_096


class _Schedule:
    """How many rows are due when, in milliseconds since 1970; 0: at once."""

    def __init__(self) -> None:
        self._width_ms = 1_000
        self._rows: dict[int, int] = {}

    def slot(self, due_ms: int) -> int:
        return due_ms // self._width_ms

    def add(self, due_ms: int) -> None:
        slot = self.slot(due_ms)
        self._rows[slot] = self._rows.get(slot, 0) + 1
        while len(self._rows) > MOST_TIMES:
            self._width_ms *= 2
            rows, self._rows = self._rows, {}
            for slot, number in rows.items():
                self._rows[slot // 2] = self._rows.get(slot // 2, 0) + number

    def due(self, now_ms: int) -> Iterator[tuple[float, float]]:
        """Seconds from now until rows are due, and how many."""
        middle = (self._width_ms - 1_000) / 2
        for slot, rows in self._rows.items():
            yield max(0.0, (slot * self._width_ms + middle - now_ms) / 1_000), rows

    def before(self) -> dict[int, int]:
        """How many rows are due before those of a slot."""
        counted, found = 0, {}
        for slot in sorted(self._rows):
            found[slot] = counted
            counted += self._rows[slot]
        return found


class BatchPreflight:
    """Takes rows, then makes a `Preflight` of them. A client runs `ask`, and calls `close` at the end."""

    def __init__(
        self,
        context: Context,
        options: Mapping[str, Any],
        on_rejected: OnRejected | None,
        on_progress: OnProgress | None,
    ) -> None:
        """`options`: as in `BatchWriter`.

        Raises:
            InvalidJob: an option is invalid.
        """
        errors: Errors = []
        check_durability(options.get("durability"), errors)
        self._of_batch = BatchRows(context, options, "", errors)
        self._rejections = Rejections(on_rejected)
        self._faults = FaultCounter()
        self._previews: list[Preview] = []
        self._budget = context.settings.budgets[self._of_batch.sender.budget]
        self._keys = context.keys(self._of_batch.sender.budget)
        self._on_progress = on_progress
        self._options = options
        self._schedule = _Schedule()
        self._spool = TemporaryFile()  # noqa: SIM115  # closed with this object
        self._rows = self._accepted = self._parts = 0
        self._minutes = 0.0

    def add(self, row: object) -> None:
        """Checks one row."""
        self._rows += 1
        try:
            job = self._of_batch.job(self._rows, row)
        except InvalidJob as error:
            self._rejections.add(self._rows, error.errors)
            self._faults.add(self._rows, error.errors)
        else:
            self._accepted += 1
            self._show(job.parts)
            self._parts += job.parts
            self._minutes += self._chat_minutes(row)
            self._schedule.add(job.send_at_ms)
            self._spool.write(_ROW.pack(self._rows, job.send_at_ms, job.expires_ms))
        if self._on_progress and self._rows % PROGRESS_ROWS == 0:
            self._on_progress(self._accepted, self._rejections.count)

    def _show(self, parts: int) -> None:
        """Keeps the last row as a preview if it is one of the first, or has more parts than any before."""
        whole, shown = self._of_batch.whole, self._previews
        if len(shown) < PREVIEWS - 1 and all(one.text != whole.text for one in shown):
            shown.append(self._preview(whole, parts))
        elif parts > max(one.parts for one in shown):
            shown[PREVIEWS - 1 :] = [self._preview(whole, parts)]

    def _preview(self, whole: ChatRequest, parts: int) -> Preview:
        call = whole.api(self._of_batch.sender, "")
        return Preview(self._rows, whole.text, parts, {name: call[name] for name in call if name not in _OF_ROW})

    def _chat_minutes(self, row: object) -> float:
        own = row.get("chat_duration_in_minutes") if isinstance(row, Mapping) else None
        given = own or self._options.get("chat_duration_in_minutes")
        return float(given) if given else chat_duration(self._of_batch.sender) / timedelta(minutes=1)

    def ask(self) -> Steps[PaceNow]:
        """Reads the pace of the budget for a batch that begins now."""
        return (yield from ask(scripts.read_pace(self._keys, self._of_batch.lane)))

    def result(self, now_ms: int, found: Pace | None) -> Preflight:
        """Returns what would happen to the rows. `found`: None to assume an idle budget."""
        pace = replace(found or self._idle_pace(), own=self._own_lane())
        chat_seconds = self._minutes * 60 / self._accepted if self._accepted else 0.0
        turns, rate = forecast(pace, self._schedule.due(now_ms), chat_seconds=chat_seconds), rate_now(pace)

        def time_of(turn: int) -> float:
            return now_ms + min(turns.time_of(turn) * 1_000, FARTHEST_MS)

        expiring, first = 0, list[tuple[float, int, float]]()
        for row in self._expiring(now_ms, time_of):
            expiring += 1
            insort(first, row)
            del first[NAMED:]
        return Preflight(
            accepted=self._accepted,
            rejected=self._rejections.count,
            rejections=tuple(self._rejections.kept),
            faults=self._faults.faults,
            previews=tuple(self._previews),
            parts=self._parts,
            rate=rate,
            starts_at=from_ms(time_of(1)) if self._accepted else None,
            ends_at=from_ms(time_of(self._accepted)) if self._accepted else None,
            expiring=expiring,
            first_expiring=tuple(ExpiringRow(row, from_ms(expires), from_ms(turn)) for expires, row, turn in first),
            assumed_idle=found is None,
            workers=pace.workers,
            held_by=pace.held_by,
            chats_lasted_seconds=pace.chats.lasted if pace.chats else None,
            open_chats=min(self._accepted, ceil(round(rate * turns.chat_seconds, 3))) if self._accepted else None,
            max_open_chats=self._of_batch.sender.max_open_chats,
        )

    def _expiring(self, now_ms: int, time_of: Any) -> Iterator[tuple[float, int, float]]:
        """Yields the rows that expire before they are sent: when they expire, their number, and when their turn is."""
        turns, life_ms = self._schedule.before(), max_age_ms(self._of_batch.sender)
        self._spool.seek(0)
        while rows := self._spool.read(_AT_A_TIME * _ROW.size):
            for row, send_at_ms, expires_ms in _ROW.iter_unpack(rows):
                slot = self._schedule.slot(send_at_ms)
                turns[slot] += 1
                # Inside a slot that is wider than a second, a row does not go before it is due.
                turn_ms = max(time_of(turns[slot]), send_at_ms)
                expires_at_ms = expires_ms or max(send_at_ms, now_ms) + life_ms
                if turn_ms > expires_at_ms:
                    yield expires_at_ms, row, turn_ms

    def _own_lane(self) -> LaneDemand:
        sender, tenant = self._of_batch.sender, self._of_batch.tenant or ""
        parts = self._parts / self._accepted if self._accepted else 1.0
        return LaneDemand(
            priority=self._of_batch.priority,
            tenant=tenant,
            tenant_weight=self._budget.weights.get(tenant, 1.0),
            weight=self._options.get("weight") or 1.0,
            number=sender.number if sender.number_rate else "",
            number_rate=sender.number_rate / parts if sender.number_rate else inf,
        )

    def _idle_pace(self) -> Pace:
        chats = self._of_batch.sender.max_open_chats
        return Pace(
            rate=self._budget.own_rate,
            tokens=self._budget.own_burst,
            burst=self._budget.own_burst,
            own=self._own_lane(),
            chats=Chats(most=chats) if chats else None,
        )

    def close(self) -> None:
        """Removes the temporary file."""
        self._spool.close()
