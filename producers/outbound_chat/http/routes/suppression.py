"""Routes of suppression lists. Numbers are sent in bodies only, never in a path, which others log."""

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

Sender = Annotated[str, Path(description="Sender in the settings.", examples=["support"])]


@router.get(
    "",
    operation_id="readSuppressed",
    summary="Read the numbers that a sender must not contact",
    responses=responses(SuppressedPage, 404),
)
async def read(scoped: CanOperate, sender: Sender, cursor: Cursor = None) -> Response:
    """Returns a page of about 500. While the list changes, a number may appear twice."""
    return json_response(await scoped.suppression.page(sender, cursor))


@router.post(
    "",
    operation_id="suppress",
    summary="Put numbers on the list",
    responses=responses(Changed, 404, *OF_BODIES),
    openapi_extra=SUPPRESS_BODY,
)
async def suppress(request: Request, scoped: CanOperate, sender: Sender) -> Response:
    """Stops messages to them within a second, whatever batch they are in. Valid numbers are stored even if others are
    invalid.
    """
    given = _given(await json_object(request), reason=str)
    numbers = Turns(request).each(given["numbers"])
    return json_response({"changed": await scoped.suppression.add(numbers, sender, given.get("reason", ""))})


@router.delete(
    "",
    operation_id="unsuppress",
    summary="Take numbers off the list",
    responses=responses(Changed, 404, *OF_BODIES),
    openapi_extra=UNSUPPRESS_BODY,
)
async def unsuppress(request: Request, scoped: CanOperate, sender: Sender) -> Response:
    """Lets waiting jobs be sent; those that the list has already ended stay ended."""
    numbers = Turns(request).each(_given(await json_object(request))["numbers"])
    return json_response({"changed": await scoped.suppression.remove(numbers, sender)})


def _given(body: dict[str, Any], **more: type) -> dict[str, Any]:
    return read_fields(body, {"numbers": list, **more}, required=("numbers",), check=_check_reason)


def _check_reason(given: Mapping[str, Any], errors: list[FieldError]) -> None:
    check_label("reason", given.get("reason", ""), LONGEST_REASON, errors)
