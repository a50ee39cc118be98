"""Parameters that several routes take, so that no route imports another, and the options of a streamed batch."""

from typing import Annotated, Any

from fastapi import Path, Query

LONGEST_NAME = 200
LONGEST_WAIT = 60.0

JobId = Annotated[str, Path(description="Id of a job.", examples=["main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR"])]
BatchId = Annotated[str, Path(description="Id of a batch.", examples=["main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR"])]
Wait = Annotated[float, Query(ge=0, le=LONGEST_WAIT, description="Seconds to wait for the end.")]
Budget = Annotated[str | None, Query(description="Needed where there are several.")]
Cursor = Annotated[str | None, Query(description="Of the page before.")]
Filter = Annotated[str | None, Query()]


class StreamedOptions:
    """Options of a batch whose rows are the body; those of a JSON body are in it."""

    def __init__(
        self,
        *,
        sender: Annotated[str | None, Query(description="Sender in the settings.")] = None,
        name: Annotated[str | None, Query(max_length=LONGEST_NAME, description="What to call the batch.")] = None,
        text: Annotated[str | None, Query(description="The message of rows that bring none.")] = None,
        template: Annotated[
            str | None, Query(description="The message with {column} or {column|default} in it, filled in by each row.")
        ] = None,
        priority: Annotated[str | None, Query(description="urgent, normal or bulk (the default).")] = None,
        tenant: Annotated[str | None, Query(description="Tenant whose turn it takes.")] = None,
        weight: Annotated[float | None, Query(description="Turns it gets where other batches get one.")] = None,
        concurrency: Annotated[int | None, Query(description="Calls of it that may run at the same time.")] = None,
        durability: Annotated[str | None, Query(description="memory or fsync.")] = None,
        callback_url: Annotated[
            str | None, Query(description="Told of the ends. Proxies log it: one with a secret belongs into a column.")
        ] = None,
    ) -> None:
        given: dict[str, Any] = {"sender": sender, "name": name, "text": text, "priority": priority, "tenant": tenant}
        given |= {"weight": weight, "concurrency": concurrency, "durability": durability}
        given |= {"template": template, "callback_url": callback_url}
        self.given = {option: value for option, value in given.items() if value is not None}
