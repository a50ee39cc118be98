"""Replays many jobs one by one: one that can't be replayed does not stop the others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

from outbound_chat.cli.errors import Exit, exit_code, unknown_id
from outbound_chat.cli.output import talk
from outbound_chat.client import OutboundChat
from outbound_chat.model.errors import (
    DuplicateRisk,
    InvalidJob,
    MissingEncryptionKey,
    NotReplayable,
    OutboundChatError,
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
    errors: list[BaseException] = field(default_factory=list)
    """Why others were not replayed."""
    code: Exit = Exit.DONE
    """`DONE` if all were replayed."""

    def make(self, chat: OutboundChat, ids: Sequence[str]) -> None:
        """Replays the jobs, up to the end of Redis or Ctrl-C: what is replayed by then must be known, too."""
        columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=talk, transient=True, disable=len(ids) < MANY) as progress:
            try:
                for job_id in progress.track(ids):
                    self._make_one(chat, job_id)
            except (OutboundChatError, KeyboardInterrupt) as error:
                self.errors.append(error)
                self.code = exit_code(error)

    def _make_one(self, chat: OutboundChat, job_id: str) -> None:
        try:
            self.new.append(chat.replay(job_id, **self.options))
        except UnknownJob:
            self.errors.append(unknown_id(job_id))
            self.code = Exit.UNKNOWN_ID
        except _OF_ONE_JOB as error:
            if job_id not in str(error):
                error.add_note(f"  this was job {job_id}")
            vars(error)["id"] = job_id
            self.errors.append(error)
            self.code = self.code or Exit.NOT_ALL_SENT
