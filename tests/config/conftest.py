"""A working directory without settings, and an environment without ours."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, empty."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.upper().startswith("OUTBOUND_CHAT_"):
            monkeypatch.delenv(name)
    return tmp_path


@pytest.fixture
def set_variables(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Set variables of the environment, named without their prefix."""

    def set_them(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"OUTBOUND_CHAT_{name}", value)

    return set_them
