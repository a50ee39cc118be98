"""Commands for single jobs: send, status, wait, cancel."""

import time
from json import JSONDecodeError
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from outbound_chat.cli.options import CallbackUrl, Durability, Ids, Json, Tenant, pairs
from outbound_chat.cli.output import Exit, number_of, print_batch, print_jobs, print_json, print_unknown, talk
from outbound_chat.cli.progress import follow_batch
from outbound_chat.cli.show_holds import held_by, holds_of
from outbound_chat.client import OutboundChat
from outbound_chat.model.batches import Batch
from outbound_chat.model.errors import FieldError, UnknownBatch, WaitTimeout
from outbound_chat.model.jobs import Job, JobState
from outbound_chat.model.operations import Hold
from outbound_chat.request import FieldCode, with_report
from outbound_chat.rows import TooManyMembers, parse_json, parse_time
from outbound_chat_config import Settings, load_settings

LARGEST_REQUEST = 1_000_000
"""Bytes; its attributes are at most 32,768, and its message 16,384."""

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
    raise typer.BadParameter(f"{path} {fault}", param_hint="--request")


def send(
    *,
    to: Annotated[str | None, typer.Option(help="Phone number, such as +12025550123.", show_default=False)] = None,
    text: Annotated[str | None, typer.Option(help="The message.", show_default=False)] = None,
    sender: Annotated[str | None, typer.Option(help="Sender in the settings.", show_default=False)] = None,
    request: Annotated[
        Path | None,
        typer.Option(help="JSON file with a raw StartOutboundChatContact request, instead of --to and --text."),
    ] = None,
    attribute: Annotated[list[str] | None, typer.Option(help="Contact attribute, name=value; repeatable.")] = None,
    display_name: Annotated[str | None, typer.Option(help="Display name of the customer.")] = None,
    send_at: Annotated[str | None, typer.Option(help="Not before this time, ISO 8601 with a zone.")] = None,
    expires_at: Annotated[str | None, typer.Option(help="No call after this time, ISO 8601 with a zone.")] = None,
    priority: Annotated[str, typer.Option(help="urgent, normal or bulk.")] = "normal",
    tenant: Tenant = None,
    idempotency_key: Annotated[str | None, typer.Option(help="The same key and content give the same job.")] = None,
    callback_url: CallbackUrl = None,
    durability: Durability = None,
    wait: Annotated[float, typer.Option(help="Seconds to wait for the end; 0: do not wait.", min=0)] = 0.0,
    as_json: Json = False,
) -> None:
    """Enqueue one message, and print its job."""
    errors: list[FieldError] = []
    ours = {
        "send_at": parse_time("send_at", send_at),
        "expires_at": parse_time("expires_at", expires_at),
        "priority": priority,
        "tenant": tenant,
        "idempotency_key": idempotency_key,
        "callback_url": callback_url,
        "durability": durability,
        "sender": sender,
    }
    raw = _read_request(request) if request else None
    short = {"to": to, "text": text, "display_name": display_name, "attributes": pairs(attribute or [], errors)}
    if raw is not None and any(value is not None for value in short.values()):
        message = "has the whole request; leave out the options for its parts"
        errors.append(FieldError("request", FieldCode.GIVEN_TWICE, message))
    with OutboundChat.from_settings() as chat:
        options: Any = with_report({**ours, **(raw if raw is not None else short)}, errors)
        job = chat.enqueue_request(**options) if raw is not None else chat.enqueue(**options)
        if wait > 0:
            talk.print(f"job {job.id} is {job.state}, waiting …")
            job = chat.wait(job.id, timeout=wait)
    _print([job], as_json, single=True)
    if job.final and job.state is not JobState.SENT:
        raise typer.Exit(Exit.NOT_ALL_SENT)


def status(ids: Ids, *, as_json: Json = False) -> None:
    """Print the current state of jobs or batches. Exits with 5 when an id is unknown."""
    settings = load_settings()
    with OutboundChat.from_settings(settings) as chat:
        found, unknown = _read(chat, ids)
        waiting = [one for one in found if isinstance(one, Job) and one.state in WAITING]
        holds = chat.holds() if waiting and not as_json else []
    _print(found, as_json, single=len(ids) == 1)
    if not as_json:
        _hint(waiting, holds, settings)
    if unknown:
        _refuse(unknown)


def _hint(waiting: list[Job], holds: list[Hold], settings: Settings) -> None:
    """Prints who holds the first held job, or how to ask what the first job waits for."""
    for job in waiting:
        if found := holds_of(job, holds, settings):
            hold = found[0]
            talk.print(
                f"held: {hold.scope} {hold.name}, {held_by(hold)}; see outbound-chat why {job.id}", style="yellow"
            )
            return
    if waiting and talk.is_terminal:
        talk.print(f"what it waits for: outbound-chat why {waiting[0].id}", style="dim")


def _refuse(unknown: list[str]) -> NoReturn:
    print_unknown(unknown)
    raise typer.Exit(Exit.UNKNOWN_ID)


def wait(
    ids: Ids,
    *,
    timeout: Annotated[float, typer.Option(help="Seconds to wait, for all together.", min=0)] = 600.0,
    as_json: Json = False,
) -> None:
    """Wait until jobs or batches are final, and print them. Exits with 1 when any ended other than sent."""
    deadline = time.monotonic() + timeout
    ends: list[Job | Batch] = []
    with OutboundChat.from_settings() as chat:
        found, unknown = _read(chat, ids)
        if unknown:
            _refuse(unknown)
        try:
            for one in found:
                left = max(0.0, deadline - time.monotonic())
                ends.append(chat.wait(one.id, left) if isinstance(one, Job) else _wait_batch(chat, one.id, left))
        except WaitTimeout:
            _print(_read(chat, ids)[0], as_json, single=len(ids) == 1)
            raise
    _print(ends, as_json, single=len(ids) == 1)
    if not all(_all_in(one, JobState.SENT) for one in ends):
        raise typer.Exit(Exit.NOT_ALL_SENT)


def _wait_batch(chat: OutboundChat, batch_id: str, timeout: float) -> Batch:
    # Following reads again and again, which costs more than waiting once, so it is only done for eyes.
    return follow_batch(chat, batch_id, timeout) if talk.is_terminal else chat.wait_batch(batch_id, timeout)


def cancel(
    ids: Annotated[list[str] | None, typer.Argument(help="Ids of jobs or batches.", show_default=False)] = None,
    *,
    tenant: Annotated[str | None, typer.Option(help="Stop all waiting jobs of this tenant instead.")] = None,
    as_json: Json = False,
) -> None:
    """Stop jobs, batches or a tenant's jobs that were not sent yet; print them. Exits with 1 if one was sent."""
    if ids and tenant:
        raise typer.BadParameter("give ids or --tenant, not both: --tenant stops all its jobs", param_hint="IDS")
    if not ids and not tenant:
        raise typer.BadParameter("give ids of jobs or batches, or --tenant", param_hint="IDS")
    with OutboundChat.from_settings() as chat:
        if tenant:
            cancelled = chat.cancel_tenant(tenant)
            if as_json:
                print_json({"tenant": tenant, "cancelled": cancelled})
            else:
                talk.print(f"{number_of(cancelled, 'job')} of {tenant} cancelled")
            return
        found, unknown = _read(chat, ids or [])
        if unknown:
            _refuse(unknown)
        ends = [chat.cancel_batch(one.id) if isinstance(one, Batch) else chat.cancel(one.id) for one in found]
    _print(ends, as_json, single=len(found) == 1)
    if not all(_all_in(one, JobState.CANCELLED) for one in ends):
        raise typer.Exit(Exit.NOT_ALL_SENT)


def _read(chat: OutboundChat, ids: list[str]) -> tuple[list[Job | Batch], list[str]]:
    """Returns jobs and batches in the order of the ids, and the ids that belong to none."""
    found: list[Job | Batch] = []
    unknown: list[str] = []
    for id_, job in chat.statuses(ids).items():
        try:
            found.append(job or chat.batch(id_))
        except UnknownBatch:
            unknown.append(id_)
    return found, unknown


def _all_in(one: Job | Batch, state: JobState) -> bool:
    return one.state is state if isinstance(one, Job) else one.counts[state] == one.accepted


def _print(found: list[Job | Batch] | list[Job], as_json: bool, *, single: bool) -> None:
    if as_json:
        print_json(found[0] if single and found else found)
        return
    if jobs := [one for one in found if isinstance(one, Job)]:
        print_jobs(jobs)
    for one in found:
        if isinstance(one, Batch):
            print_batch(one)
