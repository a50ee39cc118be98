"""Replays many jobs one by one: one that can't be replayed does not stop the others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

from outbound_chat.cli.output import Exit, print_error, print_unknown, talk
from outbound_chat.client import OutboundChat
from outbound_chat.model.errors import (
    DuplicateRisk,
    InvalidJob,
    MissingEncryptionKey,
    NotReplayable,
    UnknownJob,
    WrittenByNewerVersion,
)
from outbound_chat.model.jobs import Job
from outbound_chat_config import SettingsError

MANY = 20
"""From this number of jobs on a bar is shown: each takes a few milliseconds."""

_OF_ONE_JOB = (InvalidJob, MissingEncryptionKey, WrittenByNewerVersion, NotReplayable, SettingsError, DuplicateRisk)
"""Errors that concern one job only; `SettingsError` means that the settings lack its sender."""


@dataclass(slots=True)
class Replays:
    """The replays of some jobs, and what became of them."""

    options: Mapping[str, Any]
    """Options of each replay."""
    new: list[Job] = field(default_factory=list)
    code: Exit = Exit.DONE
    """`DONE` if all were replayed."""

    def make(self, chat: OutboundChat, ids: Sequence[str]) -> None:
        """Replays the jobs, and prints to standard error which could not be replayed, and why."""
        columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=talk, transient=True, disable=len(ids) < MANY) as progress:
            for job_id in progress.track(ids):
                self._make_one(chat, job_id)

    def _make_one(self, chat: OutboundChat, job_id: str) -> None:
        try:
            self.new.append(chat.replay(job_id, **self.options))
        except UnknownJob:
            print_unknown([job_id])
            self.code = Exit.UNKNOWN_ID
        except _OF_ONE_JOB as error:
            if job_id not in str(error):
                error.add_note(f"  this was job {job_id}")
            print_error(error)
            self.code = self.code or Exit.NOT_ALL_SENT
