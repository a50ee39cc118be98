"""Parameters that several routes share, and the options of a streamed batch; no route imports another."""

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from outbound_chat.client.steps.validation import INVALID_CURSOR
from outbound_chat.model.errors import FieldError

LONGEST_NAME = 200
LONGEST_WAIT = 60.0
OF_FORM = ("delimiter", "column", "ignore_columns", "country")

JobId = Annotated[str, Path(description="Id of a job.", examples=["main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR"])]
BatchId = Annotated[str, Path(description="Id of a batch.", examples=["main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR"])]
Wait = Annotated[float, Query(ge=0, le=LONGEST_WAIT, description="Seconds to wait for the end.")]
Budget = Annotated[str | None, Query(description="Name of a budget; required if there are several.")]


def only(is_valid: Callable[[str], object], message: str) -> AfterValidator:
    """Returns a check of a text, for what no schema can say."""

    def check(value: str | None) -> str | None:
        if value is None or is_valid(value):
            return value
        raise PydanticCustomError("not_allowed", "{message}", {"message": message})

    return AfterValidator(check)


_is_cursor = re.compile("(open|ended)?( ?[0-9]{1,15} [A-Z0-9-]{1,40})?|m?[0-9]{1,20}").fullmatch
"""Whether it may be the cursor of some list; the client knows which."""
Cursor = Annotated[
    str | None, Query(description="Cursor of the page before."), only(_is_cursor, INVALID_CURSOR.message)
]
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
    hold: Annotated[str | None, Query(description="Why nothing of it is sent until somebody releases the batch.")] = (
        None
    )
    durability: Annotated[str | None, Query(description="memory or fsync.")] = None
    callback_url: Annotated[
        str | None, Query(description="Notified of each end. Proxies log it: a URL with a secret belongs in a column.")
    ] = None
    delimiter: Annotated[
        str | None, Query(description="Character between columns, or `tab`; found in the first line by default.")
    ] = None
    column: Annotated[
        list[str] | None, Query(description="Our name of a column that has another: `to=phone`; repeatable.")
    ] = None
    ignore_columns: Annotated[bool, Query(description="Ignore columns that are not known.")] = False
    country: Annotated[str | None, Query(description="Country of numbers without `+`, in two letters: `DE`.")] = None

    faults: list[FieldError] = field(default_factory=list, init=False)
    """What is wrong with these parameters, to be reported with all else that is wrong with the batch."""

    @property
    def given(self) -> dict[str, Any]:
        """The options of the batch that the request has."""
        given = {option: value for option, value in asdict(self).items() if value is not None}
        return {option: value for option, value in given.items() if option not in {"faults", *OF_FORM}}

    @property
    def form(self) -> dict[str, Any]:
        """The parameters that say how the rows are written."""
        return {option: value for option in OF_FORM if (value := getattr(self, option))}
