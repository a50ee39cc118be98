"""An isolated Celery app: it uses only the given settings, and ignores the variables of other programs.

Celery reads the environment before an app's own settings (`CELERY_BROKER_URL`, `CELERY_CONFIG_MODULE`,
`DJANGO_SETTINGS_MODULE` …). If another Celery program runs in the same environment, these variables are for that one.
"""

from typing import Any

import click
from celery import Celery
from celery.loaders.app import AppLoader
from kombu import Connection
from kombu.utils.imports import symbol_by_name


class _Loader(AppLoader):
    def read_configuration(self, *_: str) -> dict[str, Any]:
        """Reads nothing: a variable could lead to a file of another program."""
        return {}


class ApartApp(Celery):
    """Uses `conf["broker_url"]`, since properties of `conf`, such as `conf.broker_url`, prefer the environment."""

    backend_cls = "disabled://"

    def __init__(self, name: str, **options: Any) -> None:
        """`options`: those of `Celery`."""
        super().__init__(name, loader=_Loader, fixups=[], set_as_current=False, **options)
        # `celery -A` loads the app before it parses the subcommand, whose option CELERY_WORKER_QUEUES would be.
        if context := click.get_current_context(silent=True):
            context.auto_envvar_prefix = None

    def __reduce__(self) -> tuple[Any, ...]:
        """Makes a pool process that Celery spawns instead of forking import the app from its module."""
        return symbol_by_name, ("outbound_chat_worker.celery:app",)

    def connection(self, hostname: str | None = None, *rest: Any, **options: Any) -> Connection:
        """Same as `Celery.connection`."""
        return super().connection(hostname or self.conf["broker_url"], *rest, **options)

    def connection_for_read(self, url: str | None = None, **options: Any) -> Connection:
        """Same as `Celery.connection_for_read`."""
        return super().connection_for_read(url or self.conf["broker_url"], **options)

    def connection_for_write(self, url: str | None = None, **options: Any) -> Connection:
        """Same as `Celery.connection_for_write`."""
        return super().connection_for_write(url or self.conf["broker_url"], **options)
