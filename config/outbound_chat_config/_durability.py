"""How safely a job must be stored before the call that enqueues it returns."""

from datetime import timedelta
from enum import StrEnum

from pydantic import Field

from outbound_chat_config._model import Model
from outbound_chat_config._values import Duration


class Durability(StrEnum):
    """What is guaranteed when `enqueue` returns."""

    MEMORY = "memory"
    """Redis has the job in memory. The server's `appendfsync` decides when it is on disk."""
    FSYNC = "fsync"
    """The job is also on the disk of the primary, and on replicas if there are any."""


class DurabilitySettings(Model):
    """What `durability="fsync"` waits for, and for how long."""

    default: Durability = Durability.MEMORY
    """Durability of calls that don't choose one."""
    timeout: Duration = Field(default=timedelta(seconds=5), ge=timedelta(milliseconds=100), le=timedelta(seconds=8))
    """Longest wait for the disk, and then for replicas."""
    replicas: int | None = Field(default=None, ge=0, le=10)
    """Replicas that must have the job. None: one if any is connected. 0: none; INFO is not needed."""
