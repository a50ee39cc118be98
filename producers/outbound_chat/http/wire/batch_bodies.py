"""Reads the rows and options of a batch from any kind of body, and writes what became of the rows."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from starlette.requests import Request

from outbound_chat.client import FileKey
from outbound_chat.client.steps.rejections import OnRejected
from outbound_chat.http.wire.bodies import JSON_TYPE, json_object, media_type
from outbound_chat.http.wire.fields import known_options
from outbound_chat.http.wire.parameters import LONGEST_NAME, StreamedOptions
from outbound_chat.http.wire.problems import Problem, problem_of
from outbound_chat.http.wire.row_streams import CSV_TYPE, JSON_LINES_TYPES, Rejections, RowsBody
from outbound_chat.http.wire.turns import Turns
from outbound_chat.model.errors import FieldError, InvalidJob, OutboundChatError
from outbound_chat.model.json import to_json
from outbound_chat.request import FieldCode, with_report
from outbound_chat.request.options import BATCH_OPTIONS, JOB_ONLY
from outbound_chat.request.templates import Template
from outbound_chat.rows import Form, converted

T = TypeVar("T")
Take = Callable[[AsyncIterator[Any], Mapping[str, Any], OnRejected], Awaitable[T]]
"""What is done with rows and options; it reports the rows that it rejects."""


async def taken_rows(
    request: Request, streamed: StreamedOptions, take: Take[T], rejections: Rejections, key: str | FileKey | None = None
) -> T:
    """Hands rows and options to `take`, whatever the kind of the body."""
    try:
        kind = media_type(request, JSON_TYPE, CSV_TYPE, *JSON_LINES_TYPES)
        if kind == JSON_TYPE:
            rows, options = _of_object(await json_object(request), streamed, key)
            return await take(Turns(request).each(rows), options, lambda one: rejections.add(one, None))
        form = Form.parse(streamed.faults, **streamed.form)
        body = RowsBody(request, kind, _template(streamed.given), form)
        keyed = FileKey("", key, form.read_as) if isinstance(key, str) and form.read_as else key
        options = _checked(streamed.given, keyed, streamed.faults)
        return await take(body.rows(), options, lambda one: rejections.add(one, body))
    except BaseException as error:
        rejections.close()
        if isinstance(error, InvalidJob) or not isinstance(error, OutboundChatError | Problem):
            raise
        problem = problem_of(error)
        # The notes say what was stored of an interrupted batch.
        problem.detail = " ".join([problem.detail, *(f"{note}." for note in getattr(error, "__notes__", ()))])
        raise problem from error


def _of_object(
    body: dict[str, Any], streamed: StreamedOptions, key: str | FileKey | None
) -> tuple[Iterable[Any], Mapping[str, Any]]:
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
    return given, _checked({**streamed.given, **body}, key, [*streamed.faults, *errors])


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


async def written(counts: dict[str, Any], rejections: Rejections) -> AsyncIterator[bytes]:
    """Yields counts and rejections as one JSON object."""
    del counts["rejections"]
    yield to_json({**counts, "rejections_omitted": rejections.omitted}).removesuffix(b"}") + b',"rejections":['
    async for part in rejections.parts():
        yield part
    yield b"]}"
