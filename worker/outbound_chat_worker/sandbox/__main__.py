"""The child process of `running_sandbox`. To start a sandbox by hand, use `outbound-chat sandbox`."""

import sys

from ._process import run_child

if __name__ == "__main__":
    run_child(int(sys.argv[1]))
