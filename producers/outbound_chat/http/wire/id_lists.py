"""Lists of ids in a request."""

from collections.abc import Sequence

from fastapi import Request

from outbound_chat.http.wire.bodies import json_object
from outbound_chat.http.wire.fields import read_fields
from outbound_chat.model.errors import FieldError, InvalidJob
from outbound_chat.request import FieldCode

MOST_IDS = 1_000


async def ids_in_body(request: Request) -> list[str]:
    """Returns the ids that a body names."""
    ids: list[str] = read_fields(await json_object(request), {"ids": list}, required=("ids",))["ids"]
    if not all(isinstance(id_, str) for id_ in ids):
        raise InvalidJob([FieldError("ids", FieldCode.WRONG_TYPE, "must be a list of strings")])
    check_number(ids)
    return ids


def check_number(ids: Sequence[str]) -> None:
    """Refuses more ids than one request may name."""
    if len(ids) > MOST_IDS:
        message = f"has more than {MOST_IDS:,} ids; send several requests"
        raise InvalidJob([FieldError("ids", FieldCode.OUT_OF_RANGE, message)])
