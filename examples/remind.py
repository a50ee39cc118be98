"""For cron: reminds of the appointments of tomorrow. It may run twice, or again after a fault: nobody is told twice.

    0 16 * * *  python examples/remind.py appointments.csv

The file has the columns id, phone, day and time. Exit codes: 0 all were taken, 1 some were refused (their lines are on
standard error), 2 the file or Redis can't be used: run it again.
"""

import csv
import sys
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from outbound_chat import FieldError, InvalidJob, OutboundChat, StoreError

COLUMNS = ("id", "phone", "day", "time")


def reminders(file: Path, day: date) -> Iterator[dict[str, Any] | InvalidJob]:
    # Once the day has begun, "tomorrow" would be wrong. Of the day alone: a second run must ask for the same.
    expires_at = datetime.combine(day, time()).astimezone()
    with file.open(newline="", encoding="utf-8-sig") as lines:
        for appointment in csv.DictReader(lines):
            empty = [name for name in COLUMNS if not (appointment[name] or "").strip()]
            # Spreadsheets leave rows without anything; None has the cells for which no column is left.
            if (empty and empty != [*COLUMNS]) or None in appointment:
                reason = f"has no {' and no '.join(empty)}" if empty else "has more cells than the first line"
                yield InvalidJob([FieldError("row", "required", reason)])
            elif appointment["day"] == day.isoformat():
                yield {
                    "to": appointment["phone"],
                    "text": f"See you tomorrow at {appointment['time']}.",
                    "expires_at": expires_at,
                    # With the time: who is moved to another time is told again.
                    "idempotency_key": f"reminder-{appointment['id']}-{day}-{appointment['time']}",
                }


def main() -> int:
    day = date.today() + timedelta(days=1)  # noqa: DTZ011  # of this machine, as cron's
    try:
        rows, name = reminders(Path(sys.argv[1]), day), f"reminders {day}"
        with OutboundChat.from_settings() as chat:
            receipt = chat.enqueue_batch(rows, sender="demo", name=name)
    except (IndexError, OSError, KeyError, UnicodeError, csv.Error) as error:
        print(f"the file of appointments can't be used: {error!r}", file=sys.stderr)
        return 2
    except StoreError as error:
        print(f"Redis took not all of them: {error}", file=sys.stderr)
        return 2
    for rejection in receipt.rejections:
        print(f"reminder {rejection.row} refused: {rejection.errors[0]}", file=sys.stderr)
    print(f"{receipt.accepted} reminders on their way, {receipt.duplicates} were before, {receipt.rejected} refused")
    return 1 if receipt.rejected else 0


if __name__ == "__main__":
    sys.exit(main())
