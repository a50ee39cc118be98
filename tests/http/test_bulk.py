"""Bodies of rows that break off: the same request goes on, packed or not, and nobody is texted twice."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from outbound_chat.store import Store
from tests.support.harness import Harness, running_harness
from tests.support.waiting import wait_until

from .conftest import Service, start_service
from .problems import problem
from .test_batches import CSV, OPTIONS, rows_of_csv

KEY = {"Idempotency-Key": "campaign-7", **CSV}
ROWS, EVERY = 5_000, 7


def accepted(stack: Harness) -> int:
    """Jobs that the budget has taken so far."""
    with Store(stack.server.url) as store:
        return store.counts(store.keys("main")).get("accepted", 0)


def test_a_request_that_broke_off_is_repeated_and_takes_no_row_twice(tmp_path: Path) -> None:
    """Its connection is cut first, then the service is killed; each time in the middle of the body."""
    body, good = rows_of_csv(ROWS, EVERY), ROWS - ROWS // EVERY
    with running_harness(tmp_path) as stack:
        service = start_service(stack)

        def half(most: int) -> Iterator[bytes]:
            yield body[: len(body) * most // 3]
            wait_until(lambda: accepted(stack) > ROWS * (most - 1) // 3, timeout=60)
            if most == 2:
                stack.kill(service.process)
            else:
                raise ConnectionError
            yield body

        for most, cut in ((1, ConnectionError), (2, httpx.TransportError)):
            with service.client() as http, pytest.raises(cut):
                http.post("/v1/batches", params={"sender": "support"}, content=half(most), headers=KEY)

        with start_service(stack).client() as http:
            answer = http.post("/v1/batches", params={"sender": "support"}, content=body, headers=KEY)
            assert answer.status_code == 201, answer.text
            receipt = answer.json()
            assert (receipt["accepted"], receipt["rejected"], receipt["repeated"]) == (good, ROWS // EVERY, False)
            assert receipt["resumed_rows"] > ROWS // 3
            assert [one["row"] for one in receipt["rejections"]] == list(range(EVERY, ROWS + 1, EVERY))
            again = http.post("/v1/batches", params={"sender": "support"}, content=body, headers=KEY)
            assert again.status_code == 200, again.text
            assert {**again.json(), "repeated": False, "resumed_rows": receipt["resumed_rows"]} == receipt
            other = http.post("/v1/batches", params={"sender": "support", "text": "x"}, content=body, headers=KEY)
            assert problem(other, 409, "idempotency_conflict")["id"] == receipt["id"]
        assert accepted(stack) == good


def test_packed_rows_are_known_by_their_first_bytes(http: httpx.Client) -> None:
    """`curl -T parcels.csv.gz` says nothing of gzip."""
    answer = http.post("/v1/batches", params=OPTIONS, content=gzip.compress(rows_of_csv(3)), headers=CSV)
    assert answer.json()["accepted"] == 3
    cut = http.post("/v1/batches", params=OPTIONS, content=gzip.compress(rows_of_csv(3))[:-6], headers=CSV)
    assert "ends in the middle" in problem(cut, 400, "unusable_file")["detail"]


def test_a_body_that_unpacks_to_gigabytes_takes_no_memory(service: Service, http: httpx.Client) -> None:
    """A megabyte of gzip may stand for a gigabyte: of one line, it is refused as soon as the line is too long."""
    packer = zlib.compressobj(9, wbits=31)
    bomb = packer.compress(b"to,text\n") + b"".join(packer.compress(b"x" * 1_000_000) for _ in range(200))
    bomb += packer.flush()
    peak = Path(f"/proc/{service.process.pid}/status")

    def high_water() -> int:
        return next(int(line.split()[1]) for line in peak.read_text().splitlines() if line.startswith("VmHWM"))

    before = high_water()
    answer = http.post("/v1/batches", params=OPTIONS, content=bomb, headers={**CSV, "Content-Encoding": "gzip"})
    assert "no job is that long" in problem(answer, 400, "unusable_file")["detail"]
    assert high_water() - before < 16_000
