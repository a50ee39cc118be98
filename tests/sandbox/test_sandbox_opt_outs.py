"""Numbers and opt-out lists as the sandbox answers for them: what boto3 reads, and what it is refused."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from outbound_chat_config import Sender, WorkerSettings
from outbound_chat_worker.connect import Connect
from outbound_chat_worker.opt_outs.lists import WAITS, OptOutReader, explain
from outbound_chat_worker.sandbox import (
    SANDBOX_ACCESS_KEY_ID,
    SANDBOX_ENVIRONMENT,
    SANDBOX_SECRET_ACCESS_KEY,
    SandboxClient,
    SandboxError,
    SandboxOptions,
)
from tests.support.harness import SOURCE, number, sender

ID = SOURCE.rpartition("/")[2]
LIST = "arn:aws:sms-voice:us-east-1:123456789012:opt-out-list/Default"
TARGET = {"X-Amz-Target": "PinpointSMSVoiceV2.DescribeOptedOutNumbers", "Content-Type": "application/x-amz-json-1.0"}
StartTimed = Callable[[SandboxOptions], tuple[SandboxClient, Callable[[timedelta], None]]]


@pytest.fixture
def make_sms() -> Iterator[Callable[[str], Any]]:
    """Make a boto3 client of End User Messaging SMS without retries."""
    clients = []

    def make(url: str) -> Any:
        create: Any = boto3.session.Session().client  # the stubs know Connect only
        keys = {"aws_access_key_id": SANDBOX_ACCESS_KEY_ID, "aws_secret_access_key": SANDBOX_SECRET_ACCESS_KEY}
        config = Config(retries={"total_max_attempts": 1}, read_timeout=60)
        options = {"endpoint_url": url, "region_name": "us-east-1", "config": config, **keys}
        clients.append(create("pinpoint-sms-voice-v2", **options))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Callable[..., OptOutReader]:
    for name, value in SANDBOX_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return lambda rate, sleep: OptOutReader(Connect(WorkerSettings()), rate, sleep=sleep)


def test_a_list_is_read_page_by_page_and_survives_changes_meanwhile(
    sandbox: SandboxClient, make_sms: Callable[[str], Any]
) -> None:
    sms = make_sms(sandbox.url)
    sandbox.change_opt_outs(list="Default", add=[number(index) for index in range(5)])

    first = sms.describe_opted_out_numbers(OptOutListName="Default", MaxResults=2)
    sandbox.change_opt_outs(list="Default", remove=[number(0), number(1)])
    rest = sms.describe_opted_out_numbers(OptOutListName=LIST, NextToken=first["NextToken"])

    assert (first["OptOutListArn"], first["OptOutListName"]) == (LIST, "Default")
    found = [one["OptedOutNumber"] for page in (first, rest) for one in page["OptedOutNumbers"]]
    assert found == [number(index) for index in range(5)]
    assert "NextToken" not in rest


def test_a_number_of_connect_is_one_of_end_user_messaging(
    sandbox: SandboxClient, connect: Any, make_sms: Callable[[str], Any]
) -> None:
    sandbox.change_opt_outs(id=ID, number={"NumberType": "TOLL_FREE"})

    claimed = connect.describe_phone_number(PhoneNumberId=ID)["ClaimedPhoneNumberSummary"]
    numbers = make_sms(sandbox.url).describe_phone_numbers(PhoneNumberIds=[claimed["SourcePhoneNumberArn"]])

    assert claimed["PhoneNumberArn"] == SOURCE
    (found,) = numbers["PhoneNumbers"]
    assert found["PhoneNumber"] == claimed["PhoneNumber"]
    assert (found["NumberType"], found["OptOutListName"]) == ("TOLL_FREE", "Default")
    assert sandbox.stats().calls == 0, "a question is no call"


def test_a_reset_forgets_lists_and_an_unknown_member_is_refused(
    sandbox: SandboxClient, make_sms: Callable[[str], Any]
) -> None:
    sandbox.change_opt_outs(list="Mine", add=[number(1)])
    sandbox.reset()
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        make_sms(sandbox.url).describe_opted_out_numbers(OptOutListName="Mine")
    with pytest.raises(SandboxError, match="lists is unknown; use only: add, deny"):
        sandbox.change_opt_outs(lists="Mine")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"unsigned": True}, "MissingAuthenticationTokenException"),
        ({"service": "connect"}, "InvalidSignatureException"),
        ({"credentials": Credentials(SANDBOX_ACCESS_KEY_ID, "another")}, "InvalidSignatureException"),
        ({"headers": {**TARGET, "X-Amz-Target": "PinpointSMSVoiceV2.SendTextMessage"}}, "UnknownOperationException"),
        ({"body": b"not JSON"}, "ValidationException"),
        ({"body": [1]}, "ValidationException"),
        ({"body": {}}, "ValidationException"),
        ({"body": {"OptOutListName": "Default", "MaxResults": 101}}, "ValidationException"),
        ({"body": {"OptOutListName": "Default", "Since": 1}}, "ValidationException"),
        ({"body": {"OptOutListName": "Other"}}, "ResourceNotFoundException"),
    ],
)
def test_a_wrong_question_says_what_is_wrong(
    signed_call: Callable[..., tuple[int, str | None, str]], changes: dict[str, Any], code: str
) -> None:
    whole = {"body": {"OptOutListName": "Default"}, "method": "POST", "path": "/", "headers": TARGET}
    status, _, body = signed_call(**{**whole, "service": "sms-voice", **changes})

    assert (status // 100, json.loads(body)["__type"]) == (4, code)


def test_a_reader_that_is_throttled_waits_longer_each_time_and_misses_nothing(
    timed_sandbox: StartTimed, reader: Callable[..., OptOutReader]
) -> None:
    """Another program of the account reads the list, too; and the sandbox allows a call a second."""
    sandbox, advance = timed_sandbox(SandboxOptions())
    sandbox.change_opt_outs(list="Default", add=[number(index) for index in range(450)])
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        advance(timedelta(seconds=seconds))

    own = Sender.model_validate(sender(endpoint_url=sandbox.url))
    reading = reader(1_000.0, sleep)
    pages = list(reading.numbers(own, LIST))

    assert [len(page) for page in pages] == [100] * 4 + [50]
    assert [one for page in pages for one in page] == [number(index) for index in range(450)]
    assert [seconds for seconds in slept if seconds >= 1] == [1.0] * 4


def test_a_reader_gives_up_after_the_last_wait(timed_sandbox: StartTimed, reader: Callable[..., OptOutReader]) -> None:
    """The clock of the sandbox stands still, so that each call is throttled but the first."""
    sandbox, _ = timed_sandbox(SandboxOptions())
    sandbox.change_opt_outs(list="Default", add=[number(index) for index in range(450)])
    slept: list[float] = []
    reading = reader(1_000.0, slept.append)

    pages = reading.numbers(Sender.model_validate(sender(endpoint_url=sandbox.url)), LIST)
    assert len(next(pages)) == 100
    with pytest.raises(ClientError, match="ThrottlingException"):
        next(pages)

    assert [seconds for seconds in slept if seconds >= 1] == [*WAITS]


def test_a_server_that_has_never_answered_is_not_asked_again(reader: Callable[..., OptOutReader]) -> None:
    """A wrong endpoint_url: the command must not seem to hang for two minutes."""
    slept: list[float] = []
    reading = reader(1.0, slept.append)

    with pytest.raises(Exception, match="Could not connect") as caught:
        reading.number_of(Sender.model_validate(sender(endpoint_url="http://127.0.0.1:9")))

    assert slept == [1.0], "before the first try"
    assert explain(caught.value).startswith('Could not connect to the endpoint URL: "http://127.0.0.1:9/')
