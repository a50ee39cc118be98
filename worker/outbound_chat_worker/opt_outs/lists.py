"""Reads the opt-out lists of AWS End User Messaging SMS, at most a call a second by default.

A sender names its number by an ARN of Amazon Connect, and only Connect knows which number of End User Messaging it is.
That number has the opt-out list. AWS sends no event when a list changes and can't filter it by time, so all of it is
read: https://docs.aws.amazon.com/pinpoint/latest/apireference_smsvoicev2/API_DescribeOptedOutNumbers.html
"""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

from botocore.exceptions import ClientError

from outbound_chat.store.scripts import Outcome
from outbound_chat_config import Sender
from outbound_chat_worker.connect import UNANSWERED, Connect, NotOfAws
from outbound_chat_worker.pump.retry import judge
from outbound_chat_worker.redaction import redact

WAITS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0)
"""Seconds before each further try of a call that AWS throttled or could not answer."""
PAGE = 100
_UNKNOWN = "its number does not exist in this account and Region, according to {}"
_SERVICES = {"DescribePhoneNumber": "connect", "AssumeRole": "sts"}
"""First part of the IAM action of a call that is not for `sms-voice`."""


class OptOutReader:
    """Reads opt-out lists. For one thread. Its methods raise one of `UNANSWERED`, or `KeyError`."""

    def __init__(self, connect: Connect, rate: float, sleep: Callable[[float], None] = time.sleep) -> None:
        self._connect, self._pause, self._sleep = connect, 1 / rate, sleep
        self._has_answered = False
        self.read = 0
        """How many entries of lists were read."""

    def number_of(self, sender: Sender) -> dict[str, Any]:
        """Returns what End User Messaging knows of a sender's number: its opt-out list, its type and so on."""
        answer = self._ask(self._connect.prepare(sender).describe_phone_number, PhoneNumberId=sender.number)
        claimed = answer["ClaimedPhoneNumberSummary"]
        arn = claimed.get("SourcePhoneNumberArn", "")
        # Where Connect does not name it, it is the number with the same digits.
        is_named = ":sms-voice:" in arn
        chosen = {"PhoneNumberIds": [arn]} if is_named else {"MaxResults": PAGE}
        with closing(self._client(sender)) as sms:
            for page in self._pages(sms.describe_phone_numbers, **chosen):
                for number in page.get("PhoneNumbers", ()):
                    if is_named or number["PhoneNumber"] == claimed["PhoneNumber"]:
                        return dict(number)
        raise ValueError(_UNKNOWN.format("DescribePhoneNumbers"))

    def numbers(self, sender: Sender, list_arn: str) -> Iterator[list[str]]:
        """Yields the numbers of an opt-out list, page by page."""
        with closing(self._client(sender)) as sms:
            for page in self._pages(sms.describe_opted_out_numbers, OptOutListName=list_arn, MaxResults=PAGE):
                numbers = [one["OptedOutNumber"] for one in page.get("OptedOutNumbers", ())]
                self.read += len(numbers)
                yield numbers

    def _client(self, sender: Sender) -> Any:
        return self._connect.client(sender, "pinpoint-sms-voice-v2", endpoint_url=sender.endpoint_url)

    def _pages(self, call: Callable[..., Any], **given: Any) -> Iterator[Any]:
        while True:
            page = self._ask(call, **given)
            yield page
            if not page.get("NextToken"):
                return
            given["NextToken"] = page["NextToken"]

    def _ask(self, call: Callable[..., Any], **given: Any) -> Any:
        for wait in (*WAITS, None):
            self._sleep(self._pause)
            try:
                answer = call(**given)
                break
            except UNANSWERED as error:
                rule = judge(error).rule
                # A server that has never answered is more likely to be a wrong one.
                may_answer = rule.outcome is Outcome.SNOOZE or (rule.outcome is Outcome.RETRY and self._has_answered)
                if wait is None or rule.unforeseen or not may_answer:
                    raise
                self._sleep(wait)
        self._has_answered = True
        if not answer["ResponseMetadata"].get("RequestId"):
            raise NotOfAws  # an empty page of a proxy would make `mirror` remove all numbers
        return answer


def explain(error: Exception) -> str:
    """Returns why a list was not read, with the IAM action that is missing."""
    if isinstance(error, KeyError):
        return f"the answer has no {error.args[0]}"
    if isinstance(error, ClientError):
        code, operation = judge(error).rule.code, error.operation_name
        if code == "access_denied":
            return f"not allowed: give these credentials {_SERVICES.get(operation, 'sms-voice')}:{operation}"
        if code == "not_found" and operation != "DescribeOptedOutNumbers":
            return _UNKNOWN.format(operation)
    return redact(str(error), ())
