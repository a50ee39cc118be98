"""The command `outbound-chat worker`."""

import logging
from importlib.util import find_spec
from typing import Annotated

import typer

from outbound_chat.ending import Ending
from outbound_chat_config import SettingsError, describe, load_settings
from outbound_chat_worker.local.supervisor import become_supervisor, log_to_stderr

# This program imports neither, but its workers do: without them each would end and be started again, for ever.
for _needed in ("celery", "boto3"):
    if find_spec(_needed) is None:
        raise ModuleNotFoundError(f"No module named {_needed!r}", name=_needed)


def worker(
    *,
    processes: Annotated[int, typer.Option(min=1, max=64, help="Number of processes; each uses one core.")] = 1,
    name: Annotated[
        str | None, typer.Option(help="Name of the Celery nodes: NAME-1@host, NAME-2@host …; random by default.")
    ] = None,
    log_level: Annotated[str, typer.Option(help="DEBUG, INFO, WARNING or ERROR.")] = "INFO",
) -> None:
    """Run workers, which send the messages.

    Runs until Ctrl-C or SIGTERM, and finishes calls in flight before it ends. Workers that die are started again.

    $ outbound-chat worker
    $ outbound-chat worker --processes 2 --log-level WARNING
    """
    if log_level.upper() not in logging.getLevelNamesMapping():
        raise typer.BadParameter("use DEBUG, INFO, WARNING or ERROR", param_hint="--log-level")
    ending = Ending()
    settings = load_settings()  # reports invalid settings once, here, and not from each process
    if not settings.senders:
        # It would claim jobs of other programs, and hold their senders as unknown.
        raise SettingsError(f"no sender is configured ({settings.source}); add [senders.NAME] (docs/settings.md)")
    log_to_stderr(log_level.upper(), settings.log_format)
    for line in describe(settings):
        logging.getLogger(__name__).info("%s", line)
    become_supervisor(processes, name=name, log_level=log_level.upper(), log_format=settings.log_format, ending=ending)
