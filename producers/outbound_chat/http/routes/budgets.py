"""Routes of budgets, senders and holds."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from outbound_chat.http.access.authentication import CanOperate, CanRead
from outbound_chat.http.service import service_of, while_there
from outbound_chat.http.wire.bodies import json_object
from outbound_chat.http.wire.fields import check_hold, read_fields
from outbound_chat.http.wire.parameters import Budget
from outbound_chat.http.wire.request_schemas import HOLD_BODY
from outbound_chat.http.wire.response_models import (
    BudgetList,
    CheckList,
    HoldList,
    ReceiptList,
    Released,
    SenderList,
    WorkerList,
)
from outbound_chat.http.wire.responses import OF_BODIES, json_response, responses
from outbound_chat.model.errors import FieldError
from outbound_chat.model.history import History
from outbound_chat.model.operations import Lanes
from outbound_chat.request import FieldCode

router = APIRouter(prefix="/v1", tags=["operators"])

HoldScope = Literal["budget", "sender", "instance", "tenant", "batch"]
SCOPES = ("budget", "sender", "instance", "tenant", "batch")


@router.get("/budgets", operation_id="readBudgets", summary="List budgets", responses=responses(BudgetList))
async def budgets(scoped: CanRead) -> Response:
    """Returns the rate, jobs, workers and holds of each budget."""
    return json_response({"budgets": await scoped.unrestricted.budgets()})


@router.get("/workers", operation_id="readWorkers", summary="List workers", responses=responses(WorkerList))
async def workers(scoped: CanRead) -> Response:
    """Lists the workers of each budget that were seen within 10 seconds, with their settings and clocks."""
    return json_response({"workers": await scoped.unrestricted.workers()})


@router.get("/lanes", operation_id="readLanes", summary="List the longest lanes", responses=responses(Lanes))
async def lanes(
    scoped: CanRead,
    limit: Annotated[int, Query(ge=1, le=50, description="How many lanes at most.")] = 20,
) -> Response:
    """Returns the lanes with the most waiting jobs, of all budgets, and what stops each."""
    return json_response(await scoped.unrestricted.lanes(limit=limit))


@router.get(
    "/doctor", operation_id="readDoctor", summary="Check settings, Redis and workers", responses=responses(CheckList)
)
async def doctor(request: Request, scoped: CanRead) -> Response:
    """Makes the checks of `outbound-chat doctor` that need no broker and no AWS. Findings are at most 5 seconds old."""
    return json_response({"checks": await scoped.budgets.doctor(service_of(request).snapshots)})


@router.get(
    "/history",
    operation_id="readHistory",
    summary="Read what a budget did over time",
    responses=responses(History, 404),
)
async def history(
    scoped: CanRead,
    budget: Budget = None,
    hours: Annotated[int, Query(ge=1, le=72, description="How many hours to go back.")] = 1,
    step: Annotated[int, Query(ge=1, le=1440, description="Minutes of each point.")] = 1,
) -> Response:
    """Returns counts of jobs and calls by time, for charts. A point covers more minutes if no worker ran meanwhile."""
    return json_response(await scoped.budgets.history(budget, hours, step))


@router.get(
    "/receipts",
    operation_id="readReceipts",
    summary="List receipts by source number",
    responses=responses(ReceiptList),
)
async def receipts(
    scoped: CanRead,
    hours: Annotated[int, Query(ge=1, le=192, description="How many hours to go back.")] = 24,
) -> Response:
    """Returns of how many messages each source number got receipts, by hour, whether or not their jobs are known."""
    return json_response({"receipts": await scoped.unrestricted.receipts(hours=hours)})


@router.get("/senders", operation_id="readSenders", summary="List senders", responses=responses(SenderList))
async def senders(scoped: CanRead) -> Response:
    """Returns the name, channel and budget of each sender in the settings of this service."""
    found = [
        {"name": name, "channel": sender.channel, "budget": sender.budget}
        for name, sender in scoped.budgets.senders().items()
    ]
    return json_response({"senders": found})


@router.get("/holds", operation_id="readHolds", summary="List holds", responses=responses(HoldList))
async def holds(request: Request, scoped: CanRead) -> Response:
    """Lists what people or the system have held, in all budgets."""
    return json_response({"holds": await while_there(request, scoped.holds.all())})


@router.post(
    "/holds",
    operation_id="hold",
    summary="Hold a budget, sender, instance, tenant or batch",
    status_code=201,
    responses=responses(HoldList, 404, 409, *OF_BODIES, status=201),
    openapi_extra=HOLD_BODY,
)
async def hold(request: Request, scoped: CanOperate) -> Response:
    """Stops its jobs within a second, until it is released. Holding it again replaces the reason."""
    known = dict.fromkeys(("scope", "name", "reason"), str)
    given = read_fields(await json_object(request), known, required=tuple(known), check=_check)
    await scoped.holds.hold({given["scope"]: given["name"]}, given["reason"])
    return json_response({"holds": await scoped.holds.of(given["scope"], given["name"])}, 201)


def _check(given: Mapping[str, Any], errors: list[FieldError]) -> None:
    if given.get("scope", SCOPES[0]) not in SCOPES:
        errors.append(FieldError("scope", FieldCode.NOT_ALLOWED, f"must be one of {', '.join(SCOPES)}"))
    check_hold(given, errors)


@router.delete("/holds", operation_id="release", summary="Release a hold", responses=responses(Released, 404))
async def release(
    scoped: CanOperate,
    scope: Annotated[HoldScope, Query(description="What kind of thing is held.")],
    name: Annotated[str, Query(description="Name of the budget, sender, instance or tenant, or id of the batch.")],
) -> Response:
    """Ends a person's hold. If the system holds the same scope, one job is tried immediately."""
    return json_response({"released": await scoped.holds.release({scope: name})})
