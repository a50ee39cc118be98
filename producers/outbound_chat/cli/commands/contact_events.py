"""Read contact events, and show what became of them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing, nullcontext, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from outbound_chat.cli.errors import Exit
from outbound_chat.cli.files.event_file import EventFile
from outbound_chat.cli.files.row_file import STANDARD_INPUT
from outbound_chat.cli.options import Json
from outbound_chat.cli.output import end_with, number_of, out, print_json, talk, warn
from outbound_chat.cli.progress import count_progress, file_progress
from outbound_chat.cli.tables import make_table, print_record, print_table, time_cell
from outbound_chat.client import OutboundChat
from outbound_chat.ending import uninterrupted
from outbound_chat.model.contact_events import ContactEventStatus, Outcome
from outbound_chat.model.errors import FieldError, InvalidJob, StoreError, StoreUnavailable
from outbound_chat.model.operations import NumberReceipts
from outbound_chat.request import FieldCode
from outbound_chat_config import load_settings

_OUR_WORDS = {"successful": "carrier", "unknown": "no_receipt"}
"""AWS calls a message successful once the carrier has accepted it."""
SHOWN_FAULTS = 20


def ingest(
    file: Annotated[Path, typer.Argument(help="JSON or NDJSON file; - for standard input.", show_default=False)],
    *,
    as_json: Json = False,
) -> None:
    """Apply contact events from a file or a pipe.

    Takes one event, a JSON list, or one event per line; with -, events are applied as they arrive. An event that can't
    be read stops nothing, but the command exits with 1. Applying a file again changes nothing.

    $ outbound-chat contact-events ingest events.jsonl
    """
    counts: Counter[Outcome] = Counter()
    faults: list[FieldError] = []
    is_pipe = file == STANDARD_INPUT
    with OutboundChat.from_settings(load_settings()) as chat, closing(EventFile(file)) as source:
        silent = {one.budget for one in chat.contact_event_status() if not one.records_contacts}
        bar = count_progress("ingest") if is_pipe else file_progress("ingest", source, "applied", transient=True)
        # Ctrl-C is how most pipes end.
        with suppress(KeyboardInterrupt) if is_pipe else nullcontext(), bar as show:
            for events in source:
                _apply(chat, events, counts, faults, repeats=is_pipe)
                wrong = counts[Outcome.UNREADABLE]
                show(counts.total() - (0 if is_pipe else wrong), counts.total() if is_pipe else wrong)
        silent &= {one.budget for one in chat.contact_event_status() if one.records_contacts} if silent else set()
    _report(counts, faults, silent, as_json)


def _apply(
    chat: OutboundChat,
    events: Sequence[tuple[int, object]],
    counts: Counter[Outcome],
    faults: list[FieldError],
    *,
    repeats: bool,
) -> None:
    """Applies events. `repeats`: while Redis is unavailable it tries again, since a pipe can't be read twice."""
    outcomes: Sequence[Outcome] | None = None
    has_warned = False
    while outcomes is None:
        try:
            with uninterrupted():
                outcomes = chat.ingest_contact_events([event for _, event in events])
                counts.update(outcomes)
        except StoreError as error:
            if not (repeats and isinstance(error, StoreUnavailable)):
                error.add_note(f"{number_of(counts.total(), 'event')} applied; repeat the command, which does no harm")
                raise
            if not has_warned:  # an outage may take hours
                warn(f"{error}; trying again until Redis answers")
            has_warned = True
    for (line, _), outcome in zip(events, outcomes, strict=True):
        if outcome is Outcome.UNREADABLE and len(faults) < SHOWN_FAULTS:
            message = "must be one JSON object with the fields of an event, of at most 256 KiB"
            faults.append(FieldError(f"line {line}", FieldCode.INVALID_JSON, message))


def _report(counts: Counter[Outcome], faults: Sequence[FieldError], silent: Iterable[str], as_json: bool) -> None:
    errors = [InvalidJob(faults)] if faults else []
    if (more := counts[Outcome.UNREADABLE] - len(faults)) > 0:
        errors[0].add_note(f"  and {more:,} more")
    if as_json:
        print_json({"events": counts.total(), "outcomes": {word: counts[word] for word in Outcome}}, errors)
    else:
        out.print(f"{number_of(counts.total(), 'event')}: {_words(counts)}")
    for budget in silent:
        talk.print(f"budget {budget} did not record contacts before: only jobs sent from now on are matched")
    end_with(errors, Exit.NOT_ALL_SENT)


def status(*, as_json: Json = False) -> None:
    """Show how contact events arrive, and what became of them.

    Shows the outcomes of events, the last event and open chats of each instance, and the receipts of each source
    number within 24 hours.

    $ outbound-chat contact-events status
    """
    settings = load_settings()
    with OutboundChat.from_settings(settings) as chat:
        found, receipts = chat.contact_event_status(), chat.receipts()
    if as_json:
        print_json([{**asdict(one), "receipts": [of for of in receipts if of.budget == one.budget]} for one in found])
    else:
        print_status(found)
        print_receipts(receipts)


def print_status(found: Sequence[ContactEventStatus]) -> None:
    """Prints a record of each budget, then a table of the instances."""
    for one in found:
        total = sum(one.outcomes.values())
        print_record(
            [
                ("budget", one.budget),
                ("contacts", "recorded" if one.records_contacts else "not recorded, so no event finds its job"),
                ("events", f"{total:,}: {_words(one.outcomes)}" if total else "none"),
                ("matched by", ", ".join(f"{basis} {number:,}" for basis, number in one.matched.items())),
            ]
        )
        out.print()
    columns = ("instance", "open chats", "last event", "budget")
    table = make_table(*columns, numbers=("open chats",), extras=("budget",))
    for one in found:
        for instance, chats in one.open_chats.items():
            table.add_row(instance, f"{chats:,}", time_cell(one.last_events[instance]) or "never", one.budget)
    print_table(table, "no senders")


def print_receipts(found: Sequence[NumberReceipts]) -> None:
    """Prints a table of the source numbers, all hours together; nothing if there are no receipts."""
    columns = ("source number", "messages", "refused", "matched", "last 24 hours", "budget")
    table = make_table(*columns, numbers=columns[1:4], folds=columns[4:5], extras=columns[5:])
    numbers: dict[tuple[str, str], list[NumberReceipts]] = {}
    for one in found:
        numbers.setdefault((one.budget, one.number), []).append(one)
    for (budget, number), hours in sorted(numbers.items()):
        messages, refused = sum(one.messages for one in hours), sum(one.refused for one in hours)
        share = f"{refused:,} ({refused / max(messages, 1):.0%})" if refused else "0"
        share += " jumped" if any(one.jumped_at for one in hours) else ""
        kinds = sum((Counter(one.kinds) for one in hours), Counter[str]())
        named = [(name.partition("_")[2].lower(), count) for name, count in kinds.most_common()]
        words = ", ".join(f"{count:,} {_OUR_WORDS.get(name, name)}" for name, count in named)
        table.add_row(number, f"{messages:,}", share, f"{sum(one.matched for one in hours):,}", words, budget)
    if found:
        out.print()
    print_table(table)


def _words(outcomes: Mapping[Any, int]) -> str:
    return ", ".join(f"{number:,} {word}" for word, number in sorted(outcomes.items()) if number) or "none"


CONTACT_EVENTS = {"ingest": ingest, "status": status}
"""The commands after `contact-events`."""
