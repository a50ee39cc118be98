"""A machine whose clock is wrong: a process whose time is shifted, and can be put right while it runs."""

import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

# Python imports a module of this name as it starts, before anything else can ask for the time. The file is read again
# and again; each change of it is a step of the clock, as when somebody sets it.
_SITECUSTOMIZE = """
import datetime, os, pathlib, threading
import time_machine

def _follow():
    file, tick, travels, shown = pathlib.Path(os.environ["CLOCK_FILE"]), threading.Event(), None, 0.0
    while True:
        ahead = float(file.read_text() or shown)
        if ahead != shown:
            if travels:
                travels.stop()
            travels, shown = None, ahead
            if ahead:
                to = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=ahead)
                travels = time_machine.travel(to, tick=True)
                travels.start()
        started.set()
        tick.wait(0.1)

started = threading.Event()
threading.Thread(target=_follow, name="clock", daemon=True).start()
started.wait()
"""


class ShiftedClock:
    """The clock of some processes, whose environment must be `environment`. It does not survive a fork."""

    def __init__(self, folder: Path, ahead: timedelta = timedelta(0)) -> None:
        """`ahead`: of the true time; negative: behind."""
        folder.mkdir(parents=True)
        (folder / "sitecustomize.py").write_text(_SITECUSTOMIZE, encoding="utf-8")
        self._folder = folder
        self._file = folder / "ahead"
        self.set(ahead)

    def set(self, ahead: timedelta) -> None:
        """Steps the clock; the processes follow within about 0.1 s."""
        # Replaced as a whole, or a reader might find half of it.
        new = self._file.with_suffix(".new")
        new.write_text(str(ahead.total_seconds()))
        new.replace(self._file)

    @property
    def environment(self) -> Mapping[str, str]:
        """What a process needs to live by this clock."""
        path = os.pathsep.join(filter(None, [str(self._folder), os.environ.get("PYTHONPATH", "")]))
        return {"PYTHONPATH": path, "CLOCK_FILE": str(self._file)}
