"""The child process of `running_sandbox`. To start a sandbox by hand, use `outbound-chat sandbox`."""

import asyncio
import json
import os
import signal
import sys

from outbound_chat_worker.sandbox._options import OPTIONS_AS_JSON, SandboxOptions
from outbound_chat_worker.sandbox._server import serve

_LOOK_FOR_PARENT_SECONDS = 0.2


def _run(parent_pid: int, options: SandboxOptions) -> None:
    """Serves until SIGTERM, SIGINT, or the end of the parent."""
    try:
        asyncio.run(_serve_for(parent_pid, options))
    except OSError as error:
        sys.exit(f"the sandbox can't listen on {options.host} port {options.port}: {error.strerror}")


async def _serve_for(parent_pid: int, options: SandboxOptions) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def look_for_parent() -> None:
        # PR_SET_PDEATHSIG is for Linux only, and fires when the *thread* that started us ends.
        if os.getppid() == parent_pid:
            loop.call_later(_LOOK_FOR_PARENT_SECONDS, look_for_parent)
        else:
            stop.set()

    look_for_parent()
    await serve(options, ready=_announce, stop=stop, log=_log if options.log_calls else None)


def _log(line: str) -> None:
    sys.stderr.write(line + "\n")


def _announce(url: str) -> None:
    sys.stdout.write(json.dumps({"url": url}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _run(int(sys.argv[1]), OPTIONS_AS_JSON.validate_json(sys.argv[2]))
