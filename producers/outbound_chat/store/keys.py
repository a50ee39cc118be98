"""Every key in Redis: its name, type, content and lifetime.

All keys of a budget begin with `<prefix>:{<budget>}:` and so share one hash slot: each script touches one slot, and
the product works on Redis Cluster. The scripts build the same names below `KEYS[1]`; a test compares what a real run
left in Redis with this list, and fails on any key that is not in it or breaks its lifetime.
"""

from dataclasses import dataclass
from enum import StrEnum

ACCESS = "@access"
"""Stands where other keys have their budget: API keys and the names of budgets. No budget can be called so."""


class Lifetime(StrEnum):
    """How a key goes away."""

    EMPTY = "empty"
    """Redis removes it with its last member: it lives while jobs wait or are leased."""
    TTL = "ttl"
    """Always written with an expiry."""
    FINAL = "final"
    """No expiry while work is open; one as soon as it is final."""
    BUDGET = "budget"
    """Kept as long as the budget is in use; small, but for suppression lists."""
    ACCESS = "access"
    """Kept for good, below `<prefix>:{@access}:`; a few hundred bytes an API key or budget."""


@dataclass(frozen=True, slots=True)
class KeyKind:
    """One kind of key; `pattern` is what stands behind the base, `*` for a varying part."""

    pattern: str
    type: str
    lifetime: Lifetime
    content: str


KINDS = (
    KeyKind("j:*", "string", Lifetime.FINAL, "a job's record: head, newline, request"),
    KeyKind("b:*", "hash", Lifetime.FINAL, "a batch's record: name, lane, shared request, counts"),
    KeyKind("open_batches", "zset", Lifetime.EMPTY, "batches that are not final: id -> created ms"),
    KeyKind("ended_batches", "zset", Lifetime.TTL, "batches that are final, as long as their records: id -> until ms"),
    KeyKind("lane:*", "zset", Lifetime.EMPTY, "jobs of a lane that may go at once: id or row -> order of acceptance"),
    KeyKind("timed:*", "zset", Lifetime.EMPTY, "jobs of a lane with a send_at: order and id, or row -> due ms"),
    KeyKind("retry:*", "zset", Lifetime.EMPTY, "jobs of a lane that wait for another call: as `timed` -> due ms"),
    KeyKind("delayed", "zset", Lifetime.EMPTY, "lanes whose next job lies ahead, and gates to try again -> due ms"),
    KeyKind("ring:*", "zset", Lifetime.EMPTY, "tenants, and lanes of a tenant, with due jobs -> pass"),
    KeyKind("blocked", "hash", Lifetime.EMPTY, "lanes that a rule keeps back: lane -> scope of the rule"),
    KeyKind("blocked:*", "zset", Lifetime.EMPTY, "tenants, and lanes of a tenant, behind a gate -> pass"),
    KeyKind("lanes", "hash", Lifetime.EMPTY, "waiting jobs that each lane should hold: lane -> number"),
    KeyKind("lanes:*", "set", Lifetime.EMPTY, "lanes of a tenant with waiting jobs"),
    KeyKind("dead", "hash", Lifetime.TTL, "state and code of dead letters there are -> last time ms"),
    KeyKind("dead:*", "zset", Lifetime.TTL, "failed and uncertain jobs of a state and code: id -> final ms"),
    KeyKind("events", "stream", Lifetime.BUDGET, "the last 10,000 or so events: ids and codes"),
    KeyKind("expiry", "zset", Lifetime.EMPTY, "jobs that are not final: id -> expires ms"),
    KeyKind("forget", "zset", Lifetime.EMPTY, "final jobs and batches that still have what was asked for -> until ms"),
    KeyKind("leases", "zset", Lifetime.EMPTY, "jobs being called: id -> end of lease ms"),
    KeyKind(
        "unreadable", "zset", Lifetime.EMPTY, "records that can't be read, for a person to look at: id -> found ms"
    ),
    KeyKind("idem:*", "string", Lifetime.FINAL, "idempotency key of a tenant: job id and fingerprint"),
    KeyKind("opened:*", "string", Lifetime.FINAL, "batch key of a tenant: batch id and fingerprint"),
    KeyKind("source:*", "string", Lifetime.TTL, "the batch that was begun last with the rows of a file: its id"),
    KeyKind("counts", "hash", Lifetime.BUDGET, "counts by state over all jobs ever accepted"),
    KeyKind("bucket", "hash", Lifetime.BUDGET, "tokens, the learned rate, whose share is next, order of the last job"),
    KeyKind("faults", "hash", Lifetime.EMPTY, "what does not add up: kind, and lane or job -> by how much"),
    KeyKind("scan", "hash", Lifetime.TTL, "how far the wakers have looked through lanes and jobs"),
    KeyKind("settings", "hash", Lifetime.BUDGET, "rate, burst and so on, with a version"),
    KeyKind("senders", "hash", Lifetime.BUDGET, "limits of each sender: name -> JSON"),
    KeyKind("weights", "hash", Lifetime.BUDGET, "turns a tenant gets where others get one: tenant -> number"),
    KeyKind("holds", "hash", Lifetime.BUDGET, "who is stopped, by whom and why: owner and scope -> JSON"),
    KeyKind("numbers", "hash", Lifetime.BUDGET, "message parts that a number may send now, and when they were counted"),
    KeyKind(
        "suppressed:*", "hash", Lifetime.BUDGET, "numbers that a sender must not contact: number -> since ms and reason"
    ),
    KeyKind(
        "suppressed_enc:*",
        "hash",
        Lifetime.BUDGET,
        "the same where numbers are encrypted: blind index -> since ms, encrypted number and reason; and their key's name",
    ),
    KeyKind("calls:*", "zset", Lifetime.TTL, "running calls of a sender with limits: id -> end of lease ms"),
    KeyKind("chats:*", "zset", Lifetime.TTL, "open chats of an instance: contact -> assumed end ms"),
    KeyKind(
        "workers",
        "zset",
        Lifetime.TTL,
        "workers of the last 10 s with the version of their settings -> seen ms",
    ),
    KeyKind("openers", "zset", Lifetime.TTL, "workers of the last 10 s and a key that each has -> seen ms"),
    KeyKind("skewed", "zset", Lifetime.TTL, "workers of the last 10 s with a wrong clock, ms ahead -> seen ms"),
    KeyKind("pumps", "zset", Lifetime.TTL, "pumps at work -> alive until ms"),
    KeyKind("confirmed", "string", Lifetime.TTL, "when somebody last waited for the disk: ms"),
    KeyKind("claims:*", "string", Lifetime.TTL, "a pump's last claim, to repeat its answer"),
    KeyKind("waiting", "string", Lifetime.TTL, "the pump that waits on `poke`"),
    KeyKind("pump_asked", "string", Lifetime.TTL, "stands while a pump is on its way: nonce of the request"),
    KeyKind("requests", "hash", Lifetime.TTL, "requests for a pump since the last one came, and when that was"),
    KeyKind("poke", "list", Lifetime.TTL, "wakes the waiting pump; at most one element"),
    KeyKind("hooks", "zset", Lifetime.EMPTY, "hosts that webhooks wait for -> when there is something to do ms"),
    KeyKind("hooks:*", "zset", Lifetime.EMPTY, "webhooks that wait for a host -> due ms"),
    KeyKind("hooks_leased:*", "zset", Lifetime.EMPTY, "webhooks that are being posted to a host -> end of lease ms"),
    KeyKind("hooks_dead", "zset", Lifetime.TTL, "webhooks that were given up -> ms"),
    KeyKind("hook_tries", "hash", Lifetime.TTL, "what came of a webhook's posts: attempts, times, code, host"),
    KeyKind("hook_host:*", "hash", Lifetime.TTL, "a host that fails: posts in a row, and until when it is left alone"),
    KeyKind("courier", "string", Lifetime.TTL, "the courier at work"),
    KeyKind("hook_asked", "string", Lifetime.TTL, "stands while a courier is on its way"),
    KeyKind("hook_poke", "list", Lifetime.TTL, "wakes the waiting courier; at most one element"),
    KeyKind("hook_wake", "list", Lifetime.TTL, "wakes the wakers to bring a courier; at most one element"),
    KeyKind("wake", "list", Lifetime.TTL, "wakes the wakers: nonce of the request; at most one element"),
    KeyKind("budgets", "hash", Lifetime.ACCESS, "budgets that ever had a worker or a job: name -> since ms"),
    KeyKind("api_keys", "hash", Lifetime.ACCESS, "API keys of the HTTP service: id -> times, newline, hash and limits"),
    KeyKind("api_keys_used", "hash", Lifetime.ACCESS, "when each API key was last used: id -> ms"),
    KeyKind("api_keys_spent:*", "hash", Lifetime.TTL, "requests that an API key with a rate may make now"),
)


@dataclass(frozen=True, slots=True)
class Keys:
    """Names of one budget's keys and channels."""

    prefix: str
    budget: str

    @property
    def base(self) -> str:
        """First part of all of them; routes a script to its slot."""
        return f"{self.prefix}:{{{self.budget}}}:"

    @property
    def declared(self) -> tuple[str, str]:
        """The keys that a script declares, of which neither exists. They route it to the budget's slot.

        They are two because of clusters. While a slot moves, the node that it leaves refuses what touches a missing
        key (ASK), and the node that it goes to refuses what touches several of which one is missing (TRYAGAIN). With
        a single key the latter would run the script on the part of the store that has already come.
        https://redis.io/docs/latest/commands/cluster-setslot/
        """
        return self.base, f"{self.base}-"

    @property
    def poke(self) -> str:
        """List that the registered pump blocks on."""
        return f"{self.base}poke"

    @property
    def wake(self) -> str:
        """List that wakers block on."""
        return f"{self.base}wake"

    @property
    def hook_poke(self) -> str:
        """List that the courier blocks on."""
        return f"{self.base}hook_poke"

    @property
    def hook_wake(self) -> str:
        """List that wakers which post webhooks block on."""
        return f"{self.base}hook_wake"

    @property
    def counts(self) -> str:
        """Hash of counts by state."""
        return f"{self.base}counts"

    @property
    def settings(self) -> str:
        """Hash of the budget's settings."""
        return f"{self.base}settings"

    @property
    def senders(self) -> str:
        """Hash of the limits of all senders."""
        return f"{self.base}senders"

    @property
    def events(self) -> str:
        """Stream of what happened."""
        return f"{self.base}events"

    @property
    def bucket(self) -> str:
        """Hash of the budget's pace."""
        return f"{self.base}bucket"

    @property
    def lanes(self) -> str:
        """Hash of all lanes with waiting jobs."""
        return f"{self.base}lanes"

    @property
    def faults(self) -> str:
        """Hash of what does not add up."""
        return f"{self.base}faults"

    @property
    def workers(self) -> str:
        """Zset of live workers."""
        return f"{self.base}workers"

    @property
    def openers(self) -> str:
        """Zset of live workers and the encryption keys that they have."""
        return f"{self.base}openers"

    @property
    def skewed(self) -> str:
        """Zset of live workers whose clock is wrong."""
        return f"{self.base}skewed"

    @property
    def pumps(self) -> str:
        """Zset of pumps at work."""
        return f"{self.base}pumps"

    @property
    def requests(self) -> str:
        """Hash of requests for a pump."""
        return f"{self.base}requests"

    def batch(self, batch: str) -> str:
        """Hash of a batch's record."""
        return f"{self.base}b:{batch}"

    def done(self, local_id: str) -> str:
        """Channel on which the end of a job or batch is published."""
        return f"{self.base}done:{local_id}"
