"""API keys in a real server, and on a cluster of one node: kept, found, ended, counted."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from outbound_chat.client.api_keys import ApiKeys
from outbound_chat.model.api_keys import ANY_TOKEN, ApiKey, KeyState, NewApiKey, RateLimit, Scope, digest_of
from outbound_chat.model.errors import StoreError
from outbound_chat.store import ACCESS, KINDS, Lifetime, scripts
from outbound_chat_config import check_name

from .clocked import ClockedLedger
from .ledger import BUDGET, Ledger

WANTED = NewApiKey(
    name="the shop",
    scopes=(Scope.ENQUEUE, Scope.READ),
    tenant="shop",
    senders=("sms",),
    rate=RateLimit(3, timedelta(hours=1)),
)


def made(ledger: Ledger, **more: timedelta | datetime) -> tuple[str, ApiKey]:
    """A new key."""
    token, key = ApiKeys(ledger.store).create(WANTED, **more)  # type: ignore[arg-type]  # as the test names them
    return token, key


def test_a_key_is_kept_by_its_hash_alone(ledger: Ledger) -> None:
    """Whoever reads Redis, a backup or a replica must not find anything to call with."""
    token, key = made(ledger)
    match = ANY_TOKEN.fullmatch(token)
    assert match is not None
    assert match["id"] == key.id
    (kept,) = ledger.redis.hvals(f"oc-test:{{{ACCESS}}}:api_keys")
    assert token.rpartition("_")[2] not in kept
    assert digest_of(token) in kept
    assert digest_of(token) not in repr(scripts.read_key(ledger.store.keys(ACCESS), key.id))
    assert made(ledger)[0] != token


def test_what_was_asked_for_is_read_again(ledger: Ledger) -> None:
    until = datetime(2999, 1, 1, tzinfo=UTC)
    keys = [made(ledger)[1], made(ledger, lives=timedelta(days=1))[1], made(ledger, until=until)[1]]
    found = ApiKeys(ledger.store).all()
    assert sorted(found, key=lambda key: key.id) == sorted(keys, key=lambda key: key.id)
    assert all((key.name, key.scopes, key.tenant, key.senders, key.rate) == _of(WANTED) for key in found)
    assert keys[1].expires_at == keys[1].created_at + timedelta(days=1)
    assert (keys[0].expires_at, keys[2].expires_at) == (None, until)
    assert {key.state for key in found} == {KeyState.ACTIVE}
    assert made(ledger, until=datetime(2000, 1, 1, tzinfo=UTC))[1].state is KeyState.EXPIRED


def _of(key: NewApiKey) -> tuple[object, ...]:
    return key.name, key.scopes, key.tenant, key.senders, key.rate


def test_a_key_is_revoked_for_good_and_stays_in_the_list(ledger: Ledger) -> None:
    keys, (_, key) = ApiKeys(ledger.store), made(ledger)
    assert keys.revoke(key.id)
    (first,) = keys.all()
    assert keys.revoke(key.id)
    assert keys.all() == [first]
    assert first.state is KeyState.REVOKED
    assert not keys.revoke("nosuchkey")
    found = ledger.store.run(scripts.read_key(ledger.store.keys(ACCESS), "nosuchkey"))
    assert (found.any, found.stored) == (True, None)


def test_a_record_of_another_program_lets_nobody_in(ledger: Ledger) -> None:
    keys, name = ApiKeys(ledger.store), f"oc-test:{{{ACCESS}}}:api_keys"
    for wrong in ("", "1 2 3", "1 0 0\n[]", "1 0 0\n{}", '1 0 0\n{"digest": 1}', "x" * 99):
        ledger.redis.hset(name, "theirs", wrong)
        assert ledger.store.run(scripts.read_key(ledger.store.keys(ACCESS), "theirs")).stored is None
        assert [key.state for key in keys.all()] == [KeyState.UNREADABLE]
        assert keys.revoke("theirs")
        assert ledger.store.run(scripts.read_key(ledger.store.keys(ACCESS), "theirs")).stored is None
    ledger.redis.delete(name)
    ledger.redis.set(name, "a string")
    with pytest.raises(StoreError):
        ledger.store.run(scripts.read_key(ledger.store.keys(ACCESS), "theirs"))


def test_requests_beyond_the_rate_wait(clocked: ClockedLedger) -> None:
    """Three at once, and then one each twenty minutes."""
    _, key = made(clocked)
    spend = scripts.spend_key(clocked.store.keys(ACCESS), key.id, WANTED.rate)
    spent = [clocked.store.run(spend) for _ in range(5)]
    assert [one.left for one in spent] == [2, 1, 0, 0, 0]
    assert [one.wait_ms for one in spent] == [0, 0, 0, 1_200_000, 1_200_000]
    clocked.clock.now_ms += 1_190_000
    assert clocked.store.run(spend).wait_ms == pytest.approx(10_000, abs=1)
    clocked.clock.now_ms += 10_000
    assert [clocked.store.run(spend).wait_ms for _ in range(2)] == [0, 1_200_000]
    (listed,) = ApiKeys(clocked.store).all()
    assert listed.last_used_at is not None


def test_requests_that_are_counted_together_spend_what_they_would_alone(clocked: ClockedLedger) -> None:
    """The first of them pass, and each is told for itself."""
    _, key = made(clocked)
    keys = clocked.store.keys(ACCESS)
    spent = clocked.store.run(scripts.spend_key(keys, key.id, WANTED.rate, 2))
    assert (spent.passed, spent.wait_ms, spent.left) == (2, 0, 1)
    spent = clocked.store.run(scripts.spend_key(keys, key.id, WANTED.rate, 4))
    assert (spent.passed, spent.wait_ms, spent.left) == (1, 1_200_000, 0)
    assert [spent.of_request(place).wait_ms for place in range(4)] == [0, 1_200_000, 1_200_000, 1_200_000]
    assert clocked.store.run(scripts.spend_key(keys, key.id, None, 9)).passed == 9


def test_all_that_is_kept_is_in_the_list_of_keys(ledger: Ledger) -> None:
    _, key = made(ledger)
    ledger.store.run(scripts.spend_key(ledger.store.keys(ACCESS), key.id, WANTED.rate))
    assert ledger.store.run(scripts.note_budgets(ledger.store.keys(ACCESS), [BUDGET])) == [BUDGET]
    assert ledger.store.run(scripts.note_budgets(ledger.store.keys(ACCESS), [])) == [BUDGET]
    base = f"oc-test:{{{ACCESS}}}:"
    names = [name.removeprefix(base) for name in ledger.redis.scan_iter(f"{base}*")]
    kinds = {kind for kind in KINDS if kind.lifetime is Lifetime.ACCESS or kind.pattern == "api_keys_spent:*"}
    found = {kind for kind in kinds for name in names if re.fullmatch(kind.pattern.replace("*", ".+"), name)}
    assert (found, len(names)) == (kinds, 4)
    for name in names:
        ends = ledger.redis.pttl(base + name) >= 0
        assert ends is name.startswith("api_keys_spent")


def test_no_budget_can_have_the_place_of_the_keys() -> None:
    with pytest.raises(ValueError, match="not a valid name"):
        check_name(ACCESS)
