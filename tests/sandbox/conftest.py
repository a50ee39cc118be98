"""A sandbox for each test, clients that speak to it, and a sandbox whose clock the test moves."""

import asyncio
import http.client
import json
import queue
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from outbound_chat_worker.sandbox import (
    SANDBOX_ACCESS_KEY_ID,
    SANDBOX_SECRET_ACCESS_KEY,
    Clock,
    SandboxClient,
    SandboxOptions,
    running_sandbox,
    serve,
)

if TYPE_CHECKING:
    from types_boto3_connect import ConnectClient

_NO_LIMITS = SandboxOptions(rate=None, max_chats=1_000_000)


@pytest.fixture(scope="session")
def sandbox_process() -> Iterator[SandboxClient]:
    with running_sandbox(_NO_LIMITS) as client:
        yield client


@pytest.fixture
def sandbox(sandbox_process: SandboxClient) -> SandboxClient:
    sandbox_process.reset()
    return sandbox_process


@pytest.fixture
def request_body() -> dict[str, Any]:
    """The least that is accepted."""
    return {
        "InstanceId": "11111111-2222-3333-4444-555555555555",
        "ContactFlowId": "66666666-7777-8888-9999-000000000000",
        "SourceEndpoint": {
            "Type": "CONNECT_PHONENUMBER_ARN",
            "Address": "arn:aws:connect:us-east-1:123456789012:phone-number/aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
        },
        "DestinationEndpoint": {"Type": "TELEPHONE_NUMBER", "Address": "+12025550100"},
        "SegmentAttributes": {"connect:Subtype": {"ValueString": "connect:SMS"}},
    }


@pytest.fixture
def request_to(request_body: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    """Make a request to a number, with further parameters."""

    def make(number: str, **parameters: Any) -> dict[str, Any]:
        return {
            **request_body,
            "DestinationEndpoint": {"Type": "TELEPHONE_NUMBER", "Address": number},
            **parameters,
        }

    return make


@pytest.fixture(scope="session")
def make_connect() -> Callable[..., "ConnectClient"]:
    """Make a boto3 client without retries; parameters replace those of `boto3.client`."""
    session = boto3.session.Session()

    def make(url: str, **parameters: Any) -> "ConnectClient":
        defaults: dict[str, Any] = {
            "endpoint_url": url,
            "region_name": "us-east-1",
            "aws_access_key_id": SANDBOX_ACCESS_KEY_ID,
            "aws_secret_access_key": SANDBOX_SECRET_ACCESS_KEY,
            "config": Config(retries={"total_max_attempts": 1}, read_timeout=60, max_pool_connections=1),
        }
        client: ConnectClient = session.client("connect", **{**defaults, **parameters})
        return client

    return make


@pytest.fixture
def make_client() -> Iterator[Callable[..., Any]]:
    """Make a boto3 client of a service; parameters replace those of `boto3.client`."""
    clients = []

    def make(service: str, url: str, **parameters: Any) -> Any:
        defaults: dict[str, Any] = {
            "endpoint_url": url,
            "region_name": "us-east-1",
            "aws_access_key_id": SANDBOX_ACCESS_KEY_ID,
            "aws_secret_access_key": SANDBOX_SECRET_ACCESS_KEY,
            "config": Config(retries={"total_max_attempts": 1}, read_timeout=60),
        }
        create: Any = boto3.session.Session().client  # the stubs know Connect only
        clients.append(create(service, **{**defaults, **parameters}))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def make_sqs(make_client: Callable[..., Any]) -> Callable[..., Any]:
    return partial(make_client, "sqs")


@pytest.fixture(scope="session")
def connect_client(
    sandbox_process: SandboxClient, make_connect: Callable[..., "ConnectClient"]
) -> Iterator["ConnectClient"]:
    client = make_connect(sandbox_process.url)
    yield client
    client.close()


@pytest.fixture
def connect(sandbox: SandboxClient, connect_client: "ConnectClient") -> "ConnectClient":
    """A boto3 client of a sandbox that is as new."""
    assert connect_client.meta.endpoint_url == sandbox.url
    return connect_client


@pytest.fixture(scope="session")
def outcome() -> Callable[..., str]:
    """Call Connect and tell `accepted` or the error code."""

    def call(client: "ConnectClient", request: dict[str, Any]) -> str:
        try:
            client.start_outbound_chat_contact(**request)
        except ClientError as error:
            return error.response["Error"]["Code"]
        return "accepted"

    return call


@pytest.fixture
def signed_call(sandbox: SandboxClient) -> Callable[..., tuple[int, str | None, str]]:
    """Send any body, signed by botocore's signer: what a client with its own checks would never send.

    Answers the HTTP status, the error code and the body. `headers` are signed too; `afterwards` replaces headers after
    signing, and None there removes one.
    """

    def call(
        body: Any,
        *,
        method: str = "PUT",
        path: str = "/contact/outbound-chat",
        headers: dict[str, str] | None = None,
        afterwards: dict[str, str | None] | None = None,
        service: str = "connect",
        credentials: Credentials | None = None,
        unsigned: bool = False,
    ) -> tuple[int, str | None, str]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = AWSRequest(method, sandbox.url + path, data=data, headers=headers)
        if "Content-Type" not in request.headers:
            request.headers["Content-Type"] = "application/json"
        if not unsigned:
            credentials = credentials or Credentials(SANDBOX_ACCESS_KEY_ID, SANDBOX_SECRET_ACCESS_KEY)
            SigV4Auth(credentials, service, "us-east-1").add_auth(request)
        sent = dict(request.prepare().headers.items())
        sent.update({name: value for name, value in (afterwards or {}).items() if value is not None})
        for name in [name for name, value in (afterwards or {}).items() if value is None]:
            del sent[name]
        connection = http.client.HTTPConnection(sandbox.url.removeprefix("http://"), timeout=60)
        try:
            connection.request(method, path, body=data, headers=sent)
            response = connection.getresponse()
            return response.status, response.getheader("x-amzn-ErrorType"), response.read().decode()
        finally:
            connection.close()

    return call


class _ManualClock(Clock):
    def __init__(self) -> None:
        self.passed = timedelta(0)
        self._started = datetime.now(UTC)

    def monotonic(self) -> float:
        return self.passed.total_seconds()

    def now(self) -> datetime:
        return self._started + self.passed

    def advance(self, by: timedelta) -> None:
        self.passed += by


@pytest.fixture
def timed_sandbox() -> Iterator[Callable[[SandboxOptions], tuple[SandboxClient, Callable[[timedelta], None]]]]:
    """Start a sandbox in this process; answers its client and the function that moves its clock."""
    stops: list[tuple[asyncio.AbstractEventLoop, asyncio.Event, threading.Thread]] = []

    def start(options: SandboxOptions) -> tuple[SandboxClient, Callable[[timedelta], None]]:
        clock = _ManualClock()
        addresses: queue.SimpleQueue[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]] = queue.SimpleQueue()

        async def run() -> None:
            stop, loop = asyncio.Event(), asyncio.get_running_loop()
            await serve(options, ready=lambda url: addresses.put((url, loop, stop)), stop=stop, clock=clock)

        thread = threading.Thread(target=asyncio.run, args=(run(),))
        thread.start()
        url, loop, stop = addresses.get(timeout=60)
        stops.append((loop, stop, thread))
        return SandboxClient(url), clock.advance

    yield start
    for loop, stop, thread in stops:
        loop.call_soon_threadsafe(stop.set)
        thread.join(60)
