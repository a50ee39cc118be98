"""What libraries and servers say of a call is kept without what the call said."""

import json
import logging

import pytest
from botocore.exceptions import ClientError, ParamValidationError
from botocore.parsers import ResponseParserError

from outbound_chat_config import WorkerSettings
from outbound_chat_worker.connect import Connect
from outbound_chat_worker.pump.retry import judge
from outbound_chat_worker.redaction import origin_of, personal_texts, redact
from tests.support.privacy import Markers, assert_private

NUMBER, TEXT, NAME = "+12025550123", "Zwiebelkuchen\nfür Änne", "Brombeerstrauch"
SECRETS = Markers([NUMBER], [TEXT, NAME])
CALL = {
    "InstanceId": "0a1b2c3d-1111-4222-8333-444455556666",
    "DestinationEndpoint": {"Type": "TELEPHONE_NUMBER", "Address": NUMBER},
    "InitialSystemMessage": {"ContentType": "text/plain", "Content": TEXT},
    "Attributes": {"name": NAME},
    "SegmentAttributes": {
        "connect:Subtype": {"ValueString": "connect:SMS"},
        "more": {"ValueList": [{"ValueString": NAME}]},
    },
}


def test_a_provider_that_repeats_the_request_is_not_quoted_with_it() -> None:
    """Validation errors of AWS name the value that they refuse."""
    words = (
        f"Value '{TEXT}' at 'content' failed; {json.dumps(TEXT)}, {TEXT!r}, {TEXT!a} for {NAME} at {NUMBER}" + "x" * 500
    )
    error = ClientError({"Error": {"Code": "InvalidRequestException", "Message": words}}, "StartOutboundChatContact")
    verdict = judge(error, personal=personal_texts(CALL))

    assert_private(verdict.message, SECRETS)
    assert verdict.message.startswith("Value '[hidden]' at 'content' failed")
    assert len(verdict.message) == 300


def test_what_says_nothing_of_the_recipient_stays_readable() -> None:
    """`instance 0a1b… does not exist` must still name the instance."""
    assert set(personal_texts(CALL)) == {NUMBER, TEXT, NAME}
    assert redact("connect:SMS from 0a1b2c3d at [x]", personal_texts(CALL)) == "connect:SMS from 0a1b2c3d at [x]"


@pytest.mark.parametrize(
    "error",
    [
        ParamValidationError(report=f"Invalid type for parameter Attributes.name, value: {NAME}, {TEXT}, {NUMBER}"),
        ResponseParserError(f"Unable to parse response, invalid response received: {TEXT} {NUMBER} {NAME}"),
        ValueError(f"{NAME} {TEXT} {NUMBER}"),
    ],
)
def test_errors_of_libraries_are_not_quoted_where_they_repeat_values(error: Exception) -> None:
    """boto3 shows the value it refuses, and the body that it can't read; of others nobody knows."""
    assert_private(repr(judge(error, personal=None)) + judge(error, personal=None).message, SECRETS)
    assert_private(judge(error, personal=personal_texts(CALL)).message, SECRETS)


def test_the_origin_of_an_error_has_lines_and_kinds_and_no_words() -> None:
    """What a developer needs of a crash, in a log that many may read."""

    def fails() -> None:
        try:
            json.loads("{" + str(len(TEXT)))
        except ValueError as error:
            error.add_note(NAME)
            raise KeyError(NUMBER) from error

    with pytest.raises(KeyError) as caught:
        fails()
    origin = origin_of(caught.value)

    assert_private(origin, SECRETS)
    assert origin.index("JSONDecodeError") < origin.index("KeyError")
    assert "in fails" in origin


def test_libraries_are_kept_from_telling_all_unless_somebody_asked_for_it(caplog: pytest.LogCaptureFixture) -> None:
    """`--log-level DEBUG` is for our own steps; botocore would write every request."""
    with caplog.at_level(logging.NOTSET, "botocore"), caplog.at_level(logging.DEBUG, "urllib3"):
        Connect(WorkerSettings())

        assert logging.getLogger("botocore").level == logging.INFO
        assert logging.getLogger("urllib3").level == logging.DEBUG
