"""All checks that need only the settings and Redis."""

from collections.abc import Generator, Iterator

from outbound_chat.doctor.budgets import budget_checks
from outbound_chat.doctor.contact_events import contact_event_checks
from outbound_chat.doctor.encryption import encryption_checks
from outbound_chat.doctor.moved_senders import moved_checks
from outbound_chat.doctor.open_chats import open_chat_checks
from outbound_chat.doctor.opt_outs import opt_out_checks
from outbound_chat.doctor.redis import server_checks
from outbound_chat.doctor.stranded_budgets import stranded_checks
from outbound_chat.doctor.webhooks import webhook_checks
from outbound_chat.model.contact_events import ContactEventStatus
from outbound_chat.model.diagnostics import Check, Level
from outbound_chat.model.errors import StoreError, StoreUnavailable
from outbound_chat.store import Forbidden, Store
from outbound_chat.store.inspection import read_servers
from outbound_chat.store.scripts import read_contact_events
from outbound_chat_config import Settings, describe


def checks_of(settings: Settings) -> Generator[Check, None, bool]:
    """Yields the findings; returns whether Redis answers, so that other checks don't wait for it."""
    yield from _settings(settings)
    yield from _certificates(settings)
    events: list[ContactEventStatus] = []
    redis_answers = yield from _store(settings, events)
    yield from open_chat_checks(settings, events)
    return redis_answers


def _settings(settings: Settings) -> Iterator[Check]:
    where, what = describe(settings)
    yield Check("settings", Level.OK, f"{where.removeprefix('settings: ')}; {what}")
    if not settings.senders:
        advice = "add [senders.NAME] to the settings; docs/settings.md lists them all"
        yield Check("senders", Level.FAULT, "none is configured, so nothing can be sent", advice)


def _certificates(settings: Settings) -> Iterator[Check]:
    """Reports connections that accept any certificate."""
    for name in ("redis_url", "broker_url"):
        url = getattr(settings, name)
        if url and "ssl_cert_reqs=none" in url.get_secret_value():
            finding = (
                f"{name} accepts any certificate (ssl_cert_reqs=none): anybody on the way could impersonate the server"
            )
            advice = "remove the option, and set ssl_ca_certs to the file of the certificate authority"
            yield Check("tls", Level.WARNING, finding, advice)


def _store(settings: Settings, events: list[ContactEventStatus]) -> Generator[Check, None, bool]:
    """Returns whether Redis answers. Adds what it knows of contact events."""
    try:
        with Store.from_settings(settings) as store:
            yield from _permitted("redis", server_checks(read_servers(store)))
            for name, budget in settings.budgets.items():
                try:
                    yield from _permitted(f"budget {name}", budget_checks(store, name, budget))
                    yield from _permitted(f"contact events of {name}", _events(settings, store, name, events))
                except StoreUnavailable as error:
                    # In a cluster the servers of other budgets may still respond.
                    yield Check(f"budget {name}", Level.FAULT, str(error))
            yield from _permitted("webhooks", webhook_checks(settings, store))
            yield from _permitted("encryption", encryption_checks(settings, store))
            yield from _permitted("opt-outs", opt_out_checks(settings, store))
            yield from _permitted("suppression lists", moved_checks(settings, store))
            yield from _permitted("other budgets", stranded_checks(settings, store))
    except StoreError as error:
        # The error itself says what to do.
        yield Check("redis", Level.FAULT, str(error))
        return not isinstance(error, StoreUnavailable)
    return True


def _events(settings: Settings, store: Store, name: str, events: list[ContactEventStatus]) -> Iterator[Check]:
    instances = {sender.instance_id for sender in settings.senders.values() if sender.budget == name}
    events.append(store.run(read_contact_events(store.keys(name), sorted(instances))))
    yield from contact_event_checks(settings, events[-1])


def _permitted(subject: str, checks: Iterator[Check]) -> Iterator[Check]:
    """Yields checks until one that the user of Redis is not allowed to make, which is reported as unknown."""
    try:
        yield from checks
    except Forbidden as error:
        yield Check(subject, Level.OK, f"unknown: {error}")
