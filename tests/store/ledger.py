"""A ledger for tests: builders of jobs, a hand on what Redis holds, and a record of every move that jobs make."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

from outbound_chat.model.ids import new_local_id
from outbound_chat.model.jobs import Job, JobState, Priority
from outbound_chat.model.lanes import Lane
from outbound_chat.model.operations import Events, Hold
from outbound_chat.store import ScriptCall, Store, inspection, scripts
from outbound_chat.store.records import Field
from outbound_chat.store.scripts import (
    BatchRecord,
    Claimed,
    ClaimedJob,
    Empty,
    Finding,
    KeyUse,
    Maintained,
    NewJob,
    NotOpen,
    Opened,
    Outcome,
    Paced,
    Released,
    Result,
    Submitted,
)
from outbound_chat.store.scripts._loader import load_script

T = TypeVar("T")
Answer = scripts.Claimed | scripts.Empty | scripts.Paced | scripts.Held | scripts.Dismissed | scripts.Unconfigured

BUDGET = "main"
PUMP = "pump-1"
REQUEST = '{"to":"+12025550123"}'
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
KEEP_MS = 7 * DAY_MS
LEASE_MS = 30_000
QUIET_LOOKS = 3


def lane(priority: Priority = Priority.NORMAL, sender: str = "sms", tenant: str = "", batch: str = "") -> str:
    return str(Lane(priority, sender, tenant, batch))


LANE = lane()
LISTED = scripts.Listing(100_000, by_number=False)


def new_job(local_id: str = "", **fields: Any) -> NewJob:
    """A job that is due at once, unless `fields` say otherwise."""
    defaults: dict[str, Any] = {
        "send_at_ms": 0,
        "expires_ms": 0,
        "parts": 1,
        "token": "",
        "idem": "",
        "fingerprint": "-",
        "request": REQUEST,
    }
    return NewJob(local_id=local_id or new_local_id(), **{**defaults, **fields})


@dataclass(frozen=True, slots=True)
class Taken:
    """Jobs that one claim gave."""

    claim: str
    jobs: tuple[ClaimedJob, ...]

    @property
    def ids(self) -> list[str]:
        return [job.local_id for job in self.jobs]


class Ledger:
    """One budget's ledger."""

    def __init__(self, store: Store, redis: Any) -> None:
        """`redis`: a plain client of the same server, to look at keys and to turn back time in them."""
        self.store = store
        self.redis = redis
        self.keys = store.keys(BUDGET)
        self.moves: set[tuple[JobState, JobState]] = set()
        self._seen: dict[str, JobState] = {}
        self.calls: Counter[str] = Counter()
        """Results that were recorded of calls that led to no contact: outcome and code."""

    def run(self, call: ScriptCall[T]) -> T:
        """Runs the call, and notes how it moved the jobs that are watched."""
        if JobState.SCHEDULED in self._seen.values():
            # Time alone makes it queued; that is no move of this call.
            self.watch()
        answer = self.store.run(call)
        if call.script == "finish":
            self._note_calls(call.args, answer)
        self.watch()
        return answer

    def flush(self) -> None:
        """Empties the server."""
        self.redis.flushall()
        self.calls.clear()

    def _note_calls(self, args: Sequence[Any], words: Any) -> None:
        width = len(args) // len(words)
        for at, word in zip(range(0, len(args), width), words, strict=True):
            outcome, code, called = args[at + 2], args[at + 6], args[at + 14]
            if called and outcome not in {"sent", "not_called"} and word not in {"stale", "gone", "newer"}:
                self.calls[f"{outcome}:{code}"] += 1

    def at_once(self, *asked: ScriptCall[Any] | str) -> list[Any]:
        """Answers to calls, and milliseconds that keys have to live, between which no time passes for any key."""
        with self.redis.pipeline() as pipeline:
            for one in asked:
                if isinstance(one, str):
                    pipeline.pttl(self.key(one))
                else:
                    pipeline.eval(load_script(one.script).source, 1, one.keys.base, *one.args)
            answers = pipeline.execute()
        self.watch()
        return [one if isinstance(call, str) else call.read(one) for call, one in zip(asked, answers, strict=True)]

    def watch(self, local_ids: Iterable[str] = ()) -> None:
        """Notes what moved since the last look; `local_ids` are watched from now on."""
        open_ids = [id_ for id_, state in self._seen.items() if state is not JobState.SENT]
        ids = [*open_ids, *(id_ for id_ in local_ids if id_ not in self._seen)][: scripts.MOST_JOBS]
        if not ids:
            return
        for id_, job in self.jobs(ids).items():
            before = self._seen.get(id_, job.state)
            if before is not job.state:
                self.moves.add((before, job.state))
            self._seen[id_] = job.state

    def configure(
        self,
        *,
        rate: float = 10_000,
        burst: int = 10_000,
        max_pumps: int = 4,
        version: str = "v1",
        keep_requests_ms: int = KEEP_MS,
        senders: Mapping[str, Mapping[str, Any]] | None = None,
        weights: Mapping[str, float] | None = None,
        contacts: bool = False,
    ) -> str:
        """`senders`: limits by name, on top of an instance and a number that all share."""
        limits = {name: {"instance": "i-1", "number": "n-1", **given} for name, given in (senders or {}).items()}
        for given in limits.values():
            given["peers"] = [name for name, other in limits.items() if other["instance"] == given["instance"]]
        call = scripts.configure(
            self.keys,
            version=version,
            rate=rate,
            burst=burst,
            max_pumps=max_pumps,
            keep_ms=KEEP_MS,
            keep_requests_ms=keep_requests_ms,
            senders=limits,
            weights=weights or {},
            contacts=contacts,
        )
        return self.run(call)

    def submit(
        self, *jobs: NewJob, lane: str = LANE, max_age_ms: int = DAY_MS, rejected: int = 0, watched: bool = True
    ) -> Submitted | NotOpen:
        answer = self.run(
            scripts.submit(
                self.keys, lane=Lane.parse(lane), max_age_ms=max_age_ms, rejected=rejected, jobs=jobs, listing=LISTED
            )
        )
        if watched:
            self.watch(job.local_id for job in jobs)
        return answer

    def add(self, count: int = 1, *, lane: str = LANE, watched: bool = True, **fields: Any) -> list[str]:
        """Submits jobs that are alike, and gives their ids; those of a batch are its rows 1, 2, 3, …"""
        batch = Lane.parse(lane).batch
        ids = [f"{batch}-{row}" if batch else new_local_id() for row in range(1, count + 1)]
        for start in range(0, count, scripts.MOST_JOBS):
            jobs = [new_job(id_, **fields) for id_ in ids[start : start + scripts.MOST_JOBS]]
            assert isinstance(self.submit(*jobs, lane=lane, watched=watched), Submitted)
        return ids

    def open_batch(
        self, *, tenant: str = "", shared: str = "{}", priority: Priority = Priority.BULK, **limits: Any
    ) -> str:
        """Begins a batch and gives its lane."""
        batch = new_local_id()
        name = lane(priority, tenant=tenant, batch=batch)
        call = scripts.open_batch(
            self.keys, batch=batch, lane=Lane.parse(name), name="May news", shared=shared, **limits
        )
        assert self.run(call) == Opened(KeyUse.NEW, batch)
        return name

    def close_batch(self, lane: str, rejected: int = 0) -> str:
        return self.run(scripts.close_batch(self.keys, batch=Lane.parse(lane).batch, rejected=rejected))

    def batch(self, lane: str) -> BatchRecord:
        """The record of the lane's batch, at no time, so that two can be compared."""
        found = self.run(scripts.read_batch(self.keys, Lane.parse(lane).batch))
        assert found
        return replace(found, now_ms=0)

    def cancel(self, local_id: str) -> str:
        return self.run(scripts.cancel(self.keys, [local_id]))[0]

    def jobs(self, local_ids: Sequence[str]) -> dict[str, Job]:
        return self.store.run(scripts.read_jobs(self.keys, local_ids))

    def job(self, local_id: str) -> Job:
        return self.jobs([local_id])[local_id]

    def state(self, local_id: str) -> JobState:
        return self.job(local_id).state

    def claim(
        self,
        *,
        pump: str = PUMP,
        claim_id: str = "",
        wanted: int = 10,
        lease_ms: int = LEASE_MS,
        linger_ms: int = 0,
        first: bool = False,
        nonce: str = "",
    ) -> Answer:
        """`first`: the pump comes on the request that stands."""
        return self.run(
            scripts.claim(
                self.keys,
                pump=pump,
                claim_id=claim_id or new_local_id(),
                wanted=wanted,
                lease_ms=lease_ms,
                linger_ms=linger_ms,
                nonce=(self.asked() or "message-of-old") if first else nonce,
            )
        )

    def take(self, wanted: int = 10, *, pump: str = PUMP) -> Taken:
        """A claim that must give jobs."""
        claim_id = new_local_id()
        answer = self.claim(pump=pump, claim_id=claim_id, wanted=wanted)
        assert isinstance(answer, Claimed), answer
        return Taken(claim_id, answer.jobs)

    def take_one(self) -> tuple[str, str]:
        """Local id and claim id of one claimed job."""
        taken = self.take(1)
        return taken.ids[0], taken.claim

    def finish(self, local_id: str, claim: str, outcome: str, **fields: Any) -> str:
        """Records one result; the word that the ledger answers."""
        result = Result(local_id=local_id, claim=claim, outcome=Outcome(outcome), **fields)
        (word,) = self.run(scripts.finish(self.keys, [result]))
        return word

    def attempt(self, outcome: str, **fields: Any) -> tuple[str, str]:
        """Claims one job and records what its call led to; its local id and the ledger's word."""
        local_id, claim = self.take_one()
        return local_id, self.finish(local_id, claim, outcome, **fields)

    def cancel_many(self, scope: str) -> list[int]:
        """Cancels all of a scope; how many each script ended."""
        ended: list[int] = []
        left = True
        while left:
            answer = self.run(scripts.cancel_many(self.keys, scope=scope, first=not ended))
            assert answer
            ended.append(answer.jobs)
            left = answer.left
        return ended

    def dead(self, *, state: str = "", code: str = "", count: int = 100) -> list[str]:
        """Ids of dead letters, read in pages of so many."""
        ids: list[str] = []
        after = None
        while True:
            page = self.run(scripts.read_dead(self.keys, state=state, code=code, after=after, count=count))
            ids += [job.id.partition(".")[2] for job in page.jobs]
            after = page.following
            if after is None:
                return ids

    def replay(self, old: str, **changes: Any) -> scripts.Replayed:
        """Replays a job as it was, under a new id."""
        given: dict[str, Any] = {
            "local_id": new_local_id(),
            "lane": Lane.parse(LANE),
            "max_age_ms": DAY_MS,
            "parts": 1,
            "token": f"{BUDGET}.{old}",
            "edited": False,
            "force": False,
            "send_at_ms": 0,
            "request": REQUEST,
        }
        return self.run(scripts.replay(self.keys, old=old, listing=LISTED, **{**given, **changes}))

    def events(self, since: int = 0, count: int = 500) -> Events:
        return self.run(scripts.read_events(self.keys, since=since, count=count))

    def suppress(self, *numbers: str, sender: str = "sms", reason: str = "") -> int:
        entries = [(number, 0, reason) for number in numbers]
        answer = self.run(scripts.suppress(self.keys, sender=sender, entries=entries))
        assert isinstance(answer, int)
        return answer

    def unsuppress(self, *numbers: str, sender: str = "sms") -> int:
        answer = self.run(scripts.unsuppress(self.keys, sender=sender, names=numbers))
        assert isinstance(answer, scripts.Unlisted)
        return sum(answer.removed)

    def hold(self, scope: str, reason: str = "wrong text") -> str:
        return self.run(scripts.hold(self.keys, scope=scope, reason=reason))

    def release(self, scope: str) -> Released:
        return self.run(scripts.release(self.keys, scope=scope))

    def holds(self) -> list[Hold]:
        return self.run(scripts.read_holds(self.keys))

    def renew(
        self,
        *leased: tuple[str, str],
        pump: str = PUMP,
        load: Literal["idle", "full", "left"] = "full",
        lease_ms: int = LEASE_MS,
    ) -> scripts.Renewed:
        return self.run(scripts.renew(self.keys, pump=pump, load=load, lease_ms=lease_ms, leased=leased))

    def leave(self, *, pump: str = PUMP, warm: bool = False, unanswered: str = "") -> str:
        return self.run(scripts.leave(self.keys, pump=pump, warm=warm, unanswered=unanswered))

    def maintain(self, *, worker: str = "worker-1", version: str = "v1", key_ids: Sequence[str] = ()) -> Maintained:
        return self.run(scripts.maintain(self.keys, worker=worker, version=version, key_ids=key_ids))

    def look(self) -> list[Finding]:
        """What a look of the reconciler finds; it does not wait until the next one is due."""
        self.redis.hdel(self.key("scan"), "next_ms", "looked_ms")
        return list(self.store.run(scripts.reconcile(self.keys, lease_ms=LEASE_MS)).found)

    def reconcile(self) -> list[Finding]:
        """What all looks find until there is nothing more."""
        found: list[Finding] = []
        quiet = 0
        while quiet < QUIET_LOOKS:
            latest = self.look()
            in_haste = self.redis.hget(self.key("scan"), "fast") == "1"
            quiet = 0 if latest or in_haste else quiet + 1
            found += latest
        self.watch()
        return found

    def lose_leases(self) -> Maintained:
        """Lets all leases run out, and the waker look."""
        self.run_out("leases")
        return self.maintain()

    def key(self, name: str) -> str:
        return self.keys.base + name

    def now_ms(self) -> int:
        seconds, micros = self.redis.time()
        return int(seconds * 1000 + micros // 1000)

    def latest_ms(self) -> int:
        """The latest time that a script was run at."""
        return self.now_ms()

    def names(self) -> list[str]:
        """All keys of the budget, without their common part."""
        return sorted(name.removeprefix(self.keys.base) for name in self.redis.keys("*"))

    def raw(self, local_id: str) -> str:
        return str(self.redis.get(self.key(f"j:{local_id}")))

    def head(self, local_id: str) -> list[Any]:
        head: list[Any] = json.loads(self.raw(local_id).partition("\n")[0])
        return head

    def request(self, local_id: str) -> str:
        return self.raw(local_id).partition("\n")[2]

    def rewrite(self, local_id: str, places: Mapping[Field, Any]) -> None:
        """Changes places of a record, as time or another program would."""
        head = self.head(local_id)
        for place, value in places.items():
            head[place] = value
        raw = json.dumps(head) + "\n" + self.request(local_id)
        self.redis.set(self.key(f"j:{local_id}"), raw, keepttl=True)

    def run_out(self, index: str) -> None:
        """Moves all members of a zset to long ago."""
        for member in self.redis.zrange(self.key(index), 0, -1):
            self.redis.zadd(self.key(index), {member: 1})

    def asked(self) -> str:
        """Nonce of the request for a pump that stands; empty: none does."""
        return str(self.redis.get(self.key("pump_asked")) or "")

    def forget_request(self) -> None:
        """Lets the time pass in which a pump that was asked for should have come."""
        self.redis.delete(self.key("pump_asked"))

    def shift_bucket(self, by_ms: float) -> None:
        """Moves the time at which the bucket was last counted; later than now is a backward step of the clock."""
        at_ms = float(self.redis.hget(self.key("bucket"), "at_ms"))
        self.redis.hset(self.key("bucket"), "at_ms", f"{at_ms + by_ms:.3f}")

    def counts(self) -> dict[str, int]:
        """Counts of the budget that are not zero."""
        return {field: count for field, count in inspection.counts(self.store, self.keys).items() if count}

    def ttl_ms(self, name: str) -> int:
        """Life of a key; -1: it has no end, -2: there is none."""
        return int(self.redis.pttl(self.key(name)))


def is_paced(answer: Answer) -> bool:
    return isinstance(answer, Paced)


def is_empty(answer: Answer) -> bool:
    return isinstance(answer, Empty)
