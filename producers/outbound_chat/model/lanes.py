"""Lanes: jobs of one priority, sender, tenant and batch wait in one of them for their turn."""

from typing import NamedTuple, Self

from outbound_chat.model.jobs import Priority


class Lane(NamedTuple):
    """What all jobs of a lane have in common."""

    priority: Priority
    sender: str
    tenant: str = ""
    """Empty: its jobs have none."""
    batch: str = ""
    """Local id. Empty: its jobs belong to none."""

    @classmethod
    def parse(cls, name: str) -> Self:
        """The lane of that name.

        Raises:
            ValueError: no lane has such a name.
        """
        priority, sender, tenant, batch = name.split(":")
        return cls(Priority(int(priority)), sender, tenant, batch)

    def __str__(self) -> str:
        """Its name, `priority:sender:tenant:batch`."""
        return f"{self.priority.value}:{self.sender}:{self.tenant}:{self.batch}"

    @property
    def without_batch(self) -> str:
        """What it has in common with the lanes of other batches, `priority:sender:tenant`."""
        return f"{self.priority.value}:{self.sender}:{self.tenant}"
