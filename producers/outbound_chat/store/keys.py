"""Every key in Redis: its name, type, content and lifetime.

All keys of a budget begin with `<prefix>:{<budget>}:` and so share one hash slot: each script touches one slot, and
the product works on Redis Cluster. The scripts build the same names from `KEYS[1]`. A test compares what a real run
left in Redis with this list, and fails on any key that is not in it or breaks its lifetime.
"""

from dataclasses import dataclass
from enum import StrEnum

ACCESS = "@access"
"""Takes the place of the budget in the keys of API keys and budget names. No budget can have this name."""


class Lifetime(StrEnum):
    """How a key goes away."""

    EMPTY = "empty"
    """Redis removes it with its last member: it lives while jobs wait or are leased."""
    TTL = "ttl"
    """It is always written with an expiry."""
    FINAL = "final"
    """It has no expiry while work is open, and one as soon as that is final."""
    BUDGET = "budget"
    """It is kept as long as the budget is in use; small, except for suppression lists."""
    ACCESS = "access"
    """It is kept for good, in `<prefix>:{@access}:`; a few hundred bytes for each API key or budget."""


@dataclass(frozen=True, slots=True)
class KeyKind:
    """One kind of key; `pattern` follows the base, with `*` for the part that varies."""

    pattern: str
    type: str
    lifetime: Lifetime
    content: str


KINDS = (
    KeyKind("actions", "hash", Lifetime.TTL, "the last 100 bulk actions: id -> holder and JSON, jobs replayed"),
    KeyKind("j:*", "string", Lifetime.FINAL, "a job's record: head, newline, request"),
    KeyKind("b:*", "hash", Lifetime.FINAL, "a batch's record: name, lane, shared request, counts"),
    KeyKind("open_batches", "zset", Lifetime.EMPTY, "batches that are not final: id -> created ms"),
    KeyKind("ended_batches", "zset", Lifetime.TTL, "batches that are final, as long as their records: id -> until ms"),
    KeyKind("lane:*", "zset", Lifetime.EMPTY, "jobs of a lane that may go at once: id or row -> order of acceptance"),
    KeyKind("timed:*", "zset", Lifetime.EMPTY, "jobs of a lane with a send_at: order and id, or row -> due ms"),
    KeyKind("retry:*", "zset", Lifetime.EMPTY, "jobs of a lane that wait for another call: as `timed` -> due ms"),
    KeyKind("delayed", "zset", Lifetime.EMPTY, "lanes whose next job is due later, and gates to try again -> due ms"),
    KeyKind("ring:*", "zset", Lifetime.EMPTY, "tenants, and lanes of a tenant, with due jobs -> pass"),
    KeyKind("blocked", "hash", Lifetime.EMPTY, "lanes that a rule blocks: lane -> scope of the rule"),
    KeyKind("blocked:*", "zset", Lifetime.EMPTY, "tenants, and lanes of a tenant, behind a gate -> pass"),
    KeyKind("lanes", "hash", Lifetime.EMPTY, "waiting jobs that each lane should hold: lane -> number"),
    KeyKind("lanes:*", "set", Lifetime.EMPTY, "lanes of a tenant with waiting jobs"),
    KeyKind("dead", "hash", Lifetime.TTL, "states and codes that dead letters have -> last time ms"),
    KeyKind("dead:*", "zset", Lifetime.TTL, "failed and uncertain jobs of a state and code: id -> final ms"),
    KeyKind("events", "stream", Lifetime.BUDGET, "the last 10,000 or so events: ids and codes"),
    KeyKind("expiry", "zset", Lifetime.EMPTY, "jobs that are not final: id -> expires ms"),
    KeyKind("listed", "list", Lifetime.BUDGET, "ids of the newest single jobs, 16 bytes each; `results.listed_jobs`"),
    KeyKind("by_number:*", "list", Lifetime.TTL, "jobs of a number, by its blind index; `results.find_by_number`"),
    KeyKind("number_keys", "zset", Lifetime.TTL, "keys of the blind indexes in `by_number` -> until ms"),
    KeyKind("forget", "zset", Lifetime.EMPTY, "final jobs and batches that still have their request -> until ms"),
    KeyKind("leases", "zset", Lifetime.EMPTY, "jobs whose call is running: id -> end of lease ms"),
    KeyKind("unreadable", "zset", Lifetime.EMPTY, "unreadable records, for a person to look at: id -> found ms"),
    KeyKind("idem:*", "string", Lifetime.FINAL, "idempotency key of a tenant: job id and fingerprint"),
    KeyKind("opened:*", "string", Lifetime.FINAL, "batch key of a tenant: batch id and fingerprint"),
    KeyKind(
        "source:*", "string", Lifetime.TTL, "the two batches begun last with a file, name or set of numbers: their ids"
    ),
    KeyKind("calls", "hash", Lifetime.BUDGET, "calls that led to no contact: one of some 30 results -> number"),
    KeyKind("waits", "hash", Lifetime.BUDGET, "how long jobs had been due when claimed: priority and seconds -> jobs"),
    KeyKind("history", "list", Lifetime.BUDGET, "counts of each minute of the last three days, the newest first"),
    KeyKind("counts", "hash", Lifetime.BUDGET, "counts by state over all jobs ever accepted, number of the last one"),
    KeyKind("bucket", "hash", Lifetime.BUDGET, "tokens, the learned rate, whose share is next"),
    KeyKind("faults", "hash", Lifetime.EMPTY, "counts that do not add up: kind, and lane or job -> by how much"),
    KeyKind("scan", "hash", Lifetime.TTL, "how far the wakers have scanned lanes and jobs"),
    KeyKind("settings", "hash", Lifetime.BUDGET, "rate, burst and so on, with a version"),
    KeyKind("senders", "hash", Lifetime.BUDGET, "limits of each sender: name -> JSON"),
    KeyKind("weights", "hash", Lifetime.BUDGET, "turns of a tenant for each turn of the others: tenant -> number"),
    KeyKind("holds", "hash", Lifetime.BUDGET, "what is held, by whom and why: owner and scope -> JSON"),
    KeyKind("numbers", "hash", Lifetime.BUDGET, "message parts that a number may send now, and when they were counted"),
    KeyKind(
        "suppressed:*", "hash", Lifetime.BUDGET, "numbers that a sender must not contact: number -> since ms and reason"
    ),
    KeyKind(
        "suppressed_enc:*",
        "hash",
        Lifetime.BUDGET,
        "the same with encrypted numbers: blind index -> since ms, encrypted number and reason; and the key's name",
    ),
    KeyKind(
        "opt_outs", "hash", Lifetime.BUDGET, "when the opt-outs of each sender were last read, and the error if any"
    ),
    KeyKind("opt_outs_lease", "string", Lifetime.TTL, "exists while opt-out lists are read: whose sync it is"),
    KeyKind("recipient:*", "zset", Lifetime.TTL, "a sender's contacts with one number, or its blind index: id -> ms"),
    KeyKind("recipient_waits", "zset", Lifetime.EMPTY, "jobs that wait because of these contacts, by number and order"),
    KeyKind("calls:*", "zset", Lifetime.TTL, "running calls of a sender with limits: id -> end of lease ms"),
    KeyKind(
        "contact:*", "string", Lifetime.TTL, "the job that started a contact, or what events said before: id or JSON"
    ),
    KeyKind("contact_events", "hash", Lifetime.BUDGET, "events by outcome and by basis, last event: counts, ms"),
    KeyKind("lifetimes:*", "list", Lifetime.TTL, "how long the last 200 chats of an instance lasted: seconds"),
    KeyKind(
        "chat_watcher", "string", Lifetime.TTL, "the worker whose turn it is to look for ends that no event reported"
    ),
    KeyKind("chats:*", "zset", Lifetime.TTL, "open chats of an instance: contact -> assumed end ms"),
    KeyKind("receipts", "zset", Lifetime.TTL, "hours and source numbers with receipts -> hour ms"),
    KeyKind(
        "receipts:*", "hash", Lifetime.TTL, "messages of an hour and source number by kind of receipt; parts, price"
    ),
    KeyKind("receipt_ids:*", "string", Lifetime.TTL, "distinct messages of such a count, as a HyperLogLog"),
    KeyKind(
        "workers",
        "zset",
        Lifetime.TTL,
        "workers of the last 10 s with the version of their settings -> seen ms",
    ),
    KeyKind(
        "openers", "zset", Lifetime.TTL, "workers of the last 10 s, each with an encryption key that it has -> seen ms"
    ),
    KeyKind("skewed", "zset", Lifetime.TTL, "workers of the last 10 s with a wrong clock, ms ahead -> seen ms"),
    KeyKind("pumps", "zset", Lifetime.TTL, "working pumps -> alive until ms"),
    KeyKind("confirmed", "string", Lifetime.TTL, "when a caller last waited for the disk: ms"),
    KeyKind("claims:*", "string", Lifetime.TTL, "a pump's last claim, to repeat its answer"),
    KeyKind("waiting", "string", Lifetime.TTL, "the pump that waits on `poke`"),
    KeyKind("pump_asked", "string", Lifetime.TTL, "exists while a pump is on its way: nonce of the request"),
    KeyKind("requests", "hash", Lifetime.TTL, "requests for a pump since the last one started, and when that was"),
    KeyKind("poke", "list", Lifetime.TTL, "wakes the waiting pump; at most one element"),
    KeyKind("hooks", "zset", Lifetime.EMPTY, "hosts that webhooks wait for -> ms of the next thing to do"),
    KeyKind("hooks:*", "zset", Lifetime.EMPTY, "webhooks that wait for a host -> due ms"),
    KeyKind("hooks_leased:*", "zset", Lifetime.EMPTY, "webhooks that are being posted to a host -> end of lease ms"),
    KeyKind("hooks_dead", "zset", Lifetime.TTL, "webhooks that were given up -> since ms"),
    KeyKind("hook_tries", "hash", Lifetime.TTL, "the results of a webhook's posts: attempts, times, code, host"),
    KeyKind(
        "hook_host:*", "hash", Lifetime.TTL, "a host that fails: failed posts in a row, and until when it is not tried"
    ),
    KeyKind("courier", "string", Lifetime.TTL, "the working courier"),
    KeyKind("hook_asked", "string", Lifetime.TTL, "exists while a courier is on its way"),
    KeyKind("hook_poke", "list", Lifetime.TTL, "wakes the waiting courier; at most one element"),
    KeyKind("hook_wake", "list", Lifetime.TTL, "wakes the wakers to start a courier; at most one element"),
    KeyKind("wake", "list", Lifetime.TTL, "wakes the wakers: nonce of the request; at most one element"),
    KeyKind("budgets", "hash", Lifetime.ACCESS, "budgets that have had a worker or a job: name -> since ms"),
    KeyKind("api_keys", "hash", Lifetime.ACCESS, "API keys of the HTTP service: id -> times, newline, hash and limits"),
    KeyKind("api_keys_used", "hash", Lifetime.ACCESS, "when each API key was last used: id -> ms"),
    KeyKind("audit_log", "stream", Lifetime.TTL, "who changed what over HTTP: the last 100,000 entries of 30 days"),
    KeyKind(
        "session:*", "string", Lifetime.TTL, "a session of the pages, by the hash of its cookie: id of the API key"
    ),
    KeyKind("api_keys_spent:*", "hash", Lifetime.TTL, "requests that an API key with a rate may make now"),
)


class _Name:
    """The full name of a key that has one name in each budget: that of its attribute, behind the base."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, keys: "Keys", owner: type) -> str:
        return keys.base + self._name


@dataclass(frozen=True, slots=True)
class Keys:
    """Names of one budget's keys and channels; `KINDS` says what each holds."""

    prefix: str
    budget: str

    audit_log = _Name()
    bucket = _Name()
    contact_events = _Name()
    counts = _Name()
    events = _Name()
    faults = _Name()
    hook_poke = _Name()
    hook_wake = _Name()
    lanes = _Name()
    openers = _Name()
    opt_outs = _Name()
    opt_outs_lease = _Name()
    poke = _Name()
    requests = _Name()
    senders = _Name()
    settings = _Name()
    skewed = _Name()
    wake = _Name()
    workers = _Name()

    @property
    def base(self) -> str:
        """The first part of all of them; it routes a script to its slot."""
        return f"{self.prefix}:{{{self.budget}}}:"

    @property
    def declared(self) -> tuple[str, str]:
        """The keys that a script declares; neither exists. They route it to the budget's slot.

        There are two because of clusters. While a slot moves, the old node refuses a command with a missing key (ASK),
        and the new node refuses one with several keys of which one is missing (TRYAGAIN). With a single key the new
        node would run the script on the part of the store that has already arrived.
        https://redis.io/docs/latest/commands/cluster-setslot/
        """
        base = self.base
        return base, base + "-"

    def batch(self, batch: str) -> str:
        """The hash of a batch's record."""
        return f"{self.base}b:{batch}"

    def chats(self, instance: str) -> str:
        """The sorted set of an instance's open chats."""
        return f"{self.base}chats:{instance}"

    def done(self, local_id: str) -> str:
        """The channel on which the end of a job or batch is published."""
        return f"{self.base}done:{local_id}"

    def session(self, digest: str) -> str:
        """The id of the API key of a session."""
        return f"{self.base}session:{digest}"
