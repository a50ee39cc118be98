"""What `outbound-chat doctor` finds, one `Check` a line.

Other packages add checks with the entry point `outbound_chat.checks`.
"""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    """Everything is as it should be."""
    WARNING = "warning"
    """It works, but a person should know."""
    FAULT = "fault"
    """It must be repaired before jobs can be sent, or sent safely."""


@dataclass(frozen=True, slots=True)
class Check:
    """One finding of the doctor."""

    subject: str
    level: Level
    finding: str
    advice: str = ""
    """What to do; empty when nothing is to be done."""
