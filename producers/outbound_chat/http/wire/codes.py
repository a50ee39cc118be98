"""The stable codes of HTTP errors, each with its status and title; `docs/errors.md` explains them."""

from enum import StrEnum
from types import MappingProxyType


class ProblemCode(StrEnum):
    """Why a request was refused."""

    INVALID_REQUEST = "invalid_request"
    INVALID_JSON = "invalid_json"
    UNUSABLE_FILE = "unusable_file"
    KEY_EXPOSED = "key_exposed"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    UNKNOWN_JOB = "unknown_job"
    UNKNOWN_BATCH = "unknown_batch"
    UNKNOWN_SENDER = "unknown_sender"
    UNKNOWN_BUDGET = "unknown_budget"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    BODY_TOO_SLOW = "body_too_slow"
    IDEMPOTENCY_CONFLICT = "idempotency_conflict"
    BATCH_CLOSED = "batch_closed"
    NOT_REPLAYABLE = "not_replayable"
    DUPLICATE_RISK = "duplicate_risk"
    WRITTEN_BY_NEWER_VERSION = "written_by_newer_version"
    BODY_TOO_LARGE = "body_too_large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    RATE_LIMITED = "rate_limited"
    HEAD_TOO_LARGE = "head_too_large"
    INTERNAL_ERROR = "internal_error"
    STORE_UNAVAILABLE = "store_unavailable"
    STORE_REFUSED = "store_refused"
    NOT_DURABLE = "not_durable"
    MISSING_ENCRYPTION_KEY = "missing_encryption_key"


TITLES = MappingProxyType(
    {
        ProblemCode.INVALID_REQUEST: (400, "The request is invalid"),
        ProblemCode.INVALID_JSON: (400, "Malformed JSON"),
        ProblemCode.UNUSABLE_FILE: (400, "The rows can't be read"),
        ProblemCode.KEY_EXPOSED: (400, "The address contains an API key"),
        ProblemCode.UNAUTHORIZED: (401, "An API key is needed"),
        ProblemCode.FORBIDDEN: (403, "The API key does not allow this"),
        ProblemCode.NOT_FOUND: (404, "There is nothing at this path"),
        ProblemCode.UNKNOWN_JOB: (404, "No such job"),
        ProblemCode.UNKNOWN_BATCH: (404, "No such batch"),
        ProblemCode.UNKNOWN_SENDER: (404, "No such sender"),
        ProblemCode.UNKNOWN_BUDGET: (404, "No such budget"),
        ProblemCode.METHOD_NOT_ALLOWED: (405, "This path does not have this method"),
        ProblemCode.BODY_TOO_SLOW: (408, "The body did not come in time"),
        ProblemCode.IDEMPOTENCY_CONFLICT: (409, "The idempotency key belongs to another job"),
        ProblemCode.BATCH_CLOSED: (409, "The batch is closed"),
        ProblemCode.NOT_REPLAYABLE: (409, "The job can't be replayed"),
        ProblemCode.DUPLICATE_RISK: (409, "The customer might be texted twice"),
        ProblemCode.WRITTEN_BY_NEWER_VERSION: (409, "Written by a newer version"),
        ProblemCode.BODY_TOO_LARGE: (413, "The body is too long"),
        ProblemCode.UNSUPPORTED_MEDIA_TYPE: (415, "Unsupported media type"),
        ProblemCode.RATE_LIMITED: (429, "Too many requests"),
        ProblemCode.HEAD_TOO_LARGE: (431, "The address and headers are too long"),
        ProblemCode.INTERNAL_ERROR: (500, "An error of the service"),
        ProblemCode.STORE_UNAVAILABLE: (503, "The store can't be reached"),
        ProblemCode.STORE_REFUSED: (503, "The store refuses this"),
        ProblemCode.NOT_DURABLE: (503, "Accepted, but not known to be on disk"),
        ProblemCode.MISSING_ENCRYPTION_KEY: (503, "The service lacks an encryption key"),
    }
)
"""Status and title of each code."""
