"""A worker finds ends of chats that no event reported, with boto3 over HTTP, while it sends."""

import time
from typing import Any

from outbound_chat.model.jobs import JobState
from outbound_chat.store import Store
from tests.support.harness import INSTANCE_ID, Harness, number, sender
from tests.support.waiting import wait_until


def _limited(stack: Harness, **wanted: Any) -> None:
    stack.sandbox.configure(max_chats=3)
    limited = sender(endpoint_url=stack.sandbox.url, max_open_chats=3)
    stack.configure(senders={"support": limited}, **({"contact_events": wanted} if wanted else {}))


def _end_chats(stack: Harness, first: int) -> None:
    """The customers leave, and nobody says so."""
    for contact in list(stack.sandbox.contacts())[first:]:
        stack.sandbox.close_chat(contact.contact_id)


def test_a_batch_goes_on_although_every_end_was_lost(stack: Harness) -> None:
    """Each place of three would be taken for 25 hours; AWS is asked about few chats, and never refuses a call."""
    _limited(stack, describe_rate=10)
    stack.start_worker()
    chat = stack.chat()
    receipt = chat.enqueue_batch(({"to": number(index)} for index in range(9)), sender="support", text="Hello")
    for sent in (3, 6):
        wait_until(lambda sent=sent: chat.batch(receipt.id).counts[JobState.SENT] == sent, timeout=120)  # type: ignore[misc]
        _end_chats(stack, sent - 3)

    assert chat.wait_batch(receipt.id, timeout=120).counts[JobState.SENT] == 9
    assert stack.sandbox.stats().refused == 0


def test_what_ended_while_no_worker_ran_is_found_by_a_search(stack: Harness) -> None:
    """The ends of an outage are read in pages; nobody is asked about single chats here."""
    _limited(stack)
    worker = stack.start_worker()
    chat = stack.chat()
    receipt = chat.enqueue_batch(({"to": number(index)} for index in range(6)), sender="support", text="Hello")
    wait_until(lambda: chat.batch(receipt.id).counts[JobState.SENT] == 3, timeout=120)
    stack.kill(worker)
    _end_chats(stack, 0)
    with Store.from_settings(stack.settings) as store:
        name = f"{stack.settings.key_prefix}:{{main}}:contact_events"
        last_ms = round(time.time() * 1000) - 3_600_000
        store.ask(lambda redis: redis.hset(name, f"last:{INSTANCE_ID}", last_ms))

    _limited(stack, describe_rate=0, sweep_after=600)
    stack.start_worker()
    assert chat.wait_batch(receipt.id, timeout=120).counts[JobState.SENT] == 6
    assert stack.sandbox.stats().others.get("DescribeContact", 0) == 0
    assert stack.sandbox.stats().others["SearchContacts"] == 1
