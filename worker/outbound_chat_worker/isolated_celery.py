"""A Celery app that keeps apart: it goes by the settings it is given, and by no variable of a host program.

Celery reads the environment before an app's own settings (`CELERY_BROKER_URL`, `CELERY_CONFIG_MODULE`,
`DJANGO_SETTINGS_MODULE` …). Where outbound-chat runs beside another Celery program, these variables are that program's.
"""

from typing import Any

import click
from celery import Celery
from celery.loaders.app import AppLoader
from kombu import Connection
from kombu.utils.imports import symbol_by_name


class _Loader(AppLoader):
    def read_configuration(self, *_: str) -> dict[str, Any]:
        """Nothing: a variable would lead to a file of another program."""
        return {}


class ApartApp(Celery):
    """`conf["broker_url"]` is its broker; the properties of `conf`, as `conf.broker_url`, ask the environment first."""

    backend_cls = "disabled://"

    def __init__(self, name: str, **options: Any) -> None:
        """`options`: those of `Celery`."""
        super().__init__(name, loader=_Loader, fixups=[], set_as_current=False, **options)
        # While `celery -A` loads the app its subcommand has not been parsed: CELERY_WORKER_QUEUES would be its option.
        if context := click.get_current_context(silent=True):
            context.auto_envvar_prefix = None

    def __reduce__(self) -> tuple[Any, ...]:
        """A process of the pool that Celery spawns, instead of forking it, has its app from where it is made."""
        return symbol_by_name, ("outbound_chat_worker.celery:app",)

    def connection(self, hostname: str | None = None, *rest: Any, **options: Any) -> Connection:
        """As `Celery.connection`."""
        return super().connection(hostname or self.conf["broker_url"], *rest, **options)

    def connection_for_read(self, url: str | None = None, **options: Any) -> Connection:
        """As `Celery.connection_for_read`."""
        return super().connection_for_read(url or self.conf["broker_url"], **options)

    def connection_for_write(self, url: str | None = None, **options: Any) -> Connection:
        """As `Celery.connection_for_write`."""
        return super().connection_for_write(url or self.conf["broker_url"], **options)
