"""Service Quotas as the sandbox answers it: what a real boto3 client and the aws command read from it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from outbound_chat_worker.sandbox import (
    SANDBOX_ACCESS_KEY_ID,
    SANDBOX_SECRET_ACCESS_KEY,
    SandboxClient,
    SandboxOptions,
)
from tests.support.harness import data_of

RATE, OPEN_CHATS = "L-408DD6C6", "L-D4BA6F6E"
TARGET = {"X-Amz-Target": "ServiceQuotasV20190624.GetServiceQuota", "Content-Type": "application/x-amz-json-1.1"}

MakeQuotas = Callable[..., Any]


@pytest.fixture
def make_quotas(make_client: Callable[..., Any]) -> MakeQuotas:
    return partial(make_client, "service-quotas")


def _refused(client: Any, quota: str, service: str = "connect") -> ClientError:
    with pytest.raises(ClientError) as error:
        client.get_service_quota(ServiceCode=service, QuotaCode=quota)
    return error.value


def test_the_rate_is_the_one_that_is_kept_now(sandbox: SandboxClient, make_quotas: MakeQuotas) -> None:
    """A program that reads its pace from AWS can be tested, also when AWS gives more meanwhile."""
    quotas = make_quotas(sandbox.url, region_name="eu-west-2")
    sandbox.configure(rate=2.0)

    first = quotas.get_service_quota(ServiceCode="connect", QuotaCode=RATE)["Quota"]
    sandbox.configure(rate=7.5)
    second = quotas.get_service_quota(ServiceCode="connect", QuotaCode=RATE)["Quota"]

    assert (first["Value"], second["Value"]) == (2.0, 7.5)
    assert first == {
        "ServiceCode": "connect",
        "ServiceName": "Amazon Connect",
        "QuotaArn": f"arn:aws:servicequotas:eu-west-2:123456789012:connect/{RATE}",
        "QuotaCode": RATE,
        "QuotaName": "Rate of StartOutboundChatContact API requests",
        "Value": 2.0,
        "Unit": "None",
        "Adjustable": True,
        "GlobalQuota": False,
        "Period": {"PeriodValue": 1, "PeriodUnit": "SECOND"},
        "QuotaAppliedAtLevel": "ACCOUNT",
    }


def test_the_quota_of_open_chats_is_told_too(sandbox: SandboxClient, make_quotas: MakeQuotas) -> None:
    """The other limit that stops a campaign."""
    sandbox.configure(max_chats=500)

    quota = make_quotas(sandbox.url).get_service_quota(ServiceCode="connect", QuotaCode=OPEN_CHATS)["Quota"]

    assert (quota["Value"], quota["QuotaAppliedAtLevel"]) == (500.0, "RESOURCE")


def test_what_is_not_limited_or_not_known_has_no_quota(sandbox: SandboxClient, make_quotas: MakeQuotas) -> None:
    """A huge value in the place of no limit would end in somebody's sums."""
    quotas = make_quotas(sandbox.url)
    assert _refused(quotas, RATE).response["Error"]["Code"] == "NoSuchResourceException"
    sandbox.configure(rate=2.0)

    for service, code in (("connect", "L-AA48CD49"), ("sns", RATE)):
        error = _refused(quotas, code, service)
        assert isinstance(error, quotas.exceptions.NoSuchResourceException)
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_it_refuses_when_told_to_as_a_policy_does(sandbox: SandboxClient, make_quotas: MakeQuotas) -> None:
    """Most accounts that may send may not read quotas: a program must live with that."""
    sandbox.configure(rate=2.0, quotas_denied=True)
    quotas = make_quotas(sandbox.url)

    error = _refused(quotas, RATE)
    sandbox.configure(quotas_denied=False)

    assert isinstance(error, quotas.exceptions.AccessDeniedException)
    assert "servicequotas:GetServiceQuota" in str(error)
    assert quotas.get_service_quota(ServiceCode="connect", QuotaCode=RATE)["Quota"]["Value"] == 2.0


def test_asking_takes_nothing_from_the_rate_and_is_not_recorded(
    timed_sandbox: Callable[[SandboxOptions], tuple[SandboxClient, Callable[[timedelta], None]]],
    make_quotas: MakeQuotas,
    make_connect: Callable[..., Any],
    request_body: dict[str, Any],
) -> None:
    """Checks of pacing compare arrivals with the allowance; a question is no call."""
    sandbox, _ = timed_sandbox(SandboxOptions(burst=1))
    quotas, connect = make_quotas(sandbox.url), make_connect(sandbox.url)
    for _ in range(3):
        quotas.get_service_quota(ServiceCode="connect", QuotaCode=RATE)

    assert connect.start_outbound_chat_contact(**request_body)["ContactId"]
    connect.close()
    assert (sandbox.stats().calls, len(list(sandbox.arrivals()))) == (1, 1)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"unsigned": True}, "MissingAuthenticationTokenException"),
        ({"service": "connect"}, "InvalidSignatureException"),
        ({"credentials": Credentials(SANDBOX_ACCESS_KEY_ID, "another")}, "InvalidSignatureException"),
        ({"afterwards": {"X-Amz-Target": "ServiceQuotasV20190624.ListServices"}}, "UnknownOperationException"),
        ({"path": "/elsewhere"}, "UnknownOperationException"),
        ({"body": b"not JSON"}, "SerializationException"),
        ({"body": [1]}, "SerializationException"),
        ({"body": {"ServiceCode": "connect"}}, "IllegalArgumentException"),
        ({"body": {"ServiceCode": 1, "QuotaCode": RATE}}, "IllegalArgumentException"),
    ],
)
def test_a_wrong_question_is_told_what_is_wrong(
    signed_call: Callable[..., tuple[int, str | None, str]], changes: dict[str, Any], code: str
) -> None:
    """As strict as for the calls themselves; this protocol names the code in the body."""
    whole = {"body": {"ServiceCode": "connect", "QuotaCode": RATE}, "method": "POST", "path": "/"}
    status, _, body = signed_call(**{**whole, "service": "servicequotas", "headers": dict(TARGET), **changes})

    assert (status, json.loads(body)["__type"]) == (400, code)


@pytest.mark.awscli
def test_the_aws_command_can_ask(sandbox: SandboxClient) -> None:
    """The example of docs/sandbox.md."""
    sandbox.configure(rate=2.0)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    keys = {"AWS_ACCESS_KEY_ID": SANDBOX_ACCESS_KEY_ID, "AWS_SECRET_ACCESS_KEY": SANDBOX_SECRET_ACCESS_KEY}
    command = ["aws", "service-quotas", "get-service-quota", "--endpoint-url", sandbox.url, "--region", "us-east-1"]
    codes = ["--service-code", "connect", "--quota-code", RATE, "--output", "json"]

    done = subprocess.run([*command, *codes], env={**kept, **keys}, capture_output=True, check=True, timeout=60)

    assert json.loads(done.stdout)["Quota"]["Value"] == 2.0


def test_the_command_takes_the_refusal_as_an_option(make_quotas: MakeQuotas) -> None:
    """`--deny-quotas`, for users whose tests are not in Python."""
    code = "import typer; from outbound_chat_worker.cli.sandbox import sandbox; typer.run(sandbox)"
    command = [sys.executable, "-c", code, "--json", "--deny-quotas"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        error = _refused(make_quotas(data_of(process.stdout.readline())["url"]), RATE)
        process.terminate()
        process.communicate(timeout=60)

    assert error.response["Error"]["Code"] == "AccessDeniedException"
