"""The command `outbound-chat worker`."""

import logging
from typing import Annotated

import typer

from outbound_chat.ending import Ending
from outbound_chat_config import load_settings
from outbound_chat_worker.local.supervisor import become_supervisor


def worker(
    *,
    processes: Annotated[int, typer.Option(min=1, max=64, help="Worker processes; each uses one core.")] = 1,
    name: Annotated[
        str | None, typer.Option(help="Name of the Celery nodes: NAME-1@host, NAME-2@host …; random by default.")
    ] = None,
    log_level: Annotated[str, typer.Option(help="DEBUG, INFO, WARNING or ERROR.")] = "INFO",
) -> None:
    """Run workers until Ctrl-C or SIGTERM.

    Restarts workers that die. On exit, calls in flight finish first.
    """
    if log_level.upper() not in logging.getLevelNamesMapping():
        raise typer.BadParameter("use DEBUG, INFO, WARNING or ERROR", param_hint="--log-level")
    ending = Ending()
    settings = load_settings()  # reports invalid settings once, here, and not from each process
    become_supervisor(processes, name=name, log_level=log_level.upper(), log_format=settings.log_format, ending=ending)
