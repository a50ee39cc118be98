"""What `doctor` says of a budget's rate beside the quota that AWS, or the sandbox, applies."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from outbound_chat.model.diagnostics import Check, Level
from outbound_chat_config import Sender, WorkerSettings
from outbound_chat_worker.cli.quotas import quota_checks
from outbound_chat_worker.connect import Connect
from outbound_chat_worker.runtime import Runtime
from tests.support.harness import Harness, data_of, running_harness, sender

pytestmark = pytest.mark.usefixtures("sandbox_credentials")
NOBODY = "http://127.0.0.1:9"  # the discard port: nothing listens there


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    with running_harness(tmp_path_factory.mktemp("quotas")) as harness:
        yield harness


@pytest.fixture
def idle(whole: Harness) -> Harness:
    """A stack that the tests share, since none of them stores anything; the sandbox allows what a new account may."""
    whole.sandbox.reset()
    whole.sandbox.configure(rate=2.0)
    whole.configure()
    return whole


def quota_line(harness: Harness, **environment: str) -> dict[str, Any]:
    """Doctor's line on the quota of the budget."""
    done = harness.run("doctor", "--json", environment=environment)
    assert "Traceback" not in done.stderr
    (line,) = [check for check in data_of(done.stdout) if check["subject"] == "quota of main"]
    return dict(line)


def quota_check(harness: Harness) -> Check:
    """The same line without a process for it: several seconds each on a busy machine."""
    (check,) = quota_checks(harness.settings, Connect(harness.settings.worker))
    return check


def budget_of(harness: Harness, rate: float, **senders: dict[str, Any]) -> None:
    senders = senders or {"support": sender(endpoint_url=harness.sandbox.url)}
    harness.configure(budgets={"main": {"rate": rate}}, senders=senders)


def test_a_rate_above_the_quota_is_a_warning_with_both_numbers_and_the_way_out(idle: Harness) -> None:
    """The mistake that shows only as throttled calls, at night."""
    budget_of(idle, 20.0)

    line = quota_line(idle)

    assert line == {
        "subject": "quota of main",
        "level": "warning",
        "finding": "budgets.main.rate is 20, but AWS allows 2 in us-east-1 "
        f"(Service Quotas L-408DD6C6 at {idle.sandbox.url}): calls would be throttled",
        "advice": "set rate = 2 or ask AWS for more",
    }


@pytest.mark.parametrize(
    ("rate", "allowed", "said"),
    [
        (2.0, 2.0, "budgets.main.rate is 2, AWS allows 2 in us-east-1 ("),
        (8.0, 10.0, "budgets.main.rate is 8, AWS allows 10 in us-east-1 ("),
        (2.0, 10.0, "): 8 calls a second are left to whatever else"),
        (2.0, None, "budgets.main.rate is 2; no value is applied in us-east-1 ("),
    ],
)
def test_a_rate_within_the_quota_is_in_order(idle: Harness, rate: float, allowed: float | None, said: str) -> None:
    """Less than AWS allows may be meant, for agents and other programs: said, and no warning."""
    budget_of(idle, rate)
    idle.sandbox.configure(rate=allowed)

    check = quota_check(idle)

    assert check.level is Level.OK
    assert said in check.finding
    assert check.advice == "", "nothing has to be done"


def test_without_the_permission_it_says_how_to_give_it_and_finds_no_fault(idle: Harness) -> None:
    """Sending needs no such permission, so its lack must not end a check of the deployment."""
    budget_of(idle, 2.0)
    idle.sandbox.configure(quotas_denied=True)

    line = quota_line(idle)

    assert line["level"] == "ok"
    assert line["finding"].startswith(
        "budgets.main.rate is 2; not compared with a quota (support: not allowed to ask Service Quotas; to compare, "
        "allow these credentials servicequotas:GetServiceQuota"
    )


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("UnrecognizedClientException", "support: AWS credentials are missing, expired or refused"),
        ("", "support: no AWS credentials were found"),
    ],
)
def test_without_good_credentials_it_gives_no_advice_on_permissions(
    idle: Harness, monkeypatch: pytest.MonkeyPatch, code: str, said: str
) -> None:
    """Who has no credentials is not helped by what else they should allow."""
    if not code:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            monkeypatch.setenv(name, "/nonexistent")
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with server_that_says(400, json.dumps({"__type": code, "Message": "no"}).encode()) as url:
        budget_of(idle, 2.0, support=sender(endpoint_url=url))
        check = quota_check(idle)

    assert check.level is Level.OK
    assert check.finding.endswith(f"; not compared with a quota ({said})")


def test_an_endpoint_that_does_not_answer_is_a_fault_and_the_last_line_counts(idle: Harness) -> None:
    """Nothing is sent while the sandbox is down, and the other lines were all in order."""
    senders = {name: sender(endpoint_url=NOBODY) for name in ("first", "second")}
    budget_of(idle, 2.0, **senders, third=sender(endpoint_url=idle.sandbox.url))
    lines = idle.run("doctor").stdout.splitlines()

    (line,) = [line for line in lines if "endpoint_url of" in line]
    assert line.startswith(f"error    endpoint_url of first  {NOBODY} can't be reached: ")
    assert line.endswith(" → start the sandbox, or correct endpoint_url")
    warnings = sum(line.startswith("warning ") for line in lines)
    assert lines[-1] == f"{warnings} warning{'' if warnings == 1 else 's'}, 1 error."


@pytest.mark.parametrize("broken", [{"endpoint_url": NOBODY}, {"profile": "nowhere"}])
def test_another_sender_of_the_budget_is_asked_when_the_first_gets_no_answer(
    idle: Harness, broken: dict[str, str]
) -> None:
    """The quota belongs to the account: who asks does not matter."""
    budget_of(idle, 20.0, first=sender(**broken))
    alone = quota_check(idle)
    budget_of(idle, 20.0, first=sender(**broken), second=sender(endpoint_url=idle.sandbox.url))
    helped = quota_check(idle)

    assert (alone.level, helped.level) == (Level.OK, Level.WARNING)
    assert "first: " in alone.finding


def test_senders_of_aws_are_asked_for_where_boto3_finds_service_quotas(idle: Harness) -> None:
    """As with the other endpoints of AWS, a variable may lead elsewhere."""
    budget_of(idle, 20.0, support=sender())
    elsewhere = {"AWS_ENDPOINT_URL_STS": NOBODY, "AWS_ENDPOINT_URL_SERVICE_QUOTAS": idle.sandbox.url}

    line = quota_line(idle, **elsewhere)

    assert "AWS allows 2 in us-east-1 (Service Quotas L-408DD6C6): calls" in line["finding"]


def test_a_sender_of_aws_is_asked_before_one_of_a_stand_in(idle: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a budget has both, the sandbox's allowance is nobody's measure."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_SERVICE_QUOTAS", idle.sandbox.url)
    with server_that_says(200, b'{"Quota": {"Value": 1000}}') as url:
        budget_of(idle, 20.0, stand_in=sender(endpoint_url=url), support=sender())

        check = quota_check(idle)

    assert (check.level, check.advice) == (Level.WARNING, "set rate = 2 or ask AWS for more")


def test_workers_that_leave_the_reserve_go_by_the_same_settings(idle: Harness) -> None:
    """What workers allow themselves is the rate without the reserve: no difference to warn of."""
    idle.configure(budgets={"main": {"rate": 2.0, "reserve": 0.3}})
    Runtime(idle.settings).configure("main")

    same = idle.run("doctor", "--json")
    idle.configure(budgets={"main": {"rate": 2.0}})
    other = idle.run("doctor", "--json")

    found = [[check for check in data_of(done.stdout) if check["subject"] == "budget main"] for done in (same, other)]
    assert found[0] == []
    assert [check["finding"] for check in found[1]] == [
        (
            "workers allow themselves 1.7/s in bursts of 4; "
            "these settings, rate 2 and burst 5, give them 2/s in bursts of 4"
        )
    ]


@contextmanager
def server_that_says(status: int, body: bytes) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the library's
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>"),
        (404, b"<html>"),
        (403, b""),
        (200, b"{}"),
        (200, b'{"Quota":{"Value":2.0,"Period":{"PeriodValue":0,"PeriodUnit":"SECOND"}}}'),
        (200, b'{"Quota":{"Value":2.0,"Period":{"PeriodValue":1,"PeriodUnit":"FORTNIGHT"}}}'),
    ],
)
def test_a_server_that_is_no_service_quotas_is_no_fault(idle: Harness, status: int, body: bytes) -> None:
    """`endpoint_url` may be a private endpoint for Connect alone, or a stand-in of the user's own."""
    with server_that_says(status, body) as url:
        budget_of(idle, 20.0, support=sender(endpoint_url=url))

        assert quota_check(idle).level is Level.OK


def test_a_quota_of_another_period_is_brought_to_a_second() -> None:
    """Service Quotas may state a rate by the minute."""
    quota = {"Quota": {"Value": 120.0, "Period": {"PeriodValue": 1, "PeriodUnit": "MINUTE"}}}
    with server_that_says(200, json.dumps(quota).encode()) as url:
        asked = Sender.model_validate(sender(endpoint_url=url))

        assert Connect(WorkerSettings()).allowed_rate(asked) == 2.0
