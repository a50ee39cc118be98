"""Reads of botocore's data files what workers use: one operation of Amazon Connect, and the endpoints of few services.

botocore holds 15 MB for a client of Amazon Connect: the model of all 405 operations, and the endpoints of all services
of AWS. Each process would, and what a process frees again it mostly keeps, so the rest is not even parsed as a whole.
"""

import gzip
import json
import os
import re
from collections.abc import Callable, Iterator
from json.decoder import JSONDecoder
from typing import Any

from botocore.loaders import JSONFileLoader

OPERATION = "StartOutboundChatContact"
ENDPOINTS = frozenset({"connect", "oidc", "portal.sso", "servicequotas", "signin", "sts"})
"""Services, as `endpoints.json` names them, that we or botocore's ways to credentials call."""

_value = JSONDecoder().raw_decode
_space = re.compile(r"[ \t\n\r]*")
_OPEN: dict[str, Callable[..., Any]] = {".json": open, ".json.gz": gzip.open}


class ServiceFiles(JSONFileLoader):
    """Loads files for a botocore `Loader`, which has this as its `file_loader`."""

    def load_file(self, file_path: str) -> Any:
        """As that of botocore; `file_path` has no extension. Returns None if there is no such file."""
        if file_path.endswith("service-2") and f"{os.sep}connect{os.sep}" in file_path:
            return _read(file_path, _connect)
        if os.path.basename(file_path) == "endpoints":  # noqa: PTH119  # a text, from botocore
            return _read(file_path, _endpoints)
        return super().load_file(file_path)


def _read(file_path: str, reduce: Callable[[str], Any]) -> Any:
    for extension, open_file in _OPEN.items():
        if os.path.isfile(file_path + extension):  # noqa: PTH113  # as above
            with open_file(file_path + extension, "rb") as file:
                text = file.read().decode()
            try:
                return reduce(text)
            except (LookupError, TypeError, AttributeError, ValueError):
                # Not in the form that is known, for example one that its user wrote: botocore is to judge it.
                return json.loads(text)
    return None


def _connect(text: str) -> Any:
    """Keeps one operation, the shapes that it leads to, and the errors of all operations."""
    model, _ = _split(text, 0, depth=2)
    operation = json.loads(text[model["operations"][OPERATION]])
    errors = [name for name, place in model["shapes"].items() if '"exception":true' in text[place].replace(" ", "")]
    shapes: dict[str, Any] = {}
    waiting = [*errors, *_shape_names(operation)]
    while waiting:
        name = waiting.pop()
        if name not in shapes:
            shapes[name] = json.loads(text[model["shapes"][name]])
            waiting += _shape_names(shapes[name])
    return _joined(text, model | {"operations": {}, "shapes": {}}) | {
        "operations": {OPERATION: operation},
        "shapes": shapes,
    }


def _endpoints(text: str) -> Any:
    """Keeps the partitions and their Regions, with few services."""
    found, _ = _split(text, 0, depth=4)
    for partition in found["partitions"]:
        partition["services"] = {name: at for name, at in partition["services"].items() if name in ENDPOINTS}
    return _joined(text, found)


def _split(text: str, at: int, *, depth: int) -> tuple[Any, int]:
    """Parses the outer levels of a JSON value; each value below them is its place in the text. Returns also its end."""
    if not depth or text[at] not in "{[":
        end = _value(text, at)[1]
        return slice(at, end), end
    found: Any = {} if text[at] == "{" else []
    at = _after(text, at + 1)
    while text[at] not in "}]":
        if isinstance(found, dict):
            name, at = _value(text, at)
            at = _after(text, text.index(":", at) + 1)
            found[name], at = _split(text, at, depth=depth - 1)
        else:
            value, at = _split(text, at, depth=depth - 1)
            found.append(value)
        at = _after(text, at)
        if text[at] == ",":
            at = _after(text, at + 1)
    return found, at + 1


def _after(text: str, at: int) -> int:
    """Returns the end of the white space that begins here."""
    found = _space.match(text, at)
    return found.end() if found else at


def _joined(text: str, split: Any) -> Any:
    """Parses what `_split` left, and that was not taken out."""
    if isinstance(split, slice):
        return json.loads(text[split])
    if isinstance(split, list):
        return [_joined(text, part) for part in split]
    return {name: _joined(text, part) for name, part in split.items()}


def _shape_names(part: Any) -> Iterator[str]:
    """Yields the names of the shapes that a part of a model refers to."""
    if isinstance(part, dict):
        if isinstance(part.get("shape"), str):
            yield part["shape"]
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            yield from _shape_names(inner)
