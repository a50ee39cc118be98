"""The tables of docs/settings.md, from the settings classes."""

from collections.abc import Iterator
from datetime import timedelta
from enum import Enum
from typing import Any, get_args

from pydantic import BaseModel, SecretStr, TypeAdapter
from pydantic.fields import FieldInfo

from docs.generate._tables import Table
from docs.generate._words import sentences
from outbound_chat_config import Budget, Sender, Settings

_HAND = frozenset({"type", "unit", "meaning"})


def models() -> dict[str, type[BaseModel]]:
    """Path of each table in the settings → its class, those of `Settings` in their order."""
    found: dict[str, type[BaseModel]] = {"": Settings, "budgets.NAME": Budget, "senders.NAME": Sender}
    for name, field in Settings.model_fields.items():
        kind = next(iter(get_args(field.annotation)), field.annotation)  # that of an optional table
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            found[name] = kind
    return found


def heading(path: str) -> str:
    """The heading of a table's section."""
    return f"## `[{path}]`" if path else "## Top level"


def tables() -> Iterator[Table]:
    """One for each class."""
    for path, model in models().items():
        yield Table("settings.md", heading(path), list(_rows(path, model)), _HAND)


def _rows(path: str, model: type[BaseModel]) -> Iterator[dict[str, str]]:
    said = sentences(model)
    before = f"{path.replace('.', '__').upper()}__" if path else ""
    for name, field in model.model_fields.items():
        yield {
            "setting": f"`{name}`",
            "type": "",
            "default": default(field),
            "unit": "",
            "environment variable": f"`OUTBOUND_CHAT_{before}{name.upper()}`",
            "meaning": said.get(name, ""),
        }


def default(field: FieldInfo) -> str:
    """A default as it is written in the file."""
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    return "none" if value is None else f"`{_toml(value)}`"


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {_toml(one)}" for name, one in value.items()) + "}"
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, BaseModel):
        return "{}"
    return _plain(value)


def _plain(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case SecretStr():
            return f'"{value.get_secret_value()}"'
        case timedelta():
            return f'"{_iso(value)}"'
        case Enum() | str():
            return f'"{value}"'
    return str(value)


def _iso(value: timedelta) -> str:
    """The shortest ISO 8601 text in one unit, or what pydantic writes."""
    for letters, unit in (("P{}D", 86_400), ("PT{}H", 3_600), ("PT{}M", 60), ("PT{}S", 1)):
        count, rest = divmod(value.total_seconds(), unit)
        if count and not rest:
            return letters.format(int(count))
    text: str = TypeAdapter(timedelta).dump_python(value, mode="json")
    return text
