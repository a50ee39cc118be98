"""A sandbox in a process of its own: how it is started, how it says that it is ready, how it ends.

The child gets its options as one line of JSON on stdin and writes its address as one line of JSON to stdout.
"""

import asyncio
import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import IO

from ._client import SandboxClient, SandboxError
from ._options import SandboxOptions, options_from_json, options_to_json
from ._server import serve

_START_WITHIN_S = 60
_END_WITHIN_S = 10
_LOOK_FOR_PARENT_S = 0.2


@contextlib.contextmanager
def running_sandbox(options: SandboxOptions | None = None) -> Iterator[SandboxClient]:
    """Run a sandbox in a child process for the length of a `with` block, and yield its control client.

    The child ends with the block, or soon after its parent when that is killed. Raises `SandboxError` when it does not
    start; the reason is then on stderr.
    """
    command = [sys.executable, "-m", "outbound_chat_worker.sandbox", str(os.getpid())]
    # Its own process group: a Ctrl-C in the terminal is the parent's to handle, and workers that finish
    # their last calls must still find the sandbox there.
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=0) as child:  # noqa: S603 - our own module
        try:
            yield SandboxClient(_address(child, options or SandboxOptions()))
        finally:
            child.terminate()
            try:
                child.wait(_END_WITHIN_S)
            except subprocess.TimeoutExpired:
                child.kill()


def _address(child: subprocess.Popen[bytes], options: SandboxOptions) -> str:
    stdin, stdout = _pipes(child)
    with contextlib.suppress(BrokenPipeError):
        stdin.write(json.dumps(options_to_json(options)).encode() + b"\n")
        stdin.flush()
    with selectors.DefaultSelector() as selector:
        selector.register(stdout, selectors.EVENT_READ)
        line = stdout.readline() if selector.select(_START_WITHIN_S) else b""
    if not line:
        raise SandboxError("the sandbox did not start; its own message is on stderr")
    url: str = json.loads(line)["url"]
    return url


def _pipes(child: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    if child.stdin is None or child.stdout is None:
        raise SandboxError("the sandbox has no pipes")
    return child.stdin, child.stdout


def run_child(parent_pid: int) -> None:
    """Be the child: serve until SIGTERM, SIGINT, or the end of the parent."""
    options = options_from_json(json.loads(sys.stdin.readline()))
    try:
        asyncio.run(_serve_for(parent_pid, options))
    except OSError as error:
        sys.exit(f"the sandbox cannot listen on {options.host} port {options.port}: {error.strerror}")


async def _serve_for(parent_pid: int, options: SandboxOptions) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def look_for_parent() -> None:
        # Looked for, as PR_SET_PDEATHSIG is for Linux only, and fires when the *thread* that started us ends.
        if os.getppid() == parent_pid:
            loop.call_later(_LOOK_FOR_PARENT_S, look_for_parent)
        else:
            stop.set()

    look_for_parent()
    await serve(options, ready=_announce, stop=stop)


def _announce(url: str) -> None:
    sys.stdout.write(json.dumps({"url": url}) + "\n")
    sys.stdout.flush()
