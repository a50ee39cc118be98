"""Responds to every error with `application/problem+json` and a stable code. https://www.rfc-editor.org/rfc/rfc9457

A problem never repeats what the caller sent, which may be a phone number or a message.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
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
from outbound_chat.notices import Notices
from outbound_chat.rows import UnusableFile

MEDIA_TYPE = "application/problem+json"
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}
"""Of all problems, since some are an answer to a browser that asked for a page."""
_RETRY = {"Retry-After": "5"}
notices = Notices(logging.getLogger("outbound_chat.http"))
"""Faults outside of this process."""


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

    @property
    def status(self) -> int:
        """The status code of the response."""
        return TITLES[self.code][0]

    def body(self, root_path: str = "") -> dict[str, Any]:
        """Returns the body of the response. `root_path`: the path under which another app mounts this one."""
        status, title = TITLES[self.code]
        body: dict[str, Any] = {
            # The whole path, as https://www.rfc-editor.org/rfc/rfc9457#section-3.1.1 recommends.
            "type": f"{root_path}/docs/errors#{self.code}",
            "title": title,
            "status": status,
            "detail": self.detail,
            "code": self.code,
            **self.more,
        }
        if self.errors:
            body["errors"] = self.errors
        return body

    def response(self, root_path: str = "") -> Response:
        """Returns the response."""
        headers = {**_HEADERS, **self.headers}
        return Response(to_json(self.body(root_path)), self.status, headers=headers, media_type=MEDIA_TYPE)


EXPECTED = (Problem, OutboundChatError, SettingsError)
"""Errors that are not logged with a traceback."""
_KEPT = "results are only kept for a while (results.keep)."


def problem_of(error: Exception) -> Problem:  # noqa: C901, PLR0911  # a table with a return for each row
    """Returns the problem for an error."""
    match error:
        case Problem():
            return error
        case InvalidJob() | InvalidNumbers():
            return Problem(ProblemCode.INVALID_REQUEST, "Nothing was done. See errors.", errors=error.errors)
        case IdempotencyConflict():
            return Problem(ProblemCode.IDEMPOTENCY_CONFLICT, str(error), job_id=error.job_id)
        case BatchKeyConflict():
            return Problem(ProblemCode.IDEMPOTENCY_CONFLICT, str(error), id=error.batch_id)
        case UnknownJob():
            return Problem(ProblemCode.UNKNOWN_JOB, f"No job has this id; {_KEPT}")
        case UnknownBatch():
            return Problem(ProblemCode.UNKNOWN_BATCH, f"No batch has this id; {_KEPT}")
        case BatchClosed() | NotReplayable() | DuplicateRisk() | WrittenByNewerVersion() | UnusableFile():
            return Problem(ProblemCode(error.code), str(error))
        case StoreUnavailable():
            # Its text has the address of the server, which is for those who run the service, not for callers.
            notices.note("redis", f"{error}; requests that need it get a 503 response")
            detail = (
                "Redis is unavailable. A request that enqueues may or may not have been stored: "
                "repeat it with the same idempotency key."
            )
            return Problem(ProblemCode.STORE_UNAVAILABLE, detail, headers=_RETRY)
        case NotDurable():
            return Problem(ProblemCode.NOT_DURABLE, str(error), headers=_RETRY, id=error.id)
        case StoreError() | MissingEncryptionKey():
            return Problem(ProblemCode(error.code), str(error), headers=_RETRY)
        case SettingsError():
            return Problem(
                ProblemCode.INVALID_REQUEST, "The settings of this service don't define a name in the request."
            )
        case _:
            detail = "Internal error. Search the log of the service for the X-Request-Id."
            return Problem(ProblemCode.INTERNAL_ERROR, detail)


_OF_ROUTING = {404: ProblemCode.NOT_FOUND, 405: ProblemCode.METHOD_NOT_ALLOWED}


def _of_routing(request: Request, error: HTTPException) -> Problem:
    code = _OF_ROUTING.get(error.status_code, ProblemCode.INVALID_REQUEST)
    headers = dict(error.headers or {})
    if code is ProblemCode.METHOD_NOT_ALLOWED and (methods := _methods_here(request)):
        headers["Allow"] = ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))
    return Problem(code, TITLES[code][1], headers=headers)


def _methods_here(request: Request) -> set[str]:
    """Returns all methods of the path: FastAPI names only those of the first route that has it."""
    every = [route for router in request.app.state.routers for route in router.routes]
    here = [route for route in every if route.matches(request.scope)[0] is not Match.NONE]
    # `/v1/jobs/search` could also be the path of a job.
    here = [route for route in here if not route.param_convertors] or here
    return {method for route in here for method in route.methods or ()}


def add_problems(app: FastAPI) -> None:
    """Makes FastAPI respond with problems, too, where it responds itself because no route matches."""

    async def problem(request: Request, error: Exception) -> Response:
        found = _of_routing(request, error) if isinstance(error, HTTPException) else problem_of(error)
        return found.response(request.scope.get("root_path", ""))

    for kind in (Problem, HTTPException, Exception):
        app.add_exception_handler(kind, problem)
