"""Reads the members of small JSON bodies, and reports every invalid one."""

from collections.abc import Mapping
from itertools import islice
from typing import Any

from outbound_chat.model.errors import FieldError, InvalidJob
from outbound_chat.request import MOST_FINDINGS, FieldCode

_WORDS = {str: "text", bool: "true or false", int: "a whole number", list: "a list"}


def read_fields(
    body: Mapping[str, Any], known: Mapping[str, type], *, required: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Returns the members that are given, each of its type.

    Raises:
        InvalidJob: a member is unknown, missing or of another type; `errors` has all of them.
    """
    message = f"is not a known member; known: {', '.join(sorted(known))}"
    unknown = (place for place, name in enumerate(body, start=1) if name not in known)
    errors = [FieldError(f"#{place}", FieldCode.UNKNOWN_FIELD, message) for place in islice(unknown, MOST_FINDINGS)]
    found: dict[str, Any] = {}
    for name, kind in known.items():
        if name not in body:
            if name in required:
                errors.append(FieldError(name, FieldCode.REQUIRED, "is required"))
        elif type(body[name]) is not kind:
            errors.append(FieldError(name, FieldCode.WRONG_TYPE, f"must be {_WORDS[kind]}"))
        else:
            found[name] = body[name]
    if errors:
        raise InvalidJob(errors)
    return found
