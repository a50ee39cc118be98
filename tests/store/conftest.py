"""Real servers for the suite: a Valkey by itself, and one that is a cluster of one node.

Each test runs on both. The scripts begin with a shebang, by which the cluster refuses keys in another slot.
"""

import socket
from collections.abc import Iterator

import pytest
import redis

from outbound_chat.store import Store
from outbound_chat_worker.embedded import EmbeddedServer
from tests.clock import ClockedStore
from tests.waiting import wait_until

from . import invariants
from .clocked import ClockedLedger
from .ledger import Ledger

PREFIX = "oc-test"
PATIENCE = 60.0
"""Bites on failure only."""


@pytest.fixture(scope="session")
def standalone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    server = EmbeddedServer(tmp_path_factory.mktemp("standalone"), fsync="no")
    try:
        with Store(server.url, PREFIX, seconds=PATIENCE) as store:
            yield store
    finally:
        server.stop()


@pytest.fixture(scope="session")
def cluster_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    # The bus is given its own port: by default it is 10,000 above the other, which may be past the last.
    options = ("--cluster-enabled", "yes", "--cluster-port", str(_free_port()))
    server = EmbeddedServer(tmp_path_factory.mktemp("cluster"), fsync="no", options=options)
    try:
        with redis.Redis(port=server.port, decode_responses=True) as client:
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            wait_until(lambda: "cluster_state:ok" in str(client.execute_command("CLUSTER", "INFO")))
        yield f"redis+cluster://127.0.0.1:{server.port}"
    finally:
        server.stop()


@pytest.fixture(scope="session")
def cluster(cluster_url: str) -> Iterator[Store]:
    with Store(cluster_url, PREFIX, seconds=PATIENCE) as store:
        yield store


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(params=["standalone", "cluster"])
def bare_ledger(request: pytest.FixtureRequest) -> Iterator[Ledger]:
    """A ledger in an empty Redis, whose budget nobody has configured."""
    store: Store = request.getfixturevalue(request.param)
    node = store.redis.get_primaries()[0].port if store.clustered else store.redis.get_connection_kwargs()["port"]
    with redis.Redis(port=node, decode_responses=True, encoding_errors="replace") as client:
        client.flushall()
        ledger = Ledger(store, client)
        yield ledger
        invariants.check(ledger)


@pytest.fixture
def ledger(bare_ledger: Ledger) -> Ledger:
    """A ledger in an empty Redis, whose budget has calls in plenty."""
    bare_ledger.configure()
    return bare_ledger


@pytest.fixture
def clocked(standalone: Store) -> Iterator[ClockedLedger]:
    """A ledger whose clock stands still until the test moves it, and whose budget has calls in plenty."""
    port = standalone.redis.get_connection_kwargs()["port"]
    with (
        ClockedStore(f"redis://127.0.0.1:{port}/0", PREFIX) as store,
        redis.Redis(port=port, decode_responses=True) as client,
    ):
        client.flushall()
        ledger = ClockedLedger(store, client)
        ledger.configure()
        yield ledger
        invariants.check(ledger)
