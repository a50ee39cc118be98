"""Reads the members of small JSON bodies and reports every invalid one."""

from collections.abc import Callable, Mapping, Set as AbstractSet
from itertools import islice
from typing import Any

from outbound_chat.client.steps.validation import check_reason
from outbound_chat.model.errors import FieldError, InvalidJob
from outbound_chat.request import MOST_FINDINGS, ChatRequest, FieldCode

_WORDS = {str: "a string", bool: "true or false", int: "an integer", list: "a list"}


def known_options(body: Mapping[str, Any], known: AbstractSet[str], errors: list[FieldError]) -> dict[str, Any]:
    """Returns the options with known names; adds the others to `errors`, with similar names."""
    ChatRequest.from_short(dict.fromkeys(sorted(body.keys() - known), ""), errors)
    return {name: value for name, value in body.items() if name in known}


def check_hold(given: Mapping[str, Any], errors: list[FieldError]) -> None:
    """Checks the reason of a hold."""
    if "reason" in given:
        check_reason(given["reason"], errors)


def read_fields(
    body: Mapping[str, Any],
    known: Mapping[str, type],
    *,
    required: tuple[str, ...] = (),
    check: Callable[[Mapping[str, Any], list[FieldError]], None] | None = None,
) -> dict[str, Any]:
    """Returns the given members, each with the right type.

    `check`: receives these members and adds further errors.

    Raises:
        InvalidJob: a member is unknown, missing or of the wrong type; `errors` lists all of them.
    """
    message = f"is unknown; use only: {', '.join(sorted(known))}"
    unknown = (place for place, name in enumerate(body, start=1) if name not in known)
    errors = [FieldError(f"#{place}", FieldCode.UNKNOWN_FIELD, message) for place in islice(unknown, MOST_FINDINGS)]
    found: dict[str, Any] = {}
    for name, kind in known.items():
        if name not in body:
            if name in required:
                errors.append(FieldError(name, FieldCode.REQUIRED, "is required; add it"))
        elif type(body[name]) is not kind:
            errors.append(FieldError(name, FieldCode.WRONG_TYPE, f"must be {_WORDS[kind]}"))
        else:
            found[name] = body[name]
    if check:
        check(found, errors)
    if errors:
        raise InvalidJob(errors)
    return found
