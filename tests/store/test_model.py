"""Anything may happen to a ledger, in any order, and after every step it must be what the small `Model` says.

The suite runs a few examples, always the same; `make model` runs thousands that are new each time. Long, because a
state machine is one class.
"""

import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from outbound_chat.model.jobs import Priority
from outbound_chat.model.lanes import Lane
from outbound_chat.store import scripts
from outbound_chat.store.records import Field
from outbound_chat.store.scripts import (
    Claimed,
    Empty,
    Held,
    KeyUse,
    NotOpen,
    Opened,
    Other,
    Outcome,
    Paced,
    Released,
    Result,
    Submitted,
)
from tests.support.clock import ClockedStore

from . import invariants
from .allowance import ENOUGH, Allowance
from .clocked import START_MS, ClockedLedger
from .ledger import DAY_MS, HOUR_MS, LEASE_MS, lane, new_job
from .model import OPEN, Batch, Job, Limits, Model

TRIES = 30
"""Claims that one change may need until all lanes are back from behind a gate: each brings some."""
SECOND_MS = 1000
STEPS_MS = (1, 200, *[SECOND_MS] * 3, *[5 * SECOND_MS] * 3, *[LEASE_MS + 1] * 3, 600 * SECOND_MS, HOUR_MS, 7 * DAY_MS)

picks = st.integers(0, 999)
rates = st.sampled_from([0.1, 2, 1000, 1000])
pumps = st.sampled_from(["p1", "p2", "p3"])
senders = st.sampled_from(["one", "one", "two", "two", "far"])
tenants = st.sampled_from(["", "a", "b"])
priorities = st.sampled_from(Priority)
scopes = st.sampled_from(
    ["sender:one", "sender:two", "sender:far", "instance:i-1", "instance:i-2", "batch", "batch", "budget"]
)
new_jobs = st.fixed_dictionaries(
    {
        "delay_ms": st.sampled_from([0, 0, 0, 0, 500, 5 * SECOND_MS, HOUR_MS]),
        "life_ms": st.sampled_from([*[30 * DAY_MS] * 5, DAY_MS, SECOND_MS, LEASE_MS, 0]),
        "parts": st.sampled_from([1, 1, 1, 2, 7]),
        "idem": st.sampled_from(["", "", "", "", "k1", "k2"]),
        "fingerprint": st.sampled_from(["f1", "f2"]),
    }
)


def outcome(name: str, **fields: Any) -> st.SearchStrategy[dict[str, Any]]:
    given = {
        field: values if isinstance(values, st.SearchStrategy) else st.just(values) for field, values in fields.items()
    }
    return st.fixed_dictionaries({"outcome": st.just(name), **given})


delays = st.sampled_from([0, 200, 5 * SECOND_MS, HOUR_MS, 2 * DAY_MS])
outcomes = st.one_of(
    outcome("sent", chat_ms=st.sampled_from([0, 5 * SECOND_MS, HOUR_MS])),
    outcome("retry", delay_ms=delays, maybe_sent=st.booleans(), code="service_error"),
    outcome("snooze", delay_ms=delays, code="throttled", pause_ms=st.sampled_from([0, 5 * SECOND_MS])),
    outcome("snooze", delay_ms=delays, code="some_code"),
    outcome("hold", delay_ms=st.sampled_from([SECOND_MS, 60 * SECOND_MS]), scope=picks, code="access_denied"),
    outcome("not_called", delay_ms=st.sampled_from([0, 0, SECOND_MS])),
    outcome("failed", maybe_sent=st.booleans(), code="no_answer"),
)


class LedgerMachine(RuleBasedStateMachine):
    """Producers, pumps, wakers, people, and the clock."""

    def __init__(self, ledger: ClockedLedger) -> None:
        super().__init__()
        ledger.flush()
        ledger.clock.now_ms = ledger.clock.latest_ms = START_MS
        self.ledger = ledger
        self.count = 0
        self.made: list[Result] = []
        """Calls that no finish has told of, as the results they would have."""
        self.told: list[Result] = []
        self.last_claims: dict[str, tuple[str, list[str]]] = {}
        self.idem: dict[tuple[str, str], tuple[str, str]] = {}
        self.looked = False

    def number(self) -> int:
        self.count += 1
        return self.count

    @initialize(
        rate=rates,
        burst=st.sampled_from([2, 5, 50]),
        chats=st.sampled_from([None, None, 1, 2]),
        parts=st.sampled_from([None, None, 0.1, 1]),
        concurrency=st.sampled_from([None, None, 1, 2]),
        throttles=st.sampled_from([False, False, True]),
    )
    def begin(
        self,
        *,
        rate: float,
        burst: int,
        chats: int | None,
        parts: float | None,
        concurrency: int | None,
        throttles: bool,
    ) -> None:
        self.throttles = throttles
        shared = Limits("i-1", "n-1", max_chats=chats, number_rate=parts)
        limits = {"one": replace(shared, concurrency=concurrency), "two": shared, "far": Limits("i-2", "n-2")}
        self.model = Model(START_MS, limits, Allowance(rate, most_tokens(rate, burst), START_MS, burst), START_MS)
        self._configure(rate, burst)

    def _configure(self, rate: float, burst: int, weights: dict[str, float] | None = None) -> None:
        given = {
            name: {field: value for field, value in asdict(limits).items() if value is not None}
            for name, limits in self.model.limits.items()
        }
        self.ledger.configure(rate=rate, burst=burst, senders=given, weights=weights, version=f"v{self.number()}")

    @rule(
        rate=rates,
        burst=st.sampled_from([2, 5, 50]),
        limit=st.sampled_from([1, 2, 5]),
        weight=st.sampled_from([0.5, 1.0, 3.0]),
    )
    def configure(self, rate: float, burst: int, limit: int, weight: float) -> None:
        """An operator changes limits; which ones there are stays."""
        model = self.model
        for limits in model.limits.values():
            limits.concurrency = limits.concurrency and limit
            limits.max_chats = limits.max_chats and limit
            limits.number_rate = limits.number_rate and limit / 2
        for number in model.numbers.values():
            number.change(limit / 2, max(1, limit / 2), max(1, limit / 2), model.now)
        model.pace.change(rate, most_tokens(rate, burst), burst, model.now)
        self._configure(rate, burst, {"a": weight})

    # Producers

    @rule(priority=priorities, tenant=tenants, concurrency=st.sampled_from([None, None, 1, 2]), sender=senders)
    def open_batch(self, priority: Priority, tenant: str, concurrency: int | None, sender: str) -> None:
        batch = f"b{self.number():03}"
        name = lane(priority, sender, tenant, batch)
        call = scripts.open_batch(
            self.ledger.keys,
            batch=batch,
            lane=Lane.parse(name),
            name="n",
            shared="{}",
            weight=2.0,
            concurrency=concurrency,
        )
        assert [self.ledger.run(call) for _ in range(2)] == [Opened(KeyUse.NEW, batch)] * 2
        self.model.batches[batch] = Batch(name, concurrency)

    @precondition(lambda self: self.model.batches)
    @rule(pick=picks)
    def close_batch(self, pick: int) -> None:
        if batch := pick_of(self.model.batches.values(), pick):
            assert self.ledger.close_batch(batch.lane) == "ok"
            batch.closed = True

    @rule(priority=priorities, sender=senders, tenant=tenants, jobs=st.lists(new_jobs, min_size=1, max_size=4))
    def submit(self, priority: Priority, sender: str, tenant: str, jobs: list[dict[str, Any]]) -> None:
        self._submit(lane(priority, sender, tenant), jobs)

    @precondition(lambda self: self.model.batches)
    @rule(pick=picks, jobs=st.lists(new_jobs, min_size=1, max_size=6))
    def submit_rows(self, pick: int, jobs: list[dict[str, Any]]) -> None:
        if batch := pick_of(self.model.batches.values(), pick):
            self._submit(batch.lane, jobs)

    def _submit(self, name: str, specs: list[dict[str, Any]]) -> None:
        _, _, tenant, batch = name.split(":")
        now, model = self.model.now, self.model
        jobs, others = [], []
        known = bool(model.jobs)
        for index, spec in enumerate(specs):
            local_id = f"{batch}-{self.number()}" if batch else f"j{self.number():04}"
            send_at = now + spec["delay_ms"] if spec["delay_ms"] else 0
            job = new_job(
                local_id,
                send_at_ms=send_at,
                expires_ms=(send_at or now) + spec["life_ms"] if spec["life_ms"] else 0,
                **{field: spec[field] for field in ("parts", "idem", "fingerprint")},
            )
            jobs.append(job)
            if batch and model.batches[batch].closed:
                continue
            key = (tenant, job.idem)
            other, fingerprint = self.idem.setdefault(key, (local_id, job.fingerprint)) if job.idem else (local_id, "")
            if other == local_id:
                expires = job.expires_ms or (send_at or now) + DAY_MS
                model.add(Job(local_id, name, now, send_at, expires, job.parts))
            else:
                others.append(Other(index, fingerprint == job.fingerprint, other))
        for again in (False, True):
            answer = self.ledger.submit(*jobs, lane=name, watched=False)
            if batch and model.batches[batch].closed:
                assert answer == NotOpen(closed=True)
            else:
                assert answer == Submitted(now, tuple(others), first=bool(model.jobs) and not known and not again)

    @rule(pick=picks)
    def cancel(self, pick: int) -> None:
        if job := pick_of(self.model.jobs.values(), pick):
            word = self.model.cancelled(job)
            assert [self.ledger.cancel(job.local_id) for _ in range(2)] == [word, word]

    # Pumps

    @rule(pump=pumps, wanted=st.integers(1, 10), linger_ms=st.sampled_from([0, 500]))
    def claim(self, pump: str, wanted: int, linger_ms: int) -> None:
        self._claim(pump, wanted, linger_ms)

    def _claim(self, pump: str, wanted: int, linger_ms: int = 0) -> int | None:
        """Claims, again as long as the answer says so; time until the next try, None: jobs were given."""
        for _ in range(TRIES):
            claim = f"claim-{self.number()}"
            answer = self.ledger.claim(pump=pump, claim_id=claim, wanted=wanted, linger_ms=linger_ms)
            self.looked = True
            if isinstance(answer, Claimed):
                ids = [job.local_id for job in answer.jobs]
                assert 0 < len(ids) <= wanted
                self.model.claimed(claim, answer.jobs)
                self.made += [Result(local_id=id_, claim=claim, outcome=Outcome.NOT_CALLED) for id_ in ids]
                self.last_claims[pump] = (claim, ids)
                return None
            if isinstance(answer, Held):
                assert "budget" in self.model.persons
                return -1
            assert "budget" not in self.model.persons
            if isinstance(answer, Paced):
                assert answer.pace_ms > 0
                assert self.model.pace.low(self.model.now) < 1 + ENOUGH, "there was a token"
                return answer.pace_ms
            assert isinstance(answer, Empty)
            if answer.until_ms:
                self._check_nothing_is_ready(answer)
                return answer.until_ms
        raise AssertionError(f"{TRIES} claims said: at once, and gave nothing")

    def _check_nothing_is_ready(self, answer: Empty) -> None:
        # When the clock stands behind, gates wait for the time that was said.
        if self.model.now >= self.model.latest:
            assert self.model.ready() == [], f"a claim gave {answer}"

    @rule(pump=pumps, wanted=st.integers(1, 10), fields=outcomes)
    def work(self, pump: str, wanted: int, fields: dict[str, Any]) -> None:
        """Claims, and tells at once what all the calls led to."""
        before = len(self.made)
        self._claim(pump, wanted)
        taken, self.made = self.made[before:], self.made[:before]
        self._finish([self._result(call, fields) for call in taken])

    @rule()
    def wait(self) -> None:
        """Lets time pass until the waker has to look again."""
        self.maintain()
        self._move_clock(max(0, self.ledger.maintain().next_ms))

    @precondition(lambda self: self.last_claims)
    @rule(pump=pumps)
    def repeat_claim(self, pump: str) -> None:
        """A claim whose answer was lost on the way."""
        if pump in self.last_claims:
            claim, ids = self.last_claims[pump]
            answer = self.ledger.claim(pump=pump, claim_id=claim, wanted=5)
            assert isinstance(answer, Claimed)
            given = [job.local_id for job in answer.jobs]
            assert given == [id_ for id_ in ids if self.model.jobs[id_].claim == claim]

    @precondition(lambda self: self.made)
    @rule(given=st.lists(st.tuples(picks, outcomes), min_size=1, max_size=3))
    def finish(self, given: list[tuple[int, dict[str, Any]]]) -> None:
        """Of calls that run, or whose lease was lost long ago."""
        results = []
        for pick, fields in given:
            if call := pick_of(self.made, pick):
                self.made.remove(call)
                results.append(self._result(call, fields))
        self._finish(results)

    def _result(self, call: Result, fields: dict[str, Any]) -> Result:
        if fields["outcome"] == "hold":
            scope = pick_of(self.model.scopes(self.model.jobs[call.local_id]), fields["scope"])
            fields = {**fields, "scope": scope}
        if fields.get("code") == "throttled" and not self.throttles:
            # What a throttled call leaves of the pace the model does not know; else it knows it well.
            fields = {"outcome": "not_called"}
        contact = f"contact-{call.local_id}" if fields["outcome"] == "sent" else ""
        return replace(call, contact_id=contact, **fields)

    def _finish(self, results: list[Result]) -> None:
        if results:
            words = [self.model.finished(result) for result in results]
            assert self.ledger.run(scripts.finish(self.ledger.keys, results)) == words
            self.told += results

    @precondition(lambda self: self.told)
    @rule(pick=picks)
    def repeat_finish(self, pick: int) -> None:
        if result := pick_of(self.told, pick):
            word = self.model.finished(result)
            assert self.ledger.run(scripts.finish(self.ledger.keys, [result])) == [word]

    @precondition(lambda self: self.made)
    @rule(pump=pumps, load=st.sampled_from(["idle", "full", "left"]), chosen=st.lists(picks, max_size=4))
    def renew(self, pump: str, load: Any, chosen: list[int]) -> None:
        found = {call for pick in chosen if (call := pick_of(self.made, pick))}
        held = [self.model.jobs[call.local_id] for call in found if self.model.jobs[call.local_id].claim == call.claim]
        answer = self.ledger.renew(*((call.local_id, call.claim) for call in found), pump=pump, load=load)
        assert answer.leases == len(held)
        for job in held:
            job.lease_end = self.model.now + LEASE_MS

    @rule(pump=pumps, warm=st.booleans(), lost=st.booleans())
    def leave(self, pump: str, warm: bool, lost: bool) -> None:
        """A pump ends; `lost`: it never got the answer to its last claim, so nobody called its jobs."""
        claim, _ = self.last_claims.pop(pump, ("", []))
        if not lost or any(result.claim == claim for result in self.told):
            claim = ""
        for job in [job for job in self.model.of_state("sending") if job.claim == claim]:
            self.model.finished(Result(local_id=job.local_id, claim=claim, outcome=Outcome.NOT_CALLED))
        self.ledger.leave(pump=pump, warm=warm, unanswered=claim)
        if claim:
            self.made = [call for call in self.made if call.claim != claim]
            self.last_claims[pump] = (claim, [])

    @precondition(lambda self: self.made)
    @rule(pick=picks)
    def crash(self, pick: int) -> None:
        """A call of which nobody will ever tell."""
        self.made.remove(pick_of(self.made, pick))

    @rule(pump=pumps, wanted=st.integers(1, 10), fields=outcomes)
    def be_late(self, pump: str, wanted: int, fields: dict[str, Any]) -> None:
        """Calls take so long that their jobs are given to another pump; then they come to an end."""
        self._claim(pump, wanted)
        self.ledger_is_what_the_model_says()
        late, self.made = self.made, []
        self._move_clock(LEASE_MS)
        self.maintain()
        self._claim(pump, wanted)
        self._finish([self._result(call, fields) for call in late])

    # Wakers, people and the clock

    @rule()
    def maintain(self) -> None:
        lost, expired = self.model.maintained()
        answer = self.ledger.maintain()
        assert (answer.lost, answer.expired) == (lost, expired)

    @rule(scope=scopes, pick=picks)
    def hold(self, scope: str, pick: int) -> None:
        if named := self._scope(scope, pick):
            assert self.ledger.hold(named) == "ok"
            self.model.persons.add(named)

    @rule(pick=picks)
    def release(self, pick: int) -> None:
        self._release(pick_of([*self.model.persons, *self.model.system, "sender:one"], pick))

    def _release(self, scope: str) -> None:
        hold = self.model.system.get(scope)
        assert self.ledger.release(scope) == Released(scope in self.model.persons, hold is not None)
        self.model.persons.discard(scope)
        if hold:
            hold.until = self.model.now

    def _scope(self, scope: str, pick: int) -> str | None:
        if scope != "batch":
            return scope
        batch = pick_of(self.model.batches.values(), pick)
        return f"batch:{Lane.parse(batch.lane).batch}" if batch and not batch.final else None

    @precondition(lambda self: self.model.chats)
    @rule(pick=picks)
    def close_chat(self, pick: int) -> None:
        """A chat ends early."""
        chats = self.model.chats.get("i-1", {})
        if contact := pick_of(chats, pick):
            end = chats.pop(contact)
            counted = self.ledger.run(scripts.close_chat(self.ledger.keys, contact=contact, instances=["i-2", "i-1"]))
            assert counted or end <= self.model.latest

    @rule(step_ms=st.sampled_from(STEPS_MS))
    def pass_time(self, step_ms: int) -> None:
        self._move_clock(step_ms)

    @precondition(lambda self: self.model.now >= self.model.latest)
    @rule(step_ms=st.sampled_from([1, 200, SECOND_MS, SECOND_MS, HOUR_MS]))
    def put_clock_back(self, step_ms: int) -> None:
        self._move_clock(-step_ms)

    def _move_clock(self, step_ms: int) -> None:
        self.ledger.clock.now_ms += step_ms
        self.model.move_clock(self.ledger.clock.now_ms)

    # What must hold

    @invariant()
    def reconciler_finds_nothing(self) -> None:
        """No false alarm, and nothing that our own scripts leave where nobody would come to it."""
        assert self.ledger.look() == []

    @invariant()
    def ledger_is_what_the_model_says(self) -> None:
        if not hasattr(self, "model"):
            return
        heads = invariants.heads_of(invariants.check(self.ledger))
        if self.looked:
            self.model.follow({id_: head[Field.STATE] for id_, head in heads.items()})
            self.looked = False
        self.model.settle_batches()
        assert {id_: facts(head) for id_, head in heads.items()} == {
            id_: job.facts for id_, job in self.model.jobs.items()
        }
        leases = dict(self.ledger.redis.zrange(self.ledger.key("leases"), 0, -1, withscores=True))
        assert leases == {job.local_id: job.lease_end for job in self.model.of_state("sending")}
        self._check_holds()
        self._check_listed()
        for name, batch in self.model.batches.items():
            assert bool(self.ledger.redis.hget(self.ledger.key(f"b:{name}"), "final_at")) is batch.final

    def _check_listed(self) -> None:
        """Single jobs are listed in the order of acceptance, the newest first."""
        found = self.ledger.run(scripts.read_listed(self.ledger.keys, blind_index="", after="", skipped=0, count=500))
        listed = [job.id.removeprefix("main.") for job in found.jobs]
        assert listed == [id_ for id_ in reversed(self.model.jobs) if "-" not in id_]

    def _check_holds(self) -> None:
        persons, system = set(), {}
        for hold in self.ledger.holds():
            scope = hold.scope if hold.scope == "budget" else f"{hold.scope}:{hold.name.removeprefix('main.')}"
            if hold.owner == "person":
                persons.add(scope)
            elif hold.probe_at:
                system[scope] = round(hold.probe_at.timestamp() * 1000)
        assert persons == self.model.persons
        assert system == {scope: hold.until for scope, hold in self.model.system.items()}

    def teardown(self) -> None:
        """Once nobody holds anything every job comes to its end, and nothing is left of it but its record."""
        if sys.exc_info()[0] is None and hasattr(self, "model"):
            self._drain()

    def _drain(self) -> None:
        for scope in [*self.model.persons, *self.model.system]:
            self._release(scope)
        self._move_clock(max(0, self.model.latest - self.model.now))
        for _ in range(100 + 20 * len(self.model.of_state(*OPEN))):
            if not self.model.of_state(*OPEN) and not self.ledger.redis.exists(self.ledger.key("delayed")):
                break
            self.maintain()
            until = self._claim("p1", 10)
            if until is None:
                held = [call for call in self.made if self.model.jobs[call.local_id].claim == call.claim]
                self._finish([self._result(call, {"outcome": "sent"}) for call in held])
                self.made = []
            else:
                waits = [wait for wait in (until, self.ledger.maintain().next_ms) if wait >= 0]
                self._move_clock(max(1, min(waits, default=0)))
            self.ledger_is_what_the_model_says()
            assert until is None or waits or not self.model.of_state(*OPEN), "nothing is left to wait for"
        assert self.model.of_state(*OPEN) == []
        left = [name.partition(":")[0] for name in self.ledger.names()]
        assert not {"lane", "timed", "retry", "blocked", "ring", "delayed", "leases", "expiry"} & set(left)


def most_tokens(rate: float, burst: int) -> float:
    """A bucket of one has room for the 10 ms by which a pump may be late."""
    return max(burst, 1 + rate / 100)


def facts(head: list[Any]) -> tuple[object, ...]:
    state, due = head[Field.STATE], head[Field.DUE]
    due = due or head[Field.CREATED] if state == "queued" else due
    return (
        state,
        due,
        *(head[place] for place in (Field.ATTEMPTS, Field.CLAIM, Field.MAYBE_SENT, Field.CANCEL, Field.CONTACT)),
    )


def pick_of(choices: Any, pick: int) -> Any:
    """One of them, None if there are none."""
    found = list(choices)
    return found[pick % len(found)] if found else None


@pytest.fixture(scope="module")
def clocked(standalone_url: str) -> Iterator[ClockedLedger]:
    with (
        ClockedStore(standalone_url, "oc-model") as store,
        redis.Redis.from_url(standalone_url, decode_responses=True) as client,
    ):
        yield ClockedLedger(store, client)


def test_whatever_happens_the_ledger_is_what_the_model_says(clocked: ClockedLedger) -> None:
    """A combination that nobody thought of is how messages are lost, sent twice, or stuck for ever."""
    examples = int(os.environ.get("MODEL_EXAMPLES", "0"))
    profile = settings(
        max_examples=examples or 40,
        stateful_step_count=30,
        derandomize=not examples,
        deadline=None,
        database=None,
        print_blob=True,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    # A factory will do, though the annotation asks for the class.
    run_state_machine_as_test(lambda: LedgerMachine(clocked), settings=profile)  # type: ignore[arg-type]


def test_the_list_may_let_a_batch_go_before_its_record(clocked: ClockedLedger) -> None:
    """Its record lives by the server's clock, which no test moves on."""
    clocked.flush()
    clocked.clock.now_ms = clocked.clock.latest_ms = START_MS
    first, second = clocked.open_batch(), clocked.open_batch()
    clocked.close_batch(first)
    clocked.clock.now_ms += 7 * DAY_MS
    clocked.close_batch(second)
    invariants.check(clocked)
