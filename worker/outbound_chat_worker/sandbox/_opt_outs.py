"""Numbers and opt-out lists: `DescribePhoneNumber` of Amazon Connect, and two operations of End User Messaging SMS.

Every number of Amazon Connect exists, and has the opt-out list `Default`, until a test changes that.
https://docs.aws.amazon.com/pinpoint/latest/apireference_smsvoicev2/
"""

import zlib
from bisect import bisect_right
from typing import Any

from outbound_chat_worker.sandbox._http import HttpRequest
from outbound_chat_worker.sandbox._queues import ACCOUNT_ID
from outbound_chat_worker.sandbox._refusal import Refusal
from outbound_chat_worker.sandbox._shapes import read_request

TARGET_PREFIX, CLAIMED_PATH = "PinpointSMSVoiceV2.", "/phone-number/"
OPT_OUT_OPERATIONS = frozenset({"DescribePhoneNumber", "DescribePhoneNumbers", "DescribeOptedOutNumbers"})
_PAGE, _AT = 100, 1_700_000_000
_CHANGES = {"id", "number", "list", "add", "remove", "deny"}
_FIXED = {
    "NumberType": "LONG_CODE",
    "TwoWayEnabled": True,
    "TwoWayChannelArn": "connect.us-east-1.amazonaws.com",
    "SelfManagedOptOutsEnabled": False,
    "OptOutListName": "Default",
}


class OptOuts:
    """The numbers and lists of a sandbox."""

    def __init__(self) -> None:
        self._lists: dict[str, list[str]] = {"Default": []}
        self._changed: dict[str, dict[str, Any] | None] = {}
        """Of each number, by the last part of its ARN: members with other values; None: it does not exist."""
        self._denied: set[str] = set()

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

    def answer(self, call: HttpRequest, operation: str, region: str) -> dict[str, Any]:
        """Returns the body of the answer to a call that is signed and within its rate; raises `Refusal`."""
        if operation in self._denied:
            raise Refusal("AccessDeniedException", f"Not authorized to perform: {operation} (sandbox)")
        if operation == "DescribePhoneNumber":
            id_ = call.path.removeprefix(CLAIMED_PATH)
            number = self._number(id_, region)
            claimed = {"SourcePhoneNumberArn": number["PhoneNumberArn"], **number, "PhoneNumberId": id_}
            claimed["PhoneNumberArn"] = f"arn:aws:connect:{region}:{ACCOUNT_ID}:phone-number/{id_}"
            return {"ClaimedPhoneNumberSummary": claimed}
        if operation not in OPT_OUT_OPERATIONS:
            raise Refusal("UnknownOperationException", "The sandbox does not support this operation.")
        asked = read_request(call.body, operation, "pinpoint-sms-voice-v2")
        if operation == "DescribeOptedOutNumbers":
            return self._opted_out(asked, region)
        ids = [id_.rpartition("/phone-")[2] for id_ in asked.get("PhoneNumberIds", ())]
        known = [id_ for id_, changed in self._changed.items() if changed is not None]
        return {"PhoneNumbers": [self._number(id_, region) for id_ in ids or known]}

    def _opted_out(self, asked: dict[str, Any], region: str) -> dict[str, Any]:
        name = asked["OptOutListName"].rpartition("/")[2]
        if name not in self._lists:
            raise Refusal("ResourceNotFoundException", "There is no such opt-out list.")
        left = self._lists[name][bisect_right(self._lists[name], asked.get("NextToken", "")) :]
        page = left[: asked.get("MaxResults", _PAGE)]
        rows = [{"OptedOutNumber": one, "OptedOutTimestamp": _AT, "EndUserOptedOut": True} for one in page]
        arn = f"arn:aws:sms-voice:{region}:{ACCOUNT_ID}:opt-out-list/{name}"
        more = {"NextToken": page[-1]} if len(page) < len(left) else {}
        return {"OptOutListArn": arn, "OptOutListName": name, "OptedOutNumbers": rows, **more}

    def _number(self, id_: str, region: str) -> dict[str, Any]:
        changed = self._changed.setdefault(id_, {})
        if changed is None:
            raise Refusal("ResourceNotFoundException", "There is no such phone number.")
        arn = f"arn:aws:sms-voice:{region}:{ACCOUNT_ID}:phone-number/phone-{id_}"
        digits = f"+1202555{zlib.crc32(id_.encode()) % 10_000:04}"
        return {"PhoneNumberArn": arn, "PhoneNumberId": f"phone-{id_}", "PhoneNumber": digits, **_FIXED, **changed}
