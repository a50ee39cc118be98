"""Routes of webhooks. Secrets have no route: they are settings of workers, which callers may not see."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from outbound_chat.http.access.authentication import CanOperate, CanRead
from outbound_chat.http.service import while_there
from outbound_chat.http.wire.bodies import json_object
from outbound_chat.http.wire.fields import read_fields
from outbound_chat.http.wire.parameters import Budget, Limit
from outbound_chat.http.wire.request_schemas import REPLAY_WEBHOOKS_BODY
from outbound_chat.http.wire.response_models import DeadWebhookList, ReplayedWebhooks, WebhookHostList
from outbound_chat.http.wire.responses import OF_BODIES, json_response, responses
from outbound_chat.model.errors import FieldError
from outbound_chat.request import MOST_FINDINGS, FieldCode

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])

MOST = 500
FARTHEST = 1_000_000
_KNOWN: dict[str, type] = {"ids": list, "all": bool, "budget": str}


@router.get(
    "/hosts",
    operation_id="readWebhookHosts",
    summary="Status of webhook hosts",
    responses=responses(WebhookHostList),
)
async def hosts(scoped: CanRead) -> Response:
    """Returns the hosts that webhooks are posted to, at most 500 of each budget."""
    return json_response({"hosts": await scoped.unrestricted.webhook_hosts()})


@router.get(
    "/dead",
    operation_id="readDeadWebhooks",
    summary="List dead webhooks",
    responses=responses(DeadWebhookList, 404),
)
async def dead(
    request: Request,
    scoped: CanRead,
    *,
    budget: Budget = None,
    skip: Annotated[int, Query(ge=0, le=FARTHEST, description="How many of the newest to skip.")] = 0,
    limit: Limit = 100,
) -> Response:
    """Lists dead webhooks, newest first. Only the host of each URL is shown, since the rest may be secret."""
    found = await while_there(request, scoped.webhooks.dead(budget, skip=skip, limit=limit))
    return json_response({"webhooks": found})


@router.post(
    "/replay",
    operation_id="replayWebhooks",
    summary="Post dead webhooks again",
    responses=responses(ReplayedWebhooks, 404, *OF_BODIES),
    openapi_extra=REPLAY_WEBHOOKS_BODY,
)
async def replay(request: Request, scoped: CanOperate) -> Response:
    """Posts the webhooks with these ids, or all of a budget. They keep their ids, so receivers recognize repeats."""
    given = read_fields(await json_object(request), _KNOWN, check=_check)
    ids = given.get("ids")
    if ids is None:
        # A repeated request continues with those that are still dead.
        done_of_all = await while_there(request, scoped.webhooks.replay_all(given.get("budget")))
        return json_response({"replayed": done_of_all, "not_dead": []})
    done = await while_there(request, scoped.webhooks.replay(ids))
    return json_response(
        {"replayed": sum(done.values()), "not_dead": [id_ for id_, was_dead in done.items() if not was_dead]}
    )


def _check(given: Mapping[str, Any], errors: list[FieldError]) -> None:
    ids: list[Any] = given.get("ids", [])
    if ("ids" in given) is given.get("all", False) and not errors:
        errors.append(FieldError("ids", FieldCode.REQUIRED, "must be ids of dead webhooks, or give all: true instead"))
    if "ids" in given and "budget" in given:
        errors.append(FieldError("budget", FieldCode.NOT_ALLOWED, "is only allowed with all; ids contain their budget"))
    if len(ids) > MOST:
        errors.append(FieldError("ids", FieldCode.OUT_OF_RANGE, f"has more than {MOST} ids; send several requests"))
    wrong = [place for place, id_ in enumerate(ids[:MOST], start=1) if not isinstance(id_, str)]
    errors += [FieldError(f"ids.#{place}", FieldCode.WRONG_TYPE, "must be a string") for place in wrong[:MOST_FINDINGS]]
