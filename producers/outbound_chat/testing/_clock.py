"""The clock of the store in memory."""

from collections.abc import Callable
from datetime import datetime, timedelta

from outbound_chat.model.times import utc_now


class Clock:
    """The time of Redis, its workers and the client's checks: that of this machine, until the test moves it.

    It goes on by itself, so what is due now is due. The application's own `datetime.now()` stays as it is; a library
    that sets that, such as time-machine or freezegun, moves this clock too.
    """

    def __init__(self, on_move: Callable[[timedelta], None]) -> None:
        self._ahead = timedelta(0)
        self._on_move = on_move

    def now(self) -> datetime:
        """Returns the time in UTC."""
        return utc_now() + self._ahead

    def move(self, by: timedelta) -> None:
        """Lets so much time pass: what has expired by then ends, and records whose lifetime is over are gone.

        What becomes due is sent when it is next waited for, or by `finish_all`.

        Raises:
            TypeError: `by` is no timedelta.
        """
        if not isinstance(by, timedelta):
            raise TypeError(f"give a timedelta, such as timedelta(minutes=10), not {type(by).__name__}")
        self._ahead += by
        self._on_move(by)

    def set(self, to: datetime) -> None:
        """Moves to this time, which is aware; also back, which is best done before the first job."""
        self.move(to - self.now())
