"""Numbers and opt-out lists: `DescribePhoneNumber` of Amazon Connect, and two operations of End User Messaging SMS.

Every number of Amazon Connect exists, and has the opt-out list `Default`, until a test changes that. Like
`GetServiceQuota`, these calls are not counted. https://docs.aws.amazon.com/pinpoint/latest/apireference_smsvoicev2/
"""

import json
import uuid
import zlib
from bisect import bisect_right
from typing import Any

from outbound_chat_worker.sandbox._clock import Clock
from outbound_chat_worker.sandbox._http import HttpRequest, HttpResponse
from outbound_chat_worker.sandbox._options import SandboxOptions
from outbound_chat_worker.sandbox._refusal import Refusal
from outbound_chat_worker.sandbox._shapes import check_of_request
from outbound_chat_worker.sandbox._signature import Account, check_signature

_TARGET_PREFIX, _CLAIMED = "PinpointSMSVoiceV2.", "/phone-number/"
_SERVICE, _PAGE = "pinpoint-sms-voice-v2", 100
_ACCOUNT_ID = "123456789012"
_CHANGES = {"id", "number", "list", "add", "remove", "deny"}
_FIXED = {"Status": "ACTIVE", "IsoCountryCode": "US", "MessageType": "TRANSACTIONAL", "NumberCapabilities": ["SMS"]} | {
    "NumberType": "LONG_CODE",
    "MonthlyLeasingPrice": "1.00",
    "TwoWayEnabled": True,
    "TwoWayChannelArn": "connect.us-east-1.amazonaws.com",
    "SelfManagedOptOutsEnabled": False,
    "OptOutListName": "Default",
    "DeletionProtectionEnabled": False,
    "CreatedTimestamp": 1_700_000_000,
}


def is_opt_out_call(call: HttpRequest) -> bool:
    """Whether `call` is for one of these operations."""
    return call.headers.get("x-amz-target", "").startswith(_TARGET_PREFIX) or call.path.startswith(_CLAIMED)


class OptOuts:
    """The numbers and lists of a sandbox."""

    def __init__(self) -> None:
        self._lists: dict[str, list[str]] = {"Default": []}
        self._changed: dict[str, dict[str, Any] | None] = {}
        """Of each number, by the last part of its ARN: members with other values; None: it does not exist."""
        self._denied: set[str] = set()
        self._next: dict[tuple[Account, str], float] = {}

    def change(self, document: dict[str, Any]) -> None:
        """Adds numbers to a `list` or removes them, sets members of the `number` with an `id`, or denies operations."""
        if unknown := document.keys() - _CHANGES:
            raise ValueError(f"{', '.join(sorted(unknown))} is unknown; use only: {', '.join(sorted(_CHANGES))}")
        if "list" in document:
            kept = {*self._lists.get(document["list"], ()), *document.get("add", ())} - {*document.get("remove", ())}
            self._lists[document["list"]] = sorted(kept)
        if "id" in document:
            self._changed[document["id"]] = document.get("number")
        self._denied = set(document.get("deny", self._denied))

    def respond(self, call: HttpRequest, options: SandboxOptions, clock: Clock) -> HttpResponse:
        """Answers a call for one of these operations."""
        target = call.headers.get("x-amz-target", "").removeprefix(_TARGET_PREFIX)
        operation = target or "DescribePhoneNumber"
        status, headers = 200, {"Content-Type": "application/x-amz-json-1.0", "x-amzn-RequestId": str(uuid.uuid4())}
        try:
            service = "sms-voice" if target else "connect"
            account = check_signature(call, now=clock.now(), verify=options.verify_signatures, service=service)
            if options.rate is not None:
                self._take_call(account, operation, clock.monotonic())
            document = self._answer(call, operation, account.region)
        except Refusal as refusal:
            code = "ValidationException" if target and refusal.code == "InvalidRequestException" else refusal.code
            status, headers["x-amzn-ErrorType"] = 400 if target else refusal.status, code
            document = {"__type": code, "Message": refusal.message}
        body = json.dumps(document).encode()
        return HttpResponse(status=status, body=body, headers=headers, delay_seconds=options.latency.total_seconds())

    def _take_call(self, account: Account, operation: str, now: float) -> None:
        # A call a second, as for the Describe operations in https://docs.aws.amazon.com/sms-voice/latest/userguide/quotas.html
        if now < self._next.get((account, operation), now):
            raise Refusal("ThrottlingException", "Rate exceeded")
        self._next[account, operation] = now + 1

    def _answer(self, call: HttpRequest, operation: str, region: str) -> dict[str, Any]:
        if operation in self._denied:
            raise Refusal("AccessDeniedException", f"Not authorized to perform: {operation} (sandbox)")
        if operation == "DescribePhoneNumber":
            id_ = call.path.removeprefix(_CLAIMED)
            return {"ClaimedPhoneNumberSummary": _claimed(self._number(id_, region), id_)}
        try:
            asked: dict[str, Any] = json.loads(call.body)
        except (ValueError, RecursionError):
            raise Refusal("SerializationException", "The body must be a JSON object.") from None
        if operation not in {"DescribePhoneNumbers", "DescribeOptedOutNumbers"}:
            raise Refusal("UnknownOperationException", "The sandbox does not support this operation.")
        check_of_request(operation, _SERVICE)(asked, "")
        if operation == "DescribePhoneNumbers":
            ids = [id_.rpartition("/phone-")[2] for id_ in asked.get("PhoneNumberIds", ())]
            found = [self._number(id_, region) for id_ in ids or self._changed if ids or self._changed[id_]]
            return {"PhoneNumbers": found}
        return self._opted_out(asked, region)

    def _opted_out(self, asked: dict[str, Any], region: str) -> dict[str, Any]:
        name, after, most = asked["OptOutListName"].rpartition("/")[2], asked.get("NextToken"), asked.get("MaxResults")
        if name not in self._lists:
            raise Refusal("ResourceNotFoundException", "There is no such opt-out list.")
        numbers = self._lists[name]
        start = bisect_right(numbers, after or "")
        page = numbers[start : start + (most or _PAGE)]
        rows = [{"OptedOutNumber": one, "OptedOutTimestamp": 1_700_000_000, "EndUserOptedOut": True} for one in page]
        arn = f"arn:aws:sms-voice:{region}:{_ACCOUNT_ID}:opt-out-list/{name}"
        more = {"NextToken": page[-1]} if start + len(page) < len(numbers) else {}
        return {"OptOutListArn": arn, "OptOutListName": name, "OptedOutNumbers": rows, **more}

    def _number(self, id_: str, region: str) -> dict[str, Any]:
        changed = self._changed.setdefault(id_, {})
        if changed is None:
            raise Refusal("ResourceNotFoundException", "There is no such phone number.")
        arn = f"arn:aws:sms-voice:{region}:{_ACCOUNT_ID}:phone-number/phone-{id_}"
        digits = f"+1202555{zlib.crc32(id_.encode()) % 10_000:04}"
        return {"PhoneNumberArn": arn, "PhoneNumberId": f"phone-{id_}", "PhoneNumber": digits, **_FIXED, **changed}


def _claimed(number: dict[str, Any], id_: str) -> dict[str, Any]:
    arn = number["PhoneNumberArn"].replace(":sms-voice:", ":connect:").replace("/phone-", "/")
    source = number.get("SourcePhoneNumberArn", number["PhoneNumberArn"])
    claimed = {"PhoneNumberId": id_, "PhoneNumberArn": arn, "PhoneNumber": number["PhoneNumber"]}
    return claimed | ({"SourcePhoneNumberArn": source} if source else {})
