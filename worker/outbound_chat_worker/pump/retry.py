"""Decides what happens after a call to Connect that returned no contact: a table of errors and outcomes.

The store does the waiting and counting. The errors of the operation:
https://docs.aws.amazon.com/connect/latest/APIReference/API_StartOutboundChatContact.html#API_StartOutboundChatContact_Errors
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from ssl import SSLCertVerificationError
from typing import Literal

from botocore import exceptions as botocore_errors
from botocore.parsers import ResponseParserError
from urllib3.exceptions import SSLError as UrllibSSLError

from outbound_chat.store.scripts import Outcome
from outbound_chat_config import whole_number
from outbound_chat_worker.connect import NotOfAws
from outbound_chat_worker.redaction import redact


@dataclass(frozen=True, slots=True)
class RetryRule:
    """A row of the table."""

    outcome: Outcome
    code: str
    """Stable code, which operators see."""
    reason: str
    maybe_sent: bool = False
    """A contact may exist although the answer was an error or missing."""
    most_attempts: int | None = None
    """A lower limit of attempts than in the settings, if more would not help."""
    wait: timedelta | None = None
    """For a hold: time until the first probe. It doubles with each failed probe, up to 5 minutes."""
    stops: Literal["sender", "instance"] = "sender"
    """For a hold: what it stops."""
    refresh_credentials: bool = False
    """The credentials of the call are not valid."""
    blames_whoever_named_it: bool = False
    """If the job or its batch named what does not exist, only this job fails or only the batch is held."""
    unforeseen: bool = False
    """A bug in this program or in a library, which is logged as an error."""
    foreign: bool = False
    """The answer is not from AWS, and may contain anything."""


FIRST_PROBE = timedelta(seconds=5)

_THROTTLED = RetryRule(Outcome.SNOOZE, "throttled", "the account has used up its calls per second")
_SERVICE = RetryRule(
    Outcome.RETRY, "service_error", "an error at AWS; the contact may have been started", maybe_sent=True
)
_NO_ANSWER = RetryRule(Outcome.RETRY, "no_answer", "the call was sent, but there was no answer", maybe_sent=True)
_UNREACHABLE = RetryRule(Outcome.RETRY, "unreachable", "no connection to AWS could be made, so nothing was sent")
_KEYS = "AWS credentials are missing, expired or refused"
_CREDENTIALS = RetryRule(Outcome.HOLD, "credentials", _KEYS, wait=FIRST_PROBE, refresh_credentials=True)
_NO_CREDENTIALS = replace(_CREDENTIALS, reason="no AWS credentials were found")
_DENIED = RetryRule(Outcome.HOLD, "access_denied", "IAM or an SCP forbids the call", wait=FIRST_PROBE)
_ROLE_DENIED = replace(_DENIED, reason="the worker's credentials may not assume the sender's role_arn")
_MISSING = "instance, flow, number or template does not exist"
_NOT_FOUND = RetryRule(Outcome.HOLD, "not_found", _MISSING, wait=FIRST_PROBE, blames_whoever_named_it=True)
NOT_FOUND_OF_JOB = RetryRule(Outcome.FAILED, "not_found", "the flow or template that the job names does not exist")
_QUOTA = RetryRule(Outcome.HOLD, "quota", "AWS must raise a quota", wait=timedelta(minutes=5))
_FOREIGN = "the answer is not from Amazon Connect, but from a proxy or another server at endpoint_url"
_STRANGER = RetryRule(Outcome.HOLD, "foreign_answer", _FOREIGN, wait=FIRST_PROBE, foreign=True)
_CONTENT_STRANGER = replace(_STRANGER, maybe_sent=True)
_UNFORESEEN = RetryRule(Outcome.FAILED, "unexpected_answer", "this version does not know the answer")
_UNKNOWN = "this version does not know the error"
UNFORESEEN_ERROR = RetryRule(
    Outcome.RETRY, "unexpected_error", _UNKNOWN, maybe_sent=True, most_attempts=3, unforeseen=True
)
UNFORESEEN_BEFORE = replace(UNFORESEEN_ERROR, reason=f"{_UNKNOWN}; the call was not sent", maybe_sent=False)

_THROTTLING_CODES = (
    "ThrottlingException",
    "TooManyRequestsException",
    "Throttling",
    "ThrottledException",
    "RequestThrottledException",
    "RequestThrottled",
    "RequestLimitExceeded",
    "BandwidthLimitExceeded",
    "ProvisionedThroughputExceededException",
    "EC2ThrottledException",
    "SlowDown",
    "TransactionInProgressException",
    "PriorRequestNotComplete",
)
"""The codes that botocore treats as throttling, except `LimitExceededException`, which has another meaning in Connect.

https://docs.aws.amazon.com/boto3/latest/guide/retries.html
"""

BY_AWS_CODE: Mapping[str, RetryRule] = {
    # Some AWS pages list throttling with HTTP 400, so the code decides and not the status.
    **dict.fromkeys(_THROTTLING_CODES, _THROTTLED),
    # The service waited for the rest of the request, or for another service; AWS does not say which.
    **dict.fromkeys(("RequestTimeout", "RequestTimeoutException", "RequestAbortedException"), _SERVICE),
    "LimitExceededException": RetryRule(
        Outcome.HOLD,
        "chats_full",
        "the instance has reached its limit of open chats",
        wait=timedelta(minutes=1),
        stops="instance",
    ),
    "ServiceQuotaExceededException": _QUOTA,
    "ConflictException": RetryRule(
        Outcome.RETRY, "conflict", "another operation on the contact is in progress", most_attempts=4
    ),
    "InternalServiceException": _SERVICE,
    "InvalidRequestException": RetryRule(Outcome.FAILED, "refused", "AWS refused the request as invalid"),
    "ResourceNotFoundException": _NOT_FOUND,
    **dict.fromkeys(("AccessDeniedException", "NotAuthorized", "OptInRequired"), _DENIED),
    "ExpiredTokenException": _CREDENTIALS,
    "ExpiredToken": _CREDENTIALS,
    "RequestExpired": _CREDENTIALS,
    "InvalidSignatureException": _CREDENTIALS,
    "SignatureDoesNotMatch": _CREDENTIALS,
    "UnrecognizedClientException": _CREDENTIALS,
    "InvalidClientTokenId": _CREDENTIALS,
    "MissingAuthenticationTokenException": _CREDENTIALS,
    "MissingAuthenticationToken": _CREDENTIALS,
    "IncompleteSignature": _CREDENTIALS,
    "UnknownOperationException": _STRANGER,
}

BY_STATUS: Mapping[int, RetryRule] = {
    429: _THROTTLED,
    408: _SERVICE,
    403: _DENIED,
    401: _CREDENTIALS,
    402: _QUOTA,
    **dict.fromkeys((301, 302, 303, 307, 308, 404, 405), _STRANGER),
}
_WHOEVER_ANSWERS = frozenset({429, 408})
"""Statuses with the same meaning from AWS and from a proxy."""

_OF_CREDENTIALS: tuple[type[Exception], ...] = (
    *(botocore_errors.PartialCredentialsError, botocore_errors.CredentialRetrievalError, botocore_errors.SSOError),
    *(botocore_errors.MetadataRetrievalError, botocore_errors.TokenRetrievalError, botocore_errors.LoginError),
    *(botocore_errors.ProfileNotFound, botocore_errors.ConfigParseError, botocore_errors.ConfigNotFound),
    *(botocore_errors.UnknownCredentialError, botocore_errors.InvalidConfigError),
    *(botocore_errors.RefreshWithMFAUnsupportedError, botocore_errors.MissingDependencyException),
)
# Read from the top: the first class that fits decides.
BY_EXCEPTION: tuple[tuple[type[Exception], RetryRule], ...] = (
    (
        botocore_errors.ParamValidationError,
        RetryRule(Outcome.FAILED, "refused", "boto3 refused the request as invalid"),
    ),
    (botocore_errors.ConnectTimeoutError, _UNREACHABLE),
    (botocore_errors.EndpointConnectionError, _UNREACHABLE),
    (botocore_errors.ProxyConnectionError, _UNREACHABLE),
    (NotOfAws, _CONTENT_STRANGER),
    (botocore_errors.HTTPClientError, _NO_ANSWER),
    (botocore_errors.ConnectionError, _NO_ANSWER),
    (ResponseParserError, _NO_ANSWER),
    (botocore_errors.NoCredentialsError, _NO_CREDENTIALS),
    *((kind, _CREDENTIALS) for kind in _OF_CREDENTIALS),
)

_REPEAT = (botocore_errors.ParamValidationError, ResponseParserError, botocore_errors.NoCredentialsError)
"""Errors whose messages repeat the request or the answer, or say less than their rules."""

LONGEST_PAUSE = timedelta(minutes=1)
"""Upper limit of the pauses that the provider asks for, so that its mistake can't stop everything for hours."""
_LONGEST_NUMBER = 10**6
"""Milliseconds or seconds: more than the longest pause, but not more than a `timedelta` can represent."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A rule, with details of the provider's answer."""

    rule: RetryRule
    aws_code: str = ""
    message: str = field(default="", repr=False)
    """Without anything that looks like a phone number."""
    request_id: str = ""
    retry_after: timedelta = timedelta(0)
    """How long the provider asks all callers to wait, at most `LONGEST_PAUSE`."""


def judge(error: Exception, *, left: bool = True, personal: Sequence[str] | None = ()) -> Verdict:
    """Returns the rule for an error of a call, with details of the provider's answer.

    `left`: whether the call was sent. Before that, only STS may have been called for the sender's role.
    `personal`: texts that no message may contain; None: unknown, so only the kind of an unforeseen error is reported.
    """
    verdict = _judge(error, personal)
    return verdict if left else replace(verdict, rule=_before_it_left(error, verdict.rule))


def _before_it_left(error: Exception, rule: RetryRule) -> RetryRule:
    if rule.unforeseen:
        return UNFORESEEN_BEFORE
    if isinstance(error, botocore_errors.ClientError) and (rule.outcome is Outcome.FAILED or rule is _DENIED):
        # STS refused, and so the role is at fault and not the job.
        return _ROLE_DENIED if rule is _DENIED else _CREDENTIALS
    return replace(rule, maybe_sent=False) if rule.maybe_sent else rule


def _judge(error: Exception, personal: Sequence[str] | None) -> Verdict:
    if isinstance(error, botocore_errors.ClientError):
        return _judge_answer(error, personal or ())
    cause = error.__context__
    if isinstance(cause, UrllibSSLError) and isinstance(cause.args[0], SSLCertVerificationError):
        # Of all TLS errors, only this one is raised before anything is sent.
        return Verdict(_UNREACHABLE, message=redact(str(error), personal or ()))
    for kind, rule in BY_EXCEPTION:
        if isinstance(error, kind):
            return Verdict(rule, message="" if isinstance(error, _REPEAT) else redact(str(error), personal or ()))
    words = "" if personal is None else f": {redact(str(error), personal)}"
    return Verdict(UNFORESEEN_ERROR, message=f"{type(error).__name__}{words}")


def _judge_answer(error: botocore_errors.ClientError, personal: Sequence[str]) -> Verdict:
    said = error.response.get("Error", {})
    meta = error.response.get("ResponseMetadata", {})
    status = meta.get("HTTPStatusCode", 0)
    code = str(said.get("Code", ""))
    request_id = meta.get("RequestId", "")
    rule = BY_AWS_CODE.get(code) or _by_status(status, is_aws=bool(request_id))
    message = "" if rule.foreign else redact(str(said.get("Message", "")), personal)
    return Verdict(rule, redact(code, personal), message, request_id, _retry_after(meta.get("HTTPHeaders", {})))


def _by_status(status: int, *, is_aws: bool) -> RetryRule:
    """Returns the rule for an answer whose code is not in the table. `is_aws`: it has a request id, as from AWS."""
    if status >= 500:  # noqa: PLR2004
        return _SERVICE
    if not is_aws and status not in _WHOEVER_ANSWERS:
        return _STRANGER
    return BY_STATUS.get(status, _UNFORESEEN)


def _retry_after(headers: Mapping[str, str]) -> timedelta:
    """Returns the requested pause: milliseconds in `x-amz-retry-after`, or seconds in `Retry-After`."""
    for name, unit in (("x-amz-retry-after", timedelta(milliseconds=1)), ("retry-after", timedelta(seconds=1))):
        value = whole_number(headers.get(name, "").strip())
        # A date, the other form of Retry-After, depends on a clock that may be wrong; then backoff applies.
        if value is not None:
            return min(LONGEST_PAUSE, unit * min(value, _LONGEST_NUMBER))
    return timedelta(0)
