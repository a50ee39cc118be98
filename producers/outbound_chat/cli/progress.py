"""What a command shows while it runs: a bar on standard error, with a line of words below it."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar

from rich.console import RenderableType
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from outbound_chat.cli.output import talk, when
from outbound_chat.cli.show_batches import deliveries_of, outlook_of
from outbound_chat.cli.waiting import AGAIN_SECONDS, SILENT_SECONDS
from outbound_chat.client import OutboundChat
from outbound_chat.model.batches import Batch, BatchReceipt, Preflight
from outbound_chat.model.contacts import DeliveryState
from outbound_chat.model.errors import WaitTimeout

T = TypeVar("T", BatchReceipt, Preflight)

LOOK_SECONDS = 0.25
RATE_AFTER_SECONDS = 1.0
"""Before that a rate would only show how the command started."""


class _Source(Protocol):
    """A file that is read."""

    size: int

    @property
    def position(self) -> int:
        """Bytes read so far."""


class _Counted(ProgressColumn):
    """How many of how many are done."""

    def render(self, task: Task) -> Text:
        """Returns `12,500/20,000`; `?` while nobody knows of how many."""
        return Text(f"{task.completed:,.0f}/{'?' if task.total is None else f'{task.total:,.0f}'}")


class _Bar(Progress):
    """A bar with a line of words below it: next to it they would leave it no room on a narrow terminal."""

    def __init__(self, verb: str, amount: ProgressColumn, *, transient: bool = False) -> None:
        columns = (TextColumn(f"{verb:<7}"), BarColumn(), amount, TimeElapsedColumn())
        # Into files and pipes a bar that disappears would leave an empty line.
        super().__init__(*columns, console=talk, transient=transient, disable=transient and not talk.is_terminal)

    def get_renderables(self) -> Iterable[RenderableType]:
        """Returns the bar and its words."""
        yield from super().get_renderables()
        for task in self.tasks:
            if words := task.fields["words"]:
                yield Text(words)


@contextmanager
def file_progress(
    verb: str, source: _Source, taken_are: str = "accepted", *, counts: bool = True, transient: bool = False
) -> Iterator[Callable[[int, int], None]]:
    """Shows a bar while a file is read, with rows a second and the expected end. `transient`: it disappears then.
    `counts`: whether to show how many rows are taken.

    Yields a function that moves it; it takes the numbers of rows accepted and rejected so far.
    """
    began = time.monotonic()
    with _Bar(verb, TextColumn("{task.percentage:>3.0f}%"), transient=transient) as progress:
        bar = progress.add_task("", total=source.size or 1, words="")

        def show(taken: int, rejected: int) -> None:
            passed = time.monotonic() - began
            words = f"{taken:,} {taken_are}  {rejected:,} rejected" if counts else ""
            if passed >= RATE_AFTER_SECONDS:
                words += f"  {(taken + rejected) / passed:,.0f} rows/s"
                left = passed * (source.size / max(1, source.position) - 1)
                words += f", ends {when(datetime.now(UTC) + timedelta(seconds=left), brief=True)}" if left else ""
            progress.update(bar, completed=source.position, words=words)

        yield show


def read_file(call: Callable[..., T], verb: str, rows: _Source, *, counts: bool = True, **options: Any) -> T:
    """Calls a method of the client that reads a file of jobs, shows a bar meanwhile, and returns its result."""
    with file_progress(verb, rows, counts=counts) as show:
        found = call(rows, on_progress=show, **options)
        show(found.accepted, found.rejected)
    return found


def spinner(words: str, *, transient: bool = True) -> Progress:
    """Returns a line that shows how far something has come whose end is not known."""
    columns = SpinnerColumn(), TextColumn(words), TimeElapsedColumn()
    return Progress(*columns, console=talk, transient=transient, disable=transient and not talk.is_terminal)


@contextmanager
def rows_progress(verb: str, total: int, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """Shows a bar over the rows of a batch, unless `quiet`. Yields a function that moves it; it takes the number of the
    last row and how many were written.
    """
    if quiet:
        yield lambda _row, _written: None
        return
    with _Bar(verb, TextColumn("{task.percentage:>3.0f}%")) as progress:
        bar = progress.add_task("", total=total or 1, words="")
        yield lambda row, written: progress.update(bar, completed=row, words=f"{written:,} written")
        # The last rows may have another state than was asked for.
        progress.update(bar, completed=total or 1)


@contextmanager
def count_progress(verb: str) -> Iterator[Callable[[int, int | None], None]]:
    """Shows a bar on a terminal while many are handled one by one, and removes it at the end. Yields a function that
    moves it; it takes how many are done, and of how many, if that is known.
    """
    columns = (TextColumn(f"{verb:<7}"), BarColumn(), _Counted(), TimeElapsedColumn())
    with Progress(*columns, console=talk, transient=True, disable=not talk.is_terminal) as progress:
        bar = progress.add_task("", total=None)
        yield lambda done, total: progress.update(bar, completed=done, total=total)


def follow_batch(chat: OutboundChat, batch_id: str, timeout: float) -> Batch:
    """Shows a batch until it is final; while its counts stand still, also what its next job waits for.

    Raises:
        WaitTimeout: it was not final after `timeout` seconds.
    """
    now = time.monotonic
    deadline, batch = now() + timeout, chat.batch(batch_id)
    reason, asks_at = "", now() + SILENT_SECONDS
    with _Bar("send", _Counted()) as progress:
        bar = progress.add_task("", total=batch.accepted, words="")
        while not batch.final and (left := deadline - now()) > 0:
            progress.update(bar, completed=batch.accepted - batch.remaining, words=_words(batch, reason))
            time.sleep(min(LOOK_SECONDS, left))
            before, batch = batch, chat.batch(batch_id)
            if batch.counts != before.counts:
                reason, asks_at = "", now() + SILENT_SECONDS
            elif talk.is_terminal and now() >= asks_at:
                asks_at = now() + AGAIN_SECONDS
                try:
                    batch = chat.wait_batch(batch_id, 0.0)
                except WaitTimeout as error:
                    reason = error.explanation
        progress.update(bar, completed=batch.accepted - batch.remaining, words=_words(batch))
        return batch if batch.final else chat.wait_batch(batch_id, 0.0)


def _words(batch: Batch, reason: str = "") -> str:
    counts = "  ".join(f"{number:,} {state}" for state, number in batch.counts.items() if number)
    if any(number for state, number in batch.deliveries.items() if state is not DeliveryState.UNKNOWN):
        counts += f" ({deliveries_of(batch)})"
    return "\n".join(words for words in (f"{counts}  {outlook_of(batch, brief=True)}".rstrip(), reason) if words)
