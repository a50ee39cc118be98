"""Runs one worker process: `python -m outbound_chat_worker`, with the options of `celery worker`.

This is Celery's own worker command with our app, without its other commands and installed plugins (Flower includes a
web server): workers don't use them, and loading them would take a good part of the start.
"""

import os
import sys

# Variables that configure Celery for other programs are not meant for us. Some are read while it is imported.
for name in list(os.environ):
    if name.startswith(
        ("AUTOSCALE_", "CELERY_", "C_", "DJANGO_", "FORKED_BY_", "KOMBU_", "MP_", "PICKLE_PROTOCOL", "REMAP_SIGTERM")
    ):
        del os.environ[name]

from celery import maybe_patch_concurrency  # noqa: E402  # see above

# As `celery` does it: before anything else is loaded, and only for pools that need it.
maybe_patch_concurrency()

from celery.bin.base import CLIContext  # noqa: E402  # see above
from celery.bin.worker import worker  # noqa: E402

from outbound_chat_worker.celery import app  # noqa: E402

if __name__ == "__main__":
    # None: colours if the output is a terminal.
    context = CLIContext(app=app, no_color=None, workdir=None, quiet=True)  # type: ignore[arg-type]  # as Celery does
    worker.main(args=sys.argv[1:], prog_name="outbound_chat_worker", obj=context)
