"""What the log says of attempts that sent nothing, to somebody who sees it for the first time."""

import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from outbound_chat.store.scripts import Outcome
from outbound_chat_worker.pump import retry, sentences
from outbound_chat_worker.pump.retry import Verdict, judge


def _answer(code: str, message: str = "") -> ClientError:
    given: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": 400, "RequestId": "1b2c3d4e"},
    }
    return ClientError(given, "StartOutboundChatContact")


def _rules() -> Mapping[str, retry.RetryRule]:
    found = (*retry.BY_AWS_CODE.values(), *retry.BY_STATUS.values(), *(rule for _, rule in retry.BY_EXCEPTION))
    return {rule.code: rule for rule in found}


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            _answer("AccessDeniedException", "not authorized"),
            (
                "IAM or an SCP forbids the call (AccessDeniedException, not authorized); its jobs wait and will be "
                "retried; allow connect:StartOutboundChatContact, and sts:AssumeRole where the sender has a role_arn"
            ),
        ),
        (
            NoCredentialsError(),
            (
                "no AWS credentials were found; its jobs wait and will be retried; configure valid credentials for "
                "boto3 in the worker: variables, files, profile or role_arn"
            ),
        ),
        (
            EndpointConnectionError(endpoint_url="http://h/"),
            (
                "no connection to AWS could be made, so nothing was sent (Could not connect to the endpoint URL: "
                '"http://h/"); its jobs wait and will be retried; check the network, the proxy and endpoint_url'
            ),
        ),
    ],
    ids=["denied", "no credentials", "unreachable"],
)
def test_what_keeps_a_sender_is_named_with_the_fix(error: Exception, said: str) -> None:
    """The line follows `sender support: `."""
    assert sentences.of_sender(judge(error, left=not isinstance(error, NoCredentialsError))) == said


def test_every_hold_has_a_fix() -> None:
    """A person is waited for, and must know what to do."""
    assert {code for code, rule in _rules().items() if rule.outcome is Outcome.HOLD} <= set(sentences.FIXES)


@pytest.mark.parametrize(
    ("code", "outcome", "maybe_sent", "level", "said"),
    [
        (
            "ThrottlingException",
            Outcome.SNOOZE,
            False,
            logging.INFO,
            "throttled (ThrottlingException), the account has used up its calls per second; it will be retried",
        ),
        (
            "ConflictException",
            Outcome.RETRY,
            False,
            logging.INFO,
            (
                "conflict (ConflictException), another operation on the contact is in progress; it will be "
                "retried after attempt 3"
            ),
        ),
        (
            "InvalidRequestException",
            Outcome.FAILED,
            False,
            logging.WARNING,
            "refused (InvalidRequestException), AWS refused the request as invalid; it ended failed after attempt 3",
        ),
        (
            "InternalServiceException",
            Outcome.FAILED,
            True,
            logging.WARNING,
            (
                "service_error (InternalServiceException), an error at AWS; the contact may have been started; it "
                "ended uncertain after attempt 3"
            ),
        ),
        (
            "ResourceNotFoundException",
            Outcome.HOLD,
            False,
            logging.ERROR,
            (
                "not_found (ResourceNotFoundException), instance, flow, number or template does not exist; it waits "
                "with all of batch 17; correct the ids of the sender, or the flow or template that the batch names"
            ),
        ),
    ],
)
def test_a_job_is_told_with_code_reason_and_what_happens_next(
    code: str, outcome: Outcome, *, maybe_sent: bool, level: int, said: str
) -> None:
    """The line follows `job main.…: `; nothing stands in empty brackets."""
    verdict = judge(_answer(code))

    assert not sentences.keeps_sender(verdict, outcome, "batch:17")
    assert sentences.of_job(verdict, outcome, "batch:17", attempts=3, maybe_sent=maybe_sent) == (level, said)


def test_without_a_code_of_aws_there_are_no_brackets() -> None:
    verdict = Verdict(retry.UNFORESEEN_ERROR, retry_after=timedelta(0))

    level, said = sentences.of_job(verdict, Outcome.RETRY, "", attempts=1, maybe_sent=True)

    assert (level, "(" in said) == (logging.ERROR, False)
