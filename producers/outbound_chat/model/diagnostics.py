"""What `outbound-chat doctor` finds, one `Check` a line.

Packages add checks of their own by the entry point `outbound_chat.checks`.
"""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    """As it should be."""
    WARNING = "warning"
    """Works, but a person should know."""
    FAULT = "fault"
    """Must be repaired before jobs can be sent, or sent safely."""


@dataclass(frozen=True, slots=True)
class Check:
    """One finding of the doctor."""

    subject: str
    level: Level
    finding: str
    advice: str = ""
    """What to do; empty when nothing is to be done."""
