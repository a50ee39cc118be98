"""Claims, finishes, lists and replays webhooks, for couriers and operators."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from outbound_chat.model.jobs import Job
from outbound_chat.model.operations import DeadWebhook, WebhookHost
from outbound_chat.model.times import LAST_MS, from_ms
from outbound_chat.store.keys import Keys
from outbound_chat.store.records import readable_job
from outbound_chat.store.scripts._reply import rows
from outbound_chat.store.scripts._script_call import ScriptCall

WebhookOutcome = Literal["delivered", "retry", "dead", "back"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedWebhook:
    """A webhook that this courier may post now."""

    name: str
    """`<job>.<state>`, `<job>.contact_ended`, `<job>.delivery.<state>`, or `<batch>.finished`."""
    host: str
    url: str = field(repr=False)
    """Empty: the URL of its sender."""
    attempts: int
    first_ms: int
    """When the first attempt ended, by the server's clock; 0: there was none."""
    job: Job | None
    """None: the webhook is about a batch, or the record is gone."""

    @property
    def local_id(self) -> str:
        """The local id of the job or batch that it is about."""
        return self.name.partition(".")[0]

    @property
    def end(self) -> str:
        """What it reports: the state of a job, `contact_ended`, `delivery.<state>`, or `finished`."""
        return self.name.partition(".")[2]


@dataclass(frozen=True, slots=True)
class ClaimedWebhooks:
    """The webhooks that a courier may post."""

    now_ms: int
    next_ms: int
    """Time until the next webhook is due; -1: none is known."""
    webhooks: tuple[ClaimedWebhook, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookResult:
    """The result of a post."""

    name: str
    host: str
    outcome: WebhookOutcome
    delay_ms: int = 0
    code: str = ""
    host_is: Literal["up", "down", ""] = ""
    pause_ms: int = 0
    """How long the host asks not to be tried."""


def claim_webhooks(
    keys: Keys,
    *,
    courier: str,
    wanted: int,
    lease_ms: int,
    per_host: int,
    give_up_ms: int,
    leaving: bool = False,
    posting: Sequence[tuple[str, str]] = (),
) -> ScriptCall[ClaimedWebhooks | None]:
    """Claims webhooks to post; None: another courier works. `posting`: host and name of those it is posting."""
    numbers = [wanted, lease_ms, per_host, give_up_ms, int(leaving)]
    args: list[str | int] = [courier, *numbers, *(part for pair in posting for part in pair)]

    def read(reply: list[Any]) -> ClaimedWebhooks | None:
        if reply[0] == "dismissed":
            return None
        now_ms = int(reply[1])
        return ClaimedWebhooks(now_ms, int(reply[2]), tuple(_claimed(keys, now_ms, row) for row in rows(reply, 3, 5)))

    return ScriptCall("claim_webhooks", keys, args, read)


def _claimed(keys: Keys, now_ms: int, row: tuple[str, ...]) -> ClaimedWebhook:
    name, host, url, raw, head = row
    attempts, first_ms, *_ = _tries(raw) or (0, 0)
    job = readable_job(keys.budget, name.partition(".")[0], head, now_ms)
    return ClaimedWebhook(name=name, host=host, url=url, attempts=attempts, first_ms=first_ms, job=job)


def _tries(raw: str) -> tuple[int, int, int, str, str] | None:
    """Reads attempts, first and last time in ms, code and host; None: there are none, or another program wrote them."""
    try:
        attempts, first_ms, last_ms, code, host = json.loads(raw)
        times = [int(first_ms), int(last_ms)]
    except (ValueError, TypeError, OverflowError, RecursionError):
        return None
    if not all(0 <= time <= LAST_MS for time in times):
        return None
    return int(attempts), times[0], times[1], str(code), str(host)


def finish_webhooks(
    keys: Keys, results: Sequence[WebhookResult], *, per_host: int
) -> ScriptCall[list[Literal["waiting", "delivered", "dead", "stale"]]]:
    """Records at most `MOST_JOBS` results, and returns the state of each; `stale`: another courier recorded it."""
    args: list[str | int] = [per_host]
    for one in results:
        args += (one.name, one.host, one.outcome, one.delay_ms, one.code, one.host_is, one.pause_ms)
    return ScriptCall("finish_webhooks", keys, args, list)


def read_dead_webhooks(keys: Keys, *, skip: int, count: int) -> ScriptCall[list[DeadWebhook]]:
    """Reads the webhooks that were given up, the newest first."""

    def read(reply: list[Any]) -> list[DeadWebhook]:
        return [_dead(keys.budget, *row) for row in rows(reply, 0, 3)]

    return ScriptCall("read_dead_webhooks", keys, [skip, count], read)


def _dead(budget: str, name: str, dead_ms: str, raw: str) -> DeadWebhook:
    attempts, first_ms, _, code, host = _tries(raw) or (0, 0, 0, "", "")
    return DeadWebhook(
        id=f"{budget}.{name}",
        host=host,
        attempts=attempts,
        code=code,
        first_at=from_ms(first_ms) if first_ms else None,
        dead_at=from_ms(int(float(dead_ms))),
    )


def read_webhook_hosts(keys: Keys) -> ScriptCall[list[WebhookHost]]:
    """Reads the state of the hosts that webhooks wait for."""

    def read(reply: list[Any]) -> list[WebhookHost]:
        return [
            WebhookHost(keys.budget, host, int(waiting), int(posting), int(failures), _instant(until_ms))
            for host, waiting, posting, failures, until_ms in rows(reply, 0, 5)
        ]

    return ScriptCall("read_webhook_hosts", keys, [], read)


def _instant(ms: int) -> datetime | None:
    return from_ms(ms) if ms else None


def replay_webhooks(keys: Keys, names: Sequence[str]) -> ScriptCall[list[bool]]:
    """Lets at most `MOST_JOBS` dead webhooks be posted again; returns whether each was dead."""
    return ScriptCall("replay_webhooks", keys, list(names), lambda reply: [word == "ok" for word in reply])
