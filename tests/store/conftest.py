"""Real servers for the suite: a Valkey by itself, and one that is a cluster of one node.

Each test runs on both. The scripts begin with a shebang, by which the cluster refuses keys in another slot.
"""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import redis

from outbound_chat.store import Store
from outbound_chat_config import is_cluster
from outbound_chat_worker.local.embedded import EmbeddedServer
from tests.support.clock import ClockedStore
from tests.support.harness import free_port
from tests.support.waiting import wait_until

from . import invariants
from .clocked import ClockedLedger
from .ledger import Ledger

PREFIX = "oc-test"
PATIENCE = 60.0
"""Bites on failure only."""


@pytest.fixture(scope="session")
def standalone_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = EmbeddedServer(tmp_path_factory.mktemp("standalone"), fsync="no")
    try:
        yield server.url
    finally:
        server.stop()


@pytest.fixture(scope="session")
def cluster_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    # The bus is given its own port: by default it is 10,000 above the other, which may be past the last.
    options = ("--cluster-enabled", "yes", "--cluster-port", str(free_port()))
    server = EmbeddedServer(tmp_path_factory.mktemp("cluster"), fsync="no", options=options)
    try:
        with redis.Redis(port=server.port, decode_responses=True) as client:
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            wait_until(lambda: "cluster_state:ok" in str(client.execute_command("CLUSTER", "INFO")))
        yield f"redis+cluster://127.0.0.1:{server.port}"
    finally:
        server.stop()


@pytest.fixture(scope="session")
def standalone(standalone_url: str) -> Iterator[Store]:
    with Store(standalone_url, PREFIX, seconds=PATIENCE) as store:
        yield store


@pytest.fixture(scope="session")
def cluster(cluster_url: str) -> Iterator[Store]:
    with Store(cluster_url, PREFIX, seconds=PATIENCE) as store:
        yield store


@pytest.fixture(params=["standalone", "cluster"])
def url(request: pytest.FixtureRequest) -> str:
    """Each of the servers in turn, and with it all that follows."""
    of_server: str = request.getfixturevalue(f"{request.param}_url")
    return of_server


@pytest.fixture
def store(request: pytest.FixtureRequest, url: str) -> Store:
    """The server's store."""
    name = "cluster" if is_cluster(url) else "standalone"
    made: Store = request.getfixturevalue(name)
    return made


@pytest.fixture
def server(url: str) -> Iterator[redis.Redis]:
    """A plain client of the server, which is empty."""
    with redis.Redis(port=urlsplit(url).port or 0, decode_responses=True, encoding_errors="replace") as client:
        client.flushall()
        yield client


@pytest.fixture
def bare_ledger(store: Store, server: redis.Redis) -> Iterator[Ledger]:
    """A ledger in an empty Redis, whose budget nobody has configured."""
    ledger = Ledger(store, server)
    yield ledger
    invariants.check(ledger)


@pytest.fixture
def ledger(bare_ledger: Ledger) -> Ledger:
    """A ledger in an empty Redis, whose budget has calls in plenty."""
    bare_ledger.configure()
    return bare_ledger


@pytest.fixture
def bare_clocked(url: str, store: Store, server: redis.Redis) -> Iterator[ClockedLedger]:
    """A ledger in an empty Redis, whose clock stands still until the test moves it."""
    ledger = ClockedLedger(ClockedStore(url, PREFIX, store.redis), server)
    yield ledger
    invariants.check(ledger)


@pytest.fixture
def clocked(bare_clocked: ClockedLedger) -> ClockedLedger:
    """The same, whose budget has calls in plenty."""
    bare_clocked.configure()
    return bare_clocked


@pytest.fixture
def spoiled(standalone: Store) -> Iterator[Ledger]:
    """A ledger whose keys need not be in order at the end."""
    port = standalone.redis.get_connection_kwargs()["port"]
    with redis.Redis(port=port, decode_responses=True, encoding_errors="replace") as client:
        client.flushall()
        ledger = Ledger(standalone, client)
        ledger.configure()
        yield ledger
