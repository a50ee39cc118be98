"""Writes all logs of Celery as one JSON object per line: `log_format` in the settings.

Celery creates its handlers as usual, with their levels and files; only the format is different.
"""

import logging
import os

from celery.signals import after_setup_logger, after_setup_task_logger
from celery.utils.log import get_multiprocessing_logger

from outbound_chat.logs import JSON, JsonFormatter, log_to_stderr
from outbound_chat_config import load_settings


def begin(**_: object) -> None:
    """Prepares a worker at its start, if the settings request JSON."""
    if load_settings().log_format != JSON:
        return
    from celery.apps import worker  # noqa: PLC0415  # Celery's other commands don't need it

    log_to_stderr(JSON)  # for what Celery warns of before it sets up its own
    after_setup_logger.connect(_write_json, weak=False)
    after_setup_task_logger.connect(_write_json, weak=False)
    # Celery writes a few lines past the logs, such as that it ends.
    worker.safe_say = _say  # type: ignore[attr-defined]  # its types lack it


def _write_json(logger: logging.Logger, **_: object) -> None:
    of_pool = get_multiprocessing_logger()
    for handler in (*logger.handlers, *(of_pool.handlers if of_pool else ())):
        handler.setFormatter(JsonFormatter())


def _say(message: str, *_: object) -> None:
    # A handler of a signal calls it, when a lock of the logs may be held: so it writes as Celery does.
    record = logging.LogRecord("celery.apps.worker", logging.WARNING, __file__, 0, message, None, None)
    os.write(2, f"{JsonFormatter().format(record)}\n".encode())
