"""Calls `StartOutboundChatContact` through boto3: one attempt, no retries of its own.

Policy is elsewhere: `retry` judges errors. The main idea: clients are created once per process, after any fork, since a
client that two processes share after a fork mixes up their answers.
"""

import math
import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from functools import partial
from importlib.metadata import version
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials, RefreshableCredentials
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    ParamValidationError,
)
from botocore.parsers import ResponseParserError

from outbound_chat_config import ContactEventSettings, Sender, WorkerSettings
from outbound_chat_worker.pump.answers import make_readable
from outbound_chat_worker.redaction import silence_debug_logs
from outbound_chat_worker.signing import choose_signer

RATE_QUOTA = "L-408DD6C6"
"""Code of "Rate of StartOutboundChatContact API requests".
https://docs.aws.amazon.com/connect/latest/adminguide/amazon-connect-service-limits.html"""

UNANSWERED = (
    *(BotoCoreError, ClientError, ResponseParserError),
    *(OSError, ValueError, AttributeError, TypeError, ArithmeticError),
)
"""What a query to AWS can raise, including errors of other servers, and of programs and files that a profile names."""


def identity_of(sender: Sender) -> tuple[str | None, ...]:
    """Returns who calls, and where: senders with the same identity share a client."""
    secret = sender.external_id.get_secret_value() if sender.external_id else None
    return sender.region, sender.profile, sender.role_arn, secret, sender.endpoint_url


class NoContactId(HTTPClientError):
    """The answer was a success without a ContactId, so nothing is known about the contact."""

    fmt = "The answer had no ContactId"


class NotOfAws(BotoCoreError):
    """The answer was a success with neither a ContactId nor a request id, which all answers of AWS have."""

    fmt = "The answer had no request id of AWS"


class TooLate(Exception):
    """The call was not sent, since its slot in the pace of the budget had passed."""


class ThreadsCall(threading.local):
    """The state of the call of a thread."""

    leaves_by: float = math.inf
    left: bool = False
    """Whether it was sent. From then on, only AWS knows its outcome."""
    client: Any = None


_MISSING_SECONDS = 5.0
"""How long to wait before looking for credentials of the same identity again."""
_YOUNG_SECONDS = 1.0
"""A younger client is always kept: many jobs may fail at once, and creating a client is slow."""


class Connect:
    """The clients of Amazon Connect. Safe to share between threads, but not between processes."""

    def __init__(self, settings: WorkerSettings, *, budgets: int = 1) -> None:
        """`budgets`: the number of budgets that may share a client."""
        silence_debug_logs()
        self._read_seconds = settings.read_timeout.total_seconds()
        self._config = Config(
            retries={"total_max_attempts": 1, "mode": "standard"},
            connect_timeout=settings.connect_timeout.total_seconds(),
            read_timeout=self._read_seconds,
            # A pool smaller than the threads, one of which asks about chats, would pay a TLS handshake a call.
            max_pool_connections=settings.threads * settings.pumps * budgets + 1,
            tcp_keepalive=True,
            # botocore would build its own name twice a call, and check again what `ChatRequest.errors` has checked.
            user_agent=f"{botocore.session.get_session().user_agent()} outbound-chat/{version('outbound-chat')}",
            parameter_validation=False,
        )
        self._clients: dict[tuple[str | None, ...], tuple[Any, float]] = {}
        """The client of each identity, and `time.monotonic()` at its creation."""
        self._missing_until: dict[tuple[str | None, ...], float] = {}
        # boto3 sessions are not thread-safe; the clients that they make are.
        self._lock = threading.Lock()
        self.call = ThreadsCall()

    def prepare(self, sender: Sender) -> Any:
        """Returns the sender's client, and creates it if needed, so that its first call need not wait for it.

        Raises:
            botocore.exceptions.BotoCoreError: the client can't be created. `start_chat` will raise the same.
        """
        self.call.client = None
        self.call.client = self._client(sender)
        return self.call.client

    def start_chat(self, sender: Sender, request: dict[str, Any], *, leaves_by: float = math.inf) -> str:
        """Makes the call and returns the ContactId. `leaves_by`: latest `time.monotonic()` at which it may be sent.

        Raises:
            TooLate: that time had passed; nothing was sent.
            botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError: see `retry.judge`.
        """
        self.call.leaves_by, self.call.left, self.call.client = leaves_by, False, None
        self.call.client = self._client(sender)
        answer = self.call.client.start_outbound_chat_contact(**request)
        contact_id = answer.get("ContactId")
        if not isinstance(contact_id, str) or not contact_id:
            raise NoContactId() if answer["ResponseMetadata"].get("RequestId") else NotOfAws()
        return contact_id

    def forget_credentials(self, sender: Sender) -> None:
        """Makes the sender's next call look for credentials again, after a call of this thread failed because of them.

        A client keeps the credentials that it found when it was made.
        """
        with self._lock:
            client, made_at = self._clients.get(identity_of(sender), (None, 0.0))
            # Another thread may have replaced the client since, with better credentials.
            if client is self.call.client and time.monotonic() - made_at > _YOUNG_SECONDS:
                self._clients.pop(identity_of(sender), None)

    def client(self, sender: Sender, service: str, **options: Any) -> Any:
        """Makes a client of another service, or for other operations, which the caller closes."""
        with self._lock:
            make: Any = session_of(sender).client  # its overloads want a literal
            return make(service, config=self._config, **options)

    def queue_client(self, wanted: ContactEventSettings, *, wait_seconds: int = 0) -> Any:
        """Makes a client of SQS for the queue of contact events. `wait_seconds`: how long a receive may wait."""
        config = self._config.merge(Config(read_timeout=wait_seconds + self._read_seconds))
        # Without the lock: a slow search for its credentials must not delay calls.
        session = session_of(wanted.model_copy(update={"region": wanted.queue_region}))
        return session.client("sqs", config=config, endpoint_url=wanted.endpoint_url)

    def identity(self, sender: Sender) -> str:
        """Returns the ARN of the sender's credentials from STS. Raises one of `UNANSWERED`."""
        with closing(self.client(sender, "sts")) as client:
            return str(client.get_caller_identity()["Arn"])

    def allowed_rate(self, sender: Sender) -> float | None:
        """Returns the calls per second that AWS allows the sender's account in its Region; None if not set there.

        It asks Service Quotas at the sender's `endpoint_url`, or else where boto3 finds it, such as
        `AWS_ENDPOINT_URL_SERVICE_QUOTAS`. Raises one of `UNANSWERED`.
        """
        with closing(self.client(sender, "service-quotas", endpoint_url=sender.endpoint_url)) as client:
            try:
                answer = client.get_service_quota(ServiceCode="connect", QuotaCode=RATE_QUOTA)
            except client.exceptions.NoSuchResourceException:
                return None
        quota = answer.get("Quota", {})
        if "Value" not in quota:
            return None
        period = quota.get("Period", {})
        # Units are names such as MINUTE: https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_QuotaPeriod.html
        unit = f"{period.get('PeriodUnit', 'SECOND').lower()}s"
        return float(quota["Value"] / timedelta(**{unit: period.get("PeriodValue", 1)}).total_seconds())

    def _client(self, sender: Sender) -> Any:
        identity = identity_of(sender)
        found = self._clients.get(identity)
        if found is None:
            with self._lock:
                found = self._clients.get(identity)
                if found is None:
                    found = self._clients[identity] = self._make_client(sender), time.monotonic()
        return found[0]

    def _make_client(self, sender: Sender) -> Any:
        # Asking a machine for its role can take a second, and every job of the sender would ask.
        if time.monotonic() < self._missing_until.get(identity_of(sender), 0.0):
            raise NoCredentialsError
        try:
            client = session_of(sender).client("connect", config=self._config, endpoint_url=sender.endpoint_url)
        except NoCredentialsError:
            self._missing_until[identity_of(sender)] = time.monotonic() + _MISSING_SECONDS
            raise
        client.meta.events.register_last("choose-signer.connect.StartOutboundChatContact", choose_signer)
        # The last moment before the signed bytes leave: https://docs.aws.amazon.com/boto3/latest/guide/events.html
        client.meta.events.register("before-send.connect.StartOutboundChatContact", self._leave)
        client.meta.events.register("before-parse.connect.StartOutboundChatContact", make_readable)
        return client

    def _leave(self, **_: object) -> None:
        if time.monotonic() > self.call.leaves_by:
            raise TooLate
        self.call.left = True


def session_of(sender: Sender | ContactEventSettings) -> boto3.Session:
    """Returns a session with the sender's credentials. Raises `NoCredentialsError` if there are none."""
    session = boto3.Session(profile_name=sender.profile, region_name=sender.region)
    found = _asked(session, session.get_credentials)
    if found is None:
        # A client would be made nevertheless and never look again; one for a role would fail.
        raise NoCredentialsError
    if isinstance(found, RefreshableCredentials):
        _watch(session, found)
    return _with_role(session, sender, sender.role_arn) if sender.role_arn else session


def _watch(session: boto3.Session, credentials: Any) -> None:
    """Makes the renewal of credentials, at any call, raise the same errors as `_asked`."""
    credentials.get_frozen_credentials = partial(_asked, session, credentials.get_frozen_credentials)


def _asked(session: boto3.Session, ask: Callable[[], Any]) -> Any:
    """Gets credentials. Programs and files that a profile names can fail in any way, which is not a fault of the job.

    Errors of botocore and AWS are kept, except for a role that is not a valid parameter.
    """
    try:
        return ask()
    except Exception as error:
        if isinstance(error, BotoCoreError | ClientError) and not isinstance(error, ParamValidationError):
            raise
        text = f"{type(error).__name__}: {error}"
        raise CredentialRetrievalError(provider=f"profile {session.profile_name}", error_msg=text) from error


def _with_role(session: boto3.Session, sender: Sender | ContactEventSettings, role_arn: str) -> boto3.Session:
    """Returns a session whose credentials come from the sender's role and renew themselves."""
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
    _watch(session, assumed._credentials)  # noqa: SLF001  # as above
    return boto3.Session(botocore_session=assumed, region_name=sender.region)
