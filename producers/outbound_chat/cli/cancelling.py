"""What `cancel` does: one by one, or many jobs with how far it has come and a sum of what became of them."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import typer

from outbound_chat.cli.by_id import all_in, print_each, read_each
from outbound_chat.cli.errors import Exit
from outbound_chat.cli.output import end_with, print_json, talk
from outbound_chat.cli.progress import count_progress
from outbound_chat.client import OutboundChat
from outbound_chat.model.batches import Batch
from outbound_chat.model.errors import InvalidJob, OutboundChatError, UnknownBatch, UnknownJob, WrittenByNewerVersion
from outbound_chat.model.jobs import Job, JobState
from outbound_chat.model.operations import Cancellation

NAMED = 20
"""Unknown ids that are printed, a line each; JSON has all."""

_WORDS: Mapping[JobState, str] = {
    JobState.CANCELLED: "cancelled",
    JobState.SENT: "had been sent",
    JobState.FAILED: "had failed",
    JobState.EXPIRED: "had expired",
    JobState.UNCERTAIN: "may have been sent (uncertain)",
    JobState.SENDING: "being sent now (the answer to each call decides)",
}


def check_what(given: Mapping[str, object], *, of_part: bool) -> None:
    """Checks that the command names one thing to cancel. `of_part`: it names a part of a batch too.

    Raises:
        typer.BadParameter: it does not.
    """
    names = [name for name, value in given.items() if value]
    if len(names) != 1:
        message = f"name what to cancel by one of {', '.join(given)}"
        raise typer.BadParameter(message, param_hint=names[-1] if names else "IDS")
    if of_part and names != ["--batch"]:
        raise typer.BadParameter("--rows and --state name a part of a batch; add --batch", param_hint=names[0])


def cancel_each(chat: OutboundChat, ids: list[str], *, as_json: bool) -> None:
    """Cancels jobs and batches, prints each, and ends the command. Exits with 1 unless all are cancelled."""
    found, unknown = read_each(chat, ids)
    errors: list[BaseException] = [*unknown]
    ends: list[Job | Batch] = []
    try:
        # Also keeps those that were cancelled before an error.
        ends.extend(chat.cancel_batch(one.id) if isinstance(one, Batch) else chat.cancel(one.id) for one in found)
    except (OutboundChatError, KeyboardInterrupt) as error:
        errors.append(error)
    print_each(ends, as_json, errors)
    end_with(errors)
    if not all(all_in(one, JobState.CANCELLED) for one in ends):
        raise typer.Exit(Exit.NOT_ALL_SENT)


def cancel_many(call: Callable[..., Cancellation], *, as_json: bool) -> None:
    """Calls a method of the client that cancels many jobs, prints what became of them, and ends the command.

    After Ctrl-C, and if Redis is lost, it prints how far it came. Exits with 1 unless all are cancelled.
    """
    found: Cancellation | None = None
    errors: list[BaseException] = []
    unknown: list[str] = []
    newer: list[str] = []

    def note(latest: Cancellation) -> None:
        nonlocal found
        found = latest
        unknown.extend(latest.unknown)
        newer.extend(latest.newer)
        show(latest.looked, latest.total)

    with count_progress("cancel") as show:
        try:
            found = call(on_progress=note)
        except (InvalidJob, UnknownBatch):
            raise
        except (OutboundChatError, KeyboardInterrupt) as error:
            errors.append(error)
            found = found and replace(found, unknown=tuple(unknown), newer=tuple(newer))
    faults = [*map(UnknownJob, found.unknown), *map(WrittenByNewerVersion, found.newer)] if found else []
    if as_json:
        print_json(found, [*errors, *faults])
    if found:
        _print(found, broke_off=bool(errors))
    if len(faults) > NAMED:
        talk.print(f"{len(faults):,} ids belong to no job that can be cancelled; the first {NAMED}:")
    end_with([*errors, *faults[:NAMED]])
    if found and found.counts.keys() - {JobState.CANCELLED}:
        raise typer.Exit(Exit.NOT_ALL_SENT)


def _print(found: Cancellation, *, broke_off: bool) -> None:
    """Prints one line, such as `4,998 cancelled, 2 had been sent`."""
    words = ", ".join(f"{found.counts[state]:,} {word}" for state, word in _WORDS.items() if state in found.counts)
    if broke_off:
        place = f"interrupted after {found.looked:,} of {found.total:,}"
        talk.print(f"{place}: {words or 'none cancelled'}; run the same command again to finish")
    else:
        talk.print(words or "no matching jobs")
