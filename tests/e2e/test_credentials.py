"""Credentials that come late or are repaired are found by workers that run, and nothing was sent without them."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from outbound_chat import Job, JobState, OutboundChat
from outbound_chat_worker.sandbox import SANDBOX_ACCESS_KEY_ID, SANDBOX_SECRET_ACCESS_KEY
from tests.support.harness import Harness, number, sender
from tests.support.waiting import wait_until

ROLE = "arn:aws:iam::123456789012:role/sender"
SHARED = f"""
[{{name}}]
aws_access_key_id = {SANDBOX_ACCESS_KEY_ID}
aws_secret_access_key = {SANDBOX_SECRET_ACCESS_KEY}
"""
ANSWER = f"""<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
<AssumedRoleUser><AssumedRoleId>A:outbound-chat</AssumedRoleId><Arn>{ROLE}</Arn></AssumedRoleUser>
<Credentials><AccessKeyId>{SANDBOX_ACCESS_KEY_ID}</AccessKeyId>
<SecretAccessKey>{SANDBOX_SECRET_ACCESS_KEY}</SecretAccessKey>
<SessionToken>token</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>
</AssumeRoleResult></AssumeRoleResponse>"""
REFUSAL = """<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
<Code>{code}</Code><Message>no</Message></Error><RequestId>1b2c3d4e-1111</RequestId></ErrorResponse>"""


class Sts(ThreadingHTTPServer):
    """Gives everybody the sandbox's credentials as a role's, unless it has an error to answer with."""

    error: tuple[int, str] | None = None

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked = 0


class _Handler(BaseHTTPRequestHandler):
    server: Sts

    def do_POST(self) -> None:  # the name is the library's
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked += 1
        status, code = self.server.error or (200, "")
        body = (REFUSAL.format(code=code) if code else ANSWER).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name is the library's
        """Stays silent."""


@pytest.fixture
def sts() -> Iterator[Sts]:
    with Sts() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def _start(stack: Harness, sts: Sts, **values: str) -> Path:
    """A worker without credentials, for a sender with these values; the file in which it would find some."""
    file = stack.folder / "aws-credentials"
    stack.configure(senders={"support": sender(endpoint_url=stack.sandbox.url, **values)})
    environment = {
        "AWS_ACCESS_KEY_ID": "",
        "AWS_SECRET_ACCESS_KEY": "",
        "AWS_SHARED_CREDENTIALS_FILE": str(file),
        "AWS_CONFIG_FILE": str(stack.folder / "aws-config"),
        "AWS_ENDPOINT_URL_STS": f"http://127.0.0.1:{sts.server_port}",
        "AWS_MAX_ATTEMPTS": "1",
    }
    stack.start_worker(environment=environment)
    return file


def _with_error(chat: OutboundChat, job: Job) -> Job:
    wait_until(lambda: chat.status(job.id).error, what="an error of the first attempt")
    return chat.status(job.id)


def _said(stack: Harness, job: Job) -> str:
    """What somebody reads whose time is over while the sender is held, who waits for a probe of 5 seconds."""
    done = stack.run("wait", job.id, "--timeout", "0")
    assert done.returncode == 4
    return done.stderr


@pytest.mark.parametrize("values", [{}, {"profile": "late"}, {"role_arn": ROLE}], ids=["default", "profile", "role"])
def test_credentials_that_appear_are_used_without_a_restart(stack: Harness, sts: Sts, values: dict[str, str]) -> None:
    """A job that waits for them was never called, and must not end `uncertain`."""
    file = _start(stack, sts, **values)
    chat = stack.chat()
    waiting = _with_error(chat, chat.enqueue(sender="support", to=number(1), text="Hello"))

    assert waiting.error
    assert (waiting.state, waiting.error.code, waiting.maybe_sent) == (JobState.QUEUED, "credentials", False)
    assert "Workers can't send for the sender support (credentials: " in _said(stack, waiting)
    assert "Correct the AWS credentials of the workers" in _said(stack, waiting)
    assert stack.sandbox.stats().calls == 0

    file.write_text(SHARED.format(name=values.get("profile", "default")), encoding="utf-8")
    assert chat.wait(waiting.id, timeout=120).state is JobState.SENT
    assert sts.asked == (1 if "role_arn" in values else 0)
    wait_until(lambda: "sender support: messages are sent again" in stack.logs(), what="the end in the log")
    assert "Traceback" not in stack.logs()
    reason = "could not be found" if "profile" in values else "no AWS credentials were found"
    assert reason in stack.logs()


def test_credentials_that_were_refused_are_looked_for_anew(stack: Harness, sts: Sts) -> None:
    """A key is rotated: the file has the new one, and the client in memory the old one."""
    file = _start(stack, sts)
    file.write_text(SHARED.format(name="default").replace(SANDBOX_SECRET_ACCESS_KEY, "old"), encoding="utf-8")
    chat = stack.chat()
    refused = _with_error(chat, chat.enqueue(sender="support", to=number(1), text="Hello"))
    assert "Workers can't send for the sender support (credentials: " in _said(stack, refused)
    file.write_text(SHARED.format(name="default"), encoding="utf-8")

    assert refused.error
    assert refused.error.code == "credentials"
    assert chat.wait(refused.id, timeout=150).state is JobState.SENT


@pytest.mark.parametrize(
    ("error", "code"),
    [((400, "ValidationError"), "credentials"), ((403, "AccessDenied"), "access_denied"), ((503, ""), "service_error")],
)
def test_a_role_that_sts_does_not_give_sent_nothing(
    stack: Harness, sts: Sts, error: tuple[int, str], code: str
) -> None:
    """The table speaks of Connect's answers; one of STS is no sign of a contact, nor the job's fault."""
    sts.error = error
    _start(stack, sts, role_arn=ROLE).write_text(SHARED.format(name="default"), encoding="utf-8")
    chat = stack.chat()
    job = _with_error(chat, chat.enqueue(sender="support", to=number(1), text="Hello"))

    assert job.error
    assert (job.final, job.error.code, job.maybe_sent) == (False, code, False)
    assert stack.sandbox.stats().calls == 0
    assert "Traceback" not in stack.logs()
    if code == "access_denied":
        assert "sender support: the worker's credentials may not assume the sender's role_arn" in stack.logs()

    assert chat.wait(chat.cancel(job.id).id, timeout=60).final
