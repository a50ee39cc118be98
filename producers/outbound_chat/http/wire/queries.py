"""Reads the parameters of a request as the function of its route declares them, and reports every fault.

Declarations are those of FastAPI, which documents them: `Annotated[float, Query(ge=0)] = 0.0`.
"""

import inspect
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from fastapi import Request
from fastapi.params import Header
from pydantic import TypeAdapter, ValidationError

from outbound_chat.client.steps.validation import Errors, add_new
from outbound_chat.model.errors import FieldError
from outbound_chat.request import MOST_FINDINGS, FieldCode
from outbound_chat_config import is_number

# Our codes for what pydantic finds wrong with a parameter.
_FIELD_CODES = {
    "not_allowed": FieldCode.NOT_ALLOWED,
    "enum": FieldCode.NOT_ALLOWED,
    "literal_error": FieldCode.NOT_ALLOWED,
    "greater_than": FieldCode.OUT_OF_RANGE,
    "greater_than_equal": FieldCode.OUT_OF_RANGE,
    "less_than": FieldCode.OUT_OF_RANGE,
    "less_than_equal": FieldCode.OUT_OF_RANGE,
    "finite_number": FieldCode.OUT_OF_RANGE,
    "string_too_long": FieldCode.TOO_LONG,
    "string_too_short": FieldCode.TOO_SHORT,
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter in the query or in a header."""

    argument: str
    """Its name in the function."""
    name: str
    """Its name in the request."""
    in_header: bool
    required: bool
    adapter: TypeAdapter[Any]
    types: frozenset[str]
    """JSON types that it may have."""

    @classmethod
    def of(cls, argument: str, declared: Any, default: object) -> Self:
        """Returns the parameter of an argument with this annotation and default."""
        field: Any = next(iter(getattr(declared, "__metadata__", ())), None)
        in_header = isinstance(field, Header)
        name = getattr(field, "alias", None) or (argument.replace("_", "-") if in_header else argument)
        adapter = TypeAdapter[Any](declared)
        schema = adapter.json_schema()
        types = frozenset(one.get("type", "") for one in schema.get("anyOf", (schema,)))
        return cls(argument, name, in_header, default is inspect.Parameter.empty, adapter, types)


def read_parameters(request: Request, parameters: Sequence[Parameter], errors: Errors) -> dict[str, Any]:
    """Returns the arguments that are in the request; adds missing and invalid parameters to `errors`."""
    found: dict[str, Any] = {}
    for one in parameters:
        given: Mapping[str, str] = request.headers if one.in_header else request.query_params
        text = given.get(one.name)
        if text is not None:
            value = request.query_params.getlist(one.name) if "array" in one.types else text
            try:
                found[one.argument] = one.adapter.validate_python(value)
            except ValidationError as error:
                add_new(errors, [_fault(one.name, fault) for fault in error.errors()])
        elif one.required:
            errors.append(FieldError(one.name, FieldCode.REQUIRED, "field required"))
    return found


def _fault(name: str, fault: Any) -> FieldError:
    message: str = fault["msg"]
    return FieldError(name, _FIELD_CODES.get(fault["type"], FieldCode.WRONG_TYPE), message[0].lower() + message[1:])


def unknown_parameters(request: Request, parameters: Sequence[Parameter]) -> Errors:
    """Returns unknown parameters: ignoring a misspelt one could send at the wrong time, or to the wrong queue.

    It also returns repeated parameters, of which only the last would count, and numbers that are not in plain digits.
    """
    known = {one.name: one.types for one in parameters if not one.in_header}
    names = ", ".join(sorted(known)) or "none"
    errors = [
        FieldError(f"query.#{place}", FieldCode.UNKNOWN_FIELD, f"is not a parameter of this path; use only: {names}")
        for place, _ in enumerate(sorted(set(request.query_params) - known.keys())[:MOST_FINDINGS], start=1)
    ]
    times = Counter(name for name, _ in request.query_params.multi_items() if name in known)
    errors += [
        FieldError(name, FieldCode.GIVEN_TWICE, "is given twice; give it once")
        for name in times
        if times[name] > 1 and "array" not in known[name]
    ]
    for name in times:
        whole = "integer" in known[name]
        if (whole or "number" in known[name]) and not is_number(request.query_params[name], whole=whole):
            # Pydantic parses numbers as Python does: `1_0` would be 10.
            errors.append(FieldError(name, FieldCode.WRONG_TYPE, f"must be a {'whole ' * whole}number"))
    return errors
