"""Checks whether the opt-out lists of AWS are read as often as the settings say."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from outbound_chat.doctor.open_chats import span
from outbound_chat.model.diagnostics import Check, Level
from outbound_chat.model.times import from_ms, when
from outbound_chat.store import Store
from outbound_chat.store.opt_outs import last_sync
from outbound_chat_config import Channel, Settings


def opt_out_checks(settings: Settings, store: Store) -> Iterator[Check]:
    """Reports when the opt-outs of each SMS sender were last read, unless neither a person nor a schedule wants it."""
    every = settings.opt_outs.every
    for name, sender in settings.senders.items():
        last = last_sync(store, store.keys(sender.budget), name)
        if sender.channel is not Channel.SMS or not (last.tried or every):
            continue
        level, advice, done = Level.OK, "", from_ms(last.done)
        age = timedelta(seconds=round((datetime.now(UTC) - done).total_seconds()))
        finding = f"last read {when(done)}, {span(age)} ago" if last.done else "never read"
        if last.error:
            level, finding = Level.WARNING, f"{finding}; the last try failed: {last.error}"
            advice = f"run outbound-chat optouts sync --sender {name}, which says why"
        elif every and age > 2 * every:
            level, finding = Level.WARNING, f"{finding}, though opt_outs.every is {span(every)}"
            advice = "check that workers run with these settings, and their logs"
        yield Check(f"opt-outs of {name}", level, finding, advice)
