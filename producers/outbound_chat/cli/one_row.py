"""`send-batch --test-to`: sends one row of a file to a number of your own, and nothing else."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

import typer

from outbound_chat.cli.before_sending import Campaign
from outbound_chat.cli.endings import ends_of
from outbound_chat.cli.errors import Exit, at_place
from outbound_chat.cli.output import end_with, print_json, talk
from outbound_chat.cli.show_jobs import print_jobs
from outbound_chat.model.batches import Preview, Rejection
from outbound_chat.model.errors import InvalidJob
from outbound_chat.model.jobs import Job, JobState
from outbound_chat.rows import UnusableFile

LONGEST_WAIT = 600.0
"""Seconds, as of `wait`."""


def send_row(campaign: Campaign, to: str, row: int | None, timeout: float, *, as_json: bool) -> None:
    """Sends row `row`, or the first that is valid, as an urgent job to the number `to`; waits for its end."""
    preview, line = _rendered(campaign, row)
    job = _enqueue(campaign, preview, to)
    talk.print(f"line {line:,} is sent to your number as job {job.id}; no other row is sent")
    ends, errors = ends_of(campaign.chat, [job], min(timeout, LONGEST_WAIT))
    if as_json:
        print_json({"test": {"line": line, "job": ends[0]}}, errors)
    else:
        print_jobs(ends)
    end_with(errors)
    if ends[0].state is not JobState.SENT:
        raise typer.Exit(Exit.NOT_ALL_SENT)


def _rendered(campaign: Campaign, row: int | None) -> tuple[Preview, int]:
    rows, rejected = campaign.rows, list[Rejection]()

    def until_valid() -> Iterator[Any]:
        for one in islice(rows, (row or 1) - 1, row):
            rejected.clear()
            yield one
            if not rejected:
                return

    flight = campaign.chat.preflight_batch(until_valid(), on_rejected=rejected.append, **campaign.shared)
    line = next((one.line for one in reversed(rows.recent.values())), 0)
    if flight.previews:
        return flight.previews[0], line
    if rejected:
        raise at_place(f"line {line}", rejected[0].errors)
    raise UnusableFile(f"{rows.path} has no row {row}" if row else f"{rows.path} has no rows")


def _enqueue(campaign: Campaign, preview: Preview, to: str) -> Job:
    own: Any = {name: campaign.shared.get(name) for name in ("sender", "tenant", "durability")} | {"priority": "urgent"}
    try:
        number = campaign.rows.form.number(to)
        if isinstance(number, InvalidJob):
            raise number
        recipient = {"Type": "TELEPHONE_NUMBER", "Address": number}
        return campaign.chat.enqueue_request(DestinationEndpoint=recipient, **own, **preview.request)
    except InvalidJob as error:
        raise InvalidJob([replace(one, field="--test-to") for one in error.errors]) from error
