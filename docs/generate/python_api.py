"""docs/python-api.md: every public name of Python, from signatures, docstrings and the strings below fields.

Not by Sphinx's autodoc: what it writes is seen on the site only, and these pages are read on code hosts too.
"""

import ast
import importlib
import inspect
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from datetime import timedelta
from enum import Enum
from types import FunctionType
from typing import Any, is_typeddict

from docs.generate._words import linked, sentences
from outbound_chat import AsyncOutboundChat, NumberSketch, OutboundChat
from outbound_chat.client.signatures import name_of, options_of, taken_by

MODULES = ("outbound_chat", "outbound_chat.webhooks", "outbound_chat.testing")
"""The public modules; all of the first are described in parts, by their kind."""

_HEAD = """# Python API

Everything that programs import from {modules}.

Each name of `outbound_chat` is loaded when it is first used, and none of them imports Celery or boto3. Invalid fields
have [codes](errors.md#codes-of-a-refused-request), and the [settings reference](settings.md) describes `Settings`.
`help(OutboundChat.enqueue)` and your editor show what this page shows.

`AsyncOutboundChat` has every method of `OutboundChat`, with the same parameters and errors. Use `async for` with
methods that return an iterator, and `await` all others. `rows`, `jobs` and `numbers` may be asynchronous iterables too.
"""
_CONSTANTS = {
    "ACTIVE": "The states of jobs that are not final.",
    "FINAL": "The states of jobs that have ended. Only a late ContactId can still turn `uncertain` into `sent`.",
    "TOLERANCE": "How far the time of a webhook may be from the clock of the receiving machine.",
}
EVERYWHERE = frozenset({"ClientClosed", "StoreError", "StoreUnavailable"})
"""Errors that every method may raise."""
_LONGEST = 100
_PARTS: tuple[tuple[str, Callable[[Any], bool]], ...] = (
    ("Clients", lambda one: one in {OutboundChat, AsyncOutboundChat}),
    ("Options", is_typeddict),
    ("Records", lambda one: is_dataclass(one) or one is NumberSketch),
    ("States and other words", lambda one: isinstance(one, type) and issubclass(one, Enum)),
    ("Errors", lambda one: isinstance(one, type) and issubclass(one, Exception)),
    ("Constants", lambda one: not isinstance(one, type) and not callable(one)),
)


def public() -> dict[str, dict[str, Any]]:
    """Module → name → what it is."""
    modules = [importlib.import_module(name) for name in MODULES]
    return {module.__name__: {name: getattr(module, name) for name in module.__all__} for module in modules}


def page() -> str:
    """The whole page."""
    parts = [_HEAD.format(modules=", ".join(f"`{name}`" for name in MODULES))]
    (_, main), *others = public().items()
    for title, belongs in _PARTS:
        ordered = sorted((name for name, one in main.items() if belongs(one)), key=_order)
        parts += [f"## {title}\n", *(_described(name, main[name]) for name in ordered)]
    for module, names in others:
        said = (importlib.import_module(module).__doc__ or "").split("\n\n")[0]
        parts += [f"## `{module}`\n\n{said}\n", *(_described(name, one) for name, one in names.items())]
    return "\n".join(parts)


def _order(name: str) -> tuple[str, bool]:
    """By the alphabet, and a client before that for asyncio."""
    return name.removeprefix("Async").lower(), name.startswith("Async")


def methods(kind: type) -> Iterator[tuple[str, Any]]:
    """The public methods that a class has itself, its constructor first."""
    for name, one in vars(kind).items():
        if isinstance(one, FunctionType | classmethod) and (name == "__init__" or not name.startswith("_")):
            yield name, getattr(kind, name)


def _described(name: str, one: Any) -> str:
    if inspect.isfunction(one):
        return f"### {name}\n\n{_signature(name, one)}\n\n{_text(inspect.getdoc(one) or '')}\n"
    lines = [f"### {name}", ""]
    if not isinstance(one, type):
        return "\n".join([*lines, f"{_CONSTANTS[name]} It is {_value(one)}.", ""])
    lines += [_text(inspect.cleandoc(one.__doc__ or "")), ""]
    if is_typeddict(one):
        lines += _table("option", (_row(o.name, name_of(o.type), _of_option(o)) for o in options_of(one)))
    elif is_dataclass(one):
        lines += _table("field", _fields(one))
    elif issubclass(one, Enum):
        said = sentences(one)
        lines += ["| member | value | meaning |", "|---|---|---|"]
        lines += [_row(member.name, repr(member.value), said[member.name]) for member in one]
    elif issubclass(one, Exception):
        lines += _of_error(name, one)
    else:
        lines += _of_class(name, one)
    return "\n".join([*lines, ""])


def _of_class(name: str, kind: type) -> Iterator[str]:
    if properties := [*_properties(kind)]:
        yield from [*_table("property", iter(properties)), ""]
    for method, function in methods(kind):
        if kind is AsyncOutboundChat and function.__doc__ == getattr(OutboundChat, method).__doc__:
            continue  # what differs is shown
        if method == "__init__" and function.__doc__ is None:
            continue  # nobody else makes one
        if method == "__init__":
            yield from (_signature(name, function), "")
        else:
            yield from (f"#### {name}.{method}()", "", _signature(method, function), "")
        yield from (_text(inspect.getdoc(function) or "", taken_by(function)), "")


def _of_error(name: str, kind: type) -> Iterator[str]:
    said = [f"Bases: {', '.join(f'`{base.__name__}`' for base in kind.__bases__)}."]
    if set_in_it := re.findall(r"(?:self\.|\n    )([a-z]\w*) = ", inspect.getsource(kind)):
        said.append(f"Attributes: {', '.join(f'`{one}`' for one in dict.fromkeys(set_in_it))}.")
    yield _linked(" ".join(said))
    if name in EVERYWHERE:
        yield from ("", "Raised by every method that uses Redis.")
    elif raising := raised_by().get(name):
        yield from ("", _linked(f"Raised by {', '.join(f'`{one}`' for one in raising)}."))


def raised_by() -> dict[str, list[str]]:
    """Error → the methods and functions whose docstrings name it."""
    found: dict[str, list[str]] = defaultdict(list)
    client = OutboundChat.__name__
    named = {client if name == "__init__" else f"{client}.{name}": one for name, one in methods(OutboundChat)}
    named |= {name: one for names in public().values() for name, one in names.items() if inspect.isfunction(one)}
    for name, function in named.items():
        _, _, raises = (inspect.getdoc(function) or "").partition("\n\nRaises:\n")
        for error in re.findall(r"^    (\w+): ", raises, re.MULTILINE):
            found[error].append(name)
    return found


def _fields(kind: Any) -> Iterator[str]:
    said = sentences(kind)
    for one in fields(kind):
        yield _row(one.name, name_of(one.type), said[one.name])
    yield from _properties(kind)


def _properties(kind: type) -> Iterator[str]:
    for name, one in vars(kind).items():
        if isinstance(one, property) and one.fget and not name.startswith("_"):
            yield _row(name, name_of(inspect.signature(one.fget).return_annotation), inspect.getdoc(one) or "")


def _of_option(option: Any) -> str:
    return f"{option.meaning} Required." if option.required else option.meaning


def _value(one: Any) -> str:
    if isinstance(one, timedelta):
        return f"{one.total_seconds() / 60:g} minutes"
    return ", ".join(f"`{member}`" for member in sorted(one))


def _signature(name: str, function: Any) -> str:
    signature, kind = inspect.signature(function), taken_by(function)
    options = {option.name for option in options_of(kind)} if kind else set()
    parameters = [one for one in signature.parameters.values() if one.name not in {"self", *options}]
    given: list[str] = []
    for one in parameters:
        if one.kind is one.KEYWORD_ONLY and "*" not in given and not any(word.startswith("*") for word in given):
            given.append("*")
        stars = "**" if one.kind is one.VAR_KEYWORD else "*" if one.kind is one.VAR_POSITIONAL else ""
        shown = json.dumps(one.default) if isinstance(one.default, str) else repr(one.default)
        default = "" if one.default is one.empty else f" = {shown}"
        # With the quotes of the formatter, which also formats the page.
        kind_of = name_of(one.annotation).replace("'", '"')
        given.append(f"{stars}{one.name}: {kind_of}{default}")
    if kind:
        given.append(f"**options: Unpack[{kind.__name__}]")
    returned = "" if name[0].isupper() else f" -> {name_of(signature.return_annotation)}"
    word = "async def" if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function) else "def"
    line = f"{word} {name}({', '.join(given)}){returned}: ..."
    if len(line) > _LONGEST:
        line = "\n".join([f"{word} {name}(", *(f"    {one}," for one in given), f"){returned}: ..."])
    ast.parse(line)
    return f"```python\n{line}\n```"


def _text(doc: str, options: Any = None) -> str:
    """A docstring as Markdown."""
    blocks = []
    for block in doc.split("\n\n"):
        head, _, rest = block.partition("\n")
        if head == "Options:" and options:
            blocks.append(f"Options: `{options.__name__}`.")
        elif head == "Raises:":
            errors = re.findall(r"^(\w+): (.*(?:\n +.*)*)", inspect.cleandoc(rest), re.MULTILINE)
            raised = [f"- `{error}`: {' '.join(said.split())}" for error, said in errors]
            blocks.append("\n".join(["Raises:", "", *raised]))
        else:
            blocks.append(block)
    return _linked("\n\n".join(blocks))


def _linked(text: str) -> str:
    text = re.sub(r"(?<![<(`])https?://[\w.][^\s`]+", r"<\g<0>>", text)
    text = linked(text)
    known = {name: name.lower() for names in public().values() for name, one in names.items() if callable(one)}
    known |= {f"OutboundChat.{name}": f"outboundchat{name}" for name, _ in methods(OutboundChat)}
    return re.sub(r"`([\w.]+)`", lambda one: f"[{one[0]}](#{known[one[1]]})" if one[1] in known else one[0], text)


def _table(first: str, rows: Iterator[str]) -> list[str]:
    return [f"| {first} | type | meaning |", "|---|---|---|", *rows]


def _row(name: str, type_: str, meaning: str) -> str:
    cells = (f"`{name}`", f"`{type_}`", _linked(" ".join(meaning.split())))
    return "".join(f"| {cell.replace('|', chr(92) + '|')} " for cell in cells) + "|"
