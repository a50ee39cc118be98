"""Answers the operations around a contact: those of SQS, `DescribeContact` and `SearchContacts`.

Like `GetServiceQuota`, they are neither in the arrivals nor in the log: workers ask for events all the time.
"""

import json
from datetime import datetime
from typing import Any
from uuid import uuid4

from outbound_chat_worker.sandbox._clock import Clock
from outbound_chat_worker.sandbox._contacts import answer_contact_call, operation_of
from outbound_chat_worker.sandbox._http import HttpRequest, HttpResponse
from outbound_chat_worker.sandbox._ledger import Ledger
from outbound_chat_worker.sandbox._refusal import Refusal
from outbound_chat_worker.sandbox._signature import check_signature
from outbound_chat_worker.sandbox._sqs import TARGET_PREFIX, answer_queue_call, query_code


def answer_other(call: HttpRequest, ledger: Ledger, clock: Clock) -> HttpResponse | None:
    """Answers a call for one of these operations; returns None for another one."""
    options, target = ledger.options, call.headers.get("x-amz-target", "")
    is_queue = target.startswith(TARGET_PREFIX)
    operation = target.removeprefix(TARGET_PREFIX) if is_queue else operation_of(call)
    if operation is None:
        return None
    service, refused = "sqs" if is_queue else "connect", None
    try:
        account = check_signature(call, now=clock.now(), verify=options.verify_signatures, service=service)
        if is_queue:
            response = answer_queue_call(call, operation, ledger, clock)
        else:
            ledger.take_call(account, operation)
            response = _json(answer_contact_call(call, operation, ledger.chats))
            response.delay_seconds = options.latency.total_seconds()
    except Refusal as refusal:
        response, refused = _json({"__type": refusal.code, "Message": refusal.message}), refusal.code
        response.status = refusal.status
        response.headers |= {"x-amzn-ErrorType": refusal.code, "x-amzn-query-error": query_code(refusal)}
    # A name that somebody made up must not fill the memory.
    ledger.record_other("SQS" if refused == "UnknownOperationException" else operation, refused)
    response.headers["x-amzn-RequestId"] = str(uuid4())
    return response


def _json(document: dict[str, Any]) -> HttpResponse:
    body = json.dumps(document, default=datetime.timestamp).encode()
    return HttpResponse(body=body, headers={"Content-Type": "application/json"})
