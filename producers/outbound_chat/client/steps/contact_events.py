"""Events about contacts: they are read one by one and applied in chunks."""

from collections import Counter
from collections.abc import Iterable

from outbound_chat.client.steps.base import Steps, ask
from outbound_chat.client.steps.context import Context
from outbound_chat.contact_events import read_event
from outbound_chat.model.contact_events import Change, ContactEventStatus, Outcome
from outbound_chat.store import scripts

_WEIGHTS = (Outcome.CHANGED, Outcome.SAME, Outcome.LATE, Outcome.UNMATCHED)


def ingest(context: Context, events: Iterable[object]) -> Steps[list[Outcome]]:
    """Applies events; returns the outcome of each, in their order."""
    known = context.known_sources
    found = [read_event(event, known) for event in events]
    outcomes = [one if isinstance(one, Outcome) else Outcome.UNMATCHED for one in found]
    changes = {place: one for place, one in enumerate(found) if isinstance(one, Change)}
    passed = Counter(one for one in found if isinstance(one, Outcome))
    for budget in sorted({budget for one in changes.values() for budget in one.budgets}):
        mine = [place for place, one in changes.items() if budget in one.budgets]
        for first in range(0, len(mine), scripts.MOST_CHANGES):
            chunk = mine[first : first + scripts.MOST_CHANGES]
            call = scripts.record_contacts(context.keys(budget), [changes[place] for place in chunk], passed=passed)
            passed = Counter()
            for place, outcome in zip(chunk, (yield from ask(call)), strict=True):
                # Of several budgets, one has the job.
                outcomes[place] = min(outcomes[place], outcome, key=_WEIGHTS.index)
    if passed and context.settings.budgets:
        budget = min(context.settings.budgets)
        yield from ask(scripts.record_contacts(context.keys(budget), [], passed=passed))
    return outcomes


def status(context: Context) -> Steps[list[ContactEventStatus]]:
    """Reads what is known of events in all budgets."""
    found: list[ContactEventStatus] = []
    for budget in context.settings.budgets:
        own = [sender for sender in context.settings.senders.values() if sender.budget == budget]
        instances = sorted({sender.instance_id for sender in own})
        found.append((yield from ask(scripts.read_contact_events(context.keys(budget), instances))))
    return found
