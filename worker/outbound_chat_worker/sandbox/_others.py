"""Answers the operations around a contact. They are not in the arrivals, which are those of `StartOutboundChatContact`.

The order of the checks is the same: signature, rate, shape.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

from outbound_chat_worker.sandbox._contacts import describe_contact, search_contacts
from outbound_chat_worker.sandbox._http import HttpRequest, HttpResponse
from outbound_chat_worker.sandbox._ledger import Ledger
from outbound_chat_worker.sandbox._quotas import service_quota
from outbound_chat_worker.sandbox._refusal import Refusal
from outbound_chat_worker.sandbox._shapes import read_request
from outbound_chat_worker.sandbox._signature import check_signature
from outbound_chat_worker.sandbox._sqs import answer_queue_call

_LOOK_SECONDS = 0.05
_SERVICES = {
    "": ("connect", "connect", "InvalidRequestException"),
    "AmazonSQS": ("sqs", "sqs", "ValidationException"),
    "PinpointSMSVoiceV2": ("sms-voice", "pinpoint-sms-voice-v2", "ValidationException"),
    "ServiceQuotasV20190624": ("servicequotas", "service-quotas", "IllegalArgumentException"),
}
"""By the first part of `X-Amz-Target`: names in a signature and in botocore, and the code for a wrong body."""
_PATHS = {
    "DescribeContact": re.compile(r"GET /contacts/(?P<InstanceId>[^/]+)/(?P<ContactId>[^/]+)"),
    "DescribePhoneNumber": re.compile(r"GET /phone-number/(?P<PhoneNumberId>[^/]+)"),
    "SearchContacts": re.compile(r"POST /search-contacts"),
}
"""Those of Amazon Connect."""
_OPERATIONS = {
    *_PATHS,
    *("ReceiveMessage", "SendMessage", "GetQueueAttributes", "DeleteMessageBatch", "ChangeMessageVisibilityBatch"),
    *("DescribePhoneNumbers", "DescribeOptedOutNumbers", "GetServiceQuota"),
}
# https://docs.aws.amazon.com/connect/latest/adminguide/amazon-connect-service-limits.html and
# https://docs.aws.amazon.com/sms-voice/latest/userguide/quotas.html
_RATES = {"DescribeContact": (10, 15), "SearchContacts": (0.5, 1)} | dict.fromkeys(
    ("DescribePhoneNumber", "DescribePhoneNumbers", "DescribeOptedOutNumbers"), (1, 1)
)
"""Calls a second, and calls at once, of an account and Region. Operations that are not here have no limit."""

Log = Callable[[str, str, str], None]


def answer_other(call: HttpRequest, ledger: Ledger, log: Log) -> HttpResponse | None:
    """Answers a call for one of these operations; returns None for another one.

    `log` gets operation, code and request id of each, but for those of SQS: workers ask for events all the time.
    """
    prefix, _, operation = call.headers.get("x-amz-target", "").partition(".")
    if prefix and prefix in _SERVICES:
        return _Question(call, ledger, prefix, operation, {}, ledger.clock.monotonic()).respond(log)
    for operation, path in _PATHS.items():
        if found := path.fullmatch(f"{call.method} {call.path}"):
            asked = {name: unquote(value) for name, value in found.groupdict().items()}
            return _Question(call, ledger, "", operation, asked, ledger.clock.monotonic()).respond(log)
    return None


@dataclass(slots=True)
class _Question:
    call: HttpRequest
    ledger: Ledger
    prefix: str
    operation: str
    asked: dict[str, Any]
    since: float
    """When the call came, by the monotonic clock."""
    is_new: bool = True

    def respond(self, log: Log) -> HttpResponse:
        """Answers; a long poll looks again after a while."""
        status, code, request_id = 200, "", str(uuid4())
        try:
            document = self._answer()
        except Refusal as refusal:
            code = _SERVICES[self.prefix][2] if refusal.code == "InvalidRequestException" else refusal.code
            # Protocols with a target have one status for all mistakes of the caller; the code is in the body.
            status = 400 if self.prefix and code != "ServiceUnavailable" else refusal.status
            document = {"__type": code, "Message": refusal.message}
        if self.is_new:
            self.is_new = False
            # A name that somebody made up must not fill the memory.
            self.ledger.others[f"{self.operation if self.operation in _OPERATIONS else 'unknown'} {code}".strip()] += 1
            if self.prefix != "AmazonSQS":
                log(self.operation, code or str(status), request_id)
        if document is None:
            return HttpResponse(delay_seconds=_LOOK_SECONDS, again=lambda: self.respond(log))
        headers = {"Content-Type": "application/json", "x-amzn-RequestId": request_id}
        return HttpResponse(
            status=status,
            body=json.dumps(document, default=datetime.timestamp).encode(),
            headers=headers | ({"x-amzn-ErrorType": code} if code else {}),
            delay_seconds=self.ledger.options.latency.total_seconds(),
        )

    def _answer(self) -> dict[str, Any] | None:
        call, ledger, options = self.call, self.ledger, self.ledger.options
        name, model, _ = _SERVICES[self.prefix]
        if self.operation not in _OPERATIONS or (self.prefix and (call.method, call.path) != ("POST", "/")):
            raise Refusal("UnknownOperationException", "The sandbox does not support this operation.")
        account = check_signature(call, now=ledger.clock.now(), verify=options.verify_signatures, service=name)
        if self.operation in _RATES:
            ledger.take_call(account, self.operation, *_RATES[self.operation])
        if self.operation in ledger.opt_outs.denied or (options.quotas_denied and self.operation == "GetServiceQuota"):
            raise Refusal("AccessDeniedException", f"Not authorized to perform: {name}:{self.operation} (sandbox)")
        asked = self.asked or read_request(call.body, self.operation, model)
        match self.operation:
            case "DescribeContact":
                return describe_contact(asked, ledger.chats)
            case "SearchContacts":
                return search_contacts(asked, ledger.chats)
            case "GetServiceQuota":
                return service_quota(asked, options, account.region)
            case "DescribePhoneNumber" | "DescribePhoneNumbers" | "DescribeOptedOutNumbers":
                return ledger.opt_outs.answer(self.operation, asked, account.region)
            case _:
                return answer_queue_call(self.operation, asked, ledger, self.since)
