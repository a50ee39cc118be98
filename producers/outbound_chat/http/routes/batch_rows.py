"""Routes that take the rows of a batch: to enqueue them, or only to check them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response, StreamingResponse

from outbound_chat.client import FileKey
from outbound_chat.client.steps.rejections import FaultCounter
from outbound_chat.http.access.authentication import CanEnqueue
from outbound_chat.http.access.scoped_batches import OnRejected
from outbound_chat.http.service import service_of
from outbound_chat.http.wire.bodies import JSON_TYPE, json_object, key_in_header, media_type
from outbound_chat.http.wire.codes import ProblemCode
from outbound_chat.http.wire.fields import known_options
from outbound_chat.http.wire.parameters import LONGEST_NAME, StreamedOptions
from outbound_chat.http.wire.problems import Problem, problem_of
from outbound_chat.http.wire.request_schemas import BATCH_BODY, PREFLIGHT_BODY
from outbound_chat.http.wire.response_models import Receipt
from outbound_chat.http.wire.responses import OF_BODIES, responses
from outbound_chat.http.wire.row_streams import CSV_TYPE, JSON_LINES_TYPES, Rejections, RowsBody
from outbound_chat.http.wire.turns import Turns
from outbound_chat.model.batches import Preflight, Rejection
from outbound_chat.model.errors import FieldError, InvalidJob, OutboundChatError
from outbound_chat.model.json import json_default, to_json
from outbound_chat.request import FieldCode, with_report
from outbound_chat.request.options import BATCH_OPTIONS, JOB_ONLY
from outbound_chat.request.templates import Template
from outbound_chat.rows import Form, UnusableFile, converted

T = TypeVar("T")
Take = Callable[[AsyncIterator[Any], Mapping[str, Any], OnRejected], Awaitable[T]]
"""What is done with rows and options; it reports the rows that it rejects."""
Streamed = Annotated[StreamedOptions, Depends(StreamedOptions)]
router = APIRouter(prefix="/v1/batches", tags=["batches"])


@router.post(
    "",
    operation_id="enqueueBatch",
    summary="Enqueue many messages as one batch",
    status_code=201,
    responses=responses(
        Receipt,
        409,
        *OF_BODIES,
        status=201,
        _200="The batch that an earlier request with the same key created and closed.",
    ),
    openapi_extra=BATCH_BODY,
)
async def enqueue(request: Request, scoped: CanEnqueue, streamed: Streamed) -> Response:
    """Accepts rows as JSON, or any number of rows as CSV or NDJSON. Invalid rows are rejected; the others are accepted.

    The response starts once the whole body has arrived. It lists every rejected row with its line and the reasons. With
    an `Idempotency-Key`, an interrupted request can be repeated with the same rows and options: no row is added twice.
    """
    rejections = Rejections()
    receipt = await _taken(request, streamed, scoped.batches.enqueue, rejections, key_in_header(request))
    if not receipt.repeated:
        service_of(request).metrics.count_jobs(receipt.accepted, receipt.rejected)
    headers = {"Location": f"/v1/batches/{receipt.id}"}
    status = 200 if receipt.repeated else 201
    written = _written(json_default(receipt), rejections)
    return StreamingResponse(written, status, headers=headers, media_type=JSON_TYPE)


@router.post(
    "/preflight",
    operation_id="preflightBatch",
    summary="Check the rows of a batch and predict when they are sent",
    responses=responses(Preflight, *OF_BODIES),
    openapi_extra=PREFLIGHT_BODY,
)
async def preflight(request: Request, scoped: CanEnqueue, streamed: Streamed) -> Response:
    """Takes what `POST /v1/batches` takes, and stores nothing. The response says what would happen to the rows if they
    were enqueued now.
    """
    lines = FaultCounter()
    rejections = Rejections(lines)
    found = json_default(await _taken(request, streamed, scoped.batches.preflight, rejections))
    # Both counters got the same faults in the same order, one with rows, the other with lines.
    found["faults"] = [
        {**json_default(one), "first_lines": [line for line in same.first_rows if line]}
        for one, same in zip(found["faults"], lines.faults, strict=True)
    ]
    # The rest of a preview's request is from the settings, which callers don't see.
    found["previews"] = [{"row": one.row, "text": one.text, "parts": one.parts} for one in found["previews"]]
    return StreamingResponse(_written(found, rejections), media_type=JSON_TYPE)


async def _taken(
    request: Request, streamed: StreamedOptions, take: Take[T], rejections: Rejections, key: str | None = None
) -> T:
    """Hands rows and options to `take`, whatever the kind of the body."""
    try:
        kind = media_type(request, JSON_TYPE, CSV_TYPE, *JSON_LINES_TYPES)
        if kind == JSON_TYPE:
            return await _take_json(request, streamed, take, key, rejections)
        form = Form.parse(streamed.faults, **streamed.form)
        body = RowsBody(request, kind, _template(streamed.given), form)
        keyed = FileKey("", key, form.read_as) if key and form.read_as else key
        return await _take_stream(take, body, _checked(streamed.given, keyed, streamed.faults), rejections)
    except BaseException:
        rejections.close()
        raise


async def _take_json(
    request: Request, streamed: StreamedOptions, take: Take[T], key: str | None, rejections: Rejections
) -> T:
    body = await json_object(request)
    message = "belongs in the body, since that is JSON"
    errors = [FieldError(name, FieldCode.NOT_ALLOWED, message) for name in streamed.given]
    message = "is for rows in a body of CSV or NDJSON"
    errors += [FieldError(name, FieldCode.NOT_ALLOWED, message) for name in streamed.form]
    rows = body.pop("rows", None)
    if not isinstance(rows, list):
        errors.append(FieldError("rows", FieldCode.WRONG_TYPE, "must be a list of objects, one per message"))
        rows = []

    template = _template(body)
    named = template.names if template else frozenset()

    given = (converted(row, named) if isinstance(row, dict) else row for row in rows)
    options = _checked({**streamed.given, **body}, key, [*streamed.faults, *errors])
    return await take(Turns(request).each(given), options, lambda rejection: rejections.add(rejection, None))


async def _take_stream(take: Take[T], body: RowsBody, options: Mapping[str, Any], rejections: Rejections) -> T:
    def reject(rejection: Rejection) -> None:
        rejections.add(rejection, body.line_of(rejection.row))

    try:
        return await take(body.rows(), options, reject)
    except InvalidJob:
        raise
    except (Problem, UnusableFile, OutboundChatError) as error:
        unusable = isinstance(error, UnusableFile)
        problem = Problem(ProblemCode.UNUSABLE_FILE, str(error)) if unusable else problem_of(error)
        # The notes say what was stored of an interrupted batch.
        problem.detail = " ".join([problem.detail, *(f"{note}." for note in getattr(error, "__notes__", ()))])
        raise problem from error


def _template(options: dict[str, Any]) -> Template | None:
    with suppress(InvalidJob):  # the client reports it with the other faults
        return None if options.get("template") is None else Template.parse(options["template"])
    return None


def _checked(options: dict[str, Any], key: str | FileKey | None, faults: Sequence[FieldError]) -> Mapping[str, Any]:
    """Returns the options for the client. `faults`: those found so far."""
    errors = [*faults]
    name = options.get("name")
    if name is not None and not (isinstance(name, str) and len(name) <= LONGEST_NAME):
        message = f"must be a string of at most {LONGEST_NAME} characters"
        errors.append(FieldError("name", FieldCode.TOO_LONG, message))
        options["name"] = None
    # The client reports options that belong in rows.
    known = known_options(options, BATCH_OPTIONS | JOB_ONLY | {"name"}, errors)
    return with_report({**known, "batch_key": key}, errors)


async def _written(counts: dict[str, Any], rejections: Rejections) -> AsyncIterator[bytes]:
    del counts["rejections"]
    yield to_json({**counts, "rejections_omitted": rejections.omitted}).removesuffix(b"}") + b',"rejections":['
    async for part in rejections.parts():
        yield part
    yield b"]}"
