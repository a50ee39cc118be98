"""What each program imports: every module is memory of each process, and a part of its start.

A module that is in none of the lists is one more: somebody decides whether the program needs it.
"""

import subprocess
import sys

LISTED = "import sys\nbefore = set(sys.modules)\n{code}\nprint('\\n'.join(set(sys.modules) - before))"

MOST_OF_SUPERVISOR = 70
"""58 with Python 3.11, besides those of the bare interpreter; the command line has 700."""


def modules(code: str) -> set[str]:
    """Names of the modules that a new interpreter loads for the code."""
    done = subprocess.run([sys.executable, "-c", LISTED.format(code=code)], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def packages(names: set[str]) -> set[str]:
    """The packages, ours and others', that the modules belong to; without those of Python."""
    return {name.partition(".")[0] for name in names} - sys.stdlib_module_names


def test_the_supervisor_loads_only_what_it_needs_to_watch_processes() -> None:
    """It runs as long as its workers, and does nothing most of the time."""
    found = modules("import outbound_chat_worker.local.supervisor")

    assert packages(found) == {"outbound_chat", "outbound_chat_worker"}
    assert len(found) <= MOST_OF_SUPERVISOR, sorted(found)
    assert found.isdisjoint({"asyncio", "dataclasses", "email", "http", "inspect", "pathlib", "ssl", "typing"})


def test_the_package_alone_loads_none_of_its_parts() -> None:
    """Workers and their supervisor import parts of it, and pay for no client."""
    assert packages(modules("import outbound_chat")) == {"outbound_chat"}
