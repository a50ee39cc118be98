"""Why a job waits: in each situation the rule by which a claim gives it no call, in words that help."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from outbound_chat import AsyncOutboundChat, OutboundChat, UnknownJob, WaitReason, WaitTimeout, Why
from outbound_chat.model.jobs import Priority
from outbound_chat.model.lanes import Lane
from outbound_chat.model.times import from_ms
from outbound_chat.store import AsyncStore, inspection, scripts
from outbound_chat.store.scripts import Claimed, Empty, Held, Paced, Unconfigured
from tests.support.harness import sender

from .clocked import ClockedLedger
from .conftest import PREFIX
from .ledger import BUDGET, DAY_MS, HOUR_MS, Answer, Ledger, lane

PERSON, SYSTEM, ALL = "person", "system", "budget:main"
SMS = "sender:sms"
PORTED, CHANGED = "number is being ported", "flow is being changed"
DENIED = "access_denied: not allowed"
REFUSED = (SYSTEM, DENIED)
R = WaitReason


def why(ledger: Ledger, local_id: str, **values: Any) -> Why:
    """Asked as a caller asks, through the client; `values`: settings of it."""
    return OutboundChat(store=ledger.store, key_prefix=PREFIX, **values).why(f"{BUDGET}.{local_id}")


def sent(ledger: Ledger) -> str:
    ledger.add()
    return ledger.attempt("sent", contact_id="c-1")[0]


def failed(ledger: Ledger) -> str:
    ledger.add()
    return ledger.attempt("failed", code="refused", message="no such template")[0]


def cancelled(ledger: Ledger) -> str:
    (local_id,) = ledger.add()
    ledger.cancel(local_id)
    return local_id


def sending(ledger: Ledger) -> str:
    ledger.add()
    return ledger.take_one()[0]


def cancelled_while_sending(ledger: Ledger) -> str:
    local_id = sending(ledger)
    ledger.cancel(local_id)
    return local_id


def past_its_time(ledger: Ledger) -> str:
    return ledger.add(expires_ms=1)[0]


def scheduled(ledger: Ledger) -> str:
    return ledger.add(send_at_ms=ledger.now_ms() + 5 * HOUR_MS)[0]


def scheduled_for_a_minute(ledger: Ledger) -> str:
    """As quiet hours end."""
    return ledger.add(send_at_ms=(ledger.now_ms() + 5 * HOUR_MS) // 60_000 * 60_000)[0]


def backing_off(ledger: Ledger) -> str:
    ledger.add()
    return ledger.attempt("retry", delay_ms=DAY_MS, code="service_error", message="try later")[0]


def capped(ledger: Ledger) -> str:
    limits = {"per_recipient": [[1, 600_000], [3, DAY_MS]], "over_cap": "wait", "mark_form": ""}
    ledger.configure(senders={"sms": limits})
    _, second = ledger.add(2)
    taken = ledger.take(2)
    ledger.finish(taken.ids[0], taken.claim, "sent", contact_id="c-1")
    return second


def handed_back(ledger: Ledger) -> str:
    """For another reason than the time of day, as its sender has no quiet hours."""
    ledger.add()
    return ledger.attempt("not_called", delay_ms=HOUR_MS)[0]


def handed_back_at_night(ledger: Ledger) -> str:
    ledger.add()
    local_id, claim = ledger.take_one()
    ledger.finish(local_id, claim, "not_called", not_before_ms=ledger.now_ms() + 5 * HOUR_MS)
    return local_id


def tenant_held(ledger: Ledger) -> str:
    ledger.hold("tenant:acme", "has not paid")
    return ledger.add(lane=lane(tenant="acme"))[0]


def without_settings(ledger: Ledger) -> str:
    (local_id,) = ledger.add()
    ledger.redis.delete(ledger.key("settings"), ledger.key("workers"))
    return local_id


def without_worker(ledger: Ledger) -> str:
    (local_id,) = ledger.add()
    ledger.redis.delete(ledger.key("workers"))
    return local_id


def without_worker_under_a_hold(ledger: Ledger) -> str:
    ledger.hold("sender:sms", "legal looks at it")
    return without_worker(ledger)


def without_its_key(ledger: Ledger) -> str:
    ledger.maintain(key_ids=["newkey"])
    return ledger.add(request="encrypted:oldkey::token")[0]


def budget_held(ledger: Ledger) -> str:
    ledger.hold("budget", "wait for legal")
    return ledger.add()[0]


def sender_held(ledger: Ledger) -> str:
    ledger.hold(SMS, PORTED)
    return ledger.add()[0]


def instance_held(ledger: Ledger) -> str:
    ledger.configure(senders={"sms": {}}, version="v2")
    ledger.hold("instance:i-1", CHANGED)
    return ledger.add()[0]


def batch_held(ledger: Ledger) -> str:
    name = ledger.open_batch()
    ledger.hold(f"batch:{Lane.parse(name).batch}", "wrong text")
    return ledger.add(lane=name)[0]


def of_a_batch_that_is_being_cancelled(ledger: Ledger) -> str:
    """The last of more jobs than one script cancels."""
    name = ledger.open_batch()
    ids = ledger.add(201, lane=name, watched=False)
    ledger.run(scripts.cancel_many(ledger.keys, scope=f"batch:{Lane.parse(name).batch}", first=True))
    return ids[-1]


def scheduled_under_a_hold(ledger: Ledger) -> str:
    ledger.hold(SMS, PORTED)
    return scheduled(ledger)


def held_by_system(ledger: Ledger) -> str:
    """The job that was refused; two others wait."""
    ledger.add(3)
    fields = {"scope": "sender:sms", "code": "access_denied", "message": "not allowed"}
    return ledger.attempt("hold", delay_ms=300_000, **fields)[0]


def probe_due(ledger: Ledger) -> str:
    local_id = held_by_system(ledger)
    name = ledger.key("holds"), "system:sender:sms"
    ledger.redis.hset(*name, json.dumps({**json.loads(ledger.redis.hget(*name)), "until_ms": 1}))
    return local_id


def probing(ledger: Ledger) -> str:
    local_id = probe_due(ledger)
    assert ledger.take().ids != [local_id]
    return local_id


def sender_calls(ledger: Ledger) -> str:
    ledger.configure(senders={"sms": {"concurrency": 2}}, version="v2")
    ids = ledger.add(5)
    ledger.take()
    return ids[4]


def batch_calls(ledger: Ledger) -> str:
    name = ledger.open_batch(concurrency=3)
    ids = ledger.add(5, lane=name)
    ledger.take()
    return ids[4]


def chats_are_open(ledger: Ledger) -> str:
    ledger.configure(senders={"sms": {"max_chats": 2}}, version="v2")
    ids = ledger.add(4)
    for number, local_id in enumerate((taken := ledger.take()).ids):
        ledger.finish(local_id, taken.claim, "sent", contact_id=f"c-{number}", chat_ms=5 * HOUR_MS)
    return ids[2]


def number_is_slow(ledger: Ledger) -> str:
    ledger.configure(senders={"sms": {"number_rate": 0.01}}, version="v2")
    ids = ledger.add(5)
    ledger.take()
    return ids[3]


def nobody_takes_up_the_work(ledger: Ledger) -> str:
    (local_id,) = ledger.add()
    for _ in range(3):
        ledger.forget_request()
        ledger.maintain()
    return local_id


def without_worker_after_requests(ledger: Ledger) -> str:
    """Those that asked have ended: that nobody answered them is no news."""
    local_id = nobody_takes_up_the_work(ledger)
    ledger.redis.delete(ledger.key("workers"))
    return local_id


def aws_asked_to_wait(ledger: Ledger) -> str:
    ledger.configure(rate=2, burst=5, version="v2")
    ids = ledger.add(2)
    ledger.attempt("snooze", delay_ms=1_000, pause_ms=45_000, code="throttled", message="slow down")
    return ids[1]


def snoozed_while_aws_asks_to_wait(ledger: Ledger) -> str:
    ledger.configure(rate=2, burst=5, version="v2")
    ledger.add()
    fields = {"code": "throttled", "message": "slow down", "pause_ms": 45_000}
    return ledger.attempt("snooze", delay_ms=HOUR_MS, **fields)[0]


def behind_others(ledger: Ledger) -> str:
    ledger.configure(rate=0.01, burst=1, version="v2")
    ids = ledger.add(6)
    ledger.take(1)
    return ids[4]


def first_without_a_token(ledger: Ledger) -> str:
    ledger.configure(rate=0.01, burst=1, version="v2")
    ids = ledger.add(2)
    ledger.take(1)
    return ids[1]


def about_to_go(ledger: Ledger) -> str:
    return ledger.add()[0]


Situation = Callable[[Ledger], str]


@dataclass(frozen=True, slots=True)
class Row:
    """What is to be told of a situation, and what a claim says of it."""

    situation: Situation
    reason: WaitReason
    words: str
    claim: type[Answer] = Empty
    rule: str = ""
    """With which the claim comes back empty; its scope is that of the reason."""
    then: WaitReason | None = None
    scope: str | None = None
    held: tuple[str, str] | None = None
    senders: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.situation.__name__


OVER_AT_NIGHT = (
    "h: when the quiet hours of the sender sms end in the recipient's time zone, or at its send_at, if it has one."
)
TABLE = [
    Row(sent, R.FINAL, "Connect accepted it"),
    Row(failed, R.FINAL, "it failed (refused: no such template)"),
    Row(cancelled, R.FINAL, "it was cancelled"),
    Row(sending, R.SENDING, "is calling Connect"),
    Row(cancelled_while_sending, R.CANCELLING, "cancelled meanwhile"),
    Row(
        of_a_batch_that_is_being_cancelled,
        R.CANCELLING,
        "is being cancelled: within seconds the job ends, without a call",
        rule="hold",
    ),
    Row(past_its_time, R.EXPIRING, "within seconds it ends as expired"),
    Row(scheduled, R.SCHEDULED, "is due in 5 h, at its send_at."),
    Row(scheduled_for_a_minute, R.SCHEDULED, "at its send_at."),
    Row(scheduled_for_a_minute, R.SCHEDULED, OVER_AT_NIGHT, senders={"sms": sender(quiet_hours="21:00-08:00")}),
    Row(scheduled_under_a_hold, R.SCHEDULED, "number is being ported", then=R.HELD_BY_PERSON),
    Row(backing_off, R.BACKOFF, "(service_error: try later); the next attempt is due in 24 h"),
    Row(capped, R.RECIPIENT_CAP, "per_recipient allows (1 in 10 min, 3 in 24 h)", scope=SMS),
    Row(handed_back, R.BACKOFF, "returned it without a call; the next attempt is due in 60 min"),
    Row(handed_back_at_night, R.QUIET_HOURS, "is due in 5 h", senders={"sms": sender(quiet_hours="21:00-08:00")}),
    Row(without_settings, R.NO_SETTINGS, "no worker was started", Unconfigured, scope=ALL),
    Row(without_worker, R.NO_WORKER, "outbound-chat worker", Claimed, scope=ALL),
    Row(without_worker_after_requests, R.NO_WORKER, "outbound-chat worker", Claimed, scope=ALL),
    Row(without_worker_under_a_hold, R.NO_WORKER, "legal looks", then=R.HELD_BY_PERSON, scope=ALL),
    Row(without_its_key, R.NO_KEY, "the key oldkey, which no worker of the budget main has", Claimed, scope=ALL),
    Row(budget_held, R.BUDGET_HELD, "release --budget main", Held, scope=ALL, held=(PERSON, "wait for legal")),
    Row(sender_held, R.HELD_BY_PERSON, "release --sender sms", rule="hold", scope=SMS, held=(PERSON, PORTED)),
    Row(instance_held, R.HELD_BY_PERSON, "--instance i-1", rule="hold", scope="instance:i-1", held=(PERSON, CHANGED)),
    Row(batch_held, R.HELD_BY_PERSON, "release --batch main.", rule="hold", held=(PERSON, "wrong text")),
    Row(
        tenant_held, R.HELD_BY_PERSON, "--tenant acme", rule="hold", scope="tenant:acme", held=(PERSON, "has not paid")
    ),
    Row(held_by_system, R.HELD_BY_SYSTEM, f"({DENIED}); one job is tried in", rule="hold", scope=SMS, held=REFUSED),
    Row(probe_due, R.HELD_BY_SYSTEM, "one job is tried now", Claimed, scope=SMS, held=REFUSED),
    Row(probing, R.PROBING, "tried at this moment", rule="hold", scope=SMS, held=REFUSED),
    Row(sender_calls, R.SENDER_CALLS, "sender sms", rule="concurrency", scope=SMS),
    Row(batch_calls, R.BATCH_CALLS, "The batch main.", rule="concurrency"),
    Row(chats_are_open, R.OPEN_CHATS, "limit of 2 open chats", rule="chats", scope="instance:i-1"),
    Row(number_is_slow, R.NUMBER_PACE, "0.01 message parts", rule="number", scope="number:n-1"),
    Row(nobody_takes_up_the_work, R.NO_PUMP, "broker", Claimed, scope=ALL),
    Row(aws_asked_to_wait, R.PROVIDER_PAUSE, "AWS asked all callers", Paced, scope=ALL),
    Row(snoozed_while_aws_asks_to_wait, R.BACKOFF, "(throttled: slow down)", then=R.PROVIDER_PAUSE),
    Row(behind_others, R.PACED, "About 3 jobs go before it (3 of its own lane)", Paced, scope=ALL),
    Row(first_without_a_token, R.PACED, "first in line; the budget main makes 0.01 calls", Paced, scope=ALL),
    Row(about_to_go, R.NEXT, "Nothing stops it", Claimed),
]


@pytest.fixture
def ledger(clocked: ClockedLedger) -> ClockedLedger:
    """A ledger for which a worker runs, and whose clock stands still."""
    clocked.maintain()
    return clocked


@pytest.mark.parametrize("row", TABLE, ids=str)
def test_the_reason_is_the_rule_that_stops_the_job(ledger: Ledger, row: Row) -> None:
    """An operator acts on what is said first."""
    local_id = row.situation(ledger)
    answer = why(ledger, local_id, senders=row.senders)

    assert answer.reason is row.reason
    assert row.words.lower() in answer.explanation.lower()
    assert answer.then is row.then
    if row.scope:
        assert answer.scope == row.scope
    assert (answer.held_by, answer.held_reason) == (row.held or (None, None))
    assert answer.job == OutboundChat(store=ledger.store, key_prefix=PREFIX).status(f"{BUDGET}.{local_id}")


@pytest.mark.parametrize("row", TABLE, ids=str)
def test_a_claim_agrees(ledger: Ledger, row: Row) -> None:
    """Two sets of rules would part sooner or later; nobody would trust the explanation again."""
    answer = why(ledger, row.situation(ledger))
    claimed = ledger.claim(wanted=1)

    assert isinstance(claimed, row.claim), claimed
    if row.rule:
        assert isinstance(claimed, Empty)
        assert claimed.rule == f"{row.rule} {answer.scope}".replace(f"batch:{BUDGET}.", "batch:")


@pytest.mark.parametrize("row", TABLE, ids=str)
def test_asking_changes_nothing(ledger: Ledger, row: Row) -> None:
    """A look that took a turn, or a token, would answer another question."""
    local_id = row.situation(ledger)
    before = {name: ledger.redis.dump(ledger.key(name)) for name in ledger.names()}
    why(ledger, local_id)

    # Some keys live for seconds only.
    assert [
        name for name in ledger.names() if ledger.redis.dump(ledger.key(name)) not in {before.get(name), None}
    ] == []


@pytest.mark.parametrize("row", TABLE, ids=str)
def test_no_time_lies_in_the_past(ledger: Ledger, row: Row) -> None:
    """ "Expected an hour ago" is the joke that such estimates end as."""
    local_id = row.situation(ledger)
    now = from_ms(ledger.now_ms())
    answer = why(ledger, local_id)

    assert all(time >= now for time in (answer.next_attempt_at, answer.expected_at, answer.until) if time)


def test_every_reason_is_in_the_table() -> None:
    """A new one must be tried on a server too."""
    assert {row.reason for row in TABLE} == set(WaitReason)


def seconds_from_now(ledger: Ledger, answer: Why) -> tuple[float | None, float | None]:
    """Until the next attempt, and until the job is expected to go."""
    now = from_ms(ledger.now_ms())
    times = (answer.next_attempt_at, answer.expected_at)
    return tuple((time - now).total_seconds() if time else None for time in times)  # type: ignore[return-value]


def test_of_a_paced_job_the_place_and_the_time_are_estimated(ledger: Ledger) -> None:
    """Three before it at one call in 100 seconds: the fourth call is its own."""
    answer = why(ledger, behind_others(ledger))

    assert (answer.position, answer.ahead) == (3, 3)
    attempt, expected = seconds_from_now(ledger, answer)
    assert attempt == pytest.approx(100, abs=0.001)
    assert expected == pytest.approx(400, abs=0.001)


def test_a_slow_number_is_what_the_time_goes_by(ledger: Ledger) -> None:
    """The budget has calls in plenty, the number a part in 100 seconds."""
    answer = why(ledger, number_is_slow(ledger))

    assert answer.position == 2
    attempt, expected = seconds_from_now(ledger, answer)
    assert attempt == pytest.approx(100, abs=0.001)
    assert expected == pytest.approx(300, abs=0.001)


@pytest.mark.parametrize("situation", [budget_held, sender_held, without_worker, without_settings, sender_calls])
def test_what_an_event_ends_has_no_expected_time(ledger: Ledger, situation: Situation) -> None:
    """A guess would be believed."""
    answer = why(ledger, situation(ledger))

    assert (answer.next_attempt_at, answer.expected_at, answer.until) == (None, None, None)


def test_of_a_hold_of_the_system_the_time_of_the_probe_is_told(ledger: Ledger) -> None:
    """The probe may be this very job; when all go is not known."""
    answer = why(ledger, held_by_system(ledger))

    assert answer.expected_at is None
    assert answer.until == answer.next_attempt_at
    attempt, _ = seconds_from_now(ledger, answer)
    assert attempt == pytest.approx(300, abs=0.001)


def test_of_full_chats_the_first_in_line_knows_its_time(ledger: Ledger) -> None:
    """The next chat ends for it; of those behind it nothing is known."""
    first = chats_are_open(ledger)
    answer = why(ledger, first)
    assert answer.expected_at
    assert answer.expected_at == answer.until
    assert answer.expected_at == from_ms(ledger.now_ms()) + timedelta(hours=5)

    (behind,) = ledger.add()
    assert why(ledger, behind).expected_at is None


def test_a_job_that_expires_before_its_time_comes_is_told_so(ledger: Ledger) -> None:
    """What would never be sent must not look as if it only waited."""
    ledger.configure(rate=0.001, burst=1, version="v2")
    ledger.add(5)
    (local_id,) = ledger.add(expires_ms=ledger.now_ms() + HOUR_MS)
    ledger.take(1)

    assert "probably expire before that, in 60 min" in why(ledger, local_id).explanation


def test_others_that_take_turns_are_counted(ledger: Ledger) -> None:
    """Position 1 of one lane among three tenants: two turns of each."""
    ids = ledger.add(2)
    for tenant in ("one", "two"):
        ledger.add(50, lane=lane(tenant=tenant), watched=False)

    answer = why(ledger, ids[1])
    assert (answer.position, answer.ahead) == (1, 5)


def test_others_count_no_more_than_they_have(ledger: Ledger) -> None:
    """A job far behind in a campaign does not wait for turns that nobody takes."""
    ids = ledger.add(200, watched=False)
    ledger.add(3, lane=lane(tenant="one"))
    ledger.add(1, lane=lane(sender="two"))
    ledger.add(2, lane=lane(tenant="one", sender="two"))

    answer = why(ledger, ids[100])
    assert (answer.position, answer.ahead) == (100, 106)


def test_many_tenants_are_estimated_from_a_few(ledger: Ledger) -> None:
    """Thirty shops that are alike: what five have, all have."""
    ids = ledger.add(5)
    for tenant in range(30):
        ledger.add(2, lane=lane(tenant=f"t{tenant}"), watched=False)

    assert why(ledger, ids[0]).ahead == 30
    assert why(ledger, ids[4]).ahead == 4 + 60


def test_a_higher_priority_leaves_a_tenth(ledger: Ledger) -> None:
    """While urgent jobs wait, every tenth call is for the others; never more go first than wait."""
    (local_id,) = ledger.add(lane=lane(Priority.BULK))
    assert why(ledger, local_id).ahead == 0
    ledger.add(3, lane=lane(Priority.URGENT))
    assert why(ledger, local_id).ahead == 3
    ledger.add(100, lane=lane(Priority.URGENT), watched=False)
    assert why(ledger, local_id).ahead == 9


def test_a_lower_priority_does_not_stand_before(ledger: Ledger) -> None:
    """An urgent job behind a campaign is first in line."""
    ledger.add(100, lane=lane(Priority.BULK), watched=False)
    (local_id,) = ledger.add(lane=lane(Priority.URGENT))

    assert why(ledger, local_id).ahead == 0


def test_a_retry_goes_before_the_backlog_of_its_lane(ledger: Ledger) -> None:
    """As a claim takes them."""
    ids = ledger.add(3)
    first, _ = ledger.attempt("retry", code="service_error")

    assert [why(ledger, id_).position for id_ in (first, *ids[1:])] == [0, 1, 2]


def test_a_rate_that_was_cut_is_named(ledger: Ledger) -> None:
    """An operator with a ceiling too high learns it here as well."""
    ledger.configure(rate=0.02, burst=1, version="v2")
    ids = ledger.add(3)
    ledger.attempt("snooze", delay_ms=1, code="throttled")

    assert "of 0.02 configured" in why(ledger, ids[2]).explanation


def test_it_asks_the_server_no_more_when_many_jobs_wait(ledger: Ledger) -> None:
    """Somebody asks exactly when a hundred thousand wait."""

    def cost() -> int:
        before = _commands(ledger)
        why(ledger, ids[-1])
        return _commands(ledger) - before

    ids = ledger.add(3)
    why(ledger, ids[0])
    few = cost()
    ids = ledger.add(2_000, watched=False)
    assert cost() == few


def _commands(ledger: Ledger) -> int:
    stats = ledger.redis.info("commandstats")
    return sum(stat["calls"] for name, stat in stats.items() if not name.startswith(("cmdstat_info", "cmdstat_ping")))


def test_a_job_that_nobody_knows_is_said_to_be_none(ledger: Ledger) -> None:
    """A typo must not read like patience."""
    chat = OutboundChat(store=ledger.store, key_prefix=PREFIX)
    for id_ in ("main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR", "x"):
        with pytest.raises(UnknownJob):
            chat.why(id_)


def test_the_client_for_asyncio_says_the_same(bare_ledger: Ledger, url: str) -> None:
    """One description, two runners."""
    ledger = bare_ledger
    ledger.configure()
    ledger.maintain()
    local_id = sender_held(ledger)

    async def ask() -> Why:
        async with AsyncOutboundChat(store=AsyncStore(url, PREFIX), key_prefix=PREFIX) as chat:
            return await chat.why(f"{BUDGET}.{local_id}")

    answer = asyncio.run(ask())
    assert answer == replace(why(ledger, local_id), asked_at=answer.asked_at)


def test_a_key_that_one_of_the_workers_has_is_enough(ledger: Ledger) -> None:
    """Keys are brought to workers one after the other; a worker that ends has none."""
    local_id = without_its_key(ledger)
    ledger.maintain(worker="worker-2", key_ids=["newkey", "oldkey"])
    assert why(ledger, local_id).reason is R.NEXT

    inspection.forget_worker(ledger.store, ledger.keys, "worker-2", "v1", ["newkey", "oldkey"])
    assert why(ledger, local_id).reason is R.NO_KEY
    ledger.redis.delete(ledger.key("workers"))
    assert why(ledger, local_id).reason is R.NO_WORKER


@pytest.mark.parametrize("encrypted", ["job", "batch"])
def test_the_end_of_jobs_whose_key_no_worker_has_is_not_predicted(ledger: Ledger, encrypted: str) -> None:
    """A time that will never come is worse than none."""
    name = ledger.open_batch(shared="encrypted:oldkey::token" if encrypted == "batch" else "{}")
    ledger.add(3, lane=name, request="encrypted:oldkey::token" if encrypted == "job" else "{}")
    ledger.maintain(key_ids=["newkey"])
    chat = OutboundChat(store=ledger.store, key_prefix=PREFIX)
    batch_id = f"{BUDGET}.{Lane.parse(name).batch}"
    batch = chat.batch(batch_id)
    assert (batch.expected_end, batch.held_by) == (None, "no worker has the encryption key oldkey")
    assert chat.batches(open=True).batches[0].held_by == batch.held_by

    ledger.maintain(key_ids=["newkey", "oldkey"])
    assert chat.batch(batch_id).held_by == ""


def batch_timeout(ledger: Ledger, name: str) -> WaitTimeout:
    """That of a wait for the lane's batch whose time is over at once."""
    chat = OutboundChat(store=ledger.store, key_prefix=PREFIX)
    with pytest.raises(WaitTimeout) as error:
        chat.wait_batch(f"{BUDGET}.{Lane.parse(name).batch}", timeout=0)
    return error.value


def next_job(ledger: Ledger, name: str) -> str:
    """Of which a wait for the lane's batch says what it waits for."""
    found = batch_timeout(ledger, name).why
    assert found
    return found.job.id.partition(".")[2]


def test_of_a_batch_the_next_job_is_explained(ledger: ClockedLedger) -> None:
    """As a claim would take them: a retry that is due, then new ones, then those that are due later."""
    name = ledger.open_batch()
    later = ledger.add(2, lane=name, send_at_ms=ledger.now_ms() + 5 * HOUR_MS)
    assert next_job(ledger, name) == later[0]
    assert "2 of its 2 jobs wait. The next of them: It is due in 5 h" in batch_timeout(ledger, name).explanation
    name = ledger.open_batch()
    new = ledger.add(3, lane=name)
    ledger.attempt("sent", contact_id="c-1")
    assert next_job(ledger, name) == new[1]
    ledger.attempt("retry", delay_ms=8_000, code="throttled")
    assert next_job(ledger, name) == new[2]
    ledger.clock.now_ms += 8_000
    assert next_job(ledger, name) == new[1]


def test_of_a_batch_that_stands_still_a_job_that_was_called_is_explained(ledger: ClockedLedger) -> None:
    """It has the error. The others only wait for their turn, and know nothing of the endpoint that is dead."""
    name = ledger.open_batch()
    ids = ledger.add(4, lane=name)
    ledger.attempt("retry", delay_ms=DAY_MS, code="unreachable", message="Could not connect")
    assert next_job(ledger, name) == ids[0]
    assert "unreachable: Could not connect" in str(batch_timeout(ledger, name))
    ledger.attempt("sent", contact_id="c-1")
    assert next_job(ledger, name) == ids[2]
    ledger.clock.now_ms += 11_000
    assert next_job(ledger, name) == ids[0]


def test_a_batch_of_which_no_job_waits_says_so(ledger: ClockedLedger) -> None:
    """Its last calls run, or its producer died before it closed it."""
    name = ledger.open_batch()
    ledger.add(3, lane=name)
    taken = ledger.take()
    found = batch_timeout(ledger, name)
    assert (found.why, found.explanation) == (None, "Workers are calling Connect for its last 3 jobs.")

    for local_id in taken.ids:
        ledger.finish(local_id, taken.claim, "sent", contact_id=f"c-{local_id}")
    assert batch_timeout(ledger, name).explanation.startswith("It is open: its producer has not closed it")


def test_calls_that_failed_alike_are_counted_with_the_time_since_when(ledger: ClockedLedger) -> None:
    """Whoever looks wants to know whether it is a moment or an hour. Also while the next call is under way."""
    (local_id,) = ledger.add()
    ledger.attempt("retry", delay_ms=1_000, code="service_error", message="try later")
    for delay_ms in (30_000, 10_000):
        ledger.clock.now_ms += 1_000 if delay_ms == 30_000 else 30_000
        ledger.attempt("retry", delay_ms=delay_ms, code="unreachable", message="Could not connect to http://x")
    ledger.maintain()
    said = (
        "Its last 2 calls created no contact, the first of them {} s ago (unreachable: Could not connect to http://x)"
    )
    fix = " Check the network, the proxy and the sender's endpoint_url."
    assert why(ledger, local_id).explanation == f"{said.format(30)}; the next attempt is due in 10 s.{fix}"

    ledger.clock.now_ms += 10_000
    found = why(ledger, local_id)
    assert found.reason is R.NEXT
    assert f". {said.format(40)}.{fix}" in found.explanation
    ledger.take_one()
    assert why(ledger, local_id).explanation == (
        f"A worker is calling Connect for it; the result decides. {said.format(40)}.{fix}"
    )


@pytest.mark.parametrize(
    ("code", "fix"),
    [
        (
            "credentials",
            "Correct the AWS credentials of the workers (outbound-chat doctor asks AWS who they are); then ",
        ),
        ("access_denied", "Allow connect:StartOutboundChatContact on the instance; then "),
        ("foreign_answer", "Correct the proxy or the sender's endpoint_url; then "),
        ("something_new", ""),
    ],
)
def test_a_hold_of_the_system_says_what_to_do(ledger: Ledger, code: str, fix: str) -> None:
    """The first screen of somebody who has never read about holds."""
    (local_id,) = ledger.add(1)
    ledger.attempt("hold", scope="sender:sms", code=code, message="words", delay_ms=HOUR_MS)

    said = why(ledger, local_id).explanation
    assert said.endswith(f"for all. {fix}outbound-chat release --sender sms tries one job immediately.")


@pytest.mark.parametrize(
    ("code", "is_of_aws"),
    [
        ("access_denied", True),
        ("not_found", True),
        ("credentials", False),
        ("unknown_sender", False),
        ("no_key", False),
        ("foreign_answer", False),
    ],
)
def test_only_what_aws_said_is_said_to_be_of_aws(ledger: Ledger, code: str, is_of_aws: bool) -> None:
    """An operator would look into IAM for a sender that the workers' settings lack."""
    (local_id,) = ledger.add(1)
    ledger.attempt("hold", scope="sender:sms", code=code, message="words", delay_ms=HOUR_MS)

    answer = why(ledger, local_id)
    assert answer.reason is WaitReason.HELD_BY_SYSTEM
    assert ("AWS refuses" in answer.explanation) is is_of_aws
    assert code in answer.explanation
