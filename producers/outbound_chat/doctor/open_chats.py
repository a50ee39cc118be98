"""Warns of more chats than the instance may have open: in `doctor` for the settings, in `send-batch` for a file.

If contact events come, both use how long chats lasted. Otherwise neither knows whether the flow ends its contacts,
which makes room at once, and both say so: workers that obey `max_open_chats` only learn of it through contact events or
`contact_closed`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta

from outbound_chat.model.contact_events import ContactEventStatus
from outbound_chat.model.diagnostics import Check, Level
from outbound_chat.model.durations import mean_of
from outbound_chat_config import LEAST_CHAT_MINUTES, MOST_CHAT_MINUTES, OpenChats, Sender, Settings, chat_duration

_DEFAULT = "AWS gives 500 by default; if your quota is higher set max_open_chats"
_UNLESS = "unless the flow ends them sooner"
_UNLESS_TOLD = "unless they end sooner and contact events or contact_closed report it"
_ADVICE = (
    "let the flow end its contacts, set a shorter chat_duration_minutes (60 is the least), "
    "or ask AWS for more open chats (Service Quotas L-D4BA6F6E) and set max_open_chats"
)


def chats_lasted(events: Iterable[ContactEventStatus], budget: str, instance: str) -> float | None:
    """Returns how many seconds chats of the instance lasted on average; None: not known."""
    return next((one.lasted_seconds.get(instance) for one in events if one.budget == budget), None)


def open_chat_checks(settings: Settings, events: Sequence[ContactEventStatus] = ()) -> Iterator[Check]:
    """Checks for each instance of a budget that it can hold the chats that the budget's rate opens."""
    instances: dict[tuple[str, str, str], dict[str, Sender]] = {}
    for name, sender in settings.senders.items():
        instances.setdefault((sender.budget, sender.region, sender.instance_id), {})[name] = sender
    found: dict[tuple[Level, str, str], list[str]] = {}
    for (budget, _, instance), senders in instances.items():
        lasted = chats_lasted(events, budget, instance)
        found.setdefault(_checked(budget, settings.budgets[budget].own_rate, senders, lasted), []).extend(senders)
    for (level, finding, advice), names in found.items():
        yield Check(f"open chats of {', '.join(names)}", level, finding, advice)


def _checked(budget: str, rate: float, senders: Mapping[str, Sender], lasted: float | None) -> tuple[Level, str, str]:
    """Returns how bad it is, what was found, and what to do. `lasted`: as in `batch_warning`."""
    chats = OpenChats.of(senders.values())
    last = span(chats.duration)
    each = f"at {last} each"
    if lasted:
        chats, last = OpenChats(chats.most, min(chats.duration, timedelta(seconds=lasted))), mean_of(lasted)
        each = f"if they last {last}"
    needed = chats.needed_at(rate)
    # A stand-in for AWS has no quota: what this would mean at AWS is reported, but there is nothing to do.
    if needed > chats.most and all(sender.endpoint_url for sender in senders.values()):
        here = f"not limited here; at AWS, chats of {last} at {rate:g} calls a second would need a quota"
        return Level.OK, f"{here} of {needed:,}, where these settings have {chats.most:,}", ""
    finding = (
        f"{rate:g} calls a second of budget {budget} keep {needed:,} chats open {each}; "
        f"{chats.most:,} may be open, which carries {_number(chats.contacts_an_hour)} contacts an hour"
    )
    if needed <= chats.most:
        return Level.OK, finding, ""
    if lasted:
        return Level.WARNING, finding, _ADVICE
    if all(sender.max_open_chats is None for sender in senders.values()):
        finding += f" {_UNLESS}. {_DEFAULT}"
    else:
        finding += f" {_UNLESS_TOLD}"
    return Level.WARNING, finding, _ADVICE


def batch_warning(sender: Sender, accepted: int, own_minutes: Mapping[int, int], lasted: float | None = None) -> str:
    """Describes what happens if a batch opens more chats than the instance may have; empty if they fit.

    `own_minutes`: the number of rows by the duration that they ask for. `lasted`: how many seconds chats lasted
    on average; None: not known.
    """
    if sender.endpoint_url:  # as in `_check`
        return ""
    duration = _mean_duration(sender, accepted, own_minutes)
    each, unless = f"{span(duration)} each", _UNLESS if sender.max_open_chats is None else _UNLESS_TOLD
    if lasted:
        duration, each = min(duration, timedelta(seconds=lasted)), mean_of(lasted)
    chats = OpenChats.of([sender], duration)
    if accepted <= chats.most:
        return ""
    last = chats.last_of(accepted)
    head = (
        f"{accepted:,} messages open {accepted:,} chats for {each}, the instance holds {chats.most:,}: "
        f"after these {_number(chats.contacts_an_hour)} an hour go out{'' if lasted else f', {unless}'}."
    )
    lines = [head]
    if last > sender.max_age:
        lines.append(f"Messages that wait longer than max_age, {span(sender.max_age)}, expire.")
    if sender.max_open_chats is None:
        lines.append(f"{_DEFAULT}.")
    lines.append("Shorter chats: chat_duration_minutes of the sender, or a column chat_duration_in_minutes.")
    return " ".join(lines)


def _mean_duration(sender: Sender, accepted: int, own_minutes: Mapping[int, int]) -> timedelta:
    durations: Counter[timedelta] = Counter()
    for minutes, rows in own_minutes.items():
        # Rows with any other duration were rejected.
        if LEAST_CHAT_MINUTES <= minutes <= MOST_CHAT_MINUTES:
            durations[timedelta(minutes=minutes)] += rows
    durations[chat_duration(sender)] += max(0, accepted - durations.total())
    total = sum((duration * rows for duration, rows in durations.items()), timedelta(0))
    return total / durations.total() if durations.total() else chat_duration(sender)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"  # noqa: PLR2004 - from ten on decimals do not matter


def span(time: timedelta) -> str:
    """Returns `30 s`, `90 min`, `25 h` or `9 days`: rounded, for people."""
    if time < timedelta(minutes=2):
        return f"{time.total_seconds():g} s"
    minutes = round(time / timedelta(minutes=1))
    if minutes >= 2 * 24 * 60:
        return f"{round(minutes / (24 * 60))} days"
    if minutes % 60 and minutes < 10 * 60:
        return f"{minutes} min"
    return f"{round(minutes / 60)} h"
