"""A cluster of several primaries whose slots move: real servers, as in a small production."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import redis
from redis.crc import key_slot

from outbound_chat_worker.local.embedded import EmbeddedServer
from tests.support.harness import free_port
from tests.support.waiting import wait_until

SLOTS = 16384
READY_SECONDS = 60.0
_NODE_TIMEOUT_MS = "5000"
_MIGRATE_MS = 30_000


def slot_of(budget: str, prefix: str = "oc") -> int:
    """The slot of all keys of a budget."""
    return int(key_slot(f"{prefix}:{{{budget}}}:".encode()))


@dataclass(frozen=True, slots=True)
class Node:
    """A primary."""

    server: EmbeddedServer
    client: redis.Redis
    """A plain client of this node alone: it follows no redirection."""
    id: str

    def run(self, *command: object) -> Any:
        """Sends a command to this node."""
        return self.client.execute_command(*command)  # type: ignore[no-untyped-call]


class Cluster:
    """What a test starts; all of it ends with the block, by its own process ids."""

    def __init__(self, folder: Path, *, size: int = 3, spare: int = 0, fsync: str = "no") -> None:
        """Starts so many nodes that share the slots, and some to spare without any, and waits until all know that."""
        self._stack = ExitStack()
        self._folder, self._fsync = folder, fsync
        self.nodes: list[Node] = []
        try:
            for index in range(size):
                self._start().run("CLUSTER", "ADDSLOTSRANGE", SLOTS * index // size, SLOTS * (index + 1) // size - 1)
            for _ in range(spare):
                self._start()
            self._join(self.nodes[1:])
        except BaseException:
            self.stop()
            raise

    @property
    def url(self) -> str:
        """Address of the store."""
        return f"redis+cluster://127.0.0.1:{self.nodes[0].server.port}"

    def owner(self, slot: int) -> Node:
        """The node that has the slot, as it says itself."""
        (owner,) = [node for node in self.nodes if any(first <= slot <= last for first, last in _own_slots(node))]
        return owner

    def flush(self) -> None:
        """Empties all nodes."""
        for node in self.nodes:
            node.run("FLUSHALL")

    def _start(self) -> Node:
        # The bus is given its own port: by default it is 10,000 above the other, which may be past the last.
        options = (
            *(
                "--cluster-enabled",
                "yes",
                "--cluster-port",
                str(free_port()),
                "--cluster-node-timeout",
                _NODE_TIMEOUT_MS,
            ),
            # A node that gives its last slot away would become a replica of the one that took it.
            *("--cluster-allow-replica-migration", "no"),
        )
        server = EmbeddedServer(self._folder / f"node-{len(self.nodes)}", fsync=self._fsync, options=options)
        self._stack.callback(server.stop)
        client = redis.Redis(port=server.port, decode_responses=True, encoding_errors="replace", socket_timeout=60)
        self._stack.callback(client.close)
        node = Node(server, client, client.execute_command("CLUSTER", "MYID"))  # type: ignore[no-untyped-call]
        self.nodes.append(node)
        # Two nodes with one epoch would both claim a slot that has moved.
        node.run("CLUSTER", "SET-CONFIG-EPOCH", len(self.nodes))
        return node

    def _join(self, new: Sequence[Node]) -> None:
        first = self.nodes[0]
        bus = first.run("CONFIG", "GET", "cluster-port")["cluster-port"]
        for node in new:
            node.run("CLUSTER", "MEET", "127.0.0.1", first.server.port, bus)
        wait_until(self._is_whole, timeout=READY_SECONDS, what="a cluster whose nodes know each other")

    def _is_whole(self) -> bool:
        """Whether each node is connected to all others, and knows all slots."""
        return all(
            "cluster_state:ok" in str(node.run("CLUSTER", "INFO"))
            and sum(seen["connected"] and "handshake" not in seen["flags"] for seen in _seen_by(node))
            == len(self.nodes)
            for node in self.nodes
        )

    def stop(self) -> None:
        """Ends all servers."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _seen_by(node: Node) -> list[dict[str, Any]]:
    return list(node.run("CLUSTER NODES").values())


def _own_slots(node: Node) -> list[tuple[int, int]]:
    (own,) = [seen for seen in _seen_by(node) if "myself" in seen["flags"]]
    return [(int(slots[0]), int(slots[-1])) for slots in own["slots"]]


class SlotMove:
    """A slot on its way from one node to another, step by step, as `redis-cli --cluster reshard` takes them.

    https://valkey.io/commands/cluster-setslot/
    """

    def __init__(self, cluster: Cluster, slot: int, target: Node) -> None:
        self.cluster, self.slot, self.target = cluster, slot, target
        self.source = cluster.owner(slot)

    def open(self) -> None:
        """From here on the source lets nobody make a key, and the target takes what it is asked by `ASKING`."""
        self.target.run("CLUSTER", "SETSLOT", self.slot, "IMPORTING", self.source.id)
        self.source.run("CLUSTER", "SETSLOT", self.slot, "MIGRATING", self.target.id)

    def move_keys(self, most: int = SLOTS) -> int:
        """Moves keys that are still at the source; how many."""
        names: list[str] = self.source.run("CLUSTER", "GETKEYSINSLOT", self.slot, most)
        if names:
            port = self.target.server.port
            self.source.run("MIGRATE", "127.0.0.1", port, "", 0, _MIGRATE_MS, "KEYS", *names)
        return len(names)

    def keys_left(self) -> int:
        """How many keys are still at the source."""
        return int(self.source.run("CLUSTER", "COUNTKEYSINSLOT", self.slot))

    def assign(self) -> None:
        """Gives the slot to the target, and waits until every node knows."""
        for node in (self.target, self.source):
            node.run("CLUSTER", "SETSLOT", self.slot, "NODE", self.target.id)
        wait_until(self._is_known, timeout=READY_SECONDS, what="nodes that all know who has the slot")

    def _is_known(self) -> bool:
        return all(_owner_id(node, self.slot) == self.target.id for node in self.cluster.nodes)


def _owner_id(node: Node, slot: int) -> str:
    for seen in _seen_by(node):
        if any(int(slots[0]) <= slot <= int(slots[-1]) for slots in seen["slots"]):
            return str(seen["node_id"])
    return ""


def move_at_once(cluster: Cluster, slot: int, target: Node) -> None:
    """Valkey 9's `CLUSTER MIGRATESLOTS`: the target replicates the slot and takes it over in one moment.

    https://valkey.io/commands/cluster-migrateslots/
    """
    source = cluster.owner(slot)
    source.run("CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", slot, slot, "NODE", target.id)
    wait_until(
        lambda: all(_owner_id(node, slot) == target.id for node in cluster.nodes),
        timeout=READY_SECONDS,
        what="the end of an atomic migration",
    )
