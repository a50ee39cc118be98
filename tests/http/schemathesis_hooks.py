"""Lets Schemathesis write the bodies that it does not know by itself."""

from typing import Any

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def lines(_context: Any, value: Any) -> bytes:
    """Text, one JSON object a line."""
    return str(value).encode("utf-8", "replace")
