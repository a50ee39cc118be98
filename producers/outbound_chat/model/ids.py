"""Ids of jobs and batches: `<budget>.<local id>`, where a job of a batch has the batch's local id and its row.

    main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR        a job, or a batch
    main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR-42     row 42 of that batch

The local id is a ULID: 48 bits of time and 80 random bits (https://github.com/ulid/spec). It is created before the
first try of a call, so that a retry finds its own job.
"""

import os
import re
import time

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
"""Two characters for each number of 10 bits."""
_FORTY_BITS = 2**40 - 1
_ID = re.compile(r"(?P<budget>[A-Za-z0-9][A-Za-z0-9_-]{0,31})\.(?P<local>[0-9A-HJKMNP-TV-Z]{26}(-[1-9][0-9]{0,8})?)")


def new_local_id() -> str:
    """Returns a new ULID: 26 characters that sort by creation time."""
    ms, random = time.time_ns() // 1_000_000, os.urandom(10)
    high, low = int.from_bytes(random[:5]), int.from_bytes(random[5:])
    return f"{_PAIRS[ms >> 40]}{_eight(ms & _FORTY_BITS)}{_eight(high)}{_eight(low)}"


def _eight(number: int) -> str:
    """Returns the characters of 40 bits. In Python, this is twice as fast as with a single number of 130 bits."""
    return _PAIRS[number >> 30] + _PAIRS[number >> 20 & 1023] + _PAIRS[number >> 10 & 1023] + _PAIRS[number & 1023]


def split_id(id_: object) -> tuple[str, str] | None:
    """Returns budget and local id; None if the text is not a valid id, so that it never becomes part of a key."""
    if not isinstance(id_, str):
        raise TypeError(f"an id must be a string, such as job.id, not {type(id_).__name__}")
    match = _ID.fullmatch(id_)
    return (match["budget"], match["local"]) if match else None
