"""Stable codes of HTTP errors with their status and title. `docs/errors.md` explains them."""

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
        ProblemCode.INVALID_REQUEST: (400, "Invalid request"),
        ProblemCode.INVALID_JSON: (400, "Malformed JSON"),
        ProblemCode.UNUSABLE_FILE: (400, "Unreadable rows"),
        ProblemCode.KEY_EXPOSED: (400, "API key in the URL"),
        ProblemCode.UNAUTHORIZED: (401, "A valid API key is required"),
        ProblemCode.FORBIDDEN: (403, "Forbidden"),
        ProblemCode.NOT_FOUND: (404, "Not found"),
        ProblemCode.UNKNOWN_JOB: (404, "Unknown job"),
        ProblemCode.UNKNOWN_BATCH: (404, "Unknown batch"),
        ProblemCode.UNKNOWN_SENDER: (404, "Unknown sender"),
        ProblemCode.UNKNOWN_BUDGET: (404, "Unknown budget"),
        ProblemCode.METHOD_NOT_ALLOWED: (405, "Method not allowed"),
        ProblemCode.BODY_TOO_SLOW: (408, "Request body timed out"),
        ProblemCode.IDEMPOTENCY_CONFLICT: (409, "Idempotency key already used"),
        ProblemCode.BATCH_CLOSED: (409, "The batch is closed"),
        ProblemCode.NOT_REPLAYABLE: (409, "The job can't be replayed"),
        ProblemCode.DUPLICATE_RISK: (409, "The customer might be texted twice"),
        ProblemCode.WRITTEN_BY_NEWER_VERSION: (409, "Written by a newer version"),
        ProblemCode.BODY_TOO_LARGE: (413, "Request body too large"),
        ProblemCode.UNSUPPORTED_MEDIA_TYPE: (415, "Unsupported media type"),
        ProblemCode.RATE_LIMITED: (429, "Too many requests"),
        ProblemCode.HEAD_TOO_LARGE: (431, "URL and headers too long"),
        ProblemCode.INTERNAL_ERROR: (500, "Internal error"),
        ProblemCode.STORE_UNAVAILABLE: (503, "Redis is unavailable"),
        ProblemCode.STORE_REFUSED: (503, "Redis refused the request"),
        ProblemCode.NOT_DURABLE: (503, "Accepted, but not confirmed on disk"),
        ProblemCode.MISSING_ENCRYPTION_KEY: (503, "Encryption key missing"),
    }
)
"""Status and title of each code."""
