"""What `dev`, `demo` and `worker --processes` start on this machine."""
