"""Checks whether the opt-out lists of AWS are read as often as the settings say."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from outbound_chat.cli.doctor.open_chats import span
from outbound_chat.cli.output import when
from outbound_chat.model.diagnostics import Check, Level
from outbound_chat.model.times import from_ms
from outbound_chat.store import Store
from outbound_chat.store.opt_outs import LastSync, last_syncs
from outbound_chat_config import Channel, Settings

_RUN = "run outbound-chat optouts sync --sender {}, which says why"


def opt_out_checks(settings: Settings, store: Store) -> Iterator[Check]:
    """Reports when the opt-outs of each SMS sender were last read, unless neither a person nor a schedule wants it."""
    for budget in settings.budgets:
        names = [name for name, one in settings.senders.items() if one.budget == budget and one.channel is Channel.SMS]
        for name, last in last_syncs(store, store.keys(budget), names).items():
            if last.tried_ms or settings.opt_outs.every:
                yield _check(settings, name, last)


def _check(settings: Settings, name: str, last: LastSync) -> Check:
    subject, every = f"opt-outs of {name}", settings.opt_outs.every
    age = timedelta(seconds=round((datetime.now(UTC) - from_ms(last.done_ms)).total_seconds()))
    finding = f"last read {when(from_ms(last.done_ms))}, {span(age)} ago" if last.done_ms else "never read"
    if last.error:
        return Check(subject, Level.WARNING, f"{finding}; the last try failed: {last.error}", _RUN.format(name))
    if every and age > 2 * every:
        finding += f", though opt_outs.every is {span(every)}"
        return Check(subject, Level.WARNING, finding, "check that workers run with these settings, and their logs")
    return Check(subject, Level.OK, finding)
