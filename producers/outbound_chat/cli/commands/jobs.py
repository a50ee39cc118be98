"""Commands for single jobs: send, status, wait, cancel."""

from collections.abc import Sequence
from functools import partial
from json import JSONDecodeError
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from outbound_chat.cli.by_id import all_in, print_each, read_each
from outbound_chat.cli.cancelling import cancel_each, cancel_many, check_what
from outbound_chat.cli.endings import ends_of
from outbound_chat.cli.errors import Exit
from outbound_chat.cli.files.id_file import read_ids
from outbound_chat.cli.options import CallbackUrl, Durability, Ids, Json, Tenant, pairs
from outbound_chat.cli.output import end_with, number_of, print_json, talk
from outbound_chat.cli.show_holds import holds_of
from outbound_chat.cli.show_jobs import print_job
from outbound_chat.client import OutboundChat
from outbound_chat.client.steps.waits import Until
from outbound_chat.model.batches import Batch
from outbound_chat.model.contacts import ARRIVED
from outbound_chat.model.errors import FieldError
from outbound_chat.model.jobs import Job, JobState
from outbound_chat.model.operations import Hold
from outbound_chat.model.words import held_by
from outbound_chat.request import FieldCode, with_report
from outbound_chat.rows import TIMES, TooManyMembers, UnusableFile, parse_json
from outbound_chat.store.scripts import MOST_CANCELLED
from outbound_chat_config import Settings, load_settings

LARGEST_REQUEST = 1_000_000
"""Bytes; its attributes are at most 32,768, and its message 16,384."""

_WHAT = "wait for final (the result), ended (its chat) or delivered (what became of the message)"

WAITING = frozenset({JobState.SCHEDULED, JobState.QUEUED})


def _read_request(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_REQUEST + 1)
        request = parse_json(content.decode("utf-8-sig")) if len(content) <= LARGEST_REQUEST else None
    except OSError as error:
        fault = f"can't be read: {error.strerror}"
    except UnicodeDecodeError:
        fault = "is not UTF-8 text; save it as UTF-8"
    except JSONDecodeError as error:
        fault = f"is not JSON: {error}"
    except TooManyMembers as error:
        fault = str(error)
    except (ValueError, RecursionError):
        fault = "is not JSON that a request may be: no name twice, no NaN or Infinity, not nested too deep"
    else:
        if isinstance(request, dict):
            return request
        too_long = f"has more than {LARGEST_REQUEST:,} bytes; no request is that long"
        fault = too_long if len(content) > LARGEST_REQUEST else "must hold one JSON object"
    raise UnusableFile(f"{path} {fault}")


def send(
    *,
    to: Annotated[str | None, typer.Option(help="Phone number, such as +12025550123.", show_default=False)] = None,
    text: Annotated[str | None, typer.Option(help="Text of the message.", show_default=False)] = None,
    sender: Annotated[str | None, typer.Option(help="Sender, as named in the settings.", show_default=False)] = None,
    request: Annotated[
        Path | None,
        typer.Option(help="JSON file with a raw StartOutboundChatContact request, instead of --to and --text."),
    ] = None,
    attribute: Annotated[list[str] | None, typer.Option(help="Contact attribute; can be repeated.")] = None,
    display_name: Annotated[str | None, typer.Option(help="Display name of the customer.")] = None,
    send_at: Annotated[str | None, typer.Option(help="Earliest time to send, ISO 8601 with a zone.")] = None,
    expires_at: Annotated[str | None, typer.Option(help="Don't send after this time, ISO 8601 with a zone.")] = None,
    expires_in: Annotated[
        str | None, typer.Option(help="Don't send after this long, such as 90s, 10m or 3d; at most 365d.")
    ] = None,
    priority: Annotated[str, typer.Option(help="urgent, normal or bulk.")] = "normal",
    tenant: Tenant = None,
    idempotency_key: Annotated[str | None, typer.Option(help="The same key returns the same job.")] = None,
    callback_url: CallbackUrl = None,
    durability: Durability = None,
    wait: Annotated[float, typer.Option(help="Seconds to wait for the result; 0 does not wait.", min=0)] = 0.0,
    until: Annotated[Until, typer.Option(help=f"With --wait: {_WHAT}.")] = "final",
    as_json: Json = False,
) -> None:
    """Send one message.

    Stores it as a job, which workers send at the pace that AWS allows, and prints the job. --wait waits for the result.

    $ outbound-chat send --sender support --to +12025550123 --text "Hello"
    $ outbound-chat send --sender support --to +12025550123 --text Hi --wait 10
    $ outbound-chat send --request request.json
    """
    faults: list[FieldError] = []
    ours = {
        "send_at": TIMES["send_at"]("send_at", send_at),
        "expires_at": TIMES["expires_at"]("expires_at", expires_at),
        "expires_in": TIMES["expires_in"]("expires_in", expires_in),
        "priority": priority,
        "tenant": tenant,
        "idempotency_key": idempotency_key,
        "callback_url": callback_url,
        "durability": durability,
        "sender": sender,
    }
    raw = _read_request(request) if request else None
    short = {"to": to, "text": text, "display_name": display_name, "attributes": pairs(attribute or [], faults)}
    if raw is not None and any(value is not None for value in short.values()):
        message = "has the whole request; leave out the options for its parts"
        faults.append(FieldError("request", FieldCode.GIVEN_TWICE, message))
    with OutboundChat.from_settings(load_settings()) as chat:
        options: Any = with_report({**ours, **(raw if raw is not None else short)}, faults)
        job = chat.enqueue_request(**options) if raw is not None else chat.enqueue(**options)
        ends, errors = [job], list[BaseException]()
        if wait > 0:
            talk.print(f"job {job.id} is {job.state}, waiting …")
            ends, errors = ends_of(chat, ends, wait, until)
    # Also without its end: the id is all that a script has of the job.
    if as_json:
        print_json(ends[0], errors)
    else:
        print_job(ends[0])
    _end(ends, errors, until)


def status(ids: Ids, *, as_json: Json = False) -> None:
    """Show the state of jobs or batches.

    Unknown IDs are reported, and the others are still printed.

    $ outbound-chat status main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR
    $ outbound-chat status main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR-42 --json
    """
    settings = load_settings()
    with OutboundChat.from_settings(settings) as chat:
        found, unknown = read_each(chat, ids)
        waiting = [one for one in found if isinstance(one, Job) and one.state in WAITING]
        holds = chat.holds() if waiting and not as_json else []
    print_each(found, as_json, unknown)
    if not as_json:
        _hint(waiting, holds, settings)
    end_with(unknown)


def _hint(waiting: list[Job], holds: list[Hold], settings: Settings) -> None:
    """Prints who holds the first held job, or how to ask what the first job waits for."""
    for job in waiting:
        if found := holds_of(job, holds, settings):
            hold = found[0]
            talk.print(f"{hold.scope} {hold.name}: {held_by(hold)}; see outbound-chat why {job.id}", style="yellow")
            return
    if waiting and talk.is_terminal:
        talk.print(f"what it waits for: outbound-chat why {waiting[0].id}", style="dim")


def wait(
    ids: Ids,
    *,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for all of them together.", min=0)] = 600.0,
    until: Annotated[Until, typer.Option(help=f"Of jobs: {_WHAT}.")] = "final",
    as_json: Json = False,
) -> None:
    """Wait until jobs or batches are final.

    Prints them, and exits with 1 if any of them was not sent. Ctrl-C stops the wait, not the jobs. With --until, it
    also waits for what events report after that, and stops once nothing can come. It then exits with 0 only if every
    chat is known to have ended, or every message is delivered, read or answered.

    $ outbound-chat wait main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR --timeout 60
    $ outbound-chat wait main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR-42 --until ended
    """
    with OutboundChat.from_settings(load_settings()) as chat:
        found, unknown = read_each(chat, ids)
        if until != "final" and any(isinstance(one, Batch) for one in found):
            message = "batches can only be waited for until final; pass the ids of their jobs"
            raise typer.BadParameter(message, param_hint="--until")
        ends, errors = (found, [*unknown]) if unknown else ends_of(chat, found, timeout, until)
    print_each(ends, as_json, errors)
    _end(ends, errors, until)


def _end(ends: Sequence[Job | Batch], errors: Sequence[BaseException], until: Until) -> None:
    end_with(errors)
    has_come = until == "final" or all(isinstance(one, Job) and _has_come(one, until) for one in ends)
    if not has_come or any(one.final and not all_in(one, JobState.SENT) for one in ends):
        raise typer.Exit(Exit.NOT_ALL_SENT)


def _has_come(job: Job, until: Until) -> bool:
    if until == "delivered":
        return job.delivery.state in ARRIVED
    return job.contact is not None and not job.contact.open


def cancel(
    ids: Annotated[list[str] | None, typer.Argument(help="IDs of jobs or batches.", show_default=False)] = None,
    *,
    batch: Annotated[str | None, typer.Option(help="Cancel this batch, or part of it.")] = None,
    rows: Annotated[
        str | None, typer.Option(help="With --batch: only these rows, such as 15001-20000 or 7,9,15001-.")
    ] = None,
    state: Annotated[
        Literal["scheduled", "queued", "sending"] | None, typer.Option(help="With --batch: only jobs in this state.")
    ] = None,
    ids_from: Annotated[
        Path | None, typer.Option(help="File with IDs of jobs, one per line, or an export; - reads standard input.")
    ] = None,
    tenant: Annotated[str | None, typer.Option(help="Cancel all waiting jobs of this tenant instead.")] = None,
    sender: Annotated[str | None, typer.Option(help="Cancel all waiting jobs of this sender instead.")] = None,
    as_json: Json = False,
) -> None:
    """Cancel jobs that have not been sent yet.

    Takes IDs of jobs and batches, a part of a batch, or a whole tenant or sender. Exits with 1 if some had been sent
    already.

    $ outbound-chat cancel main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR
    $ outbound-chat cancel --batch main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR --rows 15001-
    $ outbound-chat cancel --tenant acme
    """
    named = {"IDS": ids, "--batch": batch, "--ids-from": ids_from, "--tenant": tenant, "--sender": sender}
    check_what(named, of_part={rows, state} != {None})
    listed = read_ids(ids_from) if ids_from else []
    with OutboundChat.from_settings(load_settings()) as chat:
        if name := tenant or sender:
            cancelled = chat.cancel_tenant(name) if tenant else chat.cancel_sender(name)
            if as_json:
                print_json({"tenant" if tenant else "sender": name, "cancelled": cancelled})
            else:
                # A first call cancels 200. Once there are more, workers cancel some of them too.
                least = "at least " if cancelled >= MOST_CANCELLED else ""
                talk.print(f"{least}{number_of(cancelled, 'job')} of {name} cancelled")
        elif ids_from:
            cancel_many(partial(chat.cancel_jobs, listed), as_json=as_json)
        elif batch and (rows is not None or state is not None):
            cancel_many(partial(chat.cancel_batch_jobs, batch, rows=rows, state=state), as_json=as_json)
        else:
            cancel_each(chat, [batch] if batch else ids or [], as_json=as_json)
