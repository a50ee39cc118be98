"""Logs what goes wrong outside of us, such as a server that is down: once, then ever more rarely, then when it is over.

Not for errors of ours. The one idea: a condition lasts, and is found again and again by many threads; a line for each
would bury all others.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0)
"""Seconds from one line about a condition to the next; after the last it is logged when it changes."""
_MOST_TEXTS = 8
_FORGOTTEN_SECONDS = 600.0
"""A condition that was not found again for so long is new: not everywhere is it known when one is over."""


@dataclass(slots=True)
class _Trouble:
    texts: set[str] = field(default_factory=set)
    lines: int = 0
    next_at: float = 0.0
    found_at: float = 0.0
    """When it was last found."""
    began_at: float = 0.0
    """When it was first found since it last worked."""
    ended_at: float = 0.0
    is_known: bool = False
    """Whether a line was logged since it last worked."""


class Notices:
    """The conditions that a process knows of, each by its subject. Safe to share between threads."""

    def __init__(self, logger: logging.Logger, now: Callable[[], float] = time.monotonic) -> None:
        """`now`: a clock, in seconds."""
        self._logger = logger
        self._now = now
        self._troubles: dict[str, _Trouble] = {}
        self._lock = threading.Lock()
        self.open: set[str] = set()
        """Subjects with whom something is wrong: where calls are dear, look here before calling `over`."""

    def note(self, subject: str, text: str, *, error: BaseException | None = None) -> None:
        """Logs a warning if it is new, says something else, or was not logged for a while.

        What lasts for a minute is logged in any case, so that "it works again" is never the last word about it.

        `error`: an unexpected one, whose traceback is logged, too.
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
        """Logs that it works again, if it did not."""
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
        """What is known of the subject. One that comes and goes within a minute is the same as before."""
        now, found = self._now(), self._troubles.get(subject)
        is_over = found and subject not in self.open and now - found.ended_at > PAUSES[-1]
        if found is None or is_over or now - found.found_at > _FORGOTTEN_SECONDS:
            found = self._troubles[subject] = _Trouble(began_at=now)
        elif subject not in self.open:
            found.began_at = now
        self.open.add(subject)
        found.found_at = now
        return found
