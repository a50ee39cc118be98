"""Computes when a job may be sent if its sender has quiet hours.

Producers use it to report the time, and workers to respect it. It reads no clock: callers pass in the time of Redis.
The main idea: a number may be in several time zones, and none of them may have quiet hours.
"""

from functools import lru_cache

from outbound_chat.model.jobs import Priority
from outbound_chat.model.times import from_ms, to_ms
from outbound_chat.request import zones_of, zones_of_country
from outbound_chat_config import QuietHours, Sender, find_zone

_MINUTE_MS = 60_000
_IT_DEPENDS = -1


def next_open_ms(sender: Sender, priority: Priority, number: str, at_ms: int) -> int | None:
    """Returns the first time, `at_ms` or later, at which the sender's quiet hours allow a job for this number.

    It is `at_ms` if there are no quiet hours, or if they do not apply to this priority. None: its zones are so far
    apart that they all allow it at no time within 15 days.
    """
    hours = sender.quiet
    if hours is None or (sender.quiet_spares_urgent and priority is Priority.URGENT):
        return at_ms
    # Hours begin and end on whole minutes, in every zone there is, so one answer serves a minute.
    minute = at_ms // _MINUTE_MS
    found = _opening_of_all(hours, zones_of_country(number), sender.quiet_zone, minute)
    if found == _IT_DEPENDS:
        found = _opening(hours, zones_of(number), sender.quiet_zone, minute)
    return None if found is None else max(at_ms, found)


@lru_cache(maxsize=1024)
def _opening_of_all(hours: QuietHours, zones: tuple[str, ...], otherwise: str, minute: int) -> int | None:
    """Returns when each zone by itself allows it; `_IT_DEPENDS` if the zones differ."""
    answers = {_opening(hours, (zone,), otherwise, minute) for zone in zones or (otherwise,)}
    return answers.pop() if len(answers) == 1 else _IT_DEPENDS


@lru_cache(maxsize=4096)
def _opening(hours: QuietHours, zones: tuple[str, ...], otherwise: str, minute: int) -> int | None:
    # A zone that the database of this machine lacks is treated as unknown.
    known = {zone if find_zone(zone) else otherwise for zone in zones or (otherwise,)}
    found = hours.next_open(known, from_ms(minute * _MINUTE_MS))
    return to_ms(found) if found else None
