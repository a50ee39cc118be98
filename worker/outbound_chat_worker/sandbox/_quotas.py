"""Answers `GetServiceQuota` of AWS Service Quotas, for the two quotas that the sandbox enforces.

A program can then compare its pace with its allowance. These calls are not counted: they take nothing from the rate,
and totals and arrivals only include `StartOutboundChatContact`.

Source: https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_GetServiceQuota.html
"""

import json
from datetime import datetime
from typing import Any

from outbound_chat_worker.sandbox._http import HttpRequest, HttpResponse
from outbound_chat_worker.sandbox._options import SandboxOptions
from outbound_chat_worker.sandbox._refusal import Refusal
from outbound_chat_worker.sandbox._signature import check_signature

_TARGET_PREFIX = "ServiceQuotasV20190624."
_OPERATION = f"{_TARGET_PREFIX}GetServiceQuota"
_MEDIA_TYPE = "application/x-amz-json-1.1"
_SERVICE = "connect"
_ACCOUNT_ID = "123456789012"  # the one of the examples in AWS's own documentation

# Codes: https://docs.aws.amazon.com/connect/latest/adminguide/amazon-connect-service-limits.html
_RATE, _OPEN_CHATS = "L-408DD6C6", "L-D4BA6F6E"
_NAMES = {
    _RATE: "Rate of StartOutboundChatContact API requests",
    _OPEN_CHATS: "Concurrent active chats per instance",
}


def is_quota_call(call: HttpRequest) -> bool:
    """Whether `call` is for Service Quotas."""
    return call.headers.get("x-amz-target", "").startswith(_TARGET_PREFIX)


def answer_quota(call: HttpRequest, options: SandboxOptions, *, now: datetime, request_id: str) -> HttpResponse:
    """Answers a call for Service Quotas."""
    try:
        status, document = 200, _quota(call, options, now)
    except Refusal as refusal:
        # This protocol has one status for all mistakes of the caller; the code is in the body.
        status, document = 400, {"__type": refusal.code, "Message": refusal.message}
    return HttpResponse(
        status=status,
        body=json.dumps(document).encode(),
        headers={"Content-Type": _MEDIA_TYPE, "x-amzn-RequestId": request_id},
        delay_seconds=options.latency.total_seconds(),
    )


def _quota(call: HttpRequest, options: SandboxOptions, now: datetime) -> dict[str, Any]:
    if (call.method, call.path, call.headers["x-amz-target"]) != ("POST", "/", _OPERATION):
        raise Refusal("UnknownOperationException", "Of Service Quotas, the sandbox only supports GetServiceQuota.")
    account = check_signature(call, now=now, verify=options.verify_signatures, service="servicequotas")
    if options.quotas_denied:
        raise Refusal("AccessDeniedException", "Not authorized to perform: servicequotas:GetServiceQuota (sandbox)")
    asked = _asked(call)
    code = asked["QuotaCode"]
    # No limit is no quota: a made-up huge value would end up in somebody's sums.
    values: dict[str, float | None] = {_RATE: options.rate, _OPEN_CHATS: float(options.max_chats)}
    value = values.get(code) if asked["ServiceCode"] == _SERVICE else None
    if value is None:
        raise Refusal("NoSuchResourceException", "The sandbox has no such quota, or no limit for it.")
    quota = {
        "ServiceCode": _SERVICE,
        "ServiceName": "Amazon Connect",
        "QuotaArn": f"arn:aws:servicequotas:{account.region}:{_ACCOUNT_ID}:{_SERVICE}/{code}",
        "QuotaCode": code,
        "QuotaName": _NAMES[code],
        "Value": value,
        "Unit": "None",
        "Adjustable": True,
        "GlobalQuota": False,
    }
    if code == _RATE:
        quota |= {"Period": {"PeriodValue": 1, "PeriodUnit": "SECOND"}, "QuotaAppliedAtLevel": "ACCOUNT"}
    else:
        quota["QuotaAppliedAtLevel"] = "RESOURCE"
    return {"Quota": quota}


def _asked(call: HttpRequest) -> dict[str, str]:
    try:
        body = json.loads(call.body)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise Refusal("SerializationException", "The body must be a JSON object.")
    for name in ("ServiceCode", "QuotaCode"):
        if not isinstance(body.get(name), str) or not body[name]:
            raise Refusal("IllegalArgumentException", f"{name} is required and must be a string.")
    return body
