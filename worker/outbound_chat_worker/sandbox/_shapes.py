"""Checks a request body against botocore's own model of the operation: names, types, lengths, values.

botocore on the caller's side checks less: it sends strings that are too long, numbers that are too high and values that
their enum lacks. The model is read once and turned into plain functions.
"""

import functools
import json
from collections.abc import Callable
from typing import Any, cast

from botocore.loaders import create_loader
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StringShape, StructureShape

from outbound_chat_worker.sandbox._refusal import Refusal, invalid

Check = Callable[[object, str], None]

_INT_MIN, _INT_MAX = -(2**31), 2**31 - 1
_YEAR_9999 = 253_370_764_800


@functools.cache
def check_of_request(operation: str, service: str = "connect") -> Check:
    """Returns the check of an operation's body; it raises a `Refusal` that names the invalid field."""
    model = ServiceModel(create_loader().load_service_model(service, "service-2"), service)
    if operation not in model.operation_names:
        raise Refusal("UnknownOperationException", "The service has no such operation.")
    return _Checks().check(cast("StructureShape", model.operation_model(operation).input_shape))


def read_request(raw: bytes, operation: str, service: str = "connect") -> dict[str, Any]:
    """Returns the body of a request, checked; raises `Refusal`."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise Refusal("SerializationException", "The body must be a JSON object.")
    check_of_request(operation, service)(body, "")
    return body


class _Checks:
    """Builds checks, each once by the name of its shape, since `SegmentAttributeValue` contains itself."""

    def __init__(self) -> None:
        self._made: dict[str, Check] = {}

    def check(self, shape: Shape) -> Check:
        # Only the name is kept: a shape refers to the whole model of the service, some 20 MB.
        name = shape.name
        if name not in self._made:

            def check_later(value: object, path: str) -> None:
                self._made[name](value, path)

            self._made[name] = check_later
            self._made[name] = self._build(shape)
        return self._made[name]

    def _build(self, shape: Shape) -> Check:
        match shape.type_name:
            case "structure":
                return self._structure(cast("StructureShape", shape))
            case "map":
                return self._map(cast("MapShape", shape))
            case "list":
                return self._list(cast("ListShape", shape))
            case "string":
                return _string(cast("StringShape", shape))
            case "integer":
                return _integer(shape)
            case "timestamp" | "boolean" | "blob" as other:
                return _number if other == "timestamp" else lambda _value, _path: None
            case other:
                raise NotImplementedError(f"the model has a shape of type {other}, which the sandbox can't check")

    def _structure(self, shape: StructureShape) -> Check:
        members = {name: self.check(member) for name, member in shape.members.items()}
        required = list(shape.required_members)

        def check(value: object, path: str) -> None:
            if not isinstance(value, dict):
                raise invalid(f"{path or 'The body'} must be an object.")
            prefix = f"{path}." if path else ""
            for name in required:
                if name not in value:
                    raise invalid(f"{prefix}{name} is required.")
            for name, member in value.items():
                member_check = members.get(name)
                if member_check is None:
                    raise invalid(f"{path or 'The body'} has an unknown member; known: {', '.join(members)}.")
                member_check(member, prefix + name)

        return check

    def _map(self, shape: MapShape) -> Check:
        key_check, value_check = self.check(shape.key), self.check(shape.value)

        def check(value: object, path: str) -> None:
            if not isinstance(value, dict):
                raise invalid(f"{path} must be an object.")
            key_path, value_path = f"A key of {path}", f"A value of {path}"
            for key, member in value.items():
                key_check(key, key_path)
                value_check(member, value_path)

        return check

    def _list(self, shape: ListShape) -> Check:
        item_check = self.check(shape.member)

        def check(value: object, path: str) -> None:
            if not isinstance(value, list):
                raise invalid(f"{path} must be a list.")
            item_path = f"An item of {path}"
            for item in value:
                item_check(item, item_path)

        return check


def _string(shape: StringShape) -> Check:
    shortest: int = shape.metadata.get("min", 0)
    longest: int | None = shape.metadata.get("max")
    members = frozenset(shape.enum)

    def check(value: object, path: str) -> None:
        if not isinstance(value, str):
            raise invalid(f"{path} must be a string.")
        if len(value) < shortest or (longest is not None and len(value) > longest):
            raise invalid(f"{path} must have {shortest} to {longest} characters.")
        if members and value not in members:
            raise invalid(f"{path} must be one of {', '.join(sorted(members))}.")

    return check


def _number(value: object, path: str) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= _YEAR_9999:
        raise invalid(f"{path} must be a number of seconds since 1970.")


def _integer(shape: Shape) -> Check:
    lowest: int = shape.metadata.get("min", _INT_MIN)
    highest: int = shape.metadata.get("max", _INT_MAX)

    def check(value: object, path: str) -> None:
        if not isinstance(value, int) or isinstance(value, bool):
            raise invalid(f"{path} must be an integer.")
        if not lowest <= value <= highest:
            raise invalid(f"{path} must be between {lowest} and {highest}.")

    return check
