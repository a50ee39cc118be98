"""Logs problems outside of this process, such as a server that is down: once, then less and less often, then their end.

It is not for our own errors. The main idea: a problem lasts, and many threads encounter it again and again; a line each
time would bury all other lines.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0)
"""Seconds from one line about a problem to the next. After the last, it is only logged when it changes."""
_MOST_TEXTS = 8
_FORGOTTEN_SECONDS = 600.0
"""A problem that was not encountered for this long is new: not all callers know when one is over."""


@dataclass(slots=True)
class _Trouble:
    texts: set[str] = field(default_factory=set)
    lines: int = 0
    next_at: float = 0.0
    found_at: float = 0.0
    """When it was last encountered."""
    began_at: float = 0.0
    """When it was first encountered since everything last worked."""
    ended_at: float = 0.0
    is_known: bool = False
    """Whether a line was logged since everything last worked."""


class Notices:
    """The current problems of a process, by subject. Safe to share between threads."""

    def __init__(self, logger: logging.Logger, now: Callable[[], float] = time.monotonic) -> None:
        """`now`: a clock, in seconds."""
        self._logger = logger
        self._now = now
        self._troubles: dict[str, _Trouble] = {}
        self._lock = threading.Lock()
        self.open: set[str] = set()
        """Subjects with a problem. Where speed matters, check this before calling `over`."""

    def note(self, subject: str, text: str, *, error: BaseException | None = None) -> None:
        """Logs a warning if it is new, has changed, or was not logged for a while.

        A problem that lasts for a minute is always logged, so that "it works again" is never the last line about it.

        `error`: an unexpected error, whose traceback is logged too.
        """
        text = " ".join(text.split())  # one line, whatever a library or program wrote
        with self._lock:
            trouble = self._trouble(subject)
            is_last = trouble.lines >= len(PAUSES)
            is_new = text not in trouble.texts and len(trouble.texts) < _MOST_TEXTS
            is_unsaid = not trouble.is_known and self._now() - trouble.began_at >= PAUSES[-1]
            if not (is_new or is_unsaid) and (trouble.lines > len(PAUSES) or self._now() < trouble.next_at):
                return
            trouble.texts.add(text)
            trouble.next_at = self._now() + PAUSES[min(trouble.lines, len(PAUSES) - 1)]
            trouble.lines += 1
            trouble.is_known = True
        self._logger.warning("%s%s", text, " (logged again when it changes)" if is_last else "", exc_info=error)

    def over(self, subject: str, text: str) -> None:
        """Logs that it works again, if there was a problem."""
        with self._lock:
            if subject not in self.open:
                return
            self.open.discard(subject)
            trouble = self._troubles[subject]
            trouble.ended_at = self._now()
            is_known, trouble.is_known = trouble.is_known, False
        if is_known:
            self._logger.warning("%s", text)

    def _trouble(self, subject: str) -> _Trouble:
        """Returns the problem of the subject. A problem that comes and goes within a minute remains the same one."""
        now, found = self._now(), self._troubles.get(subject)
        is_over = found and subject not in self.open and now - found.ended_at > PAUSES[-1]
        if found is None or is_over or now - found.found_at > _FORGOTTEN_SECONDS:
            found = self._troubles[subject] = _Trouble(began_at=now)
        elif subject not in self.open:
            found.began_at = now
        self.open.add(subject)
        found.found_at = now
        return found
