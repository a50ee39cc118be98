"""A file of any length streams in with flat memory."""

from collections.abc import Iterator
from pathlib import Path

import httpx

from tests.support.harness import number

from .conftest import Service

ROWS = 20_000
MOST_GROWTH_KIB = 6_000
"""Half of the body, which is 11 MB: whoever holds the rows, or what is said of the 10,000 refused ones, is above it."""
TEXT = "Your parcel has left. " * 22


def _rows(count: int) -> Iterator[bytes]:
    yield b"to,text\n"
    for row in range(count):
        yield f"{'12' if row % 2 else number(row)},{TEXT}\n".encode()


def _peak_kib(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))


def _send(http: httpx.Client, count: int) -> None:
    options = {"sender": "support"}
    answer = http.post("/v1/batches", params=options, content=_rows(count), headers={"Content-Type": "text/csv"})
    receipt = answer.json()
    assert (receipt["accepted"], receipt["rejected"]) == (count // 2, count // 2)
    assert [one["row"] for one in receipt["rejections"]] == list(range(2, count + 1, 2))


def test_memory_does_not_grow_with_the_rows_nor_with_those_refused(service: Service, http: httpx.Client) -> None:
    _send(http, 2_000)
    before = _peak_kib(service.process.pid)
    _send(http, ROWS)
    assert _peak_kib(service.process.pid) - before < MOST_GROWTH_KIB
