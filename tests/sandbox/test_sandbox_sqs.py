"""The queue of contact events, as boto3's client of SQS sees it."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from outbound_chat_worker.sandbox import (
    QUEUE_PATH,
    SANDBOX_ACCESS_KEY_ID,
    EventOptions,
    SandboxClient,
    SandboxOptions,
)
from tests.support.waiting import wait_until

Timed = Callable[[SandboxOptions], tuple[SandboxClient, Callable[[timedelta], None]]]
EVENTS = SandboxOptions(rate=None, chat_seconds=(10, 10), events=EventOptions())


@pytest.fixture
def queue(timed_sandbox: Timed, make_sqs: Callable[..., Any]) -> tuple[Any, str, Callable[[timedelta], None]]:
    """A client, the URL of the queue, and what moves the clock."""
    sandbox, advance = timed_sandbox(SandboxOptions())
    sqs = make_sqs(sandbox.url)
    return sqs, sandbox.url + QUEUE_PATH, advance


def _receive(sqs: Any, url: str, **parameters: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sqs.receive_message(QueueUrl=url, AttributeNames=["All"], **parameters).get(
        "Messages", []
    )
    return found


def _code(call: Callable[..., Any], **parameters: Any) -> str:
    with pytest.raises(ClientError) as error:
        call(**parameters)
    return str(error.value.response["Error"]["Code"])


def test_events_of_chats_are_messages_of_the_queue(
    timed_sandbox: Timed, make_sqs: Callable[..., Any], make_connect: Callable[..., Any], request_body: dict[str, Any]
) -> None:
    sandbox, advance = timed_sandbox(EVENTS)
    sqs, connect = make_sqs(sandbox.url), make_connect(sandbox.url)
    url = sandbox.url + QUEUE_PATH
    connect.start_outbound_chat_contact(**request_body)
    connect.close()
    advance(timedelta(seconds=11))

    messages = _receive(sqs, url, MaxNumberOfMessages=10, WaitTimeSeconds=20)

    bodies = [json.loads(message["Body"]) for message in messages]
    assert bodies == [one.event for one in sandbox.events()]
    assert len(bodies) == 4
    assert sandbox.stats().others == {"ReceiveMessage": 1}


def test_a_message_is_hidden_until_its_time_is_over_or_it_is_deleted(queue: tuple[Any, str, Any]) -> None:
    sqs, url, advance = queue
    sent = sqs.send_message(QueueUrl=url, MessageBody="one")

    (first,) = _receive(sqs, url)
    hidden = _receive(sqs, url)
    advance(timedelta(seconds=31))
    (second,) = _receive(sqs, url)
    again = {"Id": "0", "ReceiptHandle": second["ReceiptHandle"], "VisibilityTimeout": 0}
    sqs.change_message_visibility_batch(QueueUrl=url, Entries=[again])
    (third,) = _receive(sqs, url, VisibilityTimeout=0)
    entry = {"Id": "0", "ReceiptHandle": third["ReceiptHandle"]}
    for _ in range(2):
        assert sqs.delete_message_batch(QueueUrl=url, Entries=[entry])["Successful"] == [{"Id": "0"}]

    assert (first["MessageId"], first["Body"], hidden) == (sent["MessageId"], "one", [])
    counts = [message["Attributes"]["ApproximateReceiveCount"] for message in (first, second, third)]
    assert counts == ["1", "2", "3"]
    assert _receive(sqs, url) == []


def test_messages_are_counted_by_whether_they_are_hidden(queue: tuple[Any, str, Any]) -> None:
    sqs, url, _ = queue
    for body in "abc":
        sqs.send_message(QueueUrl=url, MessageBody=body)
    assert len(_receive(sqs, url)) == 1

    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    for wanted in (names, ["All"]):
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=wanted)["Attributes"]
        assert found == dict(zip(names, "21", strict=True))


def test_a_batch_deletes_and_hides_and_names_what_it_could_not(queue: tuple[Any, str, Any]) -> None:
    sqs, url, _ = queue
    for body in "abc":
        sqs.send_message(QueueUrl=url, MessageBody=body)
    entries = [
        {"Id": message["Body"], "ReceiptHandle": message["ReceiptHandle"]}
        for message in _receive(sqs, url, MaxNumberOfMessages=10)
    ]
    visible = [*entries[1:], {"Id": "x", "ReceiptHandle": "gone"}]

    deleted = sqs.delete_message_batch(QueueUrl=url, Entries=entries[:1])
    changed = sqs.change_message_visibility_batch(QueueUrl=url, Entries=visible)

    assert [one["Id"] for one in deleted["Successful"]] == ["a"]
    assert [one["Id"] for one in changed["Successful"]] == ["b", "c"]
    assert [(one["Id"], one["Code"], one["SenderFault"]) for one in changed["Failed"]] == [
        ("x", "ReceiptHandleIsInvalid", True)
    ]
    assert [message["Body"] for message in _receive(sqs, url, MaxNumberOfMessages=10)] == ["b", "c"]


def test_a_long_poll_ends_with_a_message_or_with_its_time(queue: tuple[Any, str, Any]) -> None:
    """The clock stands still meanwhile: only a message or the test ends the poll."""
    sqs, url, advance = queue
    sandbox = SandboxClient(url.partition("/123")[0])
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(_receive, sqs, url, WaitTimeSeconds=20)
        sqs.send_message(QueueUrl=url, MessageBody="now")
        assert [message["Body"] for message in waiting.result(60)] == ["now"]
        waiting = pool.submit(_receive, sqs, url, WaitTimeSeconds=20)
        wait_until(lambda: sandbox.stats().others["ReceiveMessage"] == 2, what="the second poll")
        advance(timedelta(seconds=21))
        assert waiting.result(60) == []


def test_a_shut_queue_refuses_every_call_and_has_all_afterwards(
    timed_sandbox: Timed, make_sqs: Callable[..., Any]
) -> None:
    sandbox, _ = timed_sandbox(SandboxOptions())
    sqs = make_sqs(sandbox.url)
    url = sandbox.url + QUEUE_PATH
    sqs.send_message(QueueUrl=url, MessageBody="kept")
    sandbox.configure(events_shut=True)

    with pytest.raises(ClientError) as error:
        _receive(sqs, url)
    sandbox.configure(events_shut=False)

    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert [message["Body"] for message in _receive(sqs, url)] == ["kept"]


def test_a_queue_without_a_reader_keeps_the_last(
    timed_sandbox: Timed, make_sqs: Callable[..., Any], make_connect: Callable[..., Any], request_body: dict[str, Any]
) -> None:
    """A sandbox that runs for weeks must not fill the memory."""
    sandbox, advance = timed_sandbox(SandboxOptions(rate=None, keep=6, chat_seconds=(1, 1), events=EventOptions()))
    connect, sqs = make_connect(sandbox.url), make_sqs(sandbox.url)
    for _ in range(10):
        connect.start_outbound_chat_contact(**request_body)
        advance(timedelta(seconds=2))
    connect.close()
    url = sandbox.url + QUEUE_PATH

    assert len(_receive(sqs, url, MaxNumberOfMessages=10)) == 6
    assert sandbox.stats().events == 40
    assert len(list(sandbox.events())) < 12


def test_a_wrong_call_gets_the_code_that_sqs_has(queue: tuple[Any, str, Any], make_sqs: Callable[..., Any]) -> None:
    sqs, url, _ = queue
    elsewhere = url + "-elsewhere"

    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        sqs.receive_message(QueueUrl=elsewhere)
    assert _code(sqs.receive_message, QueueUrl=url, MaxNumberOfMessages=11) == "InvalidParameterValue"
    assert _code(sqs.receive_message, QueueUrl=url, WaitTimeSeconds=21) == "InvalidParameterValue"
    assert _code(sqs.delete_message_batch, QueueUrl=url, Entries=[]) == "TooManyEntriesInBatchRequest"
    assert _code(sqs.purge_queue, QueueUrl=url) == "UnknownOperationException"
    other = make_sqs(url.partition("/123")[0], aws_secret_access_key="another")
    assert _code(other.receive_message, QueueUrl=url) == "InvalidSignatureException"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"unsigned": True}, "MissingAuthenticationTokenException"),
        ({"service": "connect"}, "InvalidSignatureException"),
        ({"credentials": Credentials(SANDBOX_ACCESS_KEY_ID, "another")}, "InvalidSignatureException"),
        ({"body": b"no"}, "SerializationException"),
        ({"body": {}}, "ValidationException"),
        ({"headers": {"X-Amz-Target": "AmazonSQS.Made/Up"}}, "UnknownOperationException"),
        ({"headers": {"X-Amz-Target": "AmazonSQS.Made.Up"}}, "UnknownOperationException"),
        ({"headers": {"X-Amz-Target": "AmazonSQS.DescribeContact"}}, "UnknownOperationException"),
        ({"body": {"QueueUrl": 1}}, "ValidationException"),
        ({"body": {"QueueUrl": "q", "MaxNumberOfMessages": "1"}}, "ValidationException"),
    ],
)
def test_a_call_that_boto3_would_not_make_is_refused_too(
    signed_call: Callable[..., tuple[int, str | None, str]], changes: dict[str, Any], code: str
) -> None:
    headers = {"X-Amz-Target": "AmazonSQS.ReceiveMessage", "Content-Type": "application/x-amz-json-1.0"}
    whole = {"body": {"QueueUrl": QUEUE_PATH}, "method": "POST", "path": "/", "service": "sqs", "headers": headers}

    assert signed_call(**{**whole, **changes})[1] == code
