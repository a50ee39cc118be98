"""Shows the options of methods where people look for them: in `help`, `inspect.signature` and notebooks.

Methods take options as `**options: Unpack[JobOptions]`, which only editors and type checkers understand. The meaning of
each option is the string below it in `request.options`.
"""

import ast
import inspect
import re
import textwrap
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from types import NoneType, UnionType
from typing import Any, NamedTuple, Union, Unpack, get_args, get_origin, get_type_hints

from outbound_chat.request import options as table

_MODULES = re.compile(r"\b(?:\w+\.)+(?=\w)")
_WIDTH = 112


class _NotGiven:
    """The default of an option that may be omitted but can't be None."""

    def __repr__(self) -> str:
        return "..."


class Option(NamedTuple):
    """An option of a method."""

    name: str
    type: Any
    required: bool
    meaning: str

    def parameter(self) -> inspect.Parameter:
        """Returns it as a signature shows it."""
        left_out = None if type(None) in get_args(self.type) else _NotGiven()
        default = inspect.Parameter.empty if self.required else left_out
        return inspect.Parameter(self.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=self.type)


def name_of(type_: Any) -> str:
    """Returns the name of a type, without modules."""
    if get_origin(type_) in {Union, UnionType}:
        return " | ".join(name_of(one) for one in get_args(type_))
    return "None" if type_ is NoneType else _MODULES.sub("", inspect.formatannotation(type_))


@cache
def options_of(kind: Any) -> tuple[Option, ...]:
    """Returns the options that a TypedDict of `request.options` has, the required ones first."""
    said = _meanings().get(kind.__name__, {})
    found = [
        Option(name, type_, name in kind.__required_keys__, said.get(name, ""))
        for name, type_ in get_type_hints(kind).items()
    ]
    return tuple(sorted(found, key=lambda option: not option.required))


@cache
def _meanings() -> dict[str, dict[str, str]]:
    """Returns class → option → meaning; empty if only compiled modules are installed."""
    found: dict[str, dict[str, str]] = {}
    try:
        source = inspect.getsource(table)
    except OSError:
        return found
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef):
            own = found[node.name] = {}
            for base in node.bases:
                own |= found.get(ast.unparse(base), {})
            for field, below in pairwise(node.body):
                if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr):
                    own[ast.unparse(field.target)] = " ".join(ast.literal_eval(below.value).split())
    return found


def taken_by(method: Callable[..., Any]) -> Any:
    """Returns the TypedDict of the options that a method takes; None if it takes no options."""
    unpack: Any = Unpack
    kinds = [get_args(kind)[0] for kind in method.__annotations__.values() if get_origin(kind) is unpack]
    return kinds[0] if kinds else None


def show_options(client: type) -> None:
    """Adds options to the signatures and docstrings of a client's methods."""
    for method in vars(client).values():
        kind = taken_by(method) if inspect.isfunction(method) else None
        if kind is not None:
            signature = inspect.signature(method)
            *own, _ = signature.parameters.values()
            given = [option.parameter() for option in options_of(kind)]
            vars(method)["__signature__"] = signature.replace(parameters=[*own, *given])
            if method.__doc__:
                method.__doc__ = _with_options(method.__doc__, kind)


def _with_options(doc: str, kind: Any) -> str:
    said, raises, rest = inspect.cleandoc(doc).partition("\n\nRaises:\n")
    return f"{said}\n\nOptions:\n{_described(kind)}{raises}{rest}"


@cache
def _described(kind: Any) -> str:
    lines = [
        f"{option.name} ({name_of(option.type)}{', required' if option.required else ''}): {option.meaning}"
        for option in options_of(kind)
    ]
    return "\n".join(textwrap.fill(one, _WIDTH, initial_indent=" " * 4, subsequent_indent=" " * 8) for one in lines)
