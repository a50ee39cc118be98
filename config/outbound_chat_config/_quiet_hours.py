"""Quiet hours: times of the week, in the recipient's local time, at which nothing is sent.

This is only arithmetic on clocks: `outbound_chat.request.quiet_hours` knows the time zones of phone numbers. The main
idea: a range lasts from the first time that the clocks of a zone show its start until the last time that they show its
end. If they skip one of the two, the instant of the skip counts. So a change of the clocks never ends it early.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from typing import Self
from zoneinfo import ZoneInfo

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = rf"(?:{'|'.join(_DAYS)})"
_CLOCK = r"(?:[01]\d|2[0-3]):[0-5]\d"
_RANGE = re.compile(
    rf"(?:(?P<first>{_DAY})(?:-(?P<last>{_DAY}))? +)?(?P<begins>{_CLOCK})-(?P<ends>{_CLOCK}|24:00)", re.ASCII
)
_DAY_MINUTES = 24 * 60
_FARTHEST = timedelta(days=15)
"""How far to look ahead: hours repeat every week, and clocks may change in between."""

_MOST_RANGES = 50

_FORM = (
    'must be times of day, such as "21:00-08:00", optionally with days of the week, and separated by commas: '
    '"21:00-08:00, sat-sun 00:00-24:00"'
)


@dataclass(frozen=True, slots=True)
class QuietRange:
    """A range. It may continue past midnight, into the day after the one on which it begins."""

    days: frozenset[int]
    """Days on which it begins; Monday is 0."""
    begins: int
    """Minutes after midnight."""
    ends: int
    """Minutes after the midnight at which its day begins; values above 1,440 are on the next day."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads a range such as `21:00-08:00` or `sat-sun 00:00-24:00`.

        Raises:
            ValueError: the text does not have this form, or the range is empty.
        """
        found = _RANGE.fullmatch(text.lower())
        if not found:
            raise ValueError(_FORM)
        begins, ends = _minutes(found["begins"]), _minutes(found["ends"])
        if begins == ends:
            raise ValueError("must not begin and end at the same time; a whole day is 00:00-24:00")
        if not found["first"]:
            days = range(7)
        else:
            first = _DAYS.index(found["first"])
            days = range(first, first + 1 + (_DAYS.index(found["last"] or found["first"]) - first) % 7)
        return cls(frozenset(day % 7 for day in days), begins, ends if ends > begins else ends + _DAY_MINUTES)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Ranges of a week in which nothing is sent."""

    ranges: tuple[QuietRange, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads quiet hours from ranges separated by commas.

        Raises:
            ValueError: a range does not have the right form, or the whole week would be quiet.
        """
        if text.count(",") >= _MOST_RANGES:
            raise ValueError(f"must have at most {_MOST_RANGES} ranges; merge those that overlap")
        hours = cls(tuple(QuietRange.parse(part.strip()) for part in text.split(",")))
        if not hours._leave_a_minute():
            raise ValueError("must leave some time of the week open; shorten them")
        return hours

    def next_open(self, zones: Iterable[str], at: datetime) -> datetime | None:
        """Returns the first instant, `at` or later, at which no zone has quiet hours.

        None: there is none within the next 15 days, because the zones are too far apart.

        Raises:
            ValueError: this machine does not know a zone; check with `find_zone` first.
        """
        zones = tuple(zones)
        opening = at
        while opening <= at + _FARTHEST:
            ends = max((self._quiet_until(zone, opening) for zone in zones), default=opening)
            if ends <= opening:
                return opening
            opening = ends
        return None

    def _quiet_until(self, zone: str, at: datetime) -> datetime:
        """Returns the end of the range that contains this instant; the instant itself if there is none."""
        today = at.astimezone(_clock(zone)).date()
        # The next day too: clocks may show its first minutes twice, with today's last ones in between.
        days = (today - timedelta(days=1), today, today + timedelta(days=1))
        spans = [span for day in days for span in _spans(self, zone, day)]
        return max((ends for begins, ends in spans if begins <= at < ends), default=at)

    def _leave_a_minute(self) -> bool:
        week = 7 * _DAY_MINUTES
        quiet = {
            (day * _DAY_MINUTES + minute) % week
            for one in self.ranges
            for day in one.days
            for minute in range(one.begins, one.ends)
        }
        return len(quiet) < week


@lru_cache(maxsize=4096)
def _spans(hours: QuietHours, zone: str, day: date) -> tuple[tuple[datetime, datetime], ...]:
    """Returns the ranges that begin on that day in the zone, as instants."""
    midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001  # what a clock shows, in no zone
    return tuple(
        (
            _shown(midnight + timedelta(minutes=one.begins), zone, last=False),
            _shown(midnight + timedelta(minutes=one.ends), zone, last=True),
        )
        for one in hours.ranges
        if day.weekday() in one.days
    )


def _shown(wall: datetime, zone: str, *, last: bool) -> datetime:
    """Returns the first or last instant at which the clocks of the zone show this time, or at which they skip it."""
    clock = _clock(zone)
    first_time = wall.replace(tzinfo=clock).astimezone(UTC)
    last_time = wall.replace(tzinfo=clock, fold=1).astimezone(UTC)
    if first_time <= last_time:
        return last_time if last else first_time
    # In a gap the two are on the wrong sides of it: https://peps.python.org/pep-0495/#the-fold-attribute
    before, after = last_time, first_time
    offset = before.astimezone(clock).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        if middle.astimezone(clock).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after


@cache
def find_zone(name: str) -> ZoneInfo | None:
    """Returns the time zone with that name from the database of this machine; None if there is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        # A folder of the database, such as "Europe", is an OSError.
        return None


def _clock(name: str) -> ZoneInfo:
    if zone := find_zone(name):
        return zone
    raise ValueError(f"no time zone has the name {name!r}")


def _minutes(clock: str) -> int:
    hours, _, minutes = clock.partition(":")
    return int(hours) * 60 + int(minutes)


def check_quiet_hours(text: str) -> str:
    """Returns the text if it is valid quiet hours.

    Raises:
        ValueError: it is invalid.
    """
    quiet_hours(text)
    return text


def check_zone(name: str) -> str:
    """Returns the name if it is the name of a time zone.

    Raises:
        ValueError: it is not.
    """
    if not find_zone(name):
        raise ValueError(
            'must be the name of a time zone, such as "Europe/Berlin"; if it is, this machine has no time zone '
            "database: install tzdata from the system or from PyPI"
        )
    return name


quiet_hours = cache(QuietHours.parse)
"""`QuietHours.parse` with a cache, since senders keep the text."""
