"""What callers pass and receive: values, ids and errors. It does no I/O and imports only the configuration."""
