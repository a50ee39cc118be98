"""Whatever a how-to, the quickstart or the README lets people type is run by a test, or says why it is not."""

import re
from pathlib import Path

import pytest

from outbound_chat.model.api_keys import ANY_TOKEN
from outbound_chat.model.ids import split_id

from .pages import DOCS, ROOT, Block, blocks, commands, pages

FIRST = [ROOT / "README.md", DOCS / "quickstart.md"]
HOWTOS = sorted((DOCS / "howto").glob("*.md"))
TESTS = ROOT / "tests" / "e2e"


def test_the_commands_of_every_howto_are_run() -> None:
    """`commands` in that module fails at one that it can't run, so no block can be forgotten there."""
    source = (TESTS / "test_howtos.py").read_text(encoding="utf-8")
    run = {*re.findall(r'commands\("([\w-]+\.md)"[,)]', source)}
    assert run == {page.name for page in HOWTOS if commands(page)}


def test_the_commands_of_the_first_pages_are_run() -> None:
    source = (TESTS / "test_first_pages.py").read_text(encoding="utf-8")
    assert 'commands(ROOT / "README.md")' in source
    assert 'QUICKSTART = DOCS / "quickstart.md"' in source
    for page in FIRST:
        assert {words[0] for words in commands(page)} == {"outbound-chat", "export"}


def test_commands_stand_in_blocks_for_the_shell() -> None:
    """One in a block without its language would not be run."""
    for page in [*FIRST, *HOWTOS]:
        for block in blocks(page):
            typed = re.search(r"^(?:\$ )?(?:outbound-chat|pip|aws|curl|make) ", block.body, re.MULTILINE)
            assert not typed or block.language == "sh", block


@pytest.mark.parametrize("block", [block for page in pages() for block in blocks(page) if block.not_run], ids=str)
def test_what_is_not_run_has_a_reason_in_words(block: Block) -> None:
    assert block.language == "sh"
    assert len(block.not_run.split()) > 1


def test_a_mark_counts_only_for_the_block_below_it(tmp_path: Path) -> None:
    """Were the search broken, marked and unmarked blocks would be mixed up."""
    page = tmp_path / "page.md"
    marked = "1. First:\n\n   <!-- not run: needs an account -->\n   ```sh\n   aws help\n   ```\n"
    page.write_text(f"{marked}\n```sh\noutbound-chat send \\\n  --to X  # a note\n\n```\n", encoding="utf-8")

    assert [block.not_run for block in blocks(page)] == ["needs an account", ""]
    assert commands(page) == [["outbound-chat", "send", "--to", "X"]]


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_the_ids_on_a_page_look_like_real_ones(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for id_ in re.findall(r"\bkeys revoke ([0-9a-z]+)", text):
        assert ANY_TOKEN.fullmatch(f"oc_{id_}_{64 * '0'}"), id_
        assert re.search("[g-z]", id_), f"{id_} is hexadecimal"
    for id_ in re.findall(r"\bmain\.0[\w-]+", text):
        assert split_id(id_), id_
