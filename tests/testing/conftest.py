"""Runs of pytest as users start them, with the fixtures of the package."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a program in the folder of the test, which knows the examples and no settings."""

    def run(*command: str, path: Path = EXAMPLES) -> subprocess.CompletedProcess[str]:
        left_out = ("OUTBOUND_CHAT_", "PYTEST_ADDOPTS", "PYTEST_XDIST")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
        found = os.pathsep.join(filter(None, [str(path), os.environ.get("PYTHONPATH", "")]))
        # The entry point is there only once the package is installed anew, and would load the plugin twice.
        environment = {**kept, "PYTHONPATH": found, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        environment["PYTHONDONTWRITEBYTECODE"] = "1"  # the examples stay as they are
        return subprocess.run(
            [sys.executable, *command],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
            stdin=subprocess.DEVNULL,
        )

    return run


@pytest.fixture
def run_pytest(run: Run) -> Run:
    """Runs pytest with the plugin of the package."""

    def run_pytest(*options: str) -> subprocess.CompletedProcess[str]:
        return run("-m", "pytest", "-p", "no:cacheprovider", "-p", "outbound_chat.testing.plugin", *options)

    return run_pytest
