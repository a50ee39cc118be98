"""Answers `GetServiceQuota` of AWS Service Quotas, for the two quotas that the sandbox enforces.

A program can then compare its pace with its allowance.

Source: https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_GetServiceQuota.html
"""

from typing import Any

from outbound_chat_worker.sandbox._options import SandboxOptions
from outbound_chat_worker.sandbox._refusal import ACCOUNT_ID, Refusal

_SERVICE = "connect"

# Codes: https://docs.aws.amazon.com/connect/latest/adminguide/amazon-connect-service-limits.html
_RATE, _OPEN_CHATS = "L-408DD6C6", "L-D4BA6F6E"
_NAMES = {
    _RATE: "Rate of StartOutboundChatContact API requests",
    _OPEN_CHATS: "Concurrent active chats per instance",
}


def service_quota(asked: dict[str, str], options: SandboxOptions, region: str) -> dict[str, Any]:
    """Returns the body of the answer; raises `Refusal` if there is no such quota."""
    code = asked["QuotaCode"]
    # No limit is no quota: a made-up huge value would end up in somebody's sums.
    values: dict[str, float | None] = {_RATE: options.rate, _OPEN_CHATS: float(options.max_chats)}
    value = values.get(code) if asked["ServiceCode"] == _SERVICE else None
    if value is None:
        raise Refusal("NoSuchResourceException", "The sandbox has no such quota, or no limit for it.")
    quota = {
        "ServiceCode": _SERVICE,
        "ServiceName": "Amazon Connect",
        "QuotaArn": f"arn:aws:servicequotas:{region}:{ACCOUNT_ID}:{_SERVICE}/{code}",
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
