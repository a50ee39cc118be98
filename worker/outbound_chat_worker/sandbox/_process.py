"""Runs a sandbox in a separate process. This is the parent's side; `__main__` is the child.

The child receives its options as an argument in JSON, and writes its address as a line of JSON to stdout.
"""

import contextlib
import json
import os
import selectors
import subprocess
import sys
from collections.abc import Iterator
from typing import IO, cast

from outbound_chat_worker.sandbox._client import SandboxClient, SandboxError
from outbound_chat_worker.sandbox._options import OPTIONS_AS_JSON, SandboxOptions

_START_WITHIN_SECONDS = 60
_END_WITHIN_SECONDS = 10


@contextlib.contextmanager
def running_sandbox(
    options: SandboxOptions | None = None, *, errors: IO[bytes] | None = None
) -> Iterator[SandboxClient]:
    """Runs a sandbox in a child process during a `with` block, and yields its control client.

    The child ends with the block, or soon after its parent is killed. `errors` receives its standard error, by default
    that of this process. Raises `SandboxError` if it does not start; the reason is then in `errors`.
    """
    own = OPTIONS_AS_JSON.dump_json(options or SandboxOptions()).decode()
    command = [sys.executable, "-m", "outbound_chat_worker.sandbox", str(os.getpid()), own]
    # Its own process group: a Ctrl-C in the terminal is the parent's to handle, and workers that finish
    # their last calls must still find the sandbox there.
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, process_group=0) as child:  # noqa: S603  # our own
        try:
            where = f"in {errors.name}" if errors else "on stderr"
            yield SandboxClient(_address(cast("IO[bytes]", child.stdout), where), child)
        finally:
            child.terminate()
            try:
                child.wait(_END_WITHIN_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()


def _address(stdout: IO[bytes], where: str) -> str:
    with selectors.DefaultSelector() as selector:
        selector.register(stdout, selectors.EVENT_READ)
        line = stdout.readline() if selector.select(_START_WITHIN_SECONDS) else b""
    if not line:
        raise SandboxError(f"the sandbox did not start; its own message is {where}")
    return str(json.loads(line)["url"])
