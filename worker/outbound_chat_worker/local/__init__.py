"""Starts the processes of `dev`, `demo` and `worker --processes` on this machine."""
