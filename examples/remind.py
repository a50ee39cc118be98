"""For cron: reminds of the appointments of tomorrow. It may run twice, or again after a fault: nobody is told twice.

    0 16 * * *  python examples/remind.py appointments.csv

The file has the columns id, phone, day and time. Exit codes: 0 all were taken, 1 some were refused (their lines are on
standard error), 2 the file or Redis can't be used: run it again.
"""

import csv
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from outbound_chat import OutboundChat, Rejection, StoreError


def reminders(file: Path, day: date) -> Iterator[dict[str, Any]]:
    with file.open(newline="", encoding="utf-8") as lines:
        for appointment in csv.DictReader(lines):
            if appointment["day"] == day.isoformat():
                yield {
                    "to": appointment["phone"],
                    "text": f"See you tomorrow at {appointment['time']}.",
                    "idempotency_key": f"reminder-{appointment['id']}-{day}",
                }


def complain(rejection: Rejection) -> None:
    print(f"reminder {rejection.row} refused: {rejection.errors[0]}", file=sys.stderr)


def main() -> int:
    day = date.today() + timedelta(days=1)  # noqa: DTZ011  # of this machine, as cron's
    try:
        with OutboundChat.from_settings() as chat:
            receipt = chat.enqueue_batch(
                reminders(Path(sys.argv[1]), day), sender="demo", name=f"reminders {day}", on_rejected=complain
            )
    except (IndexError, OSError, KeyError) as error:
        print(f"the file of appointments can't be used: {error!r}", file=sys.stderr)
        return 2
    except StoreError as error:
        print(f"Redis took not all of them: {error}", file=sys.stderr)
        return 2
    print(f"{receipt.accepted} reminders on their way, {receipt.duplicates} were before, {receipt.rejected} refused")
    return 1 if receipt.rejected else 0


if __name__ == "__main__":
    sys.exit(main())
