"""Quiet hours: when they are over, to the second, in one time zone or several, also when clocks are changed."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from outbound_chat_config import QuietHours

from .given import refused, with_sender

ROOT = Path(__file__).parents[2]
NIGHT = "21:00-08:00"
NEW_YORK, BERLIN, HAVANA, LORD_HOWE = "America/New_York", "Europe/Berlin", "America/Havana", "Australia/Lord_Howe"


def wall(text: str, zone: str, *, again: bool = False) -> datetime:
    """What the clocks of a zone show; `again`: the second time."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=int(again))


def opening(hours: str, at: datetime, *zones: str) -> datetime | None:
    return QuietHours.parse(hours).next_open(zones, at)


@pytest.mark.parametrize(
    ("hours", "at", "opens"),
    [
        (NIGHT, "2021-01-12 20:59:59.999999", "2021-01-12 20:59:59.999999"),
        (NIGHT, "2021-01-12 21:00", "2021-01-13 08:00"),
        (NIGHT, "2021-01-13 00:00", "2021-01-13 08:00"),
        (NIGHT, "2021-01-13 07:59:59.999999", "2021-01-13 08:00"),
        (NIGHT, "2021-01-13 08:00", "2021-01-13 08:00"),
        ("12:30-14:00", "2021-01-12 13:00", "2021-01-12 14:00"),
        ("12:30-24:00", "2021-01-12 13:00", "2021-01-13 00:00"),
        ("21:00-00:00", "2021-01-12 23:00", "2021-01-13 00:00"),
        # 2021-01-16 is a Saturday. A range belongs to the day on which it begins.
        ("sat-sun 00:00-24:00", "2021-01-15 23:59:59", "2021-01-15 23:59:59"),
        ("sat-sun 00:00-24:00", "2021-01-16 00:00", "2021-01-18 00:00"),
        ("fri 21:00-08:00", "2021-01-16 07:00", "2021-01-16 08:00"),
        ("fri 21:00-08:00", "2021-01-15 07:00", "2021-01-15 07:00"),
        (f"{NIGHT}, sat-sun 00:00-24:00", "2021-01-15 21:00", "2021-01-18 08:00"),
        ("Sat-Mon 00:00-24:00", "2021-01-16 12:00", "2021-01-19 00:00"),
    ],
)
def test_quiet_hours_last_to_the_instant_that_they_name(hours: str, at: str, opens: str) -> None:
    """Not a second early, and no job waits that need not."""
    assert opening(hours, wall(at, BERLIN), BERLIN) == wall(opens, BERLIN)


@pytest.mark.parametrize(
    ("zone", "hours", "at", "opens"),
    [
        # Clocks change inside the range: it is shorter or longer by an hour, and ends by the clock.
        (NEW_YORK, NIGHT, "2021-03-13 22:00", "2021-03-14 12:00"),
        (NEW_YORK, NIGHT, "2021-11-06 22:00", "2021-11-07 13:00"),
        # 02:30 does not exist: it ends when the clocks skip it, which is when they first show more.
        (NEW_YORK, "22:00-02:30", "2021-03-13 23:00", "2021-03-14 07:00"),
        (LORD_HOWE, "22:00-02:10", "2021-10-02 23:00", "2021-10-02 15:30"),
        # 00:00 does not exist in Havana either.
        (HAVANA, "sat 00:00-24:00", "2021-03-13 12:00", "2021-03-14 05:00"),
        # 01:30 exists twice: it ends the second time.
        (NEW_YORK, "22:00-01:30", "2021-11-06 23:00", "2021-11-07 06:30"),
        (NEW_YORK, "22:00-02:00", "2021-11-06 23:00", "2021-11-07 07:00"),
        (HAVANA, "sat 00:00-24:00", "2021-11-06 12:00", "2021-11-07 05:00"),
        # A beginning that does not exist.
        (NEW_YORK, "02:30-04:00", "2021-03-14 03:00", "2021-03-14 08:00"),
        # A range that is skipped as a whole.
        (NEW_YORK, "02:10-02:40", "2021-03-14 03:00", "2021-03-14 07:00"),
    ],
)
def test_changed_clocks_end_quiet_hours_by_what_they_show(zone: str, hours: str, at: str, opens: str) -> None:
    """`opens` is in UTC: one hour off, and somebody is woken."""
    assert opening(hours, wall(at, zone), zone) == datetime.fromisoformat(opens).replace(tzinfo=UTC)


def test_a_beginning_that_exists_twice_counts_the_first_time() -> None:
    """Between the two the clocks show less, but the evening has begun."""
    ends = wall("2021-11-07 08:00", NEW_YORK)
    for minutes in range(0, 60, 7):
        first = wall("2021-11-07 01:00", NEW_YORK).astimezone(UTC) + timedelta(minutes=minutes)
        assert opening("01:00-08:00", first, NEW_YORK) == ends
    assert opening("01:30-08:00", wall("2021-11-07 01:10", NEW_YORK, again=True), NEW_YORK) == ends
    assert opening("01:30-08:00", wall("2021-11-07 01:10", NEW_YORK), NEW_YORK) == wall("2021-11-07 01:10", NEW_YORK)


@pytest.mark.parametrize("zone", [NEW_YORK, BERLIN, HAVANA, LORD_HOWE, "Asia/Kolkata", "America/Santiago"])
def test_every_minute_of_a_year_agrees_with_the_clocks(zone: str) -> None:
    """Away from the hours that exist twice, open is what the clocks say, and so is the minute before it closes."""
    hours = QuietHours.parse("22:30-06:15, sun 00:00-24:00")
    at = datetime(2021, 1, 1, tzinfo=UTC)
    while at.year == 2021:
        local = at.astimezone(ZoneInfo(zone))
        clock, sunday = local.hour * 60 + local.minute, local.weekday() == 6
        quiet = clock >= 22 * 60 + 30 or clock < 6 * 60 + 15 or sunday
        opens = hours.next_open([zone], at)
        assert opens is not None
        assert (opens > at) is quiet, local
        assert opens == at or hours.next_open([zone], opens - timedelta(microseconds=1)) == opens
        at += timedelta(minutes=41)


def test_of_several_zones_all_must_be_open() -> None:
    """A toll-free number may ring in Hawaii as well as in New York."""
    at = wall("2021-01-12 09:00", NEW_YORK)
    assert opening(NIGHT, at, NEW_YORK, "Pacific/Honolulu") == wall("2021-01-12 08:00", "Pacific/Honolulu")
    # When it opens in the west, it has closed in the east; the next morning there, the west sleeps.
    far = opening("20:00-09:00", wall("2021-01-12 12:00", BERLIN), BERLIN, "Asia/Tokyo", "America/Sao_Paulo")
    assert far is None
    both = opening("19:00-08:00", wall("2021-01-12 20:00", BERLIN), BERLIN, "Asia/Tokyo")
    assert both == wall("2021-01-13 08:00", BERLIN) == wall("2021-01-13 16:00", "Asia/Tokyo")


@pytest.mark.parametrize(
    ("hours", "refusal"),
    [
        ("", "must be times of day, such as"),
        ("21-8", "must be times of day, such as"),
        ("21:00-25:00", "must be times of day, such as"),
        ("24:00-08:00", "must be times of day, such as"),
        ("holidays 21:00-08:00", "must be times of day, such as"),
        ("21:00-08:00,", "must be times of day, such as"),
        ("21:00-21:00", "must not begin and end at the same time"),
        ("00:00-24:00", "must leave some time of the week open"),
        ("00:00-12:00, 12:00-24:00", "must leave some time of the week open"),
    ],
)
def test_quiet_hours_that_can_not_be_kept_are_refused(hours: str, refusal: str) -> None:
    """Better no start than a message at night, or a queue that never moves."""
    [line] = refused(with_sender(quiet_hours=hours))

    assert line.startswith(f"senders.support.quiet_hours {refusal}")


@pytest.mark.parametrize("zone", ["Berlin", "Europe", "../../etc/passwd", ""])
def test_a_zone_must_be_known(zone: str) -> None:
    """It would be found out at night."""
    [line] = refused(with_sender(quiet_hours=NIGHT, quiet_zone=zone))

    assert line.startswith('senders.support.quiet_zone must be the name of a time zone, such as "Europe/Berlin"')


def test_a_machine_without_time_zones_is_told_of() -> None:
    """Small images have no database of them; without quiet hours none is needed."""
    code = (
        "import sys; sys.modules['tzdata'] = None\n"
        "from tests.config.given import refused, with_sender\n"
        "from outbound_chat_config import Settings\n"
        "Settings.from_values(**with_sender())\n"
        f"print(*refused(with_sender(quiet_hours={NIGHT!r})))\n"
    )
    environment = {**os.environ, "PYTHONTZPATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert done.stdout.startswith("senders.support quiet_zone must be the name of a time zone")
    assert "install tzdata" in done.stdout
