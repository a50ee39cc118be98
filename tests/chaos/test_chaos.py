"""A short campaign: one fault of each kind, with the same audit as in `make chaos`, which runs them all."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import boto3
import pytest

from outbound_chat_worker.sandbox import SANDBOX_ACCESS_KEY_ID, SANDBOX_SECRET_ACCESS_KEY
from tests.chaos import report
from tests.chaos.audit import Outcome
from tests.chaos.campaign import Rigs, draw, run_one
from tests.chaos.faults import Fault, all_faults
from tests.chaos.rig import Rig, RigOptions
from tests.support.waiting import wait_until

BY_NAME = {f"{fault.kind}/{fault.name}": fault for fault in all_faults()}

SHORT = (
    "kill/worker",
    "step/answered",
    "stop/sigterm",
    "store/killed",
    "broker/messages-lost",
    "network/redis-cut-repeatedly",
)
LEAST_LOOKS = 5
PATIENCE = 3.0
"""The suite runs beside itself on a few cores: here work may go on this many times later than promised."""


def _strike(folder: Path, options: RigOptions, faults: Sequence[Fault]) -> list[Outcome]:
    """Strikes one rig with all of them, one after the other."""
    rigs = Rigs(folder, seed=1)
    try:
        return [run_one(fault, rigs.get(options)) for fault in faults]
    finally:
        rigs.close()


def _sabotage(rig: Rig) -> None:
    """Loses the record of a job that was sent, and contacts its customer once more, without the token."""
    contact = next(rig.sandbox.contacts())
    (local_id,) = [id_.partition(".")[2] for id_, to in rig.traffic.durable.items() if to == contact.destination]
    wait_until(lambda: local_id not in rig.in_flight(), what="the result")
    rig.redis.delete(f"{rig.keys.base}j:{local_id}")
    connect = boto3.client(
        "connect",
        region_name="us-east-1",
        endpoint_url=rig.sandbox.url,
        aws_access_key_id=SANDBOX_ACCESS_KEY_ID,
        aws_secret_access_key=SANDBOX_SECRET_ACCESS_KEY,
    )
    request = {name: value for name, value in contact.body.items() if name != "ClientToken"}
    connect.start_outbound_chat_contact(**request)
    connect.close()


def _broken(outcomes: list[Outcome]) -> list[str]:
    return [
        report.describe(outcome)
        for outcome in outcomes
        if outcome.resumed is None
        or outcome.resumed > PATIENCE * (outcome.promise + outcome.granted)
        or outcome.lost + outcome.doubled > 0
        or outcome.broken
    ]


def test_nothing_is_lost_and_nothing_is_sent_twice(tmp_path: Path) -> None:
    """The promise of the whole program, under a real cause of each kind; one test, since they share a rig."""
    outcomes = _strike(tmp_path / "rigs", RigOptions(proxied=True), [BY_NAME[name] for name in SHORT])

    assert _broken(outcomes) == []
    assert all(outcome.jobs >= BY_NAME[f"{outcome.kind}/{outcome.name}"].jobs for outcome in outcomes)
    assert all(outcome.looks >= LEAST_LOOKS for outcome in outcomes)


@pytest.mark.debian
def test_the_same_holds_with_rabbitmq_as_the_broker(tmp_path: Path) -> None:
    """Celery only carries wake-ups, so any broker of Celery serves."""
    faults = [BY_NAME["kill/worker"], BY_NAME["broker/messages-lost"]]
    outcomes = _strike(tmp_path / "rigs", RigOptions(broker="rabbitmq"), faults)

    assert _broken(outcomes) == []


@pytest.mark.parametrize("name", ["failover/killed-fsync", "versions/rolling-newer-killed"])
def test_the_same_holds_on_a_rig_of_its_own(tmp_path: Path, name: str) -> None:
    """Another primary, and another version beside this one: kinds that need more than the shared rig has."""
    fault = BY_NAME[name]

    assert _broken(_strike(tmp_path / "rigs", fault.rig, [fault])) == []


def test_the_same_holds_while_the_slot_moves_in_a_cluster(tmp_path: Path) -> None:
    """Step by step, and in one moment; what needs a package of the system is in `make chaos` alone."""
    faults = [replace(BY_NAME[name], jobs=120) for name in ("reshard/by-hand", "reshard/at-once")]

    assert _broken(_strike(tmp_path / "rigs", faults[0].rig, faults)) == []


def test_the_audit_sees_what_is_lost_and_what_is_doubled(tmp_path: Path) -> None:
    """A campaign that could not fail would prove nothing."""
    fault = Fault(name="sabotage", kind="test", strike=_sabotage, promise=5)
    (outcome,) = _strike(tmp_path / "rigs", RigOptions(workers=1), [fault])

    assert (outcome.lost, outcome.doubled) == (1, 1)
    assert not outcome.held
    assert any("sent, Connect has" in problem for problem in outcome.broken)
    # A weaker setting may lose jobs, and nothing else: to have forgotten is no excuse for texting somebody twice.
    weaker = replace(outcome, may_lose=True, broken=())
    assert not weaker.held
    assert replace(weaker, doubled=0).held


def test_every_fault_is_drawn_twice_in_a_whole_campaign() -> None:
    """Chance decides the order, not whether a cause is tried."""
    faults = all_faults()
    drawn = draw(faults, 210, seed=7)

    assert len(drawn) == 210
    assert min(drawn.count(fault) for fault in faults) >= 2


def test_a_fault_that_no_share_draws_can_be_asked_for() -> None:
    """Slow ones are in a campaign twice and no more, but whoever repairs something runs one alone."""
    fault = BY_NAME["store/stopped-30-s"]

    assert fault.share == 0
    assert draw([fault], 3, seed=1) == [fault] * 3


def test_a_short_campaign_has_every_kind() -> None:
    """Whoever has five minutes should see more than one kind of trouble."""
    faults = all_faults()
    kinds = {fault.kind for fault in faults}

    assert {fault.kind for fault in draw(faults, len(kinds), seed=3)} == kinds
