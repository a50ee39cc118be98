"""How safe a job must be before the call that enqueued it returns."""

from datetime import timedelta
from enum import StrEnum

from pydantic import Field

from outbound_chat_config._model import Model
from outbound_chat_config._values import Duration


class Durability(StrEnum):
    """What stands when `enqueue` returns."""

    MEMORY = "memory"
    """Redis has the job in memory; when it is on disk is up to the server's `appendfsync`."""
    FSYNC = "fsync"
    """The job is on the disk of the primary too, and replicas have it where there are any."""


class DurabilitySettings(Model):
    """What `durability="fsync"` waits for, and for how long."""

    default: Durability = Durability.MEMORY
    """For calls that say nothing."""
    timeout: Duration = Field(default=timedelta(seconds=5), ge=timedelta(milliseconds=100), le=timedelta(seconds=8))
    """How long to wait for the disk, and then for replicas."""
    replicas: int | None = Field(default=None, ge=0, le=10)
    """Replicas that must have the job. None: one where any is connected; 0: none, and INFO is not needed."""
