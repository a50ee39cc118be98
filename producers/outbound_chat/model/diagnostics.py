"""The findings of `outbound-chat doctor`, one `Check` per line.

Other packages add checks with the entry point `outbound_chat.checks`.
"""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How serious a finding is."""

    OK = "ok"
    """Everything is in order."""
    WARNING = "warning"
    """It works, but needs attention."""
    FAULT = "fault"
    """It must be fixed before jobs can be sent, or sent safely."""


@dataclass(frozen=True, slots=True)
class Check:
    """A finding of the doctor."""

    subject: str
    """What was looked at, such as `redis` or `workers of main`."""
    level: Level
    """`ok`; `warning`: it works, but needs attention; `fault`: repair it before jobs can be sent, or sent safely."""
    finding: str
    """What was found."""
    advice: str = ""
    """What to do; empty if there is nothing to do."""
