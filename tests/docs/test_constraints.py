"""The pinned releases install on the oldest Python that the project names, also on the first release of it."""

import tomllib
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]


def test_every_pin_takes_the_oldest_python() -> None:
    """pip says of one that does not that versions conflict, and names another package."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    oldest = project["requires-python"].removeprefix(">=") + ".0"
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = {canonicalize_name(Requirement(line).name) for line in lines if not line.startswith("#")}
    found: list[Any] = list(distributions())
    wanted = {canonicalize_name(one.name): one.metadata.get("Requires-Python", "") for one in found}
    # Those of the benchmarks are not here.
    assert len(pinned & wanted.keys()) > len(pinned) / 2

    assert {name: wanted[name] for name in pinned & wanted.keys() if oldest not in SpecifierSet(wanted[name])} == {}
