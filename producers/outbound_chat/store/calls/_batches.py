"""What producers and callers ask of batches."""

from collections.abc import Mapping
from typing import Any

from outbound_chat.store.calls._call import Call
from outbound_chat.store.keys import Keys


def open_batch(
    keys: Keys,
    *,
    batch: str,
    lane: str,
    name: str,
    shared: str,
    weight: float | None = None,
    concurrency: int | None = None,
) -> Call[str]:
    """Begins a batch; twice changes nothing."""
    limits: list[str | float] = ["" if limit is None else limit for limit in (weight, concurrency)]
    return Call("open_batch", keys, [batch, lane, name, shared, *limits], str)


def close_batch(keys: Keys, *, batch: str, rejected: int) -> Call[str]:
    """Says that no more jobs come; answers `ok` or `gone`."""
    return Call("close_batch", keys, [batch, rejected], str)


def read_batch(keys: Keys, batch: str) -> Call[tuple[int, Mapping[str, str]] | None]:
    """How many jobs of the batch are scheduled, and its book; None: there is no such batch."""

    def read(reply: list[Any]) -> tuple[int, Mapping[str, str]] | None:
        if len(reply) == 1:
            return None
        return int(reply[1]), dict(zip(reply[2::2], reply[3::2], strict=True))

    return Call("read_batch", keys, [batch], read)


def read_shared(keys: Keys, batch: str) -> Call[str]:
    """The part of the request that all jobs of the batch share, as stored; empty: there is none."""
    return Call("read_shared", keys, [batch], str)
