"""Calls `StartOutboundChatContact` through boto3: one attempt, no retries of its own.

Not for policy: an error is judged by `retry`. The one idea: clients are made once a process and after any fork, since
a client that was carried over a fork mixes up the answers of two processes.
"""

import math
import threading
import time
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
from botocore.exceptions import HTTPClientError

from outbound_chat_config import Sender, WorkerSettings


class NoContactId(HTTPClientError):
    """The answer was a success without a ContactId: nothing can be said of the contact."""

    fmt = "The answer had no ContactId"


class TooLate(Exception):
    """The call was not sent: its place in the budget's pace had passed before it could leave."""


class Connect:
    """Amazon Connect as senders reach it. Safe to share between threads; not between processes."""

    def __init__(self, settings: WorkerSettings, *, budgets: int = 1) -> None:
        """`budgets`: how many may share a client."""
        self._config = Config(
            retries={"total_max_attempts": 1, "mode": "standard"},
            connect_timeout=settings.connect_timeout.total_seconds(),
            read_timeout=settings.read_timeout.total_seconds(),
            # A pool smaller than the threads would throw connections away and pay a TLS handshake a call.
            max_pool_connections=settings.threads * settings.pumps * budgets,
            tcp_keepalive=True,
        )
        self._clients: dict[tuple[str | None, ...], Any] = {}
        # boto3 sessions are not safe to use from several threads; the clients they make are.
        self._lock = threading.Lock()
        self._call = threading.local()

    def prepare(self, sender: Sender) -> None:
        """Makes the sender's client, so that its first call does not pay for it.

        Raises:
            botocore.exceptions.BotoCoreError: no client can be made; `start_chat` will say the same.
        """
        self._client(sender)

    def start_chat(self, sender: Sender, request: dict[str, Any], *, leaves_by: float = math.inf) -> str:
        """Makes the call and returns the ContactId. `leaves_by`: latest `time.monotonic()` at which it may be sent.

        Raises:
            TooLate: that time had passed; nothing was sent.
            botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError: see `retry.judge`.
        """
        self._call.leaves_by = leaves_by
        answer = self._client(sender).start_outbound_chat_contact(**request)
        contact_id = answer.get("ContactId")
        if not isinstance(contact_id, str) or not contact_id:
            raise NoContactId(error="no ContactId")
        return contact_id

    def identity(self, sender: Sender) -> str:
        """ARN that AWS knows the sender's credentials by; asks STS.

        Raises:
            botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError: AWS can't be asked, or refuses.
        """
        with self._lock:
            client = _session(sender).client("sts", config=self._config)
        arn: str = client.get_caller_identity()["Arn"]
        return arn

    def _client(self, sender: Sender) -> Any:
        secret = sender.external_id.get_secret_value() if sender.external_id else None
        identity = (sender.region, sender.profile, sender.role_arn, secret, sender.endpoint_url)
        client = self._clients.get(identity)
        if client is None:
            with self._lock:
                client = self._clients.get(identity)
                if client is None:
                    client = self._clients[identity] = self._make_client(sender)
        return client

    def _make_client(self, sender: Sender) -> Any:
        client = _session(sender).client("connect", config=self._config, endpoint_url=sender.endpoint_url)
        # The last moment before the bytes leave, signed and all: https://docs.aws.amazon.com/boto3/latest/guide/events.html
        client.meta.events.register("before-send.connect.StartOutboundChatContact", self._check_time)
        return client

    def _check_time(self, **_: object) -> None:
        if time.monotonic() > self._call.leaves_by:
            raise TooLate


def _session(sender: Sender) -> boto3.Session:
    session = boto3.Session(profile_name=sender.profile, region_name=sender.region)
    return _with_role(session, sender, sender.role_arn) if sender.role_arn else session


def _with_role(session: boto3.Session, sender: Sender, role_arn: str) -> boto3.Session:
    """A session whose credentials come from the sender's role and renew themselves."""
    arguments = {"RoleSessionName": "outbound-chat"}
    if sender.external_id:
        arguments["ExternalId"] = sender.external_id.get_secret_value()
    plain = session._session  # noqa: SLF001  # boto3 has no public way to a session with refreshing role credentials
    fetcher = AssumeRoleCredentialFetcher(
        client_creator=plain.create_client,
        source_credentials=plain.get_credentials(),
        role_arn=role_arn,
        extra_args=arguments,
    )
    assumed: Any = botocore.session.Session()
    assumed._credentials = DeferredRefreshableCredentials(  # noqa: SLF001  # as above
        method="assume-role", refresh_using=fetcher.fetch_credentials
    )
    return boto3.Session(botocore_session=assumed, region_name=sender.region)
