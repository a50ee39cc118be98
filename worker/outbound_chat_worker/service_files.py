"""Reads of botocore's data files what workers use: one operation of Amazon Connect, and the endpoints of few services.

botocore holds 15 MB for a client of Amazon Connect: the model of all 405 operations, and the endpoints of all services
of AWS. Each process would, and what a process frees again it mostly keeps, so the rest is not even parsed as a whole.
"""

import gzip
import json
import logging
import re
from collections.abc import Callable, Iterator
from json.decoder import JSONDecoder
from pathlib import Path
from typing import Any

from botocore.loaders import JSONFileLoader

OPERATION = "StartOutboundChatContact"
ENDPOINTS = frozenset({"connect", "oidc", "portal.sso", "servicequotas", "signin", "sts"})
"""Services, as `endpoints.json` names them, that we or botocore's ways to credentials call."""

# As JSON has them; where one does not match, `None` raises, and the file is read as a whole.
_value = JSONDecoder().raw_decode
_space = re.compile(r"[ \t\n\r]*").match
_name = re.compile(r'"([^"\\\x00-\x1f]*)"[ \t\n\r]*:[ \t\n\r]*').match
_next = re.compile(r"[ \t\n\r]*(?:,[ \t\n\r]*(?![]}])|(?=[]}]))").match
_OPEN: dict[str, Callable[..., Any]] = {".json": open, ".json.gz": gzip.open}

logger = logging.getLogger(__name__)


class ServiceFiles(JSONFileLoader):
    """Loads files for a botocore `Loader`, which has this as its `file_loader`."""

    def load_file(self, file_path: str) -> Any:
        """As that of botocore; `file_path` has no extension. Returns None if there is no such file."""
        reduce = self._reducer(Path(file_path))
        text = _text(file_path) if reduce else None
        if reduce and text is not None:
            try:
                return reduce(text)
            except (LookupError, TypeError, AttributeError, ValueError):
                # For example one that its user wrote: botocore is to judge it.
                logger.warning("%s is not in the form that is known; all of it is read, and kept in memory", file_path)
        return super().load_file(file_path)

    def _reducer(self, path: Path) -> Callable[[str], Any] | None:
        if path.name == "endpoints":
            return _endpoints
        # What extras of botocore add to a model could lead to shapes that nothing else leads to.
        if (path.name, path.parent.parent.name) == ("service-2", "connect") and not self.exists(f"{path}.sdk-extras"):
            return _connect
        return None


def _text(file_path: str) -> str | None:
    for extension, open_file in _OPEN.items():
        path = Path(file_path + extension)
        if path.is_file():
            with open_file(path, "rb") as file:
                return str(file.read().decode())
    return None


def _connect(text: str) -> Any:
    """Keeps one operation, the shapes that it leads to, and the errors of all operations."""
    model = _parsed(text, depth=2)
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
    found = _parsed(text, depth=4)
    for partition in found["partitions"]:
        partition["services"] = {name: at for name, at in partition["services"].items() if name in ENDPOINTS}
    return _joined(text, found)


def _parsed(text: str, *, depth: int) -> Any:
    """Parses the outer levels of a JSON text; each value below them is its place in the text."""
    found, end = _split(text, 0, depth)
    if text[end:].strip(" \t\n\r"):
        raise ValueError(end)
    return found


def _split(text: str, at: int, depth: int) -> tuple[Any, int]:
    if not depth or text[at] not in "{[":
        end = _value(text, at)[1]
        return slice(at, end), end
    found: Any = {} if text[at] == "{" else []
    closing = "}" if text[at] == "{" else "]"
    at = _end(_space(text, at + 1))
    while text[at] != closing:
        if isinstance(found, dict):
            key: Any = _name(text, at)
            found[key[1]], at = _split(text, key.end(), depth - 1)
        else:
            value, at = _split(text, at, depth - 1)
            found.append(value)
        at = _end(_next(text, at))
    return found, at + 1


def _end(found: Any) -> int:
    return int(found.end())


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
