"""Explains for operators what can be wrong in a store that was edited, partly evicted or partly restored.

`lua/lib/consistency.lua` finds it. None of it happens while only our scripts write.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class FindingKind(StrEnum):
    """What was found."""

    NO_PLACE = "no_place"
    NO_LEASE = "no_lease"
    ENDED = "ended"
    NOWHERE = "nowhere"
    WRONG_TIME = "wrong_time"
    GATE = "gate"
    NO_LANES = "no_lanes"
    CALL = "call"
    COUNT = "count"
    COUNTS = "counts"
    LEASES = "leases"
    EXPIRY = "expiry"
    LANES = "lanes"
    LANE = "lane"
    BATCH = "batch"
    ROWS = "rows"
    BATCH_RECORD = "batch_record"
    JOB = "job"
    UNREADABLE = "unreadable"
    NO_EXPIRY = "no_expiry"


REPAIRED: Mapping[FindingKind, str] = MappingProxyType(
    {
        FindingKind.NO_PLACE: "the job waited but was in no lane",
        FindingKind.NO_LEASE: "the job was being called but had no lease",
        FindingKind.ENDED: "the job is final but was among the open ones",
        FindingKind.NOWHERE: "the lane has jobs but no claim would have found it",
        FindingKind.WRONG_TIME: "the lane would have been checked too late",
        FindingKind.GATE: "the lane was blocked by a gate that would never have opened",
        FindingKind.NO_LANES: "the tenant had a turn but no lanes",
        FindingKind.CALL: "a call without a lease was counted as running",
        FindingKind.COUNT: "the lane has more jobs than were counted; it was counted again",
    }
)
"""What the waker repairs, because that loses no information and repeats no call."""

REPORTED: Mapping[FindingKind, str] = MappingProxyType(
    {
        FindingKind.COUNTS: "jobs accepted, compared with those in any state",
        FindingKind.LEASES: "jobs counted as leased, compared with existing leases",
        FindingKind.EXPIRY: "jobs counted as open, compared with the index of open jobs",
        FindingKind.LANES: "waiting jobs whose lanes were not counted",
        FindingKind.LANE: "jobs missing from the lane",
        FindingKind.BATCH: "jobs accepted by the lane's batch, compared with those in any state",
        FindingKind.ROWS: "jobs counted as waiting by the lane's batch, compared with the lane",
        FindingKind.BATCH_RECORD: "the record of the lane's batch, with the options that its rows share, is missing",
        FindingKind.JOB: "the record is gone or can't be read",
        FindingKind.UNREADABLE: "the record is gone or can't be read",
        FindingKind.NO_EXPIRY: "the job is in no index of open jobs",
    }
)
"""What is only reported, since it is unknown which side is right. A negative number means fewer."""


def sentence(kind: FindingKind, of: str, number: int) -> str:
    """Returns a finding in words."""
    subject = f"{of}: " if of else ""
    return f"{subject}{REPAIRED[kind]}" if kind in REPAIRED else f"{subject}{number:+,} {REPORTED[kind]}"
