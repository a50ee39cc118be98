"""`outbound-chat sandbox` in a process of its own, as a user starts it."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
import typer
from typer.testing import CliRunner, Result

from outbound_chat_worker.cli.sandbox import sandbox
from outbound_chat_worker.sandbox import SandboxClient
from tests.support.harness import data_of

if TYPE_CHECKING:
    from types_boto3_connect import ConnectClient

_RUN = [sys.executable, "-c", "import typer; from outbound_chat_worker.cli.sandbox import sandbox; typer.run(sandbox)"]


def _start(*options: str) -> "subprocess.Popen[str]":
    return subprocess.Popen([*_RUN, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _run(*options: str) -> Result:
    """Run it in this process: for what ends before anything is served."""
    app = typer.Typer()
    app.command()(sandbox)
    return CliRunner().invoke(app, options, env={"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"})


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_json_gives_the_address_and_a_signal_ends_it_with_totals(number: signal.Signals) -> None:
    """One line on stdout for scripts; the totals are talk and go to stderr."""
    options = ("--rate", "7", "--latency-ms", "1", "--fault", "conflict:0.5", "--max-chats", "9", "--keep", "5")
    with _start("--json", *options) as process:
        assert process.stdout is not None
        url = data_of(process.stdout.readline())["url"]
        assert SandboxClient(url).stats().calls == 0
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=60)

    assert (process.returncode, stdout) == (0, "")
    assert stderr == "0 calls: 0 contacts started, 0 repeated, 0 refused (0 of them throttled)\n"


@pytest.mark.parametrize("pasted", [False, pytest.param(True, marks=pytest.mark.awscli)], ids=["as text", "pasted"])
def test_the_example_it_prints_works_when_pasted(*, pasted: bool) -> None:
    """As text, where the aws command may be missing: it names the operation and the address."""
    with _start("--no-rate-limit") as process:
        assert process.stdout is not None
        text = "".join(iter(process.stdout.readline, "\n"))
        text += "".join(iter(process.stdout.readline, "\n"))
        match = re.search(r"http://127\.0\.0\.1:\d+", text)
        assert match is not None
        if pasted:
            subprocess.run(text[text.index("AWS_ACCESS") :], shell=True, check=True, capture_output=True, timeout=60)  # noqa: S602 - the pasting is what is tested
        assert f"aws connect start-outbound-chat-contact --endpoint-url {match[0]}" in text
        assert SandboxClient(match[0]).stats().accepted == int(pasted)
        process.terminate()
        process.communicate(timeout=60)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--host", "0.0.0.0"), "Invalid value for --host: "),  # noqa: S104 - refused
        (("--host", "example.com"), "--allow-remote"),
        (("--fault", "boom"), "Invalid value: there is no fault 'boom'"),
        (("--rate", "0"), "rate"),
        (("--chat-seconds", "9", "3"), "Invalid value: chat_seconds must be two numbers of seconds, the smaller one"),
        (("--event", "lots=1"), "Invalid value: 'lots=1' in an event is not one of late, doubled,"),
        (("--event", "lost=2"), "Invalid value: lost must be from 0 to 1"),
        (("--event", "delay=inf"), "Invalid value: the delay of an event must be a number, not 'inf'"),
        (("--event", "delay=-1"), "Invalid value: delay must not be negative"),
        (("--event", "header=secret"), "header must be like 'Authorization: "),
    ],
)
def test_wrong_options_are_refused_with_exit_code_2(options: tuple[str, ...], says: str) -> None:
    """Nothing that others can reach is opened by accident."""
    done = _run(*options)

    assert done.exit_code == 2
    assert says in done.stderr


def _cli(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "outbound_chat.cli", "sandbox", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_port_that_is_taken_ends_with_one_sentence_that_names_port_and_option() -> None:
    with _start("--json") as process:
        assert process.stdout is not None
        port = data_of(process.stdout.readline())["url"].rpartition(":")[2]
        done = _cli("--port", port)
        process.terminate()
        process.communicate(timeout=60)

    assert done.returncode == 2
    sentence = f"error: port {port} of 127.0.0.1 is in use by another program; choose another one with --port\n"
    assert done.stderr == sentence


def test_each_call_is_a_line_on_standard_error_and_the_inbox_shows_what_was_sent(
    make_connect: Callable[..., "ConnectClient"], request_body: dict[str, Any], outcome: Callable[..., str]
) -> None:
    """What a developer looks at when a message does not come: did the call arrive, and what did it say?"""
    message = {"ContentType": "text/plain", "Content": "Hello \x1b[2J"}
    with _start("--json") as process:
        assert process.stdout is not None
        url = data_of(process.stdout.readline())["url"]
        connect = make_connect(url)
        sent = connect.start_outbound_chat_contact(
            **{**request_body, "InitialSystemMessage": message, "Attributes": {"order": "A-17"}}
        )
        assert outcome(connect, {**request_body, "InstanceId": "short"}) == "ResourceNotFoundException"
        connect.close()
        shown, as_json = _cli("inbox", "--url", url), _cli("inbox", "--url", url, "--json")
        process.terminate()
        _, stderr = process.communicate(timeout=60)
    gone = _cli("inbox", "--url", url)

    first, second = stderr.splitlines()[:2]
    request_id = sent["ResponseMetadata"]["RequestId"]
    assert first.endswith(f"StartOutboundChatContact +12025550100 accepted {request_id}")
    assert "StartOutboundChatContact +12025550100 ResourceNotFoundException" in second
    head, accepted, refused = shown.stdout.splitlines()
    assert head.split() == ["time", "to", "state", "text", "attributes", "channel", "parts", "flow"]
    flow = request_body["ContactFlowId"]
    assert re.search(rf"\+12025550100  open +Hello \\x1b\[2J  order=A-17  SMS +1  {flow}$", accepted)
    assert "refused: ResourceNotFoundException" in refused
    document = json.loads(as_json.stdout)
    assert document["errors"] == []
    assert [(one["state"], one["text"]) for one in document["data"]] == [("open", message["Content"]), ("refused", "")]
    assert (gone.returncode, gone.stdout) == (2, "")
    assert gone.stderr.startswith(f"error: no sandbox answers at {url}; start outbound-chat dev")


def test_quiet_prints_no_line_for_a_call_and_any_key_takes_any(
    make_connect: Callable[..., "ConnectClient"], request_body: dict[str, Any], outcome: Callable[..., str]
) -> None:
    with _start("--json", "--quiet", "--any-key") as process:
        assert process.stdout is not None
        connect = make_connect(data_of(process.stdout.readline())["url"], aws_access_key_id="mine")
        assert outcome(connect, request_body) == "accepted"
        connect.close()
        process.terminate()
        _, stderr = process.communicate(timeout=60)

    assert len(stderr.splitlines()) == 1


def test_following_prints_each_message_as_a_line_of_json(
    sandbox: SandboxClient, connect: "ConnectClient", request_to: Callable[..., dict[str, Any]]
) -> None:
    command = [sys.executable, "-m", "outbound_chat.cli", "sandbox", "inbox", "--follow", "--json"]
    numbers = ["+12025550101", "+12025550102"]
    with subprocess.Popen([*command, "--url", sandbox.url], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for number in numbers:
            connect.start_outbound_chat_contact(**request_to(number))
            assert json.loads(process.stdout.readline())["to"] == number
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0


def test_following_events_prints_each_as_eventbridge_sends_it(
    make_connect: Callable[..., "ConnectClient"], request_body: dict[str, Any]
) -> None:
    """A line of JSON each, for the next command of a pipe."""
    options = ("--json", "--quiet", "--chat-seconds", "0", "0.01", "--answered", "1", "--event", "delay=3")
    with _start(*options) as server:
        assert server.stdout is not None
        url = data_of(server.stdout.readline())["url"]
        command = [sys.executable, "-m", "outbound_chat.cli", "sandbox", "events", "--follow", "--url", url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            connect = make_connect(url)
            sent = connect.start_outbound_chat_contact(**request_body)["ContactId"]
            connect.close()
            lines = [json.loads(process.stdout.readline()) for _ in range(4)]
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0
        whole = _cli("events", "--url", url, "--json")
        server.terminate()
        server.communicate(timeout=60)

    kinds = [line["detail"]["eventType"] for line in lines]
    assert kinds == ["INITIATED", "CONNECTED_TO_SYSTEM", "DISCONNECTED", "COMPLETED"]
    assert {line["detail"]["contactId"] for line in lines} == {sent}
    assert lines[-1]["detail"]["disconnectReason"] == "CUSTOMER_DISCONNECT"
    assert data_of(whole.stdout) == lines
