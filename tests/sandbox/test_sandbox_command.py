"""`outbound-chat sandbox` in a process of its own, as a user starts it."""

import re
import signal
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner, Result

from outbound_chat_worker.cli.sandbox import sandbox
from outbound_chat_worker.sandbox import SandboxClient
from tests.support.harness import data_of

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
    with _start("--json", "--rate", "7", "--latency-ms", "1", "--fault", "conflict:0.5", "--max-chats", "9") as process:
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
        (("--host", "0.0.0.0"), "--allow-remote"),  # noqa: S104 - refused
        (("--host", "example.com"), "--allow-remote"),
        (("--fault", "boom"), "no fault is called 'boom'"),
        (("--rate", "0"), "rate"),
    ],
)
def test_wrong_options_are_refused_with_exit_code_2(options: tuple[str, ...], says: str) -> None:
    """Nothing that others can reach is opened by accident."""
    done = _run(*options)

    assert done.exit_code == 2
    assert says in done.stderr
