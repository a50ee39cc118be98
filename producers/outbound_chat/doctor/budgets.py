"""Checks each budget by its keys in Redis: settings, pace, holds, workers, counts."""

from collections.abc import Iterator, Mapping, Sequence
from math import isclose

from outbound_chat.client.steps.why_rules import ASKED_TOO_OFTEN
from outbound_chat.model.diagnostics import Check, Level
from outbound_chat.model.operations import Hold, WorkerStatus
from outbound_chat.model.words import held_by, number_of, release_command
from outbound_chat.store import Forbidden, Store, inspection, scripts
from outbound_chat_config import Budget

WELL_BELOW = 0.9
"""Below this part of its ceiling, the rate was reduced by more than a single throttled call."""

MOST_NAMED = 5
"""Most faults in a line of `doctor`."""


def budget_checks(store: Store, name: str, budget: Budget) -> Iterator[Check]:
    """Checks one budget."""
    keys = store.keys(name)
    strangers: list[str] = []
    try:
        strangers = inspection.foreign_keys(store, keys)
    except Forbidden as error:
        yield Check(f"keys of {name}", Level.OK, f"unknown: {error}")
    if strangers:
        advice = "check their content, then delete them; workers restore settings, senders and weights themselves"
        finding = f"{', '.join(strangers)} were written by another program"
        yield Check(f"keys of {name}", Level.FAULT, finding, advice)
        return
    yield from _settings(name, budget, inspection.budget_settings(store, keys))
    status = store.run(scripts.read_budget(keys, store.run(scripts.read_holds(keys))))
    yield from _pace(name, status.rate, status.ceiling)
    yield from map(_hold, status.holds)
    counts = inspection.counts(store, keys)
    workers = store.run(scripts.read_workers(keys))
    for worker in workers:
        if worker.skew_seconds:
            yield _skewed(worker.name, worker.skew_seconds)
    for shared in sorted(inspection.shared_node_names(store, keys)):
        advice = "give each worker its own --name, or none; Celery's inspect and control reach only one of them"
        yield Check(f"workers of {name}", Level.WARNING, f"two workers have the node name {shared}", advice)
    waiting = counts.get("waiting", 0)
    yield _workers(name, workers, number_of(waiting, "job queued", "jobs queued"))
    yield from _requests(name, inspection.unanswered_requests(store, keys) if waiting else 0)
    yield from _counts(name, counts)
    yield _consistency(name, inspection.faults(store, keys), counts.get("repaired", 0))


def _settings(name: str, budget: Budget, obeyed: Mapping[str, str]) -> Iterator[Check]:
    try:
        # The script writes fewer digits than a Python float has.
        same = not obeyed or (
            isclose(float(obeyed["rate"]), budget.own_rate) and int(obeyed["burst"]) == budget.own_burst
        )
    except (LookupError, ValueError):
        same = False
    if not same:
        finding = (
            f"workers allow themselves {obeyed.get('rate')}/s in bursts of {obeyed.get('burst')}; these settings, "
            f"rate {budget.rate:g} and burst {budget.burst}, give them {budget.own_rate:g}/s in bursts of "
            f"{budget.own_burst}"
        )
        yield Check(f"budget {name}", Level.WARNING, finding, "restart the workers with the right settings")


def _pace(name: str, rate: float, ceiling: float) -> Iterator[Check]:
    if rate < ceiling * WELL_BELOW:
        finding = f"sends {rate:.3g}/s of the {ceiling:g}/s configured: AWS throttled faster calls"
        advice = (
            f"if this lasts, set budgets.{name}.rate to what AWS allows, or find out what else calls in the account"
        )
        yield Check(f"pace of {name}", Level.WARNING, finding, advice)


def _hold(hold: Hold) -> Check:
    finding = f"{held_by(hold)}: {hold.reason}"
    match hold.owner:
        case "person":
            advice = f"to continue: {release_command(hold)}"
        case "cancel":
            advice = "it ends within seconds while a worker runs"
        case _:
            advice = f"fix the cause ({hold.code}); the next probe then ends it, or at once: {release_command(hold)}"
    return Check(f"{hold.scope} {hold.name}", Level.WARNING, finding, advice)


def _workers(name: str, workers: Sequence[WorkerStatus], waiting: str) -> Check:
    subject = f"workers of {name}"
    if not workers:
        return Check(subject, Level.WARNING, f"none is running; {waiting}", "start one: outbound-chat worker")
    if not workers[0].settings_agree:
        advice = "give all workers the same file and restart them"
        finding = f"{len(workers):,} run with different settings of this budget; {waiting}"
        return Check(subject, Level.FAULT, finding, advice)
    return Check(subject, Level.OK, f"{number_of(len(workers), 'runs', 'run')}; {waiting}")


def _requests(name: str, asked: int) -> Iterator[Check]:
    """Reports unanswered requests for a pump: workers repeat them after 2 s, then less and less often."""
    if asked >= ASKED_TOO_OFTEN:
        finding = f"published {asked} tasks, and none started: Celery delivers them to no worker"
        advice = (
            "start workers without -Q, or with the queue outbound-chat; check the broker and the log of the workers; "
            "if all workers are busy, start more"
        )
        yield Check(f"workers of {name}", Level.FAULT, finding, advice)


def _skewed(worker: str, skew: float) -> Check:
    side = "ahead of" if skew > 0 else "behind"
    finding = f"its clock is {abs(skew):.0f} s {side} that of Redis, so it sends nothing: AWS would refuse its calls"
    return Check(
        f"worker {worker}", Level.FAULT, finding, "set the clock of its machine with NTP; it then continues by itself"
    )


def _counts(name: str, counts: Mapping[str, int]) -> Iterator[Check]:
    if counts.get("unreadable"):
        advice = "find their ids in the set of unreadable records, and restore or remove the records"
        yield Check(f"records of {name}", Level.FAULT, f"{counts['unreadable']:,} can't be read", advice)
    if counts.get("doubled"):
        advice = "check whether two programs use the same client token; the log of the workers names the jobs"
        yield Check(
            f"contacts of {name}", Level.FAULT, f"{number_of(counts['doubled'], 'job')} got two contacts", advice
        )


def _consistency(name: str, faults: Mapping[str, int], repaired: int) -> Check:
    """Reports what the wakers found when they checked the consistency of the budget."""
    subject = f"consistency of {name}"
    advice = f"find out what edits or evicts keys; for the whole list: outbound-chat audit --budget {name}"
    if faults:
        first = ", ".join(f"{fault.rstrip(':')} {number:+,}" for fault, number in sorted(faults.items())[:MOST_NAMED])
        return Check(
            subject,
            Level.FAULT,
            f"{number_of(len(faults), 'count or record is', 'counts or records are')} wrong: {first}",
            advice,
        )
    if repaired:
        return Check(subject, Level.WARNING, f"consistent, after repairs of {repaired:,} jobs or lanes", advice)
    return Check(subject, Level.OK, "consistent")
