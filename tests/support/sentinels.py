"""A primary, its replica and three sentinels that watch them: real processes, as in a small production."""

import contextlib
import subprocess
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from outbound_chat.children import end, spawn
from outbound_chat_worker.local.embedded import EmbeddedServer, find_server
from tests.support.harness import free_port
from tests.support.proxy import Proxy, running_proxy
from tests.support.waiting import wait_until

SERVICE = "outbound"
SENTINELS = 3
DOWN_AFTER_MS = 1_000
_OPTIONS = ("--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1")


class SentinelSet:
    """What a test starts; all of it ends with the block, by its own process ids."""

    def __init__(self, folder: Path, *, fsync: str = "everysec") -> None:
        """Starts all and waits until each sentinel knows the replica and the others. `fsync` is the servers'."""
        self._stack = ExitStack()
        self.servers = [EmbeddedServer(folder / f"server-{number}", fsync=fsync, options=_OPTIONS) for number in (1, 2)]
        for server in self.servers:
            self._stack.callback(server.stop)
        primary = self.servers[0]
        self._line: Proxy = self._stack.enter_context(running_proxy(primary.port))
        self._replicate(primary.port)
        self.ports = [self._start_sentinel(folder / f"sentinel-{number}", primary) for number in range(SENTINELS)]
        wait_until(self._is_known, timeout=60, what="sentinels that know each other and the replica")

    @property
    def url(self) -> str:
        """Address of the store."""
        return f"redis+sentinel://{','.join(f'127.0.0.1:{port}' for port in self.ports)}/{SERVICE}"

    def client(self, server: EmbeddedServer) -> redis.Redis:
        """A client of one server, whatever it is now; close it."""
        return redis.Redis(port=server.port, decode_responses=True, socket_timeout=5, retry=Retry(NoBackoff(), 0))

    def primary(self) -> EmbeddedServer:
        """The server that the sentinels name."""
        ports = {server.port: server for server in self.servers}
        return ports[int(self._ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)[1])]

    def other(self, server: EmbeddedServer) -> EmbeddedServer:
        """The one of the two servers that is not this."""
        (other,) = (one for one in self.servers if one is not server)
        return other

    def fail_over(self, *how: str) -> None:
        """Asks for a failover that somebody planned; returns at once. `COORDINATED`: Valkey 9.0 and newer."""
        self._ask("SENTINEL", "FAILOVER", SERVICE, *how)

    def wait_promoted(self, server: EmbeddedServer) -> None:
        """Waits until the sentinels name this server and it is a primary."""
        wait_until(lambda: self.primary() is server, timeout=60, what="a new primary")
        with self.client(server) as client:
            wait_until(lambda: client.info("replication")["role"] == "master", what="its promotion")

    def wait_demoted(self, server: EmbeddedServer) -> None:
        """Waits until this server, which was the primary and may think that it is, takes no more writes."""
        with self.client(server) as client:
            wait_until(
                lambda: client.info("replication")["role"] == "slave", timeout=60, what="the end of the old primary"
            )

    def wait_follows(self, server: EmbeddedServer) -> None:
        """Waits until this server, which was the primary, is a replica that has caught up. Sentinels see to it."""
        with self.client(server) as client:
            wait_until(
                lambda: client.info("replication").get("master_link_status") == "up", timeout=60, what="the old primary"
            )

    def stall_replication(self) -> None:
        """Keeps back what the replica should get, until `kill_primary`. Sentinels repair it after about 8 s."""
        self._replicate(self._line.port)
        self._line.hold("answers")

    def kill_primary(self) -> EmbeddedServer:
        """kill -9 of the primary; returns the other server, once the sentinels name it."""
        gone = self.primary()
        other = self.other(gone)
        gone.process.kill()
        gone.process.wait(60)
        self._line.cut()
        self._line.let_pass()
        self.wait_promoted(other)
        return other

    def _replicate(self, port: int) -> None:
        with self.client(self.servers[1]) as client:
            client.replicaof("127.0.0.1", port)

            def is_up() -> bool:
                state = client.info("replication")
                return (state["master_link_status"], state["master_port"]) == ("up", port)

            wait_until(is_up, what="the replication")

    def _start_sentinel(self, folder: Path, primary: EmbeddedServer) -> int:
        folder.mkdir(parents=True)
        port = free_port()
        # A sentinel writes what it learns into its own file.
        (folder / "sentinel.conf").write_text(
            f"port {port}\nbind 127.0.0.1\ndir {folder}\nlogfile {folder}/sentinel.log\n"
            f"sentinel monitor {SERVICE} 127.0.0.1 {primary.port} 2\n"
            f"sentinel down-after-milliseconds {SERVICE} {DOWN_AFTER_MS}\n"
            f"sentinel failover-timeout {SERVICE} 10000\nsentinel parallel-syncs {SERVICE} 1\n"
        )
        command = [find_server(), str(folder / "sentinel.conf"), "--sentinel"]
        self._stack.callback(end, spawn(command, output=subprocess.DEVNULL))
        return port

    def _is_known(self) -> bool:
        def knows(port: int) -> bool:
            state = _state(port)
            return state.get("num-slaves") == "1" and state.get("num-other-sentinels") == str(SENTINELS - 1)

        return all(knows(port) for port in self.ports)

    def _ask(self, *command: str) -> Any:
        with redis.Redis(port=self.ports[0], decode_responses=True, socket_timeout=5) as client:
            return client.execute_command(*command)

    def close(self) -> None:
        """Ends everything."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _state(port: int) -> dict[str, str]:
    with contextlib.suppress(redis.RedisError), redis.Redis(port=port, decode_responses=True) as client:
        found = client.sentinel_master(SERVICE)
        return {str(name): str(value) for name, value in found.items()}
    return {}
