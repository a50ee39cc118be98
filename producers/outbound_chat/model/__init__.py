"""What callers are given and see: values, ids and errors. No I/O; imports the configuration alone."""
