"""Returns every error as `application/problem+json`, with a stable code. https://www.rfc-editor.org/rfc/rfc9457

None repeats what the caller sent, which may be a phone number or a message.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from outbound_chat.http.wire.codes import TITLES, ProblemCode
from outbound_chat.model.errors import (
    BatchClosed,
    BatchKeyConflict,
    DuplicateRisk,
    FieldError,
    IdempotencyConflict,
    InvalidJob,
    InvalidNumbers,
    MissingEncryptionKey,
    NotDurable,
    NotReplayable,
    OutboundChatError,
    SettingsError,
    StoreError,
    StoreUnavailable,
    UnknownBatch,
    UnknownJob,
    WrittenByNewerVersion,
)
from outbound_chat.model.json import to_json
from outbound_chat.request import FieldCode

MEDIA_TYPE = "application/problem+json"
_RETRY = {"Retry-After": "5"}
_log = logging.getLogger("outbound_chat.http")

# Our codes for what pydantic finds wrong with a parameter.
_FIELD_CODES = {
    "missing": FieldCode.REQUIRED,
    "extra_forbidden": FieldCode.UNKNOWN_FIELD,
    "enum": FieldCode.NOT_ALLOWED,
    "literal_error": FieldCode.NOT_ALLOWED,
    "greater_than": FieldCode.OUT_OF_RANGE,
    "greater_than_equal": FieldCode.OUT_OF_RANGE,
    "less_than": FieldCode.OUT_OF_RANGE,
    "less_than_equal": FieldCode.OUT_OF_RANGE,
    "finite_number": FieldCode.OUT_OF_RANGE,
    "string_too_long": FieldCode.TOO_LONG,
    "string_too_short": FieldCode.TOO_SHORT,
}


class Problem(Exception):
    """An error as the HTTP service responds to it."""

    def __init__(
        self,
        code: ProblemCode,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        **more: str,
    ) -> None:
        super().__init__(detail)
        self.code, self.detail, self.errors = code, detail, errors
        self.headers, self.more = headers or {}, more

    def response(self) -> Response:
        """Returns the response."""
        status, title = TITLES[self.code]
        body: dict[str, Any] = {
            "type": f"/docs/errors#{self.code}",
            "title": title,
            "status": status,
            "detail": self.detail,
            "code": self.code,
            **self.more,
        }
        if self.errors:
            body["errors"] = self.errors
        return Response(to_json(body), status, headers=self.headers, media_type=MEDIA_TYPE)


_BY_STATE: Mapping[type[OutboundChatError], ProblemCode] = {
    BatchClosed: ProblemCode.BATCH_CLOSED,
    NotReplayable: ProblemCode.NOT_REPLAYABLE,
    DuplicateRisk: ProblemCode.DUPLICATE_RISK,
    WrittenByNewerVersion: ProblemCode.WRITTEN_BY_NEWER_VERSION,
}
_KEPT = "results are kept for a while only (results.keep)."


def problem_of(error: Exception) -> Problem:  # noqa: C901, PLR0911  # a table with a return for each row
    """Returns the problem for an error."""
    match error:
        case Problem():
            return error
        case InvalidJob() | InvalidNumbers():
            return Problem(ProblemCode.INVALID_REQUEST, "Nothing was done; see errors.", errors=error.errors)
        case IdempotencyConflict():
            return Problem(ProblemCode.IDEMPOTENCY_CONFLICT, str(error), job_id=error.job_id)
        case BatchKeyConflict():
            return Problem(ProblemCode.IDEMPOTENCY_CONFLICT, str(error), id=error.batch_id)
        case UnknownJob():
            return Problem(ProblemCode.UNKNOWN_JOB, f"No job has this id; {_KEPT}")
        case UnknownBatch():
            return Problem(ProblemCode.UNKNOWN_BATCH, f"No batch has this id; {_KEPT}")
        case BatchClosed() | NotReplayable() | DuplicateRisk() | WrittenByNewerVersion():
            return Problem(_BY_STATE[type(error)], str(error))
        case StoreUnavailable():
            # Its text has the address of the server, which is for those who run the service, not for callers.
            _log.error("%s", error)
            detail = (
                "The store can't be reached. What was being enqueued may or may not be stored: "
                "repeat it with the same idempotency key."
            )
            return Problem(ProblemCode.STORE_UNAVAILABLE, detail, headers=_RETRY)
        case NotDurable():
            return Problem(ProblemCode.NOT_DURABLE, str(error), headers=_RETRY, id=error.id)
        case StoreError() | MissingEncryptionKey():
            code = ProblemCode.STORE_REFUSED if isinstance(error, StoreError) else ProblemCode.MISSING_ENCRYPTION_KEY
            return Problem(code, str(error), headers=_RETRY)
        case SettingsError():
            return Problem(ProblemCode.INVALID_REQUEST, "A name in the request is not in the settings of this service.")
        case _:
            return Problem(ProblemCode.INTERNAL_ERROR, "An error of the service; its log says more.")


def _refused_parameters(error: RequestValidationError) -> Problem:
    errors = [
        FieldError(
            ".".join(map(str, fault["loc"][1:])) or str(fault["loc"][0]),
            _FIELD_CODES.get(fault["type"], FieldCode.WRONG_TYPE),
            fault["msg"][0].lower() + fault["msg"][1:],
        )
        for fault in error.errors()
    ]
    return Problem(ProblemCode.INVALID_REQUEST, "Nothing was done; see errors.", errors=errors)


_OF_ROUTING = {404: ProblemCode.NOT_FOUND, 405: ProblemCode.METHOD_NOT_ALLOWED}


def _of_routing(request: Request, error: HTTPException) -> Problem:
    code = _OF_ROUTING.get(error.status_code, ProblemCode.INVALID_REQUEST)
    headers = dict(error.headers or {})
    if code is ProblemCode.METHOD_NOT_ALLOWED and (methods := _methods_here(request)):
        headers["Allow"] = ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))
    return Problem(code, TITLES[code][1], headers=headers)


def _methods_here(request: Request) -> set[str]:
    """Returns all methods of the path: FastAPI names only those of the first route that has it."""
    here = [route for router in request.app.state.routers for route in router.routes]
    return {
        method for route in here if route.matches(request.scope)[0] is not Match.NONE for method in route.methods or ()
    }


def add_problems(app: FastAPI) -> None:
    """Makes the app respond to every error with a problem."""

    async def problem(request: Request, error: Exception) -> Response:
        match error:
            case RequestValidationError():
                return _refused_parameters(error).response()
            case HTTPException():
                return _of_routing(request, error).response()
            case _:
                return problem_of(error).response()

    for kind in (Problem, RequestValidationError, HTTPException, OutboundChatError, SettingsError, Exception):
        app.add_exception_handler(kind, problem)
