"""A short campaign: one fault of each kind, with the same audit as in `make chaos`, which runs them all."""

from pathlib import Path

import pytest

from tests import rabbitmq
from tests.chaos import report
from tests.chaos.audit import Outcome
from tests.chaos.campaign import Rigs, draw, run_one
from tests.chaos.faults import all_faults
from tests.chaos.rig import RigOptions

BY_NAME = {f"{fault.kind}/{fault.name}": fault for fault in all_faults()}
SHORT = ("kill/worker", "step/answered", "stop/sigterm", "store/killed", "store/full", "broker/messages-lost")
LEAST_LOOKS = 5
PATIENCE = 3.0
"""The suite runs beside itself on a few cores: here work may go on this many times later than promised."""


def _strike(folder: Path, options: RigOptions, names: tuple[str, ...]) -> list[Outcome]:
    """Strikes one rig with all of them, one after the other."""
    rigs = Rigs(folder, seed=1)
    try:
        return [run_one(BY_NAME[name], rigs.get(options)) for name in names]
    finally:
        rigs.close()


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
    outcomes = _strike(tmp_path / "rigs", RigOptions(proxied=True), SHORT)

    assert _broken(outcomes) == []
    assert all(outcome.jobs >= BY_NAME[f"{outcome.kind}/{outcome.name}"].jobs for outcome in outcomes)
    assert all(outcome.looks >= LEAST_LOOKS for outcome in outcomes)


@pytest.mark.skipif(bool(rabbitmq.missing()), reason=rabbitmq.missing() or "-")
def test_the_same_holds_with_rabbitmq_as_the_broker(tmp_path: Path) -> None:
    """Celery only carries wake-ups, so any broker of Celery serves."""
    outcomes = _strike(tmp_path / "rigs", RigOptions(broker="rabbitmq"), ("kill/worker", "broker/messages-lost"))

    assert _broken(outcomes) == []


def test_every_fault_is_drawn_twice_in_a_whole_campaign() -> None:
    """Chance decides the order, not whether a cause is tried."""
    faults = all_faults()
    drawn = draw(faults, 210, seed=7)

    assert len(drawn) == 210
    assert min(drawn.count(fault) for fault in faults) >= 2


def test_a_short_campaign_has_every_kind() -> None:
    """Whoever has five minutes should see more than one kind of trouble."""
    faults = all_faults()
    kinds = {fault.kind for fault in faults}

    assert {fault.kind for fault in draw(faults, len(kinds), seed=3)} == kinds
