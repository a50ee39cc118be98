"""A machine that runs other Celery and Django programs: their variables change nothing here."""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from outbound_chat_worker.celery import app

NOWHERE = "amqp://guest@127.0.0.1:9//"
OTHERS = {
    "CELERY_APP": "shop",
    "CELERY_BENCH_EVERY": "often",
    "CELERY_BROKER_READ_URL": NOWHERE,
    "CELERY_BROKER_URL": NOWHERE,
    "CELERY_BROKER_WRITE_URL": NOWHERE,
    "CELERY_CONFIG_MODULE": "celeryconfig",
    "CELERY_CUSTOM_WORKER_POOL": "shop.pools:Pool",
    "CELERY_LOADER": "shop.loaders:Loader",
    "CELERY_LOG_LEVEL": "loud",
    "CELERY_RDBSIG": "1",
    "CELERY_RESULT_BACKEND": "db+sqlite:///results.db",
    "CELERY_TRACE_APP": "1",
    "CELERY_WORKER_AUTOSCALE": "1,0",
    "CELERY_WORKER_CONCURRENCY": "1",
    "CELERY_WORKER_EXCLUDE_QUEUES": "outbound-chat",
    "CELERY_WORKER_POOL": "gevent",
    "CELERY_WORKER_QUEUES": "emails",
    "CELERY_WORKER_REVOKES_MAX": "many",
    "CELERY_WORKER_TIME_LIMIT": "1",
    "C_STRICT_APP": "1",
    "AUTOSCALE_KEEPALIVE": "long",
    "DJANGO_SETTINGS_MODULE": "shop.settings",
    "FORKED_BY_MULTIPROCESSING": "1",
    "KOMBU_LOG_DEBUG": "1",
    "PICKLE_PROTOCOL": "newest",
    "REMAP_SIGTERM": "SIGQUIT",
}
"""What such programs set, each with a value by which a worker that reads it works otherwise, or not at all."""

# As `doctor` and `celery -A outbound_chat_worker` do: the app is asked in a process that is not our own to clean.
ASKS = """
import json
from outbound_chat_worker.celery import app
import outbound_chat_worker.tasks
from celery._state import _tls, default_app
ways = [app.connection, app.connection_for_read, app.connection_for_write]
print(json.dumps({
    "brokers": sorted({way().as_uri() for way in ways} | {app.producer_pool.connections.connection.as_uri()}),
    "backend": type(app.backend).__name__,
    "serializer": app.conf.task_serializer,
    "imports": app.conf.imports,
    "pool": app.conf.worker_pool,
    "current": [_tls.current_app, default_app],
}))
"""
READ_BY_THE_APP = sorted(name for name in OTHERS if name.startswith(("CELERY_BROKER", "CELERY_RESULT", "DJANGO_")))
READ_BY_THE_COMMAND = ("CELERY_WORKER_EXCLUDE_QUEUES", "CELERY_WORKER_QUEUES", "CELERY_WORKER_TIME_LIMIT")


@pytest.mark.parametrize("names", [READ_BY_THE_APP, ["CELERY_CONFIG_MODULE"], ["CELERY_LOADER"]], ids=" ".join)
def test_the_app_goes_by_our_settings_alone(names: list[str], tmp_path: Path) -> None:
    """Else a worker, a health check or `doctor` speaks to the broker of another program."""
    (tmp_path / "celeryconfig.py").write_text("task_serializer = 'pickle'\nimports = ['shop.tasks']\n")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OUTBOUND_CHAT_")}
    settings = {"OUTBOUND_CHAT_REDIS_URL": "redis://127.0.0.1:9/3", "PYTHONPATH": str(tmp_path)}

    asked = subprocess.run(
        [sys.executable, "-c", ASKS],
        env={**kept, **settings, **{name: OTHERS[name] for name in names}},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert asked.returncode == 0, asked.stderr
    assert json.loads(asked.stdout) == {
        "brokers": ["redis://:**@127.0.0.1:9/3"],
        "backend": "DisabledBackend",
        "serializer": "json",
        "imports": [],
        "pool": "threads",
        "current": [None, None],
    }


def test_a_spawned_process_of_the_pool_has_the_same_app() -> None:
    """`--pool-start-method spawn` hands the app over as a pickle: without its settings it would know no budget."""
    assert pickle.loads(pickle.dumps(app)) is app  # noqa: S301  # our own
