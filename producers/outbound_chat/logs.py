"""Logs to standard error, as text or as one JSON object per line: `log_format` in the settings.

The supervisor of workers imports this for JSON, so it imports little itself.
"""

from __future__ import annotations

import logging
import sys
import threading
import time

TYPE_CHECKING = False  # as that of `typing`
if TYPE_CHECKING:
    from types import TracebackType

JSON = "json"
TEXT = "%(asctime)s %(levelname)s %(name)s %(message)s"
_OURS = "outbound_chat"


class JsonFormatter(logging.Formatter):
    """Writes a record as an object with `time` (UTC), `level`, `logger`, `message` and, if there is one, `exception`.

    If the message is formatted with a dictionary, its values become members too.
    """

    def __init__(self) -> None:
        super().__init__()
        from json import dumps  # noqa: PLC0415  # only those who write JSON need it

        self._dumps = dumps

    def format(self, record: logging.LogRecord) -> str:
        """Returns one line."""
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, object] = {
            "time": f"{seconds}.{int(record.msecs):03}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if isinstance(record.args, dict) and record.name.startswith(_OURS):
            line = {**line, **record.args, **line}  # none of the first four is another
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            line["stack"] = record.stack_info
        return self._dumps(line, default=str)


def log_to_stderr(log_format: str, level: int | str = logging.INFO, text: str = TEXT) -> None:
    """Logs to standard error from now on. `text`: the format, unless it is JSON."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if log_format == JSON else logging.Formatter(text))
    logging.basicConfig(level=level, handlers=[handler])
    if log_format == JSON:
        # What Python itself would write there, in lines of its own.
        logging.captureWarnings(capture=True)
        sys.excepthook = _log_uncaught
        threading.excepthook = lambda died: _log_uncaught(died.exc_type, died.exc_value, died.exc_traceback)


def _log_uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    if error and not issubclass(kind, KeyboardInterrupt):
        logging.getLogger(_OURS).critical("unhandled error", exc_info=(kind, error, trace))
