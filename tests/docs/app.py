"""The command line as the pages are compared with it."""

import typer

from docs.generate import commands, group

__all__ = ["check", "commands", "group"]


def check(arguments: list[str]) -> None:
    """Parses what stands behind `outbound-chat`, and runs nothing.

    Raises:
        Exception: a command or an option does not exist, or a value is refused.
    """
    if arguments[:1] == ["help"]:
        arguments = [*arguments[1:], "--help"]
    elif arguments == ["version"]:
        arguments = ["--version"]
    options, rest = _options_before_command(arguments)
    try:
        group().make_context("outbound-chat", options, resilient_parsing=True)
        if rest:
            words = 2 if " ".join(rest[:2]) in commands() or rest[0] not in commands() else 1
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
