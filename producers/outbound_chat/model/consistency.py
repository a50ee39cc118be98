"""What can be wrong in a store that somebody edited, evicted from or restored in part, as operators read it.

`lua/lib/consistency.lua` decides; here is what each finding means. Nothing of it happens while only our scripts write.
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
        FindingKind.NO_PLACE: "the job waited but stood in no lane",
        FindingKind.NO_LEASE: "the job was being called but had no lease",
        FindingKind.ENDED: "the job is final but stood among the open ones",
        FindingKind.NOWHERE: "the lane has jobs but stood where no claim would come to it",
        FindingKind.WRONG_TIME: "the lane would have been looked at too late",
        FindingKind.GATE: "the lane was kept by a gate that nobody would have tried again",
        FindingKind.NO_LANES: "the tenant had a turn but no lanes",
        FindingKind.CALL: "a call was counted as running that has no lease",
        FindingKind.COUNT: "the lane holds more jobs than were counted; it was counted anew",
    }
)
"""What the waker repairs by itself, since no information is lost and no call is made twice by it."""

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
"""What is reported and left as it is: nobody knows which side is right. A number below zero means fewer, not more."""


def sentence(kind: FindingKind, of: str, number: int) -> str:
    """A finding in words."""
    subject = f"{of}: " if of else ""
    return f"{subject}{REPAIRED[kind]}" if kind in REPAIRED else f"{subject}{number:+,} {REPORTED[kind]}"
