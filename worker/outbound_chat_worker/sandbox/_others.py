"""Answers the other operations: those of SQS, `DescribeContact`, `SearchContacts`, and those about opt-outs.

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
from outbound_chat_worker.sandbox._opt_outs import TARGET_PREFIX as SMS_PREFIX
from outbound_chat_worker.sandbox._refusal import Refusal
from outbound_chat_worker.sandbox._signature import check_signature
from outbound_chat_worker.sandbox._sqs import TARGET_PREFIX, answer_queue_call, query_code


def answer_other(call: HttpRequest, ledger: Ledger, clock: Clock) -> HttpResponse | None:
    """Answers a call for one of these operations; returns None for another one."""
    options, target = ledger.options, call.headers.get("x-amz-target", "")
    is_queue, is_sms = target.startswith(TARGET_PREFIX), target.startswith(SMS_PREFIX)
    operation = target.partition(".")[2] if is_queue or is_sms else operation_of(call)
    if operation is None:
        return None
    service, refused = "sqs" if is_queue else "sms-voice" if is_sms else "connect", None
    try:
        account = check_signature(call, now=clock.now(), verify=options.verify_signatures, service=service)
        if is_queue:
            response = answer_queue_call(call, operation, ledger, clock)
        else:
            ledger.take_call(account, operation)
            if is_sms or operation == "DescribePhoneNumber":
                response = _json(ledger.opt_outs.answer(call, operation, account.region))
            else:
                response = _json(answer_contact_call(call, operation, ledger.chats))
            response.delay_seconds = options.latency.total_seconds()
    except Refusal as refusal:
        if is_sms and refusal.code == "InvalidRequestException":
            refusal = Refusal("ValidationException", refusal.message)
        response, refused = _json({"__type": refusal.code, "Message": refusal.message}), refusal.code
        response.status = refusal.status
        response.headers |= {"x-amzn-ErrorType": refusal.code, "x-amzn-query-error": query_code(refusal)}
    # A name that somebody made up must not fill the memory.
    ledger.record_other(service.upper() if refused == "UnknownOperationException" else operation, refused)
    response.headers["x-amzn-RequestId"] = str(uuid4())
    return response


def _json(document: dict[str, Any]) -> HttpResponse:
    body = json.dumps(document, default=datetime.timestamp).encode()
    return HttpResponse(body=body, headers={"Content-Type": "application/json"})
