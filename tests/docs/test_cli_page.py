"""docs/cli.md and the command line say the same; every command on any page can be typed as it stands."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from outbound_chat.cli.errors import INTERRUPTED, INVALID_ARGUMENTS, INVALID_SETTINGS, Exit, exit_code
from outbound_chat.cli.files import writing
from outbound_chat.model.errors import OutboundChatError
from outbound_chat_worker.local import embedded

from .app import check, commands
from .pages import ROOT, bare, blocks, inline_code, pages, read, section, table

BRING_ERRORS = (writing, embedded)
"""Modules that define more errors, and are loaded only by some commands."""


def test_the_page_has_a_section_for_each_command_and_no_other() -> None:
    headings = set(re.findall(r"^## `(.+)`$", read("cli.md"), re.MULTILINE))
    assert headings == set(commands())


def test_the_exit_codes_are_those_of_the_code() -> None:
    rows = table(section(read("cli.md"), "## Exit codes"), "code")
    assert [int(row["code"]) for row in rows] == [*Exit]


def test_the_codes_of_commands_and_their_exit_codes_are_those_of_the_code() -> None:
    """A script that knows the page meets no other."""
    rows = table(section(read("errors.md"), "## Codes of commands"), "code")
    ours = {kind.code: exit_code(kind.__new__(kind)) for kind in _kinds(OutboundChatError)}
    # Those of a refused job are the codes of its fields, nobody reads that the output was lost, and no command closes
    # its client before its end.
    others = {"error", "invalid_request", "invalid_webhook", "output_lost", "client_closed"}
    parsers = {INVALID_ARGUMENTS: 2, INVALID_SETTINGS: 2, INTERRUPTED: exit_code(KeyboardInterrupt())}
    assert {bare(row["code"]): int(row["exit"]) for row in rows} == {
        **{code: exits for code, exits in ours.items() if code not in others},
        **parsers,
    }


def _kinds(kind: type[OutboundChatError]) -> Iterator[type[OutboundChatError]]:
    yield kind
    for more in kind.__subclasses__():
        yield from _kinds(more)


def test_the_readme_names_no_command_that_cli_md_lacks() -> None:
    used = {line.split()[1] for line in _lines_of(ROOT / "README.md") if len(line.split()) > 1}
    assert used <= set(commands())


def _lines_of(page: Path) -> Iterator[str]:
    """Every command line for `outbound-chat` in blocks of code and in sentences."""
    for block in blocks(page):
        if block.language in {"", "sh"}:
            for line in block.body.replace("\\\n", " ").splitlines():
                yield from _command_in(line)
    for code in inline_code(page):
        yield from _command_in(code)


def _command_in(line: str) -> Iterator[str]:
    # Variables may be set before a command; what stands behind a pipe, `;`, `>`, `#` or an ellipsis is not ours.
    match = re.match(r"^(?:\$ )?(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?(outbound-chat(?: .*)?)$", line.strip())
    if match and "…" not in line:
        yield re.split(r"\s(?:[|>;&#]|&&|2>)", match[1], maxsplit=1)[0]


COMMANDS = sorted({(page.name, line) for page in pages() for line in _lines_of(page)})


@pytest.mark.parametrize(("page", "line"), COMMANDS)
def test_a_command_of_a_page_can_be_typed_as_it_stands(page: str, line: str) -> None:
    assert page
    check(shlex.split(line)[1:])


def test_commands_are_found_on_the_pages() -> None:
    """Were the search broken, the test above would pass with nothing."""
    assert {"README.md", "cli.md", "quickstart.md"} <= {page for page, _ in COMMANDS}


@pytest.mark.parametrize("wrong", ["nosuch", "send --nosuch", "worker --processes none", "--nosuch doctor", "status"])
def test_a_wrong_command_would_be_noticed(wrong: str) -> None:
    with pytest.raises(Exception, match=r".+"):
        check(shlex.split(wrong))


def test_every_make_target_on_a_page_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    used = {name for page in pages() for name in re.findall(r"(?:^|`)make ([a-z-]+)", page.read_text(encoding="utf-8"))}
    assert used
    assert used <= targets
