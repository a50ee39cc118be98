"""What callers pass and get: values, ids and errors. It does no I/O, and imports only the configuration."""
