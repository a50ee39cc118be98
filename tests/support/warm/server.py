"""The process that `tests.support.warm` forks from: imports once, then forks a child for each request.

Started as a script, with `-P`, since a folder of tests on the path would hide modules of the standard library. It has
one thread, so that a fork takes no lock along. The first argument is the descriptor of a socket that carries JSON, one
packet a request and one a reply; when its other end is gone, this process ends, and the children with it.
"""

import ctypes
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import sys
import threading
import time
from typing import Any

MOST_BYTES = 1 << 20
_PR_SET_PDEATHSIG = 1  # https://man7.org/linux/man-pages/man2/prctl.2.html
_libc = ctypes.CDLL(None)


def serve(control: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Answers requests; returns in each child, with what it is to be and its standard input, output and error."""
    while True:
        data, descriptors, _, _ = socket.recv_fds(control, MOST_BYTES, 3)
        if not data:
            os._exit(0)
        request = json.loads(data)
        if "reap" in request:
            # A child that ended stays a zombie until somebody asks, as one of `subprocess` does.
            pid, status = os.waitpid(request["reap"], 0 if request["block"] else os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if pid else None
        else:
            for module in request["imports"]:
                importlib.import_module(module)
            assert threading.active_count() == 1, "a module starts a thread as it is imported"
            gc.freeze()  # else the collector would write to, and so copy, every page of every child
            answer = os.fork()
            if answer == 0:
                return request, descriptors
            for descriptor in descriptors:
                os.close(descriptor)
        control.send(json.dumps(answer).encode())


def become(request: dict[str, Any], descriptors: list[int], parent: int) -> None:
    """Makes this process what an interpreter is that begins with the request's environment, folder and descriptors."""
    os.setsid()
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os._exit(1)
    for standard, descriptor in enumerate(descriptors):
        os.dup2(descriptor, standard)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    os.chdir(request["folder"])
    sys.path.insert(0, request["folder"])
    sys.argv = ["", *request["arguments"]]


if __name__ == "__main__":
    _control, _pid = socket.socket(fileno=int(sys.argv[1])), os.getpid()
    _request, _descriptors = serve(_control)
    _control.close()
    become(_request, _descriptors, _pid)
    runpy.run_module(_request["module"], run_name="__main__", alter_sys=True)
