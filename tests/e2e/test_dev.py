"""`outbound-chat dev`: the place where a developer works, and what its terminal says."""

import errno
import json
import os
import re
import signal
import sys
import tomllib
import uuid
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import httpx
import pytest
import redis

from outbound_chat import Job, JobState, OutboundChat
from outbound_chat_config import Settings
from outbound_chat_worker.local.ports import cannot_listen
from outbound_chat_worker.sandbox import SandboxClient
from tests.support.harness import Harness, data_of, number
from tests.support.tagged import TAG, tagged
from tests.support.waiting import wait_until

FREE_PORTS = ("--port", "0", "--sandbox-port", "0", "--http-port", "0")
BROKEN = "demo-broken"


class Dev:
    """A running `dev`, and a program that uses it."""

    def __init__(self, stack: Harness, *options: str) -> None:
        self._stack = stack
        self.tag = uuid.uuid4().hex
        self.folder = stack.folder / ".outbound-chat"
        command = [
            sys.executable,
            "-m",
            "outbound_chat.cli",
            "dev",
            "--folder",
            str(self.folder),
            *FREE_PORTS,
            *options,
        ]
        self.process = stack.start(command, {TAG: self.tag, "COLUMNS": "200"})
        self.sees("Senders   demo, demo-whatsapp, demo-broken; budget main: ")
        self.sees("Messages are shown here")
        stack.settings_file = self.folder / "outbound-chat.toml"
        self.settings = Settings.from_values(**tomllib.loads(stack.settings_file.read_text(encoding="utf-8")))
        self.sandbox = SandboxClient(re.findall(r"Sandbox +(http\S+)", stack.logs())[0])
        self.chat = OutboundChat.from_settings(self.settings)

    def send(self, to: str, *, sender: str = "demo", text: str = "Hello") -> Job:
        return self.chat.enqueue(sender=sender, to=to, text=text)

    def sends(self, to: str, *, sender: str = "demo", text: str = "Hello") -> None:
        """Sends a message, and waits for its end."""
        assert self.chat.wait(self.send(to, sender=sender, text=text).id, timeout=120).state is JobState.SENT

    def sees(self, text: str) -> None:
        """Waits for words in the terminal."""
        wait_until(lambda: text in self._stack.logs(), what=f"{text!r} in the terminal of dev")

    def part(self, words: str) -> int:
        """The process id of a part: of Valkey, which writes its own title, or by words of its command."""
        if words == "Valkey":
            with redis.Redis.from_url(self.settings.redis_url.get_secret_value()) as client:
                return int(client.info("server")["process_id"])
        commands = {pid: Path(f"/proc/{pid}/cmdline").read_bytes().decode() for pid in tagged(self.tag)}
        return next(pid for pid, command in commands.items() if words in command.replace("\0", " "))


@pytest.fixture
def dev(stack: Harness) -> Iterator[Dev]:
    dev = Dev(stack, "--rate", "50", "--burst", "50")
    yield dev
    dev.chat.close()


def test_its_terminal_shows_each_message_and_how_to_release_a_sender(stack: Harness, dev: Dev) -> None:
    """Who tries a number that breaks its sender learns at once why nothing else goes, and what to do."""
    dev.sends(number(1), text="One\ntwo " + "long " * 20)
    dev.send("+12025550140")
    held = [dev.send("+12025550144", sender=BROKEN), dev.send("+12025550145", sender=BROKEN)]

    dev.sees(f"sent       demo  {number(1)}  One two long long long long long long l…")
    dev.sees("failed: refused  demo  +12025550140  Hello")
    dev.sees(f"warning: sender {BROKEN} is held (not_found: ")
    dev.sees(f"Cancel the one that can't be sent, then:\n  outbound-chat release --sender {BROKEN}\n")
    dev.sends(number(2))
    for job in held:
        dev.chat.cancel(job.id)
    released = stack.run("release", "--sender", BROKEN)
    assert (released.returncode, released.stderr.splitlines()[0]) == (
        0,
        f"sender {BROKEN} is retried now; the system holds it until a retry succeeds",
    )
    dev.sends(number(3), sender=BROKEN)
    dev.sees(f"sender {BROKEN} is released: its messages continue")
    dev.chat.hold(sender="demo", reason="lunch")
    dev.sees(
        "warning: sender demo is held by a person (lunch): its messages wait. To release it:\n  outbound-chat release"
    )

    assert stack.logs().count(f"warning: sender {BROKEN}") == 1, "once, however often it probes"
    sent = json.loads(stack.run("sandbox", "inbox", "--json").stdout)["data"]
    assert [message["to"] for message in sent if message["state"] != "refused"] == [number(1), number(2), number(3)]


def test_its_terminal_shows_the_end_of_each_chat(stack: Harness, dev: Dev) -> None:
    """Chats last seconds there, so that a developer sees what contact events are for."""
    assert dev.settings.contact_events is not None
    assert dev.settings.contact_events.queue_url == f"{dev.sandbox.url}/123456789012/contact-events"
    dev.sandbox.configure(answered=1.0)
    dev.sends(number(1))
    dev.sandbox.configure(answered=0.0)
    dev.sends(number(2), sender="demo-whatsapp")
    dev.sees(f"demo-whatsapp  {number(2)}  Hello")
    dev.sees(f"demo  {number(1)}  Hello")

    for contact in dev.sandbox.contacts():
        dev.sandbox.close_chat(contact.contact_id)

    dev.sees(f"chat over  demo  {number(1)}  CONTACT_FLOW_DISCONNECT, answered\n")
    dev.sees(f"chat over  demo-whatsapp  {number(2)}  CONTACT_FLOW_DISCONNECT\n")
    assert stack.logs().count("chat over") == 2


def test_a_number_that_fills_the_instance_leaves_demo_alone(stack: Harness, dev: Dev) -> None:
    """The other kind of hold: it stops all senders of an instance."""
    dev.send("+12025550145", sender=BROKEN)

    dev.sees("is held (chats_full: ")
    dev.sends(number(1))
    assert "warning: sender demo is held" not in stack.logs()


@pytest.mark.parametrize(
    ("part", "words", "said"),
    [
        ("the sandbox", "outbound_chat_worker.sandbox", "warning: the sandbox was killed (SIGKILL); restarting it"),
        ("Valkey", "Valkey", "warning: Valkey was killed (SIGKILL); restarting it"),
        ("a worker", "-m outbound_chat_worker --loglevel", "warning: worker process 1"),
        ("the HTTP service", "-m outbound_chat.http", "warning: HTTP service 1 was killed (SIGKILL); it is started"),
    ],
)
def test_a_part_that_dies_is_named_at_once_and_starts_again(dev: Dev, part: str, words: str, said: str) -> None:
    """Else messages wait, and nobody knows why."""
    dev.sends(number(1))

    os.kill(dev.part(words), signal.SIGKILL)

    dev.sees(said)
    dev.sends(number(2))
    assert httpx.get(f"http://127.0.0.1:{dev.settings.http.port}/ui", timeout=60).status_code == 200
    assert dev.process.poll() is None, part
    assert dev.chat.events().next >= 2, "what was sent before is not lost"


def test_a_valkey_that_hangs_is_named_until_it_answers(dev: Dev) -> None:
    """Its process lives, so nothing starts it again."""
    server = dev.part("Valkey")
    os.kill(server, signal.SIGSTOP)
    try:
        dev.sees("warning: Valkey does not answer: messages wait until it does")
    finally:
        os.kill(server, signal.SIGCONT)

    dev.sees("Valkey answers again")
    dev.sends(number(1))


def test_many_messages_are_counted_and_not_all_shown(stack: Harness, dev: Dev) -> None:
    """A campaign must not hide what needs a person, nor slow `dev` down. All end between two of its looks."""
    rows = [{"to": number(index), "text": "Hello"} for index in range(400)]
    os.kill(dev.process.pid, signal.SIGSTOP)
    try:
        receipt = dev.chat.enqueue_batch(rows, sender="demo")
        assert dev.chat.wait_batch(receipt.id, timeout=120).counts[JobState.SENT] == len(rows)
    finally:
        os.kill(dev.process.pid, signal.SIGCONT)

    dev.sees("… 390 more sent, 1 more batch ended")
    assert len(re.findall(r"^\d\d:\d\d:\d\d \S+  sent  ", stack.logs(), re.MULTILINE)) == 10


def test_it_ends_everything_on_ctrl_c_and_its_settings_then_say_so(stack: Harness, dev: Dev) -> None:
    """The next command is typed in the next week, and nobody remembers that `dev` was ended."""
    dev.chat.close()
    os.kill(dev.process.pid, signal.SIGINT)
    assert dev.process.wait(60) == 0
    assert tagged(dev.tag) == []

    done = stack.run("list", environment={"OUTBOUND_CHAT_REDIS_TIMEOUT": "1"})
    assert done.returncode == 3
    assert f"These are the settings of `outbound-chat dev`, which does not run: {stack.settings_file}" in done.stderr
    other = stack.run("list", environment={"OUTBOUND_CHAT_REDIS_URL": "redis://127.0.0.1:1/0"})
    assert "outbound-chat dev" not in other.stderr


def test_a_port_in_use_is_one_sentence_that_names_port_option_and_owner(stack: Harness, dev: Dev) -> None:
    """The first command somebody types, in two terminals."""
    valkey, sandbox = (url.rpartition(":")[2].partition("/")[0] for url in (dev.settings.broker, dev.sandbox.url))
    folder = ("--folder", str(stack.folder / "other"))
    for options, said in (
        (
            ("--port", valkey),
            (
                f"port {valkey} of 127.0.0.1 is in use by another program; choose another one with --port\n"
                f"outbound-chat dev already runs in {dev.folder}; for another one, add"
            ),
        ),
        (
            ("--port", "0", "--sandbox-port", "0", "--http-port", str(dev.settings.http.port)),
            f"port {dev.settings.http.port} of 127.0.0.1 is in use by another program; choose another one with --http-",
        ),
        (
            ("--port", "0", "--sandbox-port", sandbox),
            f"port {sandbox} of 127.0.0.1 is in use by another program; choose another one with --sandbox-port",
        ),
    ):
        done = stack.run("dev", *folder, *options)
        assert done.returncode == 2
        assert done.stderr.startswith(f"error: {said}")
    again = stack.run("dev", "--folder", str(dev.folder), "--port", valkey)
    assert (again.returncode, again.stderr) == (
        2,
        f"error: outbound-chat dev runs already in this folder, {dev.folder}\n",
    )


def test_a_server_whose_folder_may_not_be_looked_at_is_no_dev(stack: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its data belong to another user."""
    monkeypatch.setattr(Path, "exists", Mock(side_effect=PermissionError("no")))
    error = cannot_listen(OSError(errno.EADDRINUSE, ""), stack.server.port, "--port")

    assert str(error).startswith(f"port {stack.server.port} of 127.0.0.1 is in use")
    assert not hasattr(error, "__notes__")


def test_settings_that_it_did_not_write_are_not_overwritten(stack: Harness) -> None:
    """`--folder .` names the folder of a program with settings of its own."""
    own = stack.folder / "own" / "outbound-chat.toml"
    own.parent.mkdir()
    own.write_bytes(stack.settings_file.read_bytes())
    done = stack.run("dev", "--folder", "own", *FREE_PORTS)
    said = f"error: {own} has settings of your own, which would be lost; name another folder\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", said)
    assert own.read_bytes() == stack.settings_file.read_bytes()


def test_json_is_one_line_with_the_addresses(stack: Harness) -> None:
    """For scripts, which read one line and no more."""
    folder = stack.folder / "dev"
    command = [sys.executable, "-m", "outbound_chat.cli", "dev", "--json", "--folder", str(folder), *FREE_PORTS]
    stack.start(command)
    wait_until(lambda: '"sandbox_url"' in stack.logs(), timeout=60, what="the addresses")
    addresses = data_of(next(line for line in stack.logs().splitlines() if line.startswith("{")))
    stack.settings_file = Path(addresses["settings"])

    sent = stack.run("send", "--sender", "demo", "--to", number(1), "--text", "Hello", "--wait", "60", "--json")

    assert sent.returncode == 0, sent.stderr
    assert addresses["senders"] == ["demo", "demo-whatsapp", BROKEN]
    shown = stack.run("ui", environment={"BROWSER": "/nosuch/browser", "PATH": "/nosuch"})
    assert (shown.returncode, shown.stdout.strip()) == (0, addresses["dashboard_url"])
    assert addresses["inbox_url"] == f"{addresses['sandbox_url']}/inbox"
    assert number(1) not in stack.logs()
