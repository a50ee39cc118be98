"""`cancel` of many jobs: shows how far it has come, and sums up what became of them."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import typer

from outbound_chat.cli.errors import Exit
from outbound_chat.cli.output import end_with, print_json, talk
from outbound_chat.cli.progress import count_progress
from outbound_chat.model.errors import InvalidJob, OutboundChatError, UnknownBatch, UnknownJob, WrittenByNewerVersion
from outbound_chat.model.jobs import JobState
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
