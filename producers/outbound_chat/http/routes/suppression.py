"""Routes of suppression lists. Numbers are sent in bodies only, never in a URL, since URLs are logged."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from outbound_chat.client.steps.suppression import LONGEST_REASON
from outbound_chat.client.steps.validation import check_label
from outbound_chat.http.access.authentication import CanOperate
from outbound_chat.http.wire.bodies import json_object
from outbound_chat.http.wire.fields import read_fields
from outbound_chat.http.wire.parameters import Cursor
from outbound_chat.http.wire.request_schemas import SUPPRESS_BODY, UNSUPPRESS_BODY
from outbound_chat.http.wire.response_models import Changed
from outbound_chat.http.wire.responses import OF_BODIES, json_response, responses
from outbound_chat.http.wire.turns import Turns
from outbound_chat.model.errors import FieldError
from outbound_chat.model.operations import SuppressedPage

router = APIRouter(prefix="/v1/senders/{sender}/suppressed", tags=["suppression"])

Sender = Annotated[str, Path(description="Name of the sender.", examples=["support"])]


@router.get(
    "",
    operation_id="readSuppressed",
    summary="List suppressed numbers",
    responses=responses(SuppressedPage, 404),
)
async def read(scoped: CanOperate, sender: Sender, cursor: Cursor = None) -> Response:
    """Returns a page of about 500 numbers that the sender must not contact. A number may appear twice if the list
    changes meanwhile.
    """
    return json_response(await scoped.suppression.page(sender, cursor))


@router.post(
    "",
    operation_id="suppress",
    summary="Suppress numbers",
    responses=responses(Changed, 404, *OF_BODIES),
    openapi_extra=SUPPRESS_BODY,
)
async def suppress(request: Request, scoped: CanOperate, sender: Sender) -> Response:
    """Adds numbers to the sender's suppression list: within a second, no message is sent to them, from any batch. Valid
    numbers are stored even if others are invalid.
    """
    given = _given(await json_object(request), reason=str)
    numbers = Turns(request).each(given["numbers"])
    return json_response({"changed": await scoped.suppression.add(numbers, sender, given.get("reason", ""))})


@router.delete(
    "",
    operation_id="unsuppress",
    summary="Remove suppressed numbers",
    responses=responses(Changed, 404, *OF_BODIES),
    openapi_extra=UNSUPPRESS_BODY,
)
async def unsuppress(request: Request, scoped: CanOperate, sender: Sender) -> Response:
    """Allows the sender to contact these numbers again. Jobs that already ended because of the list stay ended."""
    numbers = Turns(request).each(_given(await json_object(request))["numbers"])
    return json_response({"changed": await scoped.suppression.remove(numbers, sender)})


def _given(body: dict[str, Any], **more: type) -> dict[str, Any]:
    return read_fields(body, {"numbers": list, **more}, required=("numbers",), check=_check_reason)


def _check_reason(given: Mapping[str, Any], errors: list[FieldError]) -> None:
    check_label("reason", given.get("reason", ""), LONGEST_REASON, errors)
