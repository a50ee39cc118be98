"""The page that contributors read first names files that exist, and shows lines that stand in them."""

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
