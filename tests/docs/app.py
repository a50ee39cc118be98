"""The command line as the pages are compared with it."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import typer.main

from outbound_chat.cli.app import app


@cache
def group() -> Any:
    """The real app, with the commands that the worker's package brings."""
    return typer.main.get_command(app)


@cache
def commands() -> dict[str, Any]:
    """Every command by its name; one of a group by both names."""
    return dict(_commands_of(group(), ""))


def _commands_of(holder: Any, before: str) -> Iterator[tuple[str, Any]]:
    context = holder.make_context("outbound-chat", [], resilient_parsing=True)
    for name in holder.list_commands(context):
        command = holder.get_command(context, name)
        if hasattr(command, "list_commands"):
            yield from _commands_of(command, f"{before}{name} ")
        else:
            yield before + name, command


def parameters(command: Any) -> dict[str, str]:
    """Options and arguments of a command → their default as the pages write it; empty for flags."""
    return dict(_parameters(command))


def _parameters(command: Any) -> Iterator[tuple[str, str]]:
    for parameter in command.params:
        if "--help" in parameter.opts:
            continue
        if parameter.required:
            default = "required"
        elif getattr(parameter, "is_flag", False):
            default = ""
        else:
            default = "none" if parameter.default in (None, "") else f"`{parameter.default}`"
        yield parameter.opts[0], default


def check(arguments: list[str]) -> None:
    """Parses what stands behind `outbound-chat`, and runs nothing.

    Raises:
        Exception: a command or an option does not exist, or a value is refused.
    """
    options, rest = _options_before_command(arguments)
    try:
        group().make_context("outbound-chat", options, resilient_parsing=True)
        if rest:
            words = 1 if rest[0] in commands() else 2
            name = " ".join(rest[:words])
            commands()[name].make_context(name, rest[words:])
    except typer.Exit:
        return  # --help and --version end here


def _options_before_command(arguments: list[str]) -> tuple[list[str], list[str]]:
    known = {name for parameter in group().params for name in parameter.opts}
    options: list[str] = []
    rest = list(arguments)
    while rest and rest[0].startswith("-"):
        if rest[0] not in known | {"--help"}:
            raise LookupError(f"no such option: {rest[0]}")
        options.append(rest.pop(0))
        if options[-1] == "--config":
            options.append(rest.pop(0))
    return options, rest
