"""Starts what `dev`, `demo` and `worker --processes` run on this machine."""
