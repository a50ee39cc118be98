"""The Lua scripts as typed functions: each returns a `ScriptCall` with its arguments in order, and reads its reply.

Only this package knows the order of arguments and the form of replies. Nothing here talks to Redis: a `Store` or
`AsyncStore` runs the call.
"""

# mypy: implicit-reexport
# ruff: noqa: F401  # the names are imported for `scripts.NAME`

from outbound_chat.store.scripts._script_call import MOST_BYTES, MOST_JOBS, ScriptCall
from outbound_chat.store.scripts.api_keys import (
    FoundKey,
    Spent,
    create_key,
    log_change,
    read_key,
    read_keys,
    revoke_key,
    spend_key,
)
from outbound_chat.store.scripts.batches import (
    BatchRecord,
    FoundBatches,
    KeyUse,
    Opened,
    Rows,
    close_batch,
    find_batches,
    is_count,
    open_batch,
    read_batch,
    read_rows,
    read_shared,
)
from outbound_chat.store.scripts.budgets import read_budget, read_history, read_key_ids, read_workers
from outbound_chat.store.scripts.contact_events import (
    MOST_CHANGES,
    WatchedInstance,
    read_contact_events,
    record_contacts,
    watch_chats,
)
from outbound_chat.store.scripts.dead import (
    MOST_ACTIONS,
    Actions,
    DeadCursor,
    Record,
    Replayed,
    StoredJob,
    actions,
    read_dead,
    read_request,
    replay,
)
from outbound_chat.store.scripts.durability import Standing, check_durable
from outbound_chat.store.scripts.events import read_events
from outbound_chat.store.scripts.forecast import PaceNow, read_pace
from outbound_chat.store.scripts.holds import (
    Cancelled,
    Left,
    Released,
    cancel_many,
    close_chat,
    configure,
    hold,
    note_budgets,
    read_holds,
    read_scopes,
    release,
)
from outbound_chat.store.scripts.jobs import (
    MOST_CANCELLED,
    UNREADABLE,
    CancelWord,
    ListedJobs,
    Listing,
    NewJob,
    NotOpen,
    Other,
    Submitted,
    cancel,
    read_clock,
    read_jobs,
    read_listed,
    requests_of,
    submit,
    used_keys,
)
from outbound_chat.store.scripts.lanes import MOST_LANES, read_lanes
from outbound_chat.store.scripts.lists import MOST_BATCHES, ListedBatches, Part, read_batches
from outbound_chat.store.scripts.merging import merged
from outbound_chat.store.scripts.pumps import (
    Claimed,
    ClaimedJob,
    Dismissed,
    Empty,
    Held,
    Maintained,
    Outcome,
    Paced,
    Renewed,
    Result,
    Unconfigured,
    claim,
    finish,
    leave,
    maintain,
    recount,
    renew,
)
from outbound_chat.store.scripts.receipts import MOST_RECEIPTS, read_receipts
from outbound_chat.store.scripts.suppression import (
    FIRST_PAGE,
    Listed,
    OtherKey,
    Unlisted,
    read_suppressed,
    suppress,
    unsuppress,
)
from outbound_chat.store.scripts.upkeep import Finding, Reconciled, audit, reconcile
from outbound_chat.store.scripts.webhooks import (
    ClaimedWebhook,
    ClaimedWebhooks,
    WebhookOutcome,
    WebhookResult,
    claim_webhooks,
    finish_webhooks,
    read_dead_webhooks,
    read_webhook_hosts,
    replay_webhooks,
)
from outbound_chat.store.scripts.why import Found, WaitFacts, why
