"""The Lua scripts as typed functions: each makes a `Call` with its arguments in the script's order and reads its reply.

The only place that knows the order of arguments and the form of replies. Nothing here talks to Redis: a `Store` or
`AsyncStore` runs the call.
"""

from outbound_chat.store.calls._access import (
    FoundKey,
    Spent,
    StoredKey,
    create_key,
    read_key,
    read_keys,
    revoke_key,
    spend_key,
)
from outbound_chat.store.calls._batches import (
    Book,
    Rows,
    close_batch,
    is_count,
    open_batch,
    read_batch,
    read_rows,
    read_shared,
)
from outbound_chat.store.calls._call import MOST_BYTES, MOST_JOBS, Call
from outbound_chat.store.calls._control import cancel_many, close_chat, configure, hold, read_holds, release
from outbound_chat.store.calls._dead import Replayed, StoredJob, count_dead, read_dead, read_request, replay
from outbound_chat.store.calls._durability import Standing, confirm
from outbound_chat.store.calls._events import read_events
from outbound_chat.store.calls._jobs import NewJob, NotOpen, Other, Submitted, cancel, read_clock, read_jobs, submit
from outbound_chat.store.calls._lanes import MOST_LANES, read_lanes
from outbound_chat.store.calls._list import MOST_BATCHES, ListedBatches, Part, read_batches
from outbound_chat.store.calls._overview import read_budget
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
from outbound_chat.store.calls._reconcile import Finding, Reconciled, audit, reconcile
from outbound_chat.store.calls._suppression import (
    FIRST_PAGE,
    Listed,
    OtherKey,
    Unlisted,
    read_suppressed,
    suppress,
    unsuppress,
)
from outbound_chat.store.calls._why import Found, Waiting, why

__all__ = [
    "FIRST_PAGE",
    "MOST_BATCHES",
    "MOST_BYTES",
    "MOST_JOBS",
    "MOST_LANES",
    "Book",
    "Call",
    "Claimed",
    "ClaimedJob",
    "Dismissed",
    "Empty",
    "Finding",
    "Found",
    "FoundKey",
    "Held",
    "Listed",
    "ListedBatches",
    "NewJob",
    "NotOpen",
    "Other",
    "OtherKey",
    "Paced",
    "Part",
    "Reconciled",
    "Renewed",
    "Replayed",
    "Result",
    "Rows",
    "Spent",
    "Standing",
    "StoredJob",
    "StoredKey",
    "Submitted",
    "Tended",
    "Unconfigured",
    "Unlisted",
    "Waiting",
    "audit",
    "cancel",
    "cancel_many",
    "claim",
    "close_batch",
    "close_chat",
    "configure",
    "confirm",
    "count_dead",
    "create_key",
    "finish",
    "hold",
    "is_count",
    "leave",
    "open_batch",
    "read_batch",
    "read_batches",
    "read_budget",
    "read_clock",
    "read_dead",
    "read_events",
    "read_holds",
    "read_jobs",
    "read_key",
    "read_keys",
    "read_lanes",
    "read_pace",
    "read_request",
    "read_rows",
    "read_shared",
    "read_suppressed",
    "reconcile",
    "release",
    "renew",
    "replay",
    "revoke_key",
    "spend_key",
    "submit",
    "suppress",
    "tend",
    "unsuppress",
    "why",
]
