"""Numbers and opt-out lists: `DescribePhoneNumber` of Amazon Connect, and two operations of End User Messaging SMS.

Every number of Amazon Connect exists, and has the opt-out list `Default`, until a test changes that.
https://docs.aws.amazon.com/pinpoint/latest/apireference_smsvoicev2/
"""

import zlib
from bisect import bisect_right
from typing import Any

from outbound_chat_worker.sandbox._refusal import ACCOUNT_ID, Refusal

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
        self.denied = set[str]()
        """Operations that are refused."""
        self._lists: dict[str, list[str]] = {"Default": []}
        self._changed: dict[str, dict[str, Any] | None] = {}
        """Of each number, by the last part of its ARN: members with other values; None: it does not exist."""

    def change(self, document: dict[str, Any]) -> None:
        """Adds numbers to a `list` or removes them, sets members of the `number` with an `id`, or denies operations."""
        if unknown := document.keys() - _CHANGES:
            raise ValueError(f"{', '.join(sorted(unknown))} is unknown; use only: {', '.join(sorted(_CHANGES))}")
        if "list" in document:
            kept = {*self._lists.get(document["list"], ()), *document.get("add", ())} - {*document.get("remove", ())}
            self._lists[document["list"]] = sorted(kept)
        if "id" in document:
            self._changed[document["id"]] = document.get("number")
        self.denied = set(document.get("deny", self.denied))

    def answer(self, operation: str, asked: dict[str, Any], region: str) -> dict[str, Any]:
        """Returns the body of the answer; raises `Refusal`."""
        arn = f"arn:aws:sms-voice:{region}:{ACCOUNT_ID}:"
        match operation:
            case "DescribePhoneNumber":
                number = self._number(id_ := asked["PhoneNumberId"], arn)
                claimed = {"SourcePhoneNumberArn": number["PhoneNumberArn"], **number, "PhoneNumberId": id_}
                claimed["PhoneNumberArn"] = f"arn:aws:connect:{region}:{ACCOUNT_ID}:phone-number/{id_}"
                return {"ClaimedPhoneNumberSummary": claimed}
            case "DescribePhoneNumbers":
                ids = [id_.rpartition("/phone-")[2] for id_ in asked.get("PhoneNumberIds", ())]
                chosen = ids or [id_ for id_, number in self._changed.items() if number is not None]
                return {"PhoneNumbers": [self._number(id_, arn) for id_ in chosen]}
            case _:
                return self._opted_out(asked, arn)

    def _opted_out(self, asked: dict[str, Any], arn: str) -> dict[str, Any]:
        name = asked["OptOutListName"].rpartition("/")[2]
        if name not in self._lists:
            raise Refusal("ResourceNotFoundException", "There is no such opt-out list.")
        # A page begins after a number, so that changes meanwhile repeat and leave out nothing.
        left = self._lists[name][bisect_right(self._lists[name], asked.get("NextToken", "")) :]
        page = left[: asked.get("MaxResults", _PAGE)]
        rows = [{"OptedOutNumber": one, "OptedOutTimestamp": _AT, "EndUserOptedOut": True} for one in page]
        answer = {"OptOutListArn": f"{arn}opt-out-list/{name}", "OptOutListName": name, "OptedOutNumbers": rows}
        return answer | ({"NextToken": page[-1]} if len(page) < len(left) else {})

    def _number(self, id_: str, arn: str) -> dict[str, Any]:
        changed = self._changed.setdefault(id_, {})
        if changed is None:
            raise Refusal("ResourceNotFoundException", "There is no such phone number.")
        digits = f"+1202555{zlib.crc32(id_.encode()) % 10_000:04}"
        number = {"PhoneNumberId": f"phone-{id_}", "PhoneNumberArn": f"{arn}phone-number/phone-{id_}"}
        return {**number, "PhoneNumber": digits, **_FIXED, **changed}
