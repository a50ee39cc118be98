"""Replays many jobs one by one: one that can't be replayed does not stop the others."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from outbound_chat.cli.errors import Exit, exit_code, unknown_id
from outbound_chat.cli.output import number_of, print_error, talk, warn
from outbound_chat.cli.progress import count_progress
from outbound_chat.client import OutboundChat
from outbound_chat.client.steps.dead_letters import OF_ONE_JOB
from outbound_chat.model.errors import DuplicateRisk, OutboundChatError, UnknownJob
from outbound_chat.model.jobs import Job, JobState


@dataclass(slots=True)
class Matches:
    """The failed and uncertain jobs that match: their ids, and how many have which state and code."""

    ids: list[str] = field(default_factory=list)
    counts: Counter[tuple[JobState, str]] = field(default_factory=Counter)
    maybe_sent: int = 0
    """Those that may have been sent, without an answer."""

    @classmethod
    def of(cls, jobs: Iterable[Job]) -> "Matches":
        """Counts the jobs."""
        found = cls()
        for job in jobs:
            found.ids.append(job.id)
            found.counts[job.state, job.error.code if job.error else ""] += 1
            found.maybe_sent += job.maybe_sent
        return found

    def show(self, *, edited: bool) -> None:
        """Prints them, such as `76 failed jobs match: 74 refused, 2 throttled`, and what could be a duplicate."""
        if not self.ids:
            talk.print("no matching jobs")
        for state in sorted({state for state, _ in self.counts}):
            codes = [(code, number) for (one, code), number in self.counts.most_common() if one is state]
            jobs = number_of(sum(number for _, number in codes), f"{state} job")
            verb = "matches" if jobs.startswith("1 ") else "match"
            talk.print(f"{jobs} {verb}: {', '.join(f'{number:,} {code}'.strip() for code, number in codes)}")
        if self.maybe_sent:
            why = (
                "another text needs a new token, so they are replayed only with --force, which risks a second text"
                if edited
                else "they keep their token, so nobody gets a second text; 6.5 days after the call they need --force"
            )
            warn(f"{self.maybe_sent:,} may have been sent already; {why}")


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
        with count_progress("replay") as show:
            try:
                for place, job_id in enumerate(ids, start=1):
                    self._make_one(chat, job_id)
                    show(place, len(ids))
            except (OutboundChatError, KeyboardInterrupt) as error:
                self.errors.append(error)
                self.code = exit_code(error)

    def _make_one(self, chat: OutboundChat, job_id: str) -> None:
        try:
            self.new.append(chat.replay(job_id, **self.options))
        except UnknownJob:
            self.errors.append(unknown_id(job_id))
            self.code = Exit.UNKNOWN_ID
        except OF_ONE_JOB as error:
            if job_id not in str(error):
                error.add_note(f"  this was job {job_id}")
            vars(error)["id"] = job_id
            self.errors.append(error)
            self.code = self.code or Exit.NOT_ALL_SENT

    def sum_up(self, of: int) -> None:
        """Prints how many were replayed, and why others were not: a line for each reason."""
        done = number_of(len(self.new), "job") if len(self.new) == of else f"{len(self.new):,} of {of:,} jobs"
        talk.print(f"{done} replayed; follow: outbound-chat watch")
        by_code: dict[str, list[BaseException]] = defaultdict(list)
        for error in self.errors:
            by_code[getattr(error, "code", "")].append(error)
        for errors in by_code.values():
            print_error(errors[0])
            if len(errors) > 1:
                talk.print(f"  and {len(errors) - 1:,} more for the same reason; --json names all")
        if risky := len(by_code[DuplicateRisk.code]):
            talk.print(f"to replay {risky:,} that may be duplicates all the same, add --force")
