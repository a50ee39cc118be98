"""A long line to a server of this machine: `python -m benchmarks.line PORT SECONDS`; it prints its own port.

Each byte arrives that many seconds later, either way, and the line takes more meanwhile, as a real one does. The
proxy of the tests carries one piece at a time.
"""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Iterator

from benchmarks.catalogue import ROOT


async def _carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    with contextlib.suppress(OSError):
        while data := await source.read(65_536):
            loop.call_later(seconds, sink.write, data)
    loop.call_later(seconds, sink.close)


async def _serve(port: int, seconds: float) -> None:
    async def connect(near: asyncio.StreamReader, to_near: asyncio.StreamWriter) -> None:
        far, to_far = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(_carry(near, to_far, seconds), _carry(far, to_near, seconds))

    server = await asyncio.start_server(connect, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextlib.contextmanager
def running_line(port: int, seconds: float) -> Iterator[int]:
    """The port at the near end of a line to `port`, for the length of a block."""
    command = [sys.executable, "-m", "benchmarks.line", str(port), str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            assert process.stdout is not None  # noqa: S101  # it is a pipe
            yield int(process.stdout.readline())
        finally:
            process.terminate()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), float(sys.argv[2])))
