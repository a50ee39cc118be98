"""The clock of the store in memory."""

from collections.abc import Callable
from datetime import datetime, timedelta

from outbound_chat.model.times import utc_now


class Clock:
    """The clock of Redis, its workers and the client's checks: that of this machine, until the test moves it.

    It continues to run. The application's own `datetime.now()` does not change; but a library that changes it, such as
    time-machine or freezegun, also moves this clock.
    """

    def __init__(self, on_move: Callable[[timedelta], None]) -> None:
        self._ahead = timedelta(0)
        self._on_move = on_move

    def now(self) -> datetime:
        """Returns the time in UTC."""
        return utc_now() + self._ahead

    def move(self, by: timedelta) -> None:
        """Moves the clock forward: jobs that have expired by then end, and records that are no longer kept disappear.

        Jobs that become due are sent when the application next waits, or by `finish_all`.

        Raises:
            TypeError: `by` is not a timedelta.
        """
        if not isinstance(by, timedelta):
            raise TypeError(f"by must be a timedelta, such as timedelta(minutes=10), not {type(by).__name__}")
        self._ahead += by
        self._on_move(by)

    def set(self, to: datetime) -> None:
        """Sets the clock to this aware time. It may move back, which is best done before the first job."""
        self.move(to - self.now())
