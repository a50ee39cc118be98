"""Reads the members of small JSON bodies and reports every invalid one."""

from collections.abc import Callable, Mapping, Set as AbstractSet
from itertools import islice
from typing import Any

from fastapi import Request

from outbound_chat.client.steps.validation import check_reason
from outbound_chat.http.wire.bodies import json_object
from outbound_chat.model.errors import FieldError, InvalidJob
from outbound_chat.request import MOST_FINDINGS, ChatRequest, FieldCode

MOST_IDS = 1_000
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


async def ids_in_body(request: Request) -> list[str]:
    """Returns the ids that a body names."""
    ids: list[str] = read_fields(await json_object(request), {"ids": list}, required=("ids",))["ids"]
    if not all(isinstance(id_, str) for id_ in ids):
        raise InvalidJob([FieldError("ids", FieldCode.WRONG_TYPE, "must be a list of strings")])
    return checked_ids(ids)


def checked_ids(ids: list[str]) -> list[str]:
    """Returns the ids; refuses more of them than one request may name."""
    if len(ids) > MOST_IDS:
        message = f"has more than {MOST_IDS:,} ids; send several requests"
        raise InvalidJob([FieldError("ids", FieldCode.OUT_OF_RANGE, message)])
    return ids
