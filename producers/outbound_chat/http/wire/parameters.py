"""Parameters that several routes share, and the options of a streamed batch; no route imports another."""

from dataclasses import asdict, dataclass
from typing import Annotated, Any

from fastapi import Path, Query

LONGEST_NAME = 200
LONGEST_WAIT = 60.0

JobId = Annotated[str, Path(description="Id of a job.", examples=["main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR"])]
BatchId = Annotated[str, Path(description="Id of a batch.", examples=["main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR"])]
Wait = Annotated[float, Query(ge=0, le=LONGEST_WAIT, description="Seconds to wait for the end.")]
Budget = Annotated[str | None, Query(description="Name of a budget; required if there are several.")]
Cursor = Annotated[str | None, Query(description="Cursor of the page before.")]
Filter = Annotated[str | None, Query()]


@dataclass(kw_only=True)
class StreamedOptions:
    """Options of a batch whose rows are the body; those of a JSON body are in it."""

    sender: Annotated[str | None, Query(description="Sender in the settings.")] = None
    name: Annotated[str | None, Query(max_length=LONGEST_NAME, description="What to call the batch.")] = None
    text: Annotated[str | None, Query(description="Default message for rows without one.")] = None
    template: Annotated[
        str | None, Query(description="The message with {column} or {column|default} in it, filled in by each row.")
    ] = None
    priority: Annotated[str | None, Query(description="urgent, normal or bulk (the default).")] = None
    tenant: Annotated[str | None, Query(description="Tenant this counts toward; tenants take turns.")] = None
    weight: Annotated[float | None, Query(description="Turns it gets for each turn of another batch.")] = None
    concurrency: Annotated[int | None, Query(description="Calls of it that may run at the same time.")] = None
    durability: Annotated[str | None, Query(description="memory or fsync.")] = None
    callback_url: Annotated[
        str | None, Query(description="Notified of each end. Proxies log it: a URL with a secret belongs in a column.")
    ] = None

    @property
    def given(self) -> dict[str, Any]:
        """The options that the request has."""
        return {option: value for option, value in asdict(self).items() if value is not None}
