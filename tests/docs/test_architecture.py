"""The page that contributors read first names files that exist, shows lines that stand in them, and is obeyed."""

import ast
import re
from textwrap import indent

import pytest

from .pages import ROOT, Block, blocks

PAGE = ROOT / "ARCHITECTURE.md"
STARTS = {"P/": "producers/outbound_chat/", "W/": "worker/outbound_chat_worker/"}
PATH = re.compile(r"`((?:P|W|config|tests|producers|worker)/[\w./-]*)`")
SHOWN = [block for block in blocks(PAGE) if block.language in {"python", "lua"}]


def test_every_path_exists() -> None:
    paths = PATH.findall(PAGE.read_text(encoding="utf-8"))
    assert len(paths) > 40

    whole = [re.sub(r"^(P|W)/", lambda found: STARTS[found[0]], path) for path in paths]
    assert [path for path in whole if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("block", SHOWN, ids=str)
def test_the_lines_shown_stand_in_their_file(block: Block) -> None:
    first, _, lines = block.body.partition("\n")
    text = (ROOT / re.sub(r"^(#|--) ", "", first)).read_text(encoding="utf-8")

    assert any(indent(lines, 4 * depth * " ") in text for depth in range(4))


@pytest.mark.parametrize("folder", ["cli/commands", "http/routes"])
def test_no_command_or_route_imports_another(folder: str) -> None:
    """What two of them share stands in `cli/` or `http/wire/`, so that each can be read and changed alone."""
    files = sorted((ROOT / "producers/outbound_chat" / folder).glob("[!_]*.py"))
    assert len(files) > 5

    package = "outbound_chat." + folder.replace("/", ".")
    assert {file.stem: found for file in files if (found := _imported_from(package, file.read_text("utf-8")))} == {}


def _imported_from(package: str, text: str) -> list[str]:
    found: list[str] = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            # Relative imports are refused by ruff (TID252).
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return [name for name in found if name.startswith(f"{package}.")]
