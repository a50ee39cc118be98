"""The cheapest HTTP server that boto3 takes for Amazon Connect: `python -m benchmarks.endpoint`.

The sandbox checks signatures and rules, which costs a core what a sender's own work does; on two cores it would be
measured too. This one checks nothing, answers with a ContactId, and notes when each call arrived. For speed only: what
a rate or a fault leads to is measured at the sandbox.

Its control routes: `/_bench/arrivals` (times by `time.monotonic()`), and `/_bench/set?latency=S&closed=0|1`, where
closed holds all calls back until it is opened, so that workers stand ready before the clock starts. Both forget the
arrivals.
"""

import asyncio
import json
import time
import urllib.parse
import urllib.request
from typing import Any

_CONTROL = b"GET /_bench/"
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
_ANSWER = _HEAD % 52 + b'{"ContactId":"01234567-89ab-cdef-0123-%012x"}'


class _State:
    def __init__(self) -> None:
        self.arrivals: list[float] = []
        self.latency = 0.0
        self.closed = False
        self.held: list[_Connection] = []

    def control(self, path: str) -> bytes:
        route, _, query = path.partition("?")
        arrivals, self.arrivals = self.arrivals, []
        if route.endswith("/arrivals"):
            return json.dumps(arrivals).encode()
        values = dict(urllib.parse.parse_qsl(query))
        self.latency, self.closed = float(values["latency"]), values["closed"] == "1"
        if not self.closed:
            held, self.held = self.held, []
            for connection in held:
                connection.answer_late()
        return b"{}"


class _Connection(asyncio.Protocol):
    def __init__(self, state: _State) -> None:
        self._state = state
        self._data = b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            head = self._data[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 : head.find(b"\r\n", at) if head.find(b"\r\n", at) > 0 else end]) if at > 0 else 0
            if b"expect: 100-continue" in head and len(self._data) < end + 4 + length:
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            if len(self._data) < end + 4 + length:
                return
            first, self._data = self._data[:end], self._data[end + 4 + length :]
            self._respond(first)

    def _respond(self, head: bytes) -> None:
        state = self._state
        if head.startswith(_CONTROL):
            body = state.control(head.split(b" ", 2)[1].decode())
            self._transport.write(_HEAD % len(body) + body)
            return
        state.arrivals.append(time.monotonic())
        if state.closed:
            state.held.append(self)
        else:
            self.answer_late()

    def answer_late(self) -> None:
        """Answers after the latency."""
        if self._state.latency:
            asyncio.get_running_loop().call_later(self._state.latency, self._answer)
        else:
            self._answer()

    def _answer(self) -> None:
        self._transport.write(_ANSWER % (len(self._state.arrivals) & 0xFFFFFFFFFFFF))


class Endpoint:
    """Its control, from another process."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def arrivals(self) -> list[float]:
        """Times of the calls since this was last asked."""
        times: list[float] = self._get("arrivals")
        return times

    def set(self, *, latency: float = 0.0, closed: bool = False) -> None:
        """How calls are answered from now on; the arrivals so far are forgotten."""
        self._get(f"set?latency={latency}&closed={int(closed)}")

    def _get(self, route: str) -> Any:
        with self._opener.open(f"{self.url}/_bench/{route}", timeout=30) as response:
            return json.loads(response.read())


async def _serve() -> None:
    state = _State()
    server = await asyncio.get_running_loop().create_server(lambda: _Connection(state), "127.0.0.1", 0, backlog=1024)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve())
