"""The options of jobs and batches are written down once; each other form of them has no more and no fewer."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from outbound_chat.cli.commands.jobs import send
from outbound_chat.cli.commands.send_batch import send_batch
from outbound_chat.http.wire import request_schemas as schemas
from outbound_chat.http.wire.parameters import OF_FORM, StreamedOptions
from outbound_chat.http.wire.shape_schemas import SCHEMAS
from outbound_chat.request import SPEC
from outbound_chat.request._names import OPTIONS
from outbound_chat.request.options import BATCH_OPTIONS, ROW_OPTIONS, ApiOptions, JobOptions, ReplayOptions

JSON = "application/json"


def members(body: dict[str, Any]) -> set[str]:
    return {*properties(body["requestBody"]["content"][JSON]["schema"])}


def properties(reference: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = SCHEMAS[reference["$ref"].rpartition("/")[2]]["properties"]
    return found


def test_the_openapi_document_has_every_option() -> None:
    assert properties(schemas.JOB).keys() == JobOptions.__annotations__.keys()
    assert properties(schemas.RAW_JOB).keys() == ApiOptions.__annotations__.keys()
    assert SCHEMAS["Row"]["properties"].keys() == ROW_OPTIONS
    assert members(schemas.BATCH_BODY) == BATCH_OPTIONS | {"name", "rows"}
    assert members(schemas.REPLAY_BODY) == ReplayOptions.__annotations__.keys() | {"force"}


def test_every_option_of_the_short_form_is_a_member_of_the_api() -> None:
    assert {member for option, member in OPTIONS.items() if option not in {"to", "text", "display_name"}} <= {
        *SPEC.members
    }


@pytest.mark.parametrize(
    ("taken_by", "options", "own"),
    [
        (StreamedOptions.__init__, BATCH_OPTIONS, {"self", "name", *OF_FORM}),
        (send, {*JobOptions.__annotations__}, {"request", "attribute", "wait", "until", "as_json"}),
        (
            send_batch,
            BATCH_OPTIONS,
            {"file", "attribute", "name", "batch_key", "rejects", "follow", "timeout", "as_json", "sheet"}
            | {"dry_run", "test_to", "test_row", "yes", *OF_FORM},
        ),
    ],
)
def test_parameters_are_options_by_the_same_names(
    taken_by: Callable[..., Any], options: set[str], own: set[str]
) -> None:
    """What else they have is named here."""
    assert {*inspect.signature(taken_by).parameters} - own <= options
