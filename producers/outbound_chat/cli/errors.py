"""How a command ends that could not do all it was asked: the exit code, the sentence and the JSON of each error."""

import re
from collections.abc import Iterable
from dataclasses import replace
from enum import IntEnum
from typing import Any

import typer

from outbound_chat.cli.options import SeveralFaults
from outbound_chat.cli.streams import OutputLost
from outbound_chat.model.errors import (
    FieldError,
    InvalidJob,
    InvalidNumbers,
    OutboundChatError,
    SettingsError,
    StoreError,
    UnknownBatch,
    UnknownJob,
    WaitTimeout,
)

UsageError: Any = typer.BadParameter.__bases__[0]
"""What the parser raises: that of click, or of the copy of it that newer versions of Typer bring."""
INVALID_ARGUMENTS, INVALID_SETTINGS, INTERRUPTED = "invalid_arguments", "invalid_settings", "interrupted"


class Exit(IntEnum):
    """Exit codes."""

    DONE = 0
    NOT_ALL_SENT = 1
    WRONG_INPUT = 2
    STORE = 3
    TIMEOUT = 4
    UNKNOWN_ID = 5
    OUTPUT_LOST = 6
    INTERRUPTED = 130


class UnknownId(OutboundChatError, code="unknown_id"):
    """Nothing has this id."""

    def __init__(self, id_: str, sentence: str) -> None:
        super().__init__(sentence)
        self.id = id_


class MissingExtra(OutboundChatError, code="missing_extra"):
    """A command needs a package that is not installed."""

    def __init__(self, command: str, package: str | None, extra: str) -> None:
        super().__init__(f"'{command}' needs {package or 'a package'}; run: pip install 'outbound-chat[{extra}]'")


def unknown_id(id_: str) -> UnknownId:
    """Returns the error for an id that neither a job nor a batch has."""
    kept = "results are only kept for a while (results.keep)"
    hint = "`outbound-chat jobs` lists the latest single messages"
    return UnknownId(id_, f"no job or batch has the id {id_!r}; {kept}; {hint}")


def at_place(place: str, errors: Iterable[FieldError]) -> InvalidJob:
    """Returns the errors of one row or number; their messages begin with its place, such as `line 3`."""
    return InvalidJob([replace(one, message=f"{place}: {one.message}") for one in errors])


def exit_code(error: BaseException) -> Exit:
    """Returns the exit code for an error of ours, of the parser, or for Ctrl-C."""
    match error:
        case KeyboardInterrupt():
            return Exit.INTERRUPTED
        case OutputLost():
            return Exit.OUTPUT_LOST
        case WaitTimeout():
            return Exit.TIMEOUT
        case UnknownJob() | UnknownBatch() | UnknownId():
            return Exit.UNKNOWN_ID
        case StoreError():
            return Exit.STORE
        case _:
            return Exit.WRONG_INPUT


def sentence(error: BaseException) -> str:
    """Returns what people are told of an error, with its notes."""
    if isinstance(error, KeyboardInterrupt):
        text = "interrupted before it had its result"
    else:
        text = _in_our_words(error.format_message()) if isinstance(error, UsageError) else str(error)
    return "\n".join([text, *getattr(error, "__notes__", [])])


def _in_our_words(text: str) -> str:
    """Returns a message of the parser on one line, with its options in quotes."""
    # Some versions of Typer repeat the beginning of a message of pydantic.
    text = re.sub(r"([:,])\n\t", r"\1 ", text.replace("Value error, ", ""))
    text = re.sub(r" \(Possible options: (.+)\)", r". Did you mean \1?", text)
    return re.sub(r"Invalid value for ([^':\n]+):", r"Invalid value for '\1':", text)


def plain_errors(error: BaseException) -> list[dict[str, Any]]:
    """Returns an error as it is in JSON: one object, or one for each field that is wrong."""
    if isinstance(error, SeveralFaults):
        return [one for fault in error.faults for one in plain_errors(fault)]
    ids = (getattr(error, name, None) for name in ("id", "job_id", "batch_id"))
    about = {"id": id_} if (id_ := next(filter(None, ids), None)) else {}
    if isinstance(error, InvalidJob | InvalidNumbers):
        return [{"code": one.code, "message": one.message, "field": one.field, **about} for one in error.errors]
    if field := _option(error):
        about["field"] = field
    return [{"code": _code(error), "message": sentence(error), **about}]


def _option(error: BaseException) -> str | None:
    """Returns the option or argument that an error of the parser is about, as it is written."""
    named: str | None = getattr(error, "param_hint", None) or getattr(error, "option_name", None)
    if named is None and (option := getattr(error, "param", None)):
        named = option.opts[0] if option.opts[0].startswith("-") else option.opts[0].upper()
    return named


def _code(error: BaseException) -> str:
    match error:
        case KeyboardInterrupt():
            return INTERRUPTED
        case UsageError():
            return INVALID_ARGUMENTS
        case SettingsError():
            return INVALID_SETTINGS
        case _:
            return str(getattr(error, "code", OutboundChatError.code))
