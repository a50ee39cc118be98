"""A sandbox in a process of its own, as its parent sees it; `__main__` is the child.

The child gets its options as one line of JSON on stdin and writes its address as one line of JSON to stdout.
"""

import contextlib
import json
import os
import selectors
import subprocess
import sys
from collections.abc import Iterator
from typing import IO

from ._client import SandboxClient, SandboxError
from ._options import OPTIONS_AS_JSON, SandboxOptions

_START_WITHIN_S = 60
_END_WITHIN_S = 10


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
        stdin.write(OPTIONS_AS_JSON.dump_json(options) + b"\n")
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
