"""Parameters that several routes share, and the options of a batch whose rows are streamed."""

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from outbound_chat.client.steps.validation import INVALID_CURSOR
from outbound_chat.client.steps.waits import Until
from outbound_chat.http.wire.request_schemas import FILTER, SHARED
from outbound_chat.model.errors import FieldError

LONGEST_NAME = 200
LONGEST_WAIT = 60.0
OF_FORM = ("delimiter", "column", "ignore_columns", "country")

JobId = Annotated[str, Path(description="Id of the job.", examples=["main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR"])]
BatchId = Annotated[str, Path(description="Id of the batch.", examples=["main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR"])]
Wait = Annotated[float, Query(ge=0, le=LONGEST_WAIT, description="Seconds to wait until it is final.")]
WaitUntil = Annotated[
    Until,
    Query(
        description="What `wait` waits for: `final`, the job's result; `ended`, also the end of its contact; "
        "`delivered`, also what became of the message. The last two also end once nothing can come."
    ),
]


def only(is_valid: Callable[[str], object], message: str) -> AfterValidator:
    """Returns a check of a text for what a schema can't express."""

    def check(value: str | None) -> str | None:
        if value is None or is_valid(value):
            return value
        raise PydanticCustomError("not_allowed", "{message}", {"message": message})

    return AfterValidator(check)


_is_cursor = re.compile(
    "(open|ended)?( ?[0-9]{1,15} [A-Z0-9-]{1,40})?|m?[0-9]{1,20}(-[0-9]{1,15})?|([0-9A-Z-]{26,40})?(:[0-9]{1,6})?"
).fullmatch
"""Matches the cursor of any list; the client checks whether it belongs to this one."""


def of_filter(name: str, **limits: Any) -> Any:
    """Returns a parameter by which a list is filtered."""
    return Query(description=FILTER[name]["description"], **limits)


Budget = Annotated[str | None, of_filter("budget")]
OfSender = Annotated[str | None, of_filter("sender")]
OfTenant = Annotated[str | None, of_filter("tenant")]
Code = Annotated[str | None, of_filter("code")]
Cursor = Annotated[str | None, of_filter("cursor"), only(_is_cursor, INVALID_CURSOR.message)]
Limit = Annotated[int, of_filter("limit", ge=1, le=500)]


def _shared(name: str, max_length: int | None = None) -> Any:
    return Query(description=SHARED[name]["description"], max_length=max_length)


@dataclass(kw_only=True)
class StreamedOptions:
    """Options of a batch whose rows are the body. A JSON body has its options as members."""

    sender: Annotated[str | None, _shared("sender")] = None
    name: Annotated[str | None, _shared("name", max_length=LONGEST_NAME)] = None
    text: Annotated[str | None, _shared("text")] = None
    template: Annotated[
        str | None,
        Query(description="The message with placeholders, `{column}` or `{column|default}`, which each row fills in."),
    ] = None
    priority: Annotated[str | None, Query(description="`urgent`, `normal` or `bulk`. Default: `bulk`.")] = None
    tenant: Annotated[str | None, _shared("tenant")] = None
    weight: Annotated[float | None, _shared("weight")] = None
    concurrency: Annotated[int | None, _shared("concurrency")] = None
    hold: Annotated[str | None, _shared("hold")] = None
    durability: Annotated[str | None, _shared("durability")] = None
    callback_url: Annotated[
        str | None,
        Query(
            description="`https://` URL to notify when each message, and the batch, is final. Proxies log it: a URL "
            "with a secret belongs in a column."
        ),
    ] = None
    delimiter: Annotated[str | None, Query(description="Character between columns, or `tab`; detected by default.")] = (
        None
    )
    column: Annotated[
        list[str] | None, Query(description="Use a column of the file for one of ours: `to=phone`; can be repeated.")
    ] = None
    ignore_columns: Annotated[bool, Query(description="Ignore unknown columns instead of refusing the file.")] = False
    country: Annotated[
        str | None, Query(description="Two-letter country code of numbers without `+`, such as `DE`.")
    ] = None

    faults: list[FieldError] = field(default_factory=list, init=False)
    """What is wrong with these parameters; reported together with the other faults of the batch."""

    @property
    def given(self) -> dict[str, Any]:
        """The options of the batch that are in the request."""
        given = {option: value for option, value in asdict(self).items() if value is not None}
        return {option: value for option, value in given.items() if option not in {"faults", *OF_FORM}}

    @property
    def form(self) -> dict[str, Any]:
        """The parameters that say how the rows are written."""
        return {option: value for option in OF_FORM if (value := getattr(self, option))}
