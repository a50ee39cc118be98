"""A signal that comes while the service starts is obeyed, at whatever moment of the start that is."""

import subprocess
import sys

import pytest

from tests.support.harness import Harness, free_port

# Each moment is tried in a child of its own, which begins where the imports have been made. The signal is sent as the
# n-th function of that name is entered. A child that has lost the signal is killed by its own alarm.
TOLD_AT = """
import os, signal, socket, sys
from outbound_chat.http import server as server
from outbound_chat_config import load_settings

def tell_at(name, number):
    def look(frame, event, argument):
        if event == "call" and frame.f_code.co_qualname == name:
            sys.setprofile(None)
            signal.raise_signal(number)
    sys.setprofile(look)

def as_service(workers):
    server.serve(load_settings(), port={port}, workers=workers)

def as_one_of_several():
    alive, held = os.pipe()
    server.serve_on(socket.create_server(("127.0.0.1", 0)).detach(), alive)

ways = {{"service": lambda: as_service(1), "parent": lambda: as_service(2), "child": as_one_of_several}}
for moment in sys.argv[1:]:
    way, name, number = moment.split(":")
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        try:
            tell_at(name, int(number))
            ways[way]()
        except KeyboardInterrupt:
            os._exit(130)
        except SystemExit as ended:
            os._exit(ended.code)
        os._exit(0)
    print(moment, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
SERVING = (
    "create_app",
    "Server.run",
    "Server.serve",
    "Server._serve",
    "Config.load",
    "Server.startup",
    "Server.main_loop",
)
MOMENTS = {
    "service": ("check_binding", "_listener", *SERVING),
    "parent": ("check_binding", "run_processes", "Supervisor.run", "Supervisor.look", "spawn", "mkdtemp"),
    "child": ("end_with_parent", "load_settings", *SERVING),
}


@pytest.mark.parametrize("number", [15, 2])
def test_a_signal_at_any_moment_of_the_start_ends_the_service(stack: Harness, number: int) -> None:
    """Else it would run until somebody kills it, on the port that its successor wants."""
    moments = [f"{way}:{name}:{number}" for way, names in MOMENTS.items() for name in names]
    if number == 2:
        moments = [moment for moment in moments if not moment.startswith("child")]
    script = TOLD_AT.format(port=free_port())
    command = [sys.executable, "-c", script, *moments]

    ended = subprocess.run(
        command, env=stack.environment, cwd=stack.folder, capture_output=True, text=True, timeout=600, check=False
    )

    assert ended.stdout.splitlines() == [f"{moment} 0" for moment in moments], ended.stderr[-4_000:]
