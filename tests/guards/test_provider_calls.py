"""Calls to Amazon Connect that come to nothing: they take allowance from everybody in the account."""

from itertools import islice

from outbound_chat import JobState
from tests.support.harness import Harness, number

RATE, BURST, JOBS = 40.0, 40, 400
THREADS = 2
"""So few that a slow machine, too, has few calls on their way that are refused before the first refusal is known."""
SETTLED_AFTER = 200
"""Contacts. Counted in contacts and not in seconds: a slow machine takes longer to learn."""
MOST_WHEN_SETTLED = 1.05
MOST_IN_ALL = 1.25


def test_an_allowance_that_is_a_tenth_of_the_budget_costs_hardly_a_call_more_than_its_contacts(stack: Harness) -> None:
    """A budget's rate is often wrong: quotas differ, and others call in the same account.

    Each throttle cuts the rate for all workers, so after some dozen refused calls the pace is that of the provider:
    1.00 to 1.01 calls a contact from then on, and 1.05 to 1.08 in all. Workers that learned each for itself, or tried
    again without slowing down, would make half as many again.
    """
    stack.sandbox.configure(rate=RATE, burst=BURST)
    stack.configure(budgets={"main": {"rate": 10 * RATE, "burst": 10 * BURST}}, worker={"threads": THREADS}, retry={})
    stack.start_worker()
    rows = ({"to": number(index)} for index in range(JOBS))
    chat = stack.chat()
    receipt = chat.enqueue_batch(rows, sender="support", text="Hello")
    assert chat.wait_batch(receipt.id, timeout=120).counts[JobState.SENT] == JOBS

    stats = stack.sandbox.stats()
    arrivals = list(stack.sandbox.arrivals())
    accepted = (place for place, arrival in enumerate(arrivals) if arrival.code == "accepted")
    settled = next(islice(accepted, SETTLED_AFTER, None))
    assert (len(arrivals) - settled) / (JOBS - SETTLED_AFTER) <= MOST_WHEN_SETTLED
    assert stats.calls / JOBS <= MOST_IN_ALL
    assert stats.calls == stats.accepted + stats.throttled
