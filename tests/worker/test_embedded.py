"""The embedded server: it is ours, or there is an error that says why not."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from outbound_chat.children import end
from outbound_chat.listening import CannotListen
from outbound_chat_worker.local.embedded import EmbeddedServer, EmbeddedServerError
from tests.support.harness import Harness

FREE_PORTS = ("--port", "0", "--sandbox-port", "0", "--http-port", "0")


@pytest.fixture
def other(tmp_path: Path) -> Iterator[EmbeddedServer]:
    """A server that was there before."""
    server = EmbeddedServer(tmp_path / "other")
    yield server
    server.stop()


def test_a_port_that_somebody_has_is_refused_and_not_shared(other: EmbeddedServer, tmp_path: Path) -> None:
    """Jobs of a try would land in a server that holds something else, and stay there."""
    with pytest.raises(CannotListen, match=f"port {other.port} of 127.0.0.1 is in use"):
        EmbeddedServer(tmp_path / "own", port=other.port)
    EmbeddedServer(tmp_path / "own").stop()


def test_nobody_is_given_the_port_of_a_server_that_is_down(tmp_path: Path) -> None:
    """Its clients would take another program's server for it, and find nothing there."""
    server = EmbeddedServer(tmp_path / "own")
    try:
        end(server.process)
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", server.port))
        with socket.socket() as client, pytest.raises(ConnectionRefusedError):
            client.connect(("127.0.0.1", server.port))
        server.restart()
    finally:
        server.stop()


def test_a_second_dev_in_one_folder_or_on_one_port_is_one_clear_error(stack: Harness) -> None:
    """The first command somebody types, in two terminals."""
    folder = stack.folder / "dev"
    running = EmbeddedServer(folder / "valkey")
    try:
        same_folder = stack.run("dev", "--folder", str(folder), *FREE_PORTS)
        same_port = stack.run("dev", "--folder", str(stack.folder / "second"), "--port", str(running.port))
    finally:
        running.stop()

    for done, said in (
        (same_folder, f"outbound-chat dev runs already in this folder, {folder}"),
        (same_port, f"port {running.port} of 127.0.0.1 is in use"),
    ):
        assert done.returncode == 2
        assert said in done.stderr
        assert len(done.stderr.splitlines()) == 1, done.stderr


def test_the_reason_is_that_of_this_start(other: EmbeddedServer, tmp_path: Path) -> None:
    """The log of an earlier start on the same folder would give its reason to the next."""
    with pytest.raises(CannotListen, match="in use"):
        EmbeddedServer(tmp_path / "own", port=other.port)
    with pytest.raises(EmbeddedServerError, match="did not start") as caught:
        EmbeddedServer(tmp_path / "own", options=("--no-such-option", "1"))

    assert "in use" not in str(caught.value)


def test_a_folder_that_cant_be_written_is_one_clear_error(stack: Harness) -> None:
    """As in a container whose files are read-only."""
    (stack.folder / "file").touch()
    taken = stack.folder / "taken"
    (taken / "outbound-chat.toml").mkdir(parents=True)  # so that no file can have its name
    for done, said in (
        (stack.run("dev", "--folder", str(stack.folder / "file" / "in-it"), *FREE_PORTS), "Not a directory"),
        (stack.run("dev", "--folder", str(taken), *FREE_PORTS), "Is a directory"),
        (stack.run("dev", "--port", "99999"), "--port"),
        (stack.run("sandbox", "--port", "99999"), "--port"),
    ):
        assert done.returncode == 2
        assert said in done.stderr
        assert "Traceback" not in done.stderr
