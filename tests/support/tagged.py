"""Finds all processes that a command started, directly or not."""

from pathlib import Path

TAG = "OUTBOUND_TEST_TAG"
"""The variable that marks them."""


def tagged(tag: str) -> list[int]:
    """Processes that carry the tag in their environment."""
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"{TAG}={tag}".encode() in environment.read_bytes():
                found.append(int(environment.parent.name))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return found
