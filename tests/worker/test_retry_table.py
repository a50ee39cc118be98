"""The retry table against real answers: each fault of the sandbox through real boto3, judged by the table."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, NoCredentialsError, ProfileNotFound
from botocore.loaders import create_loader
from botocore.retries.standard import ThrottledRetryableChecker, TransientRetryableChecker

from outbound_chat.store.scripts import Outcome
from outbound_chat_config import RetrySettings, Sender, WorkerSettings
from outbound_chat_worker.backoff import backoff
from outbound_chat_worker.connect import UNANSWERED, Connect, NoContactId, NotOfAws
from outbound_chat_worker.pump.retry import (
    BY_AWS_CODE,
    BY_EXCEPTION,
    BY_STATUS,
    UNFORESEEN_ERROR,
    Verdict,
    judge,
)
from outbound_chat_worker.redaction import redact
from outbound_chat_worker.sandbox import (
    Fault,
    FaultKind,
    SandboxClient,
    running_sandbox,
)
from tests.support.harness import UNLIMITED, number, sender
from tests.support.proxy import running_proxy
from tests.support.tls import make_certificates
from tests.support.waiting import wait_until

EXPECTED = {
    FaultKind.THROTTLING: (Outcome.SNOOZE, "throttled", False),
    FaultKind.TOO_MANY_REQUESTS: (Outcome.SNOOZE, "throttled", False),
    FaultKind.BARE_429: (Outcome.SNOOZE, "throttled", False),
    FaultKind.THROTTLING_400: (Outcome.SNOOZE, "throttled", False),
    FaultKind.LIMIT_EXCEEDED: (Outcome.HOLD, "chats_full", False),
    FaultKind.CONFLICT: (Outcome.RETRY, "conflict", False),
    FaultKind.INTERNAL_ERROR: (Outcome.RETRY, "service_error", True),
    FaultKind.INTERNAL_ERROR_AFTER_ACCEPTING: (Outcome.RETRY, "service_error", True),
    FaultKind.UNAVAILABLE: (Outcome.RETRY, "service_error", True),
    FaultKind.HANG_UP: (Outcome.RETRY, "no_answer", True),
    FaultKind.HANG_UP_AFTER_ACCEPTING: (Outcome.RETRY, "no_answer", True),
    FaultKind.LATE: (Outcome.RETRY, "no_answer", True),
    FaultKind.GARBAGE: (Outcome.RETRY, "no_answer", True),
    FaultKind.NO_CONTACT_ID: (Outcome.RETRY, "no_answer", True),
    FaultKind.HALF_ANSWER: (Outcome.RETRY, "no_answer", True),
    FaultKind.ACCESS_DENIED: (Outcome.HOLD, "access_denied", False),
    FaultKind.NOT_FOUND: (Outcome.HOLD, "not_found", False),
    FaultKind.EXPIRED_TOKEN: (Outcome.HOLD, "credentials", False),
    FaultKind.INVALID_SIGNATURE: (Outcome.HOLD, "credentials", False),
    FaultKind.INVALID: (Outcome.FAILED, "refused", False),
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxClient]:
    with running_sandbox(UNLIMITED) as client:
        yield client


SETTINGS = WorkerSettings(
    connect_timeout=timedelta(seconds=60), read_timeout=timedelta(seconds=60), lease=timedelta(minutes=5)
)
IMPATIENT = SETTINGS.model_copy(update={"read_timeout": timedelta(seconds=0.3)})


def _call(url: str, connect: Connect | None = None, **values: object) -> str:
    """`connect`: what was called with before, since making a client is slow."""
    identity = Sender.model_validate(sender(endpoint_url=url, **values))
    request = {
        "InstanceId": identity.instance_id,
        "ContactFlowId": identity.contact_flow_id,
        "SourceEndpoint": {"Type": "CONNECT_PHONENUMBER_ARN", "Address": identity.source},
        "DestinationEndpoint": {"Type": "TELEPHONE_NUMBER", "Address": number(1)},
        "SegmentAttributes": {"connect:Subtype": {"ValueString": "connect:SMS"}},
        "ClientToken": "t",
    }
    return (connect or Connect(SETTINGS)).start_chat(identity, request)


def test_every_kind_of_fault_has_an_expectation() -> None:
    """A fault added to the sandbox must be judged on purpose."""
    assert set(EXPECTED) == set(FaultKind)


@pytest.mark.usefixtures("sandbox_credentials")
@pytest.mark.parametrize("kind", FaultKind)
def test_a_fault_is_judged_as_the_table_says(sandbox: SandboxClient, kind: FaultKind) -> None:
    """A wrong row burns jobs, or texts a customer twice."""
    sandbox.reset()
    late = kind is FaultKind.LATE
    sandbox.configure(faults=(Fault(kind, delay=timedelta(hours=1) if late else None),))

    with pytest.raises(Exception) as caught:  # noqa: PT011  # which one is what the table is about
        _call(sandbox.url, Connect(IMPATIENT if late else SETTINGS))

    rule = judge(caught.value).rule
    assert (rule.outcome, rule.code, rule.maybe_sent) == EXPECTED[kind]
    assert wait_until(lambda: sandbox.stats().calls, what="the call") == 1, "boto3 retried by itself"


@pytest.mark.usefixtures("sandbox_credentials")
def test_a_connection_that_never_stood_sent_nothing() -> None:
    """Refused connections must not make a job `maybe_sent`: it can be cancelled and expire honestly."""
    with pytest.raises(Exception) as caught:  # noqa: PT011  # as above
        _call("http://127.0.0.1:9")

    rule = judge(caught.value).rule
    assert (rule.outcome, rule.code, rule.maybe_sent) == (Outcome.RETRY, "unreachable", False)


@pytest.mark.usefixtures("sandbox_credentials")
def test_a_tls_error_is_retried(sandbox: SandboxClient) -> None:
    """A proxy with a wrong certificate is repaired by people, in minutes."""
    with pytest.raises(Exception) as caught:  # noqa: PT011  # as above
        _call(sandbox.url.replace("http://", "https://"))

    assert judge(caught.value).rule.code == "no_answer"


@pytest.mark.usefixtures("sandbox_credentials")
def test_a_certificate_that_is_refused_sent_nothing(
    sandbox: SandboxClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy that is wrong for an hour must not leave jobs behind of which nobody knows whether they were sent."""
    monkeypatch.setenv("AWS_CA_BUNDLE", str(make_certificates(tmp_path / "ours").ca))
    theirs = make_certificates(tmp_path / "theirs").server_context
    port = int(sandbox.url.rpartition(":")[2])
    with running_proxy(port, tls=theirs) as proxy, pytest.raises(Exception) as caught:  # noqa: PT011  # as above
        _call(f"https://127.0.0.1:{proxy.port}")

    rule = judge(caught.value).rule
    assert (rule.outcome, rule.code, rule.maybe_sent) == (Outcome.RETRY, "unreachable", False)


def test_a_profile_that_does_not_exist_holds_the_sender(sandbox: SandboxClient) -> None:
    """A typing error in the settings must not fail jobs."""
    with pytest.raises(ProfileNotFound) as caught:
        _call(sandbox.url, profile="nobody-has-this-profile")

    assert judge(caught.value).rule.code == "credentials"


GIVEN = """{"Version": 1, "AccessKeyId": "AKIA", "SecretAccessKey": "x", "SessionToken": "x", "Expiration": "%s"}"""
PAST = "2020-01-01T00:00:00Z"
KEYS = "aws_access_key_id = AKIA\naws_secret_access_key = x"


@pytest.mark.parametrize("values", [{}, {"role_arn": "arn:aws:iam::123456789012:role/sender"}])
@pytest.mark.parametrize(
    "config",
    [
        "credential_process = /nonexistent/tool",
        "credential_process = {folder}",
        "credential_process = '",
        "credential_process = echo garbage",
        "credential_process = echo '[]'",
        "credential_process = echo '{{\"Version\": 1}}'",
        "credential_process = printf '\\377'",
        "credential_process = false",
        "credential_process = echo '" + GIVEN.replace("{", "{{").replace("}", "}}").replace('"', '\\"') % "soon" + "'",
        # At the first call they have to be renewed: still expired; a program that works once.
        "credential_process = cat {folder}/given",
        "credential_process = sh -c 'cat {folder}/given; rm {folder}/given 2>/dev/null'",
        "aws_access_key_id = AKIA",
        "sso_session = gone\nsso_account_id = 1\nsso_role_name = r",
        "sso_start_url = https://x.example\nsso_region = us-east-1\nsso_account_id = 1\nsso_role_name = r",
        "login_session = arn:aws:iam::123456789012:user/gone",
        "role_arn = arn:aws:iam::123456789012:role/x\nsource_profile = gone",
        "role_arn = arn:aws:iam::123456789012:role/x\ncredential_source = Nobody",
        "role_arn = arn:aws:iam::123456789012:role/x\nsource_profile = p\nmfa_serial = 1\n{keys}",
        "no value here",
    ],
)
def test_credentials_that_can_not_be_had_hold_the_sender(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sandbox: SandboxClient, config: str, values: dict[str, str]
) -> None:
    """Whoever repairs the profile finds all jobs waiting, and none that failed of it."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "given").write_text(GIVEN % PAST)
    (tmp_path / "config").write_text(f"[profile p]\n{config.format(folder=tmp_path, keys=KEYS)}\n")
    for name, file in (("AWS_CONFIG_FILE", "config"), ("AWS_SHARED_CREDENTIALS_FILE", "none"), ("HOME", "none")):
        monkeypatch.setenv(name, str(tmp_path / file))
    monkeypatch.setattr("getpass.getpass", lambda _: pytest.fail("a worker has nobody to ask"))
    connect = Connect(SETTINGS)
    with pytest.raises(Exception) as caught:  # noqa: PT011  # as above
        _call(sandbox.url, connect, profile="p", **values)

    verdict = judge(caught.value, left=connect.call.left)
    assert (verdict.rule.outcome, verdict.rule.code, verdict.rule.maybe_sent) == (Outcome.HOLD, "credentials", False)
    assert verdict.message


def test_missing_credentials_hold_the_sender() -> None:
    """The role of a machine may be attached late."""
    assert judge(NoCredentialsError()).rule.outcome is Outcome.HOLD


def test_what_nobody_foresaw_is_retried_as_maybe_sent() -> None:
    """A bug of ours must neither lose the job nor let it be sent twice under another token."""
    verdict = judge(ZeroDivisionError("division by zero"))

    assert verdict.rule is UNFORESEEN_ERROR
    assert verdict.rule.maybe_sent
    assert verdict.message == "ZeroDivisionError: division by zero"


def test_what_nobody_foresaw_before_the_call_left_is_no_sign_of_a_contact() -> None:
    """Such a job ends `failed`, and may be enqueued again without a doubt."""
    verdict = judge(AttributeError("no access_key"), left=False)

    assert (verdict.rule.outcome, verdict.rule.code, verdict.rule.maybe_sent) == (
        Outcome.RETRY,
        "unexpected_error",
        False,
    )


@pytest.mark.parametrize("attempts", [1, 2, 5, 9, 100])
def test_backoff_doubles_has_full_jitter_and_is_capped(attempts: int) -> None:
    """Without jitter, workers that failed together come back together."""
    settings = RetrySettings(base=timedelta(seconds=1), cap=timedelta(seconds=60))
    waits = [backoff(attempts, settings).total_seconds() for _ in range(500)]
    longest = min(60, 2 ** (attempts - 1))

    assert 0 <= min(waits) < longest * 0.1
    assert longest * 0.9 < max(waits) <= longest


class _Stranger(BaseHTTPRequestHandler):
    """Answers as what is no Amazon Connect does: a proxy, a web server, another service."""

    answer: tuple[int, dict[str, str], bytes] = (200, {}, b"")

    def do_PUT(self) -> None:  # the name is the library's
        self.rfile.read(int(self.headers["Content-Length"]))
        status, headers, body = self.answer
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_PUT  # noqa: N815  # as above

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name is the library's
        """Stays silent."""


@pytest.fixture(scope="module")
def stranger() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Stranger) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


PAGE = b"<html><body><h1>Not here</h1>Ask +12025550123</body></html>"
OF_AWS = {"x-amzn-RequestId": "1b2c3d4e"}
FOREIGN = (Outcome.HOLD, "foreign_answer", False)
SERVICE = (Outcome.RETRY, "service_error", True)


@pytest.mark.usefixtures("sandbox_credentials")
@pytest.mark.parametrize(
    ("status", "headers", "body", "expected"),
    [
        (301, {"Location": "https://example.com/"}, PAGE, FOREIGN),
        (302, {"Location": "https://example.com/"}, b"", FOREIGN),
        (400, {}, PAGE, FOREIGN),
        (401, {}, PAGE, FOREIGN),
        (403, {}, PAGE, FOREIGN),
        (404, {}, PAGE, FOREIGN),
        (404, {}, b'{"code": "NOT_FOUND", "message": "no such route"}', FOREIGN),
        (404, {}, b'{"code": 5, "message": "no such route"}', FOREIGN),
        (405, {}, b"", FOREIGN),
        (418, {}, PAGE, FOREIGN),
        # Another service of AWS.
        (404, {**OF_AWS, "x-amzn-ErrorType": "UnknownOperationException"}, b"{}", FOREIGN),
        (405, {"x-amz-request-id": "1b2c3d4e"}, b"<Error><Code>MethodNotAllowed</Code></Error>", FOREIGN),
        # Whoever answers, these mean the same.
        (408, {}, PAGE, SERVICE),
        (429, {}, PAGE, (Outcome.SNOOZE, "throttled", False)),
        (500, {}, PAGE, SERVICE),
        (502, {}, PAGE, SERVICE),
        # AWS refuses this one call.
        (400, {**OF_AWS, "x-amzn-ErrorType": "NewException"}, b"{}", (Outcome.FAILED, "unexpected_answer", False)),
        (403, OF_AWS, b"{}", (Outcome.HOLD, "access_denied", False)),
    ],
)
def test_an_answer_that_is_not_of_connect_holds_the_sender(
    stranger: str, status: int, headers: dict[str, str], body: bytes, expected: tuple[Outcome, str, bool]
) -> None:
    """A proxy that is set up wrongly for an hour must not fail the campaign."""
    _Stranger.answer = (status, headers, body)
    with pytest.raises(ClientError) as caught:
        _call(stranger)

    verdict = judge(caught.value)
    assert (verdict.rule.outcome, verdict.rule.code, verdict.rule.maybe_sent) == expected
    assert "12025550123" not in verdict.message


NO_ERRORS_OF_AWS = [
    b"",
    b"[]",
    b"[{}]",
    b'"busy"',
    b"null",
    b"true",
    b"1",
    b"1e999",
    b"NaN",
    b"{",
    b'{"message": ',
    b"{}",
    b'{"message": 5, "__type": []}',
    b'{"message": null, "__type": null}',
    b'{"Message": {"a": 1}, "code": {"b": 2}}',
    b'{"__type": 5}',
    b'{"__type": {":": 1}}',
    b'{"code": [[]]}',
    b'{"Code": false, "code": null}',
    b'{"message": "half of a pair: \\ud800", "__type": "\\udfff"}',
    b"[" * 100_000,
    b'{"a":' * 100_000,
    "<html><body>Zugriff verweigert für +12025550123</body></html>".encode("latin-1"),
    b"\xff\xfe\x00",
    b'{"message": "\xff"}',
    b"\xef\xbb\xbf{}",
    b"1" * 10_000,
]
"""Bodies as a proxy or a broken server may send them."""


STATUSES = (200, 201, 300, 302, 400, 401, 403, 404, 408, 413, 429, 500, 502, 503, 504)


@pytest.fixture(scope="module")
def connect() -> Connect:
    return Connect(SETTINGS)


def _judged(url: str, connect: Connect, status: int, body: bytes) -> Verdict:
    _Stranger.answer = (status, {}, body)
    with pytest.raises((ClientError, NoContactId, NotOfAws)) as caught:
        _call(url, connect)
    return judge(caught.value)


@pytest.mark.usefixtures("sandbox_credentials")
@pytest.mark.parametrize("status", STATUSES)
def test_a_body_that_is_no_error_of_aws_is_judged_as_a_page(stranger: str, connect: Connect, status: int) -> None:
    """By the status alone, whatever a proxy has put into it; and what is recorded of it can be stored."""
    of_page = _judged(stranger, connect, status, PAGE)
    for body in NO_ERRORS_OF_AWS:
        verdict = _judged(stranger, connect, status, body)
        assert verdict.rule is of_page.rule, body[:30]
        assert b"12025550123" not in f"{verdict.aws_code}{verdict.message}".encode()


@pytest.mark.usefixtures("sandbox_credentials")
@pytest.mark.parametrize(
    "body", [b"[]", b"1", b"null", b'{"Quota": 5}', b'{"Quota": {"Value": []}}', b'{"__type": 5, "Quota": 5}']
)
@pytest.mark.parametrize("status", [200, 403, 502])
def test_a_question_to_a_stranger_is_unanswered(stranger: str, connect: Connect, status: int, body: bytes) -> None:
    """So that `doctor` says so and goes on."""
    _Stranger.answer = (status, {}, body)
    with pytest.raises(UNANSWERED):
        connect.allowed_rate(Sender.model_validate(sender(endpoint_url=stranger)))


@pytest.mark.usefixtures("sandbox_credentials")
@pytest.mark.parametrize(
    "body",
    [
        b'{"__type": "ThrottlingException", "message": 5}',
        b'{"code": "com.amazonaws#ThrottlingException:x", "Message": []}',
        b'{"__type": "InvalidRequestException", "Reason": []}',
        b'{"__type": "InvalidRequestException", "Reason": {"AttachedFileInvalidRequestExceptionReason": 5}}',
        b'{"__type": "LimitExceededException", "Message": null}',
    ],
)
def test_the_code_of_an_error_counts_whatever_stands_beside_it(stranger: str, connect: Connect, body: bytes) -> None:
    _Stranger.answer = (400, OF_AWS, body)
    with pytest.raises(ClientError) as caught:
        _call(stranger, connect)

    verdict = judge(caught.value)
    assert verdict.aws_code in body.decode()
    assert verdict.rule is BY_AWS_CODE[verdict.aws_code]


@pytest.mark.usefixtures("sandbox_credentials")
@pytest.mark.parametrize("body", [b'{"ContactId": 5}', b'{"ContactId": ["c"]}', b'{"ContactId": null, "a": {}}'])
def test_a_success_needs_a_contact_id_that_is_a_text(stranger: str, connect: Connect, body: bytes) -> None:
    _Stranger.answer = (200, OF_AWS, body)
    with pytest.raises(NoContactId):
        _call(stranger, connect)
    _Stranger.answer = (200, OF_AWS, b'{"ContactId": "c", "More": ' + b'["\xc3\xa9"]' + b" " * 1_000 + b"}")
    assert _call(stranger, connect) == "c"


@pytest.mark.usefixtures("sandbox_credentials")
def test_the_code_of_a_stranger_repeats_no_number(stranger: str, connect: Connect) -> None:
    """It is recorded and logged."""
    _Stranger.answer = (403, {}, b'{"code": "blocked +12025550123"}')
    with pytest.raises(ClientError) as caught:
        _call(stranger, connect)

    assert judge(caught.value).aws_code == "blocked [number]"


@pytest.mark.usefixtures("sandbox_credentials")
@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        ({"Content-Type": "text/html"}, PAGE, (Outcome.HOLD, "foreign_answer", True)),
        ({}, b"{}", (Outcome.HOLD, "foreign_answer", True)),
        (OF_AWS, b"{}", (Outcome.RETRY, "no_answer", True)),
    ],
)
def test_a_success_that_is_not_of_connect_holds_the_sender(
    stranger: str, headers: dict[str, str], body: bytes, expected: tuple[Outcome, str, bool]
) -> None:
    """As the page is with which a network asks to log in: nobody would know of any job whether it was sent."""
    _Stranger.answer = (200, headers, body)
    with pytest.raises((NoContactId, NotOfAws)) as caught:
        _call(stranger)

    verdict = judge(caught.value)
    assert (verdict.rule.outcome, verdict.rule.code, verdict.rule.maybe_sent) == expected
    assert "12025550123" not in verdict.message


@pytest.mark.usefixtures("sandbox_credentials")
@pytest.mark.parametrize(
    ("said", "seconds"), [("7", 7), ("0" * 12 + "7", 7), ("9" * 5_000, 60), ("-1", 0), ("soon", 0), ("\u00b2", 0)]
)
def test_a_wait_may_be_written_in_any_way(stranger: str, said: str, seconds: int) -> None:
    """Python refuses to read numbers of more than 4,300 digits, with an error of its own."""
    _Stranger.answer = (429, {"Retry-After": said}, b"")
    with pytest.raises(ClientError) as caught:
        _call(stranger)

    assert judge(caught.value).retry_after == timedelta(seconds=seconds)


# https://docs.aws.amazon.com/connect/latest/APIReference/CommonErrors.html
@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [
        ("NotAuthorized", 400, (Outcome.HOLD, "access_denied", False)),
        ("NotAuthorized", 401, (Outcome.HOLD, "access_denied", False)),
        ("RequestAbortedException", 400, SERVICE),
        ("MissingAuthenticationToken", 403, (Outcome.HOLD, "credentials", False)),
    ],
)
def test_errors_that_all_services_have_in_common_stop_no_job(
    code: str, status: int, expected: tuple[Outcome, str, bool]
) -> None:
    """A right that is missing is a matter of the sender, whatever AWS calls it."""
    rule = judge(_answer(code, status)).rule
    assert (rule.outcome, rule.code, rule.maybe_sent) == expected


def _answer(code: str, status: int) -> ClientError:
    answer: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status, "RequestId": "1b2c3d4e"}}
    return ClientError(answer, "StartOutboundChatContact")


# botocore has no public way to its lists, and the stubs know no other.
THROTTLED: Any = ThrottledRetryableChecker()
TRANSIENT: Any = TransientRetryableChecker()
THROTTLING: set[str] = set(THROTTLED._throttled_error_codes)
LEGACY = create_loader().load_data("_retry")["definitions"].values()
LEGACY_ANSWERS = [one["applies_when"]["response"] for one in LEGACY if "response" in one["applies_when"]]


@pytest.mark.parametrize("status", [400, 408, 429])
@pytest.mark.parametrize("code", sorted(THROTTLING - {"LimitExceededException"}))
def test_what_botocore_takes_for_throttling_is_throttling(code: str, status: int) -> None:
    """Its lists are the floor: AWS has answered so, somewhere."""
    assert judge(_answer(code, status)).rule.outcome is Outcome.SNOOZE


@pytest.mark.parametrize("code", TRANSIENT._transient_error_codes)
def test_what_botocore_takes_for_transient_is_tried_again(code: str) -> None:
    """Of a request that timed out nobody knows how far it came."""
    rule = judge(_answer(code, 400)).rule
    assert rule.outcome in {Outcome.RETRY, Outcome.SNOOZE}
    assert rule.maybe_sent is (code not in THROTTLING)


@pytest.mark.parametrize("status", [*TRANSIENT._transient_status_codes, 408])
def test_statuses_that_botocore_takes_for_transient_are_tried_again(status: int) -> None:
    """The contact may have been started."""
    rule = judge(_answer("", status)).rule
    assert (rule.outcome, rule.maybe_sent) == (Outcome.RETRY, True)


@pytest.mark.parametrize("kind", TRANSIENT._transient_exception_cls)
def test_faults_of_a_connection_that_botocore_takes_for_transient_are_tried_again(kind: type[Exception]) -> None:
    """All of them, also those that a later botocore brings."""
    kinds = [kind]
    while kinds:
        one = kinds.pop()
        kinds += one.__subclasses__()
        assert judge(one.__new__(one)).rule.outcome is Outcome.RETRY, one


@pytest.mark.parametrize("answer", LEGACY_ANSWERS, ids=str)
def test_what_the_legacy_mode_of_botocore_tries_again_is_tried_again(answer: dict[str, Any]) -> None:
    """It has a list of its own."""
    error = _answer(answer.get("service_error_code", ""), answer["http_status_code"])
    assert judge(error).rule.outcome in {Outcome.RETRY, Outcome.SNOOZE}


def test_every_hold_says_when_its_first_probe_goes() -> None:
    """Without a wait the probes would be a burst of refused calls."""
    rules = [*BY_AWS_CODE.values(), *BY_STATUS.values(), *(rule for _, rule in BY_EXCEPTION)]

    assert all(bool(rule.wait) is (rule.outcome is Outcome.HOLD) for rule in rules)


def test_full_chats_hold_the_instance() -> None:
    """All senders of the instance share its chats; it is not the pace that is wrong."""
    rule = BY_AWS_CODE["LimitExceededException"]

    assert rule.stops == "instance"
    assert rule.wait
    assert rule.wait >= timedelta(minutes=1)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Destination +12025550123 is not reachable", "Destination [number] is not reachable"),
        ("to +44 20 7946 0958.", "to [number]."),
        ("number 12025550123", "number [number]"),
        ("Request id 1b2c3d4e-1111 took 1500 ms", "Request id 1b2c3d4e-1111 took 1500 ms"),
    ],
)
def test_messages_of_aws_lose_phone_numbers(said: str, kept: str) -> None:
    """They are kept with the job and logged."""
    assert redact(said) == kept


def test_each_row_of_the_table_says_why() -> None:
    """Operators will ask."""
    rules = [*BY_AWS_CODE.values(), *(rule for _, rule in BY_EXCEPTION), UNFORESEEN_ERROR]
    assert all(rule.reason and rule.code.islower() for rule in rules)


@pytest.mark.usefixtures("sandbox_credentials")
@pytest.mark.parametrize(("asked_ms", "seconds"), [(None, 0), (1_500, 1.5), (10_000_000, 60)])
def test_a_wait_that_the_provider_asks_for_is_read_and_capped(
    sandbox: SandboxClient, asked_ms: int | None, seconds: float
) -> None:
    """It knows best; but a slip of its own must not stop us for hours."""
    sandbox.reset()
    sandbox.configure(faults=(Fault(FaultKind.THROTTLING, retry_after_ms=asked_ms),))

    with pytest.raises(Exception) as caught:  # noqa: PT011  # as above
        _call(sandbox.url)

    assert judge(caught.value).retry_after == timedelta(seconds=seconds)
