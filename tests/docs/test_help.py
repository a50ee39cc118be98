"""What `--help` shows: whole summaries, words for values, and examples that can be typed as they stand."""

import re
import shlex
from collections.abc import Iterator
from functools import cache

import pytest

from outbound_chat.cli.app import _COMMANDS
from outbound_chat.cli.helping import EXIT_CODES, GROUPS, SUMMARY

from .app import check, commands, group
from .pages import bare, read, section, table

WIDTH = 80
EVERY = ["", "keys", *commands()]


@cache
def help_of(name: str) -> str:
    """The help of a command at 80 columns."""
    context = group().make_context("outbound-chat", [], resilient_parsing=True, terminal_width=WIDTH - 2)
    for word in name.split():
        _, command, _ = context.command.resolve_command(context, [word])
        context = command.make_context(word, [], parent=context, resilient_parsing=True)
    return str(context.get_help())


def examples_of(name: str) -> Iterator[list[str]]:
    """The words behind `outbound-chat` of each example of a command."""
    _, _, examples = help_of(name).partition("\nExamples:\n")
    for line in re.findall(r"^  \$ (.+)$", examples.replace("\\\n", ""), re.MULTILINE):
        first, *rest = shlex.split(line)
        assert first == "outbound-chat"
        yield rest


@pytest.mark.parametrize("name", EVERY)
def test_help_fits_80_columns_and_cuts_nothing(name: str) -> None:
    """Half of the list of commands ended with three dots."""
    text = help_of(name)

    assert max(map(len, text.splitlines())) < WIDTH
    assert not re.search(r"(?<![]A-Z])\.\.\.", text)
    assert "<" not in text, "no word of a programming language, such as <list[str]>"
    assert "\n  -h, --help" in text


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        *(("jobs", "--since TIME"), ("jobs", "--until TIME"), ("events", "--since NUMBER")),
        *(("send-batch", "--test-row ROW"), ("suppress", "--column OURS=THEIRS")),
    ],
)
def test_the_word_for_a_value_says_what_to_give(name: str, shown: str) -> None:
    """`jobs --since NUMBER` takes a time, and not the number of an event."""
    assert f" {shown} " in help_of(name)
    assert not re.search(r"--\S+ [A-Z]+_[A-Z]+", help_of(name))


@pytest.mark.parametrize("name", commands())
def test_every_command_has_a_summary_text_for_each_option_and_examples(name: str) -> None:
    command = commands()[name]
    first, _, rest = command.help.partition("\n")

    assert len(first) <= SUMMARY
    assert first.endswith(".")
    assert not rest or rest.startswith("\n"), "a line by itself"
    assert all(parameter.help for parameter in command.params)
    has_options = any("--json" not in parameter.opts for parameter in command.params)
    assert list(examples_of(name)) or not has_options


def test_the_list_of_commands_has_each_in_a_group() -> None:
    """By what people want to do, and not by the alphabet."""
    text = help_of("")

    assert [line.removesuffix(":") for line in text.splitlines() if line.removesuffix(":") in GROUPS] == list(GROUPS)
    assert "Other commands" not in text
    listed = re.findall(r"^  ([a-z-]+)  +[A-Z]", text, re.MULTILINE)
    assert set(_COMMANDS) <= set(listed)
    assert len(listed) == len(set(listed))


@pytest.mark.parametrize("name", EVERY)
def test_every_example_of_the_help_can_be_typed_as_it_stands(name: str) -> None:
    for words in examples_of(name):
        check(words)
        assert words[: len(name.split())] == name.split()


def test_the_exit_codes_are_those_of_the_page() -> None:
    rows = table(section(read("cli.md"), "## Exit codes"), "code")
    assert [bare(row["code"]) for row in rows] == list(EXIT_CODES)
