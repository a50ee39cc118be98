"""Checks webhooks: whether workers post them, and which hosts do not accept them."""

from collections.abc import Iterator

from outbound_chat.model.diagnostics import Check, Level
from outbound_chat.model.words import number_of
from outbound_chat.store import Store, scripts
from outbound_chat_config import Settings

MOST_NAMED = 5
"""Most hosts that are reported."""


def webhook_checks(settings: Settings, store: Store) -> Iterator[Check]:
    """Reports a missing secret if webhooks are used, and the hosts that fail most."""
    hosts = [host for name in settings.budgets for host in store.run(scripts.read_webhook_hosts(store.keys(name)))]
    wanted = [name for name, sender in settings.senders.items() if sender.callback_url]
    waiting = sum(host.waiting for host in hosts)
    if not settings.webhooks.secrets and (wanted or waiting):
        finding = f"webhooks.secrets is empty, so workers with these settings post no webhooks; {waiting:,} wait"
        advice = "create a secret with outbound-chat webhooks secret; add it to webhooks.secrets of all workers"
        yield Check("webhooks", Level.FAULT if wanted else Level.WARNING, finding, advice)
    for host in sorted(hosts, key=lambda one: -one.failures)[:MOST_NAMED]:
        if host.failures:
            finding = (
                f"{host.host} accepted none of the last {host.failures}; {number_of(host.waiting, 'waits', 'wait')}"
            )
            yield Check(
                "webhooks", Level.WARNING, finding, "check that server; waiting webhooks are then posted automatically"
            )
