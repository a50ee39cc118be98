"""The Lua scripts as typed functions: each makes a `Call` with its arguments in the script's order and reads its reply.

The only place that knows the order of arguments and the form of replies. Nothing here talks to Redis: a `Store` or
`AsyncStore` runs the call.
"""

from outbound_chat.store.calls._batches import Book, close_batch, open_batch, read_batch, read_shared
from outbound_chat.store.calls._call import MOST_BYTES, MOST_JOBS, Call
from outbound_chat.store.calls._control import close_chat, configure, hold, read_holds, release
from outbound_chat.store.calls._jobs import NewJob, NotOpen, Other, Submitted, cancel, read_jobs, submit
from outbound_chat.store.calls._pace import read_pace
from outbound_chat.store.calls._pumps import (
    Claimed,
    ClaimedJob,
    Dismissed,
    Empty,
    Held,
    Paced,
    Renewed,
    Result,
    Tended,
    Unconfigured,
    claim,
    finish,
    leave,
    renew,
    tend,
)

__all__ = [
    "MOST_BYTES",
    "MOST_JOBS",
    "Book",
    "Call",
    "Claimed",
    "ClaimedJob",
    "Dismissed",
    "Empty",
    "Held",
    "NewJob",
    "NotOpen",
    "Other",
    "Paced",
    "Renewed",
    "Result",
    "Submitted",
    "Tended",
    "Unconfigured",
    "cancel",
    "claim",
    "close_batch",
    "close_chat",
    "configure",
    "finish",
    "hold",
    "leave",
    "open_batch",
    "read_batch",
    "read_holds",
    "read_jobs",
    "read_pace",
    "read_shared",
    "release",
    "renew",
    "submit",
    "tend",
]
