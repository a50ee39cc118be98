"""What can be wrong in a store that somebody edited, evicted from or restored in part, in words for operators.

`lua/lib/consistency.lua` finds it; here is what each finding means. None of it happens while only our scripts write.
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
        FindingKind.NOWHERE: "the lane has jobs but was where no claim would find it",
        FindingKind.WRONG_TIME: "the lane would have been looked at too late",
        FindingKind.GATE: "the lane was blocked by a gate that would not have been tried again",
        FindingKind.NO_LANES: "the tenant had a turn but no lanes",
        FindingKind.CALL: "a call was counted as running that has no lease",
        FindingKind.COUNT: "the lane has more jobs than were counted; it was counted again",
    }
)
"""What the waker repairs by itself, because that loses no information and makes no call twice."""

REPORTED: Mapping[FindingKind, str] = MappingProxyType(
    {
        FindingKind.COUNTS: "jobs accepted beyond those in any state",
        FindingKind.LEASES: "jobs counted as leased beyond the leases there are",
        FindingKind.EXPIRY: "jobs counted as open beyond those in the index of open jobs",
        FindingKind.LANES: "waiting jobs whose lanes were not counted",
        FindingKind.LANE: "jobs missing from the lane",
        FindingKind.BATCH: "jobs that the lane's batch accepted beyond those in any state",
        FindingKind.ROWS: "jobs that the lane's batch counts as waiting beyond those of the lane",
        FindingKind.BATCH_RECORD: "the record of the lane's batch is gone, and with it what its rows share",
        FindingKind.JOB: "the record is gone or can't be read",
        FindingKind.UNREADABLE: "the record is gone or can't be read",
        FindingKind.NO_EXPIRY: "the job is in no index of open jobs",
    }
)
"""What is only reported: it is not known which side is right. A number below zero means fewer, not more."""


def sentence(kind: FindingKind, of: str, number: int) -> str:
    """Returns a finding in words."""
    subject = f"{of}: " if of else ""
    return f"{subject}{REPAIRED[kind]}" if kind in REPAIRED else f"{subject}{number:+,} {REPORTED[kind]}"
