"""What the real clients send is accepted, and kept with every parameter."""

import json
import os
import subprocess
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest

from outbound_chat_worker.sandbox import SANDBOX_ACCESS_KEY_ID, SANDBOX_SECRET_ACCESS_KEY, SandboxClient

if TYPE_CHECKING:
    from types_boto3_connect import ConnectClient

_EVERYTHING: dict[str, Any] = {
    "Attributes": {"job-id": "main.01J", "name_2": "Zoë"},
    "ChatDurationInMinutes": 60,
    "ParticipantDetails": {"DisplayName": "Ann"},
    "InitialSystemMessage": {"ContentType": "text/plain", "Content": "Your parcel comes today ✓"},
    "InitialTemplatedSystemMessage": {
        "KnowledgeBaseId": "kb",
        "MessageTemplateId": "template",
        "TemplateAttributes": {"CustomAttributes": {"city": "Köln"}, "CustomerProfileAttributes": '{"a": 1}'},
    },
    "RelatedContactId": "another",
    "SupportedMessagingContentTypes": ["text/plain", "text/markdown"],
    "ClientToken": "token-1",
}


@pytest.mark.parametrize(("subtype", "channel"), [("connect:SMS", "SMS"), ("connect:WhatsApp", "WhatsApp")])
def test_every_parameter_of_boto3_is_accepted_and_kept(
    connect: "ConnectClient", sandbox: SandboxClient, request_body: dict[str, Any], subtype: str, channel: str
) -> None:
    """A parameter that is dropped on the way would otherwise never be noticed."""
    segment_attributes = {
        "connect:Subtype": {"ValueString": subtype},
        "connect:List": {"ValueList": [{"ValueInteger": 1}]},
        "campaign": {"ValueMap": {"wave": {"ValueInteger": 2}}},
    }
    request = {**request_body, **_EVERYTHING, "SegmentAttributes": segment_attributes}

    answer = connect.start_outbound_chat_contact(**request)

    [contact] = sandbox.contacts()
    assert contact.body == request
    assert contact.contact_id == answer["ContactId"]
    assert (contact.channel, contact.token, contact.destination) == (channel, "token-1", "+12025550100")
    assert answer["ResponseMetadata"]["RequestId"]


@pytest.mark.parametrize("partition", ["aws", "aws-us-gov", "aws-cn"])
def test_source_numbers_of_every_partition_are_accepted(
    connect: "ConnectClient", request_body: dict[str, Any], partition: str
) -> None:
    """GovCloud has its own ARNs."""
    request_body["SourceEndpoint"]["Address"] = f"arn:{partition}:connect:us-gov-west-1:123456789012:phone-number/a-1"

    assert connect.start_outbound_chat_contact(**request_body)["ContactId"]


def _send_by_cli(url: str, request: dict[str, Any]) -> str:
    environment = {
        **os.environ,
        "AWS_ACCESS_KEY_ID": SANDBOX_ACCESS_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SANDBOX_SECRET_ACCESS_KEY,
    }
    command = [
        *("aws", "connect", "start-outbound-chat-contact", "--endpoint-url", url, "--region", "us-east-1"),
        *("--output", "json", "--cli-input-json", json.dumps(request)),
    ]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, timeout=60)
    contact_id: str = json.loads(done.stdout)["ContactId"]
    return contact_id


def _send_by_botocore(url: str, request: dict[str, Any]) -> str:
    client: Any = botocore.session.get_session().create_client(
        "connect",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=SANDBOX_ACCESS_KEY_ID,
        aws_secret_access_key=SANDBOX_SECRET_ACCESS_KEY,
    )
    contact_id: str = client.start_outbound_chat_contact(**request)["ContactId"]
    client.close()
    return contact_id


@pytest.mark.parametrize(
    "send",
    [
        pytest.param(_send_by_botocore, id="botocore"),
        pytest.param(_send_by_cli, id="aws command", marks=pytest.mark.awscli),
    ],
)
def test_the_tools_of_aws_take_the_sandbox_for_amazon_connect(
    sandbox: SandboxClient, request_body: dict[str, Any], send: Callable[[str, dict[str, Any]], str]
) -> None:
    """`aws connect start-outbound-chat-contact --endpoint-url` is the first thing a reader of the docs will try."""
    contact_id = send(sandbox.url, request_body)

    [contact] = sandbox.contacts()
    assert contact.contact_id == contact_id
    assert contact.token  # both make one when none is given
