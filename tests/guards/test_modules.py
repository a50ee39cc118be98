"""What each program imports: every module is memory of each process, and a part of its start.

A module that is in none of the lists is one more: somebody decides whether the program needs it.
"""

import os
import subprocess
import sys

import pytest

from outbound_chat_worker.sandbox import SANDBOX_ENVIRONMENT
from tests.support.harness import sender

LISTED = "import sys\nbefore = set(sys.modules)\n{code}\nprint('\\n'.join(set(sys.modules) - before))"

OF_PYTHON = "import contextlib, ctypes, importlib, logging, signal, subprocess, threading"
"""What the supervisor uses of Python's library."""

WORKER = """
from outbound_chat_worker import __main__, tasks
from outbound_chat_worker.runtime import Runtime
from outbound_chat_config import Settings
Runtime(Settings.from_values(**{values!r})).prepare_clients("main")
"""
OF_PRODUCER = {"hiredis", "outbound_chat", "outbound_chat_config", "phonenumbers", "redis"}
OF_SETTINGS = {
    *("annotated_types", "dotenv", "pydantic", "pydantic_core", "pydantic_settings", "typing_extensions"),
    "typing_inspection",
}
NEEDED = {
    "outbound_chat_worker",
    *("amqp", "billiard", "celery", "click", "dateutil", "kombu", "six", "tzlocal", "vine"),
    *("boto3", "botocore", "jmespath", "s3transfer", "urllib3"),
    *OF_PRODUCER,
    *OF_SETTINGS,
}
IF_INSTALLED = {
    *("async_timeout", "certifi", "cffi", "cryptography", "cython_runtime", "django", "greenlet"),
    *("importlib_metadata", "opentelemetry", "packaging", "pygments", "tzdata", "yaml"),
}
"""What these packages import where something else has brought it; redis-py brings the first before Python 3.11.3."""
MOST_OF_WORKER = 900
"""852 with Python 3.11, without those of `IF_INSTALLED`."""

COMMAND = """
import contextlib
from outbound_chat.cli import main
sys.argv = ["outbound-chat", *{arguments!r}]
with contextlib.suppress(SystemExit), contextlib.redirect_stdout(sys.stderr):
    main()
"""
STEP = """
import os, threading
from types import SimpleNamespace
os.environ.update({environment!r})
from outbound_chat_worker.celery import ThreadsStep, app
ThreadsStep(SimpleNamespace(app=app)).start(None)
assert threading.active_count() == 1
"""
"""Starts the part of a worker that would read a queue."""
OF_TYPER = {"annotated_doc", "click", "shellingham", "typer"}
MOST_OF_COMMANDS = {("--help",): 360, ("status", "--help"): 695}
"""325 and 630 with Python 3.11; 535 are those of the client."""


def modules(code: str) -> set[str]:
    """Names of the modules that a new interpreter loads for the code."""
    command = [sys.executable, "-c", LISTED.format(code=code)]
    environment = {**os.environ, **SANDBOX_ENVIRONMENT}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def packages(names: set[str]) -> set[str]:
    """The packages, ours and others', that the modules belong to; without those of Python."""
    return {name.partition(".")[0] for name in names if not name.startswith("_")} - sys.stdlib_module_names


def test_the_supervisor_loads_only_what_it_needs_to_watch_processes() -> None:
    """It runs as long as its workers, and does nothing most of the time."""
    found = modules("import outbound_chat_worker.local.supervisor")

    assert found - modules(OF_PYTHON) == {
        *("__future__", "outbound_chat", "outbound_chat.children", "outbound_chat.ending"),
        *("outbound_chat_worker", "outbound_chat_worker.local", "outbound_chat_worker.local.supervisor"),
    }


def test_a_worker_loads_neither_the_client_nor_what_only_other_programs_use() -> None:
    """All its processes hold what it imports."""
    values = {"budgets": {"main": {"rate": 1}}, "senders": {"support": sender()}}
    found = modules(WORKER.format(values=values))

    assert packages(found) <= NEEDED | IF_INSTALLED
    for part in ("cli", "client", "http", "rows"):
        assert f"outbound_chat.{part}" not in found
    for part in ("cli", "local", "opt_outs", "sandbox", "webhooks"):
        assert f"outbound_chat_worker.{part}" not in found
    always = {name for name in found if name.partition(".")[0] not in IF_INSTALLED}
    assert len(always) <= MOST_OF_WORKER, sorted(always)


def test_a_worker_without_a_queue_loads_and_starts_nothing_for_it() -> None:
    """Events may come by HTTP, or not at all."""
    for table in ({}, {"OUTBOUND_CHAT_CONTACT_EVENTS": '{"count_all": true}'}):
        found = modules(STEP.format(environment={"OUTBOUND_CHAT_REDIS_URL": "redis://127.0.0.1:1/0", **table}))
        assert "outbound_chat_worker.runtime" in found
        assert "outbound_chat_worker.contact_events" not in found
        assert "outbound_chat.client" not in found


def test_a_producer_loads_the_client_and_nothing_of_workers_or_commands() -> None:
    """It is a part of other programs, in each of their processes."""
    found = modules("from outbound_chat import OutboundChat")

    assert packages(found) <= OF_PRODUCER | OF_SETTINGS | IF_INSTALLED
    assert found.isdisjoint({"outbound_chat.cli", "outbound_chat.http", "outbound_chat.rows"})


@pytest.mark.parametrize("arguments", MOST_OF_COMMANDS)
def test_a_command_loads_what_it_needs_and_no_other_command(arguments: tuple[str, ...]) -> None:
    """Scripts run commands one after the other; `--help` is the first that anybody runs."""
    found = modules(COMMAND.format(arguments=arguments))

    # The list of commands names those of the worker's package, too.
    more = {"outbound_chat_worker"} if arguments == ("--help",) else {"rich"}
    assert packages(found) <= OF_PRODUCER | OF_SETTINGS | OF_TYPER | IF_INSTALLED | more
    assert len(found) <= MOST_OF_COMMANDS[arguments], sorted(found)


def test_completing_a_value_loads_the_client_at_most() -> None:
    """It comes with every press of the Tab key, where Celery and boto3 would take a second."""
    for position, line in (("1", "outbound-chat w"), ("3", "outbound-chat send --sender s")):
        shell = {"_OUTBOUND_CHAT_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": position}
        found = modules(f"import os\nos.environ.update({shell!r})\n{COMMAND.format(arguments=())}")
        assert packages(found) <= OF_PRODUCER | OF_SETTINGS | OF_TYPER | IF_INSTALLED | {"outbound_chat_worker", "rich"}
        assert len(found) <= MOST_OF_COMMANDS["status", "--help"], sorted(found)


@pytest.mark.parametrize("added", ["rich", "boto3", "outbound_chat.client", "pathlib"])
def test_what_somebody_adds_is_found(added: str) -> None:
    """Were the look at the modules broken, the tests here would pass with everything."""
    found = modules(f"import outbound_chat_worker.local.supervisor, {added}")

    assert added in found - modules(OF_PYTHON)
    assert added == "pathlib" or added.partition(".")[0] in packages(found)


def test_the_package_alone_loads_none_of_its_parts() -> None:
    """Workers and their supervisor import parts of it, and pay for no client."""
    assert packages(modules("import outbound_chat")) == {"outbound_chat"}
