"""Prints what commands show of the same jobs, batches and other things each time: `python -m tests.cli.screens`.

Each screen begins with a line of its name after `MARK`. `test_screens.py` runs it on terminals of several widths.
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from outbound_chat import JobState, Priority
from outbound_chat.cli.commands.audit import print_audits
from outbound_chat.cli.commands.contact_events import print_receipts, print_status
from outbound_chat.cli.commands.doctor import print_check, summary
from outbound_chat.cli.commands.encryption_keys import Use, print_uses
from outbound_chat.cli.commands.find_jobs import print_found
from outbound_chat.cli.commands.keys import print_keys
from outbound_chat.cli.commands.suppression import print_suppressed
from outbound_chat.cli.commands.webhooks import print_dead, print_hosts
from outbound_chat.cli.commands.why import print_why
from outbound_chat.cli.dry_run import print_preflight
from outbound_chat.cli.output import out
from outbound_chat.cli.show_batches import print_batch, print_batches
from outbound_chat.cli.show_holds import print_holds
from outbound_chat.cli.show_jobs import print_job, print_jobs
from outbound_chat.cli.watch_snapshot import Snapshot
from outbound_chat.cli.watch_tables import snapshot_tables
from outbound_chat.model.api_keys import ApiKey, KeyState, RateLimit, Scope
from outbound_chat.model.batches import Batch, ExpiringRow, FaultCount, Preflight, Preview
from outbound_chat.model.consistency import FindingKind
from outbound_chat.model.contact_events import ContactEventStatus, Outcome
from outbound_chat.model.contacts import Basis, ContactFact, Delivery, DeliveryState
from outbound_chat.model.diagnostics import Check, Level
from outbound_chat.model.jobs import Attempt, Job, Webhook, WebhookState
from outbound_chat.model.operations import (
    BudgetStatus,
    DeadWebhook,
    Hold,
    Lanes,
    LaneStatus,
    NumberReceipts,
    SuppressedNumber,
    WebhookHost,
)
from outbound_chat.model.why import WaitReason, Why
from outbound_chat.store.inspection import Audited
from outbound_chat.store.scripts import Finding
from outbound_chat_worker.cli.inbox import print_messages
from outbound_chat_worker.sandbox import SandboxMessage

MARK = "\x1e"
NOW = datetime(2026, 5, 1, 7, 0, 12, tzinfo=UTC)
BATCH = "main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR"
OTHER = "main.01JD2Y9B1M3Q5S7V9X1Z3B5D7F"
CONTACT = "3f0c2a4e-1111-4222-8333-444455556666"
INSTANCE = "0a1b2c3d-1111-4222-8333-444455556666"
REFUSED = Attempt(
    at=NOW,
    outcome="failed",
    code="refused",
    aws_code="InvalidRequestException",
    message="DestinationEndpoint Address is not a valid phone number for this channel",
    request_id=CONTACT,
)


def job(**values: Any) -> Job:
    """A job that was sent, but for what is given."""
    usual: dict[str, Any] = {
        "id": f"{BATCH}-1",
        "state": JobState.SENT,
        "sender": "support",
        "tenant": "acme",
        "priority": Priority.BULK,
        "batch_id": BATCH,
        "attempts": 1,
        "contact_id": CONTACT,
        "created_at": NOW,
        "send_at": None,
        "expires_at": NOW + timedelta(days=3),
        "next_attempt_at": None,
        "finished_at": NOW + timedelta(seconds=2),
        "cancel_requested": False,
        "maybe_sent": False,
        "replay_of": None,
        "replayed_by": None,
        "history": (),
    }
    return Job(**{**usual, **values})


ENDED = job(
    contact=ContactFact(open=False, ended_at=NOW + timedelta(minutes=5), reason="CUSTOMER_DISCONNECT"),
    delivery=Delivery(
        state=DeliveryState.ANSWERED,
        final=True,
        basis=Basis.CONTACT,
        code="",
        at=NOW + timedelta(minutes=1),
        contradicted=True,
    ),
)

CARRIER = replace(ENDED.delivery, state=DeliveryState.DELIVERED, basis=Basis.CARRIER, contradicted=False)
FAILED = {"state": JobState.FAILED, "contact_id": None, "history": (REFUSED,)}
WAITS = {"attempts": 0, "contact_id": None, "finished_at": None, "next_attempt_at": NOW}
JOBS = (
    job(),
    job(id=f"{BATCH}-2", **WAITS, state=JobState.QUEUED),
    job(id=f"{BATCH}-19501", **FAILED, attempts=1_000),
    job(id=OTHER, **WAITS, state=JobState.SCHEDULED),
    job(id=f"{BATCH}-3", delivery=CARRIER),
)
DEAD = (job(id=f"{BATCH}-17", **FAILED), job(id=OTHER, **{**FAILED, "state": JobState.UNCERTAIN}, attempts=3))


def batch(**values: Any) -> Batch:
    """A batch in progress, but for what is given."""
    counts = {JobState.SENT: 12_512, JobState.FAILED: 3, JobState.QUEUED: 7_470, JobState.SENDING: 15}
    usual: dict[str, Any] = {
        "id": BATCH,
        "name": "parcels.csv",
        "sender": "support",
        "tenant": None,
        "accepted": 20_000,
        "rejected": 12,
        "counts": dict.fromkeys(JobState, 0) | counts,
        "unreadable": 0,
        "created_at": NOW,
        "closed": True,
        "final": False,
        "rate": 48.5,
        "expected_end": NOW + timedelta(minutes=3),
        "held_by": "",
        "deliveries": {
            DeliveryState.UNKNOWN: 12_000,
            DeliveryState.UNDELIVERED: 12,
            DeliveryState.DELIVERED: 400,
            DeliveryState.ANSWERED: 100,
        },
    }
    return Batch(**{**usual, **values})


HELD = "a person holds the batch: wrong text"
FINAL = {"final": True, "rate": 0.0, "expected_end": None, "rejected": 0}
BATCHES = (
    batch(),
    batch(id=OTHER, name="May news for all customers", tenant="acme", held_by=HELD, expected_end=None),
    batch(
        id="other.01JD2YA0000000000000000000",
        name="",
        closed=False,
        rejected=0,
        accepted=1_234_567,
        counts=dict.fromkeys(JobState, 0) | {JobState.SENT: 1_227_082, JobState.QUEUED: 7_485},
    ),
    batch(
        id="other.01JD2YB0000000000000000000",
        name="April",
        accepted=7,
        counts=dict.fromkeys(JobState, 0) | {JobState.SENT: 5, JobState.CANCELLED: 2},
        **FINAL,
    ),
)


def hold(**values: Any) -> Hold:
    """A hold of a sender by a person, but for what is given."""
    usual: dict[str, Any] = {
        "budget": "main",
        "scope": "sender",
        "name": "support",
        "owner": "person",
        "code": "",
        "reason": "number is being ported",
        "since": NOW,
        "probe_at": None,
    }
    return Hold(**{**usual, **values})


DENIED = "User is not authorized to perform connect:StartOutboundChatContact on this instance"
HOLDS = (
    hold(),
    hold(
        scope="instance",
        name=INSTANCE,
        owner="system",
        code="access_denied",
        reason=DENIED,
        probe_at=NOW + timedelta(minutes=5),
    ),
    hold(scope="batch", name=BATCH, reason="wrong text"),
)
HOLDS_OF_A_TENANT = tuple(
    hold(scope="tenant", name="acme", reason="has not paid", budget=name) for name in ("main", "other")
)


def key(**values: Any) -> ApiKey:
    """An active API key, but for what is given."""
    usual: dict[str, Any] = {
        "id": "k3j9x0q2m4p6",
        "name": "web shop",
        "scopes": (Scope.ENQUEUE, Scope.READ),
        "state": KeyState.ACTIVE,
        "created_at": NOW,
        "last_used_at": NOW,
    }
    return ApiKey(**{**usual, **values})


KEYS = (
    key(),
    key(
        id="a1b2c3d4e5f6",
        name="support desk",
        scopes=tuple(Scope),
        tenant="acme",
        senders=("chat", "support"),
        rate=RateLimit(600, timedelta(minutes=1)),
        expires_at=NOW + timedelta(days=90),
        last_used_at=None,
    ),
    key(id="z9y8x7w6v5u4", name="old", state=KeyState.REVOKED, revoked_at=NOW),
)
CONTACT_EVENTS = (
    ContactEventStatus(
        budget="main",
        records_contacts=True,
        outcomes={**dict.fromkeys(Outcome, 0), "changed": 18_212, "same": 1_190, "unmatched": 41, "unreadable": 2},
        matched={"contact": 18_150, "context": 62},
        last_events={INSTANCE: NOW},
        open_chats={INSTANCE: 412},
    ),
    ContactEventStatus(
        budget="other",
        records_contacts=False,
        outcomes=dict.fromkeys(Outcome, 0),
        matched={},
        last_events={CONTACT: None},
        open_chats={CONTACT: 0},
    ),
)
RECEIPTS = (
    NumberReceipts(
        budget="main",
        number="+12065550100",
        hour=NOW,
        messages=4_130,
        kinds={"TEXT_CARRIER_BLOCKED": 1_012, "TEXT_DELIVERED": 3_090, "TEXT_QUEUED": 3_980},
        refused=1_012,
        matched=0,
        parts=8_260,
        price=30.97,
        jumped_at=NOW,
    ),
    NumberReceipts(
        budget="main",
        number="unknown",
        hour=NOW,
        messages=3,
        kinds={"TEXT_SUCCESSFUL": 2, "TEXT_UNKNOWN": 1},
        refused=0,
        matched=2,
        parts=0,
        price=0.0,
        jumped_at=None,
    ),
)
CHECKS = (
    Check(
        "settings",
        Level.OK,
        "/home/ann/projects/campaigns/of-2026/settings/outbound-chat.toml; budgets: main; senders: support, chat",
    ),
    Check("redis", Level.OK, "Valkey 8.1.4, 1.2M used"),
    Check(
        "persistence",
        Level.WARNING,
        "no append-only file: a restart loses the latest jobs",
        "turn on the append-only file: CONFIG SET appendonly yes, and in the server's configuration",
    ),
    Check(
        "sender support",
        Level.WARNING,
        "held by a person since 2026-05-01 09:00:12 CEST: number is being ported",
        "to continue: outbound-chat release --sender support",
    ),
    Check("workers of main", Level.OK, "2 run; 7,470 jobs queued"),
    Check(
        "endpoint_url of support-customer-service-germany",
        Level.FAULT,
        "http://127.0.0.1:4566 can't be reached: [Errno 111] Connection refused",
        "start the sandbox, or correct endpoint_url",
    ),
)


def doctor(checks: tuple[Check, ...]) -> None:
    """As the command does."""
    for check in checks:
        print_check(check)
    out.print(f"\n{summary(checks)}")


HOSTS = (
    WebhookHost("main", "hooks.example.com", 1_204, 8, 0, None),
    WebhookHost("main", "shop.customer.example.org:8443", 17, 0, 12, NOW + timedelta(minutes=5)),
)
DEAD_WEBHOOKS = tuple(
    DeadWebhook(id=f"{id_}.sent", host="hooks.example.com", attempts=12, code=code, first_at=NOW, dead_at=NOW)
    for id_, code in ((f"{BATCH}-19501", "status_500"), (OTHER, "timeout"))
)
USES = (
    Use("main", "2026-05", 7_485, 3, 2, True),
    Use("main", "2025-11", 0, 1_204, 0, False),
)
FINDINGS = [
    Finding("fault", FindingKind.LANE, "3:support:acme:", -2),
    Finding("fault", FindingKind.JOB, f"{BATCH[5:]}-19501", 1),
]
AUDITS = {"main": Audited(20_012, 3, FINDINGS), "other": Audited(0, 0, [])}
SUPPRESSED = (
    SuppressedNumber(number="+12025550101", since=NOW, reason="answered STOP"),
    SuppressedNumber(number="+442079460100", since=NOW, reason=""),
)


def message(**values: Any) -> SandboxMessage:
    """A message that the sandbox got, but for what is given."""
    usual: dict[str, Any] = {
        "number": 1,
        "at": NOW,
        "state": "open",
        "code": "accepted",
        "to": "+12025550123",
        "text": "Hello Ada, your parcel arrives tomorrow between nine and twelve.",
        "parts": 1,
        "channel": "SMS",
        "flow": INSTANCE,
        "attributes": {"order": "1001"},
        "contact_id": CONTACT,
        "request_id": CONTACT,
    }
    return SandboxMessage(**{**usual, **values})


MESSAGES = (message(), message(state="refused", code="invalid", to="+12025550140", text="two\nlines", attributes={}))


def lane(**values: Any) -> LaneStatus:
    """A lane in its turn, but for what is given."""
    usual: dict[str, Any] = {
        "budget": "main",
        "priority": Priority.BULK,
        "sender": "support",
        "tenant": "acme",
        "batch_id": BATCH,
        "waiting": 7_470,
        "due": 7_470,
        "next_due": NOW,
        "stopped_by": None,
        "until": None,
        "stop_reason": "",
    }
    return LaneStatus(**{**usual, **values})


STOPPED = {"batch_id": OTHER, "stopped_by": WaitReason.HELD_BY_PERSON, "stop_reason": "wrong text"}
SNAPSHOT = Snapshot(
    at=NOW,
    budgets=[
        BudgetStatus(
            name="main",
            rate=48.5,
            ceiling=50.0,
            burst=50,
            workers=2,
            pumps=1,
            accepted=20_000,
            counts={"waiting": 7_470, "leased": 15, "sent": 12_512},
            oldest_due=NOW,
            holds=HOLDS[:2],
            webhooks={},
        )
    ],
    sent_per_second={"main": 48.2},
    lanes=Lanes(
        lanes=(lane(), lane(**STOPPED), lane(batch_id=None, due=0, next_due=NOW + timedelta(hours=4))),
        total=3,
        looked=3,
    ),
    batches=list(BATCHES[:3]),
    more_batches=False,
)


def why(**values: Any) -> Why:
    """Why a job in the middle of its batch waits, but for what is given."""
    usual: dict[str, Any] = {
        "job": JOBS[1],
        "asked_at": NOW,
        "reason": WaitReason.PACED,
        "explanation": (
            "About 1,020 jobs go before it (186 of its own lane); the budget main makes 48.5 calls a second (of 50 "
            "configured, since AWS throttled more)."
        ),
        "then": None,
        "position": 186,
        "ahead": 1_020,
        "next_attempt_at": NOW,
        "expected_at": NOW + timedelta(seconds=21),
        "scope": "budget:main",
        "held_by": None,
        "held_reason": None,
        "until": NOW,
    }
    return Why(**{**usual, **values})


PERSON = {
    "reason": WaitReason.HELD_BY_PERSON,
    "explanation": (
        'A person holds the sender support: "number is being ported" (outbound-chat release --sender support ends it).'
    ),
    "position": 0,
    "ahead": 1,
    "next_attempt_at": None,
    "expected_at": None,
}
DONE = {
    "job": job(webhook=Webhook(state=WebhookState.DELIVERED, at=NOW, code="")),
    "reason": WaitReason.FINAL,
    "explanation": "Done: Connect accepted it.",
    **dict.fromkeys(("position", "ahead", "next_attempt_at", "expected_at")),
}

_WRONG = "may begin with its country code: write it as a national number, or with +"
FAULTS = (
    FaultCount("to", "invalid_number", _WRONG, 114, (17, 148, 302)),
    FaultCount("send_at", "invalid_time", "must have a time zone, such as 2026-05-01T09:00:00+02:00", 1, (402,)),
)
FLIGHT = Preflight(
    accepted=19_885,
    rejected=115,
    rejections=(),
    faults=FAULTS,
    previews=(
        Preview(row=1, text="Hello Ana, your parcel has left.", parts=1, request={}),
        Preview(
            row=9, text=f"Hello Bo, {'your parcel has left our house in Munich. ' * 4}".strip(), parts=2, request={}
        ),
    ),
    parts=20_411,
    rate=1.98,
    starts_at=NOW,
    ends_at=NOW + timedelta(hours=2, minutes=47),
    expiring=12,
    first_expiring=(ExpiringRow(row=9, expires_at=NOW + timedelta(hours=2), expected_turn=NOW + timedelta(hours=3)),),
    assumed_idle=False,
    workers=2,
    held_by="",
)
LINES = {1: 2, 9: 10}


SCREENS: dict[str, Callable[[], object]] = {
    "audit": lambda: print_audits(AUDITS),
    "dead": lambda: print_jobs(DEAD),
    "doctor": lambda: doctor(CHECKS),
    "doctor-all-in-order": lambda: doctor(CHECKS[:2]),
    "dry-run": lambda: print_preflight(FLIGHT, "20,411", FAULTS, LINES, "parcels.rejects.csv"),
    "encryption-keys": lambda: print_uses(USES),
    "holds": lambda: print_holds(HOLDS),
    "holds-in-two-budgets": lambda: print_holds(HOLDS_OF_A_TENANT),
    "jobs": lambda: print_found(JOBS),
    "contact-events-status": lambda: print_status(CONTACT_EVENTS),
    "contact-events-receipts": lambda: print_receipts(RECEIPTS),
    "keys-list": lambda: print_keys(KEYS),
    "list": lambda: print_batches(BATCHES),
    "list-batch": lambda: print_jobs([job(id=f"{BATCH}-{row}") for row in (1, 2, 20_000)]),
    "sandbox-inbox": lambda: print_messages(MESSAGES),
    "status-batch": lambda: print_batch(BATCHES[0]),
    "status-batch-held": lambda: print_batch(BATCHES[1]),
    "status-job": lambda: print_job(JOBS[0]),
    "status-job-ended": lambda: print_job(ENDED),
    "status-job-carrier": lambda: print_job(JOBS[-1]),
    "status-job-failed": lambda: print_job(DEAD[0]),
    "status-jobs": lambda: print_jobs(JOBS),
    "suppressed": lambda: print_suppressed(SUPPRESSED),
    "watch": lambda: out.print(snapshot_tables(SNAPSHOT, width=out.width)),
    "webhooks-dead": lambda: print_dead(DEAD_WEBHOOKS),
    "webhooks-hosts": lambda: print_hosts(HOSTS),
    "why": lambda: print_why(why()),
    "why-final": lambda: print_why(why(**DONE)),
    "why-held": lambda: print_why(why(**PERSON)),
}


if __name__ == "__main__":
    for name, show in SCREENS.items():
        sys.stdout.write(f"{MARK}{name}\n")
        show()
