"""Compares each budget's rate with the quota that AWS applies, for `outbound-chat doctor`.

The result is never a fault: many who may send may not read quotas, and sending does not depend on it.
"""

from collections.abc import Iterator, Mapping

from botocore.exceptions import ClientError

from outbound_chat.model.diagnostics import Check, Level
from outbound_chat_config import Sender, Settings
from outbound_chat_worker.connect import RATE_QUOTA, UNANSWERED, Connect, identity_of
from outbound_chat_worker.pump.retry import judge

WELL_BELOW = 0.8
"""A rate below this part of the quota leaves enough unused to mention it."""

_TO_COMPARE = (
    f"to compare, allow these credentials servicequotas:GetServiceQuota, or look up {RATE_QUOTA} in the AWS console"
)


def quota_checks(settings: Settings, connect: Connect) -> Iterator[Check]:
    """Yields a check for each budget that has senders; the first sender that gets an answer answers for all.

    Senders of a stand-in are asked last, since what AWS itself allows counts more.
    """
    for name, budget in settings.budgets.items():
        own = ((called, sender) for called, sender in settings.senders.items() if sender.budget == name)
        senders = dict(sorted(own, key=lambda item: item[1].endpoint_url is not None))
        if senders:
            yield _rate(name, budget.rate, senders, connect)


def _rate(budget: str, rate: float, senders: Mapping[str, Sender], connect: Connect) -> Check:
    subject, setting = f"quota of {budget}", f"budgets.{budget}.rate is {rate:g}"
    refusals: dict[tuple[str | None, ...], str] = {}
    for name, sender in senders.items():
        if identity_of(sender) in refusals:
            continue
        try:
            allowed = connect.allowed_rate(sender)
        except UNANSWERED as error:
            refusals[identity_of(sender)] = f"{name}: {_reason(error)}"
        else:
            return _compared(subject, setting, rate, allowed, sender)
    return Check(subject, Level.OK, f"{setting}; not compared with a quota ({'; '.join(refusals.values())})")


def _reason(error: Exception) -> str:
    code = error.response.get("Error", {}).get("Code") if isinstance(error, ClientError) else ""
    if code == "AccessDeniedException":
        return f"not allowed to ask Service Quotas; {_TO_COMPARE}"
    rule = judge(error, left=False).rule
    return rule.reason if rule.refresh_credentials else str(error)


def _compared(subject: str, setting: str, rate: float, allowed: float | None, sender: Sender) -> Check:
    asked = f" at {sender.endpoint_url}" if sender.endpoint_url else ""
    source = f"Service Quotas {RATE_QUOTA}{asked}"
    if allowed is None:
        return Check(subject, Level.OK, f"{setting}; no value is applied in {sender.region} ({source})")
    finding = f"{setting}, AWS allows {allowed:g} in {sender.region} ({source})"
    if rate > allowed:
        finding = f"{setting}, but AWS allows {allowed:g} in {sender.region} ({source}): calls would be throttled"
        return Check(subject, Level.WARNING, finding, f"set rate = {allowed:g} or ask AWS for more")
    if rate < WELL_BELOW * allowed:
        unused = f"{allowed - rate:g} calls a second are left to whatever else in the account starts chats"
        return Check(subject, Level.OK, f"{finding}: {unused}")
    return Check(subject, Level.OK, finding)
