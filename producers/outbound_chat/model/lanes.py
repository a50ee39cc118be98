"""Lanes: the jobs of one priority, sender, tenant and batch wait for their turn in one lane."""

from typing import NamedTuple, Self

from outbound_chat.model.jobs import Priority


class Lane(NamedTuple):
    """What all jobs of a lane have in common."""

    priority: Priority
    sender: str
    tenant: str = ""
    """Empty if its jobs have no tenant."""
    batch: str = ""
    """Local id of the batch. Empty if its jobs belong to no batch."""

    @classmethod
    def parse(cls, name: str) -> Self:
        """Returns the lane with that name.

        Raises:
            ValueError: it is not the name of a lane.
        """
        priority, sender, tenant, batch = name.split(":")
        return cls(Priority(int(priority)), sender, tenant, batch)

    def __str__(self) -> str:
        """Returns its name, `priority:sender:tenant:batch`."""
        return f"{self.priority:d}:{self.sender}:{self.tenant}:{self.batch}"

    @property
    def without_batch(self) -> str:
        """The part of its name that lanes of other batches share: `priority:sender:tenant`."""
        return f"{self.priority.value}:{self.sender}:{self.tenant}"
