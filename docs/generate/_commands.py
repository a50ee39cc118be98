"""The tables of docs/cli.md, from the command line itself."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import typer.main

from docs.generate._tables import Table
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
        is_group = hasattr(command, "list_commands")
        if not is_group or command.invoke_without_command:
            yield before + name, command
        if is_group:
            yield from _commands_of(command, f"{before}{name} ")


def tables() -> Iterator[Table]:
    """One for each command that has options or arguments, and one for the options before the command."""
    sections = {f"## `{name}`": command for name, command in commands().items()}
    for heading, command in {"## Before the command": group(), **sections}.items():
        if rows := list(_rows(command)):
            yield Table("cli.md", heading, rows, frozenset({"meaning"}))


def _rows(command: Any) -> Iterator[dict[str, str]]:
    for parameter in command.params:
        if "--help" not in parameter.opts and not getattr(parameter, "hidden", False):
            yield {
                "option": f"`{parameter.opts[0]}`",
                "default": _default(parameter),
                "meaning": getattr(parameter, "help", None) or "",
            }


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    if getattr(parameter, "is_flag", False):
        return ""
    return "none" if parameter.default in {None, ""} else f"`{parameter.default}`"
