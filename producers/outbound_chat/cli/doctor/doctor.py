"""The command that checks everything: doctor. Each finding says what to do.

The package of the worker adds its own checks (broker, AWS identity) through the entry point `outbound_chat.checks`.
"""

from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from importlib.metadata import entry_points

import typer
from rich.text import Text

from outbound_chat.cli.doctor.budgets import budget_checks
from outbound_chat.cli.doctor.contact_events import contact_event_checks
from outbound_chat.cli.doctor.encryption import encryption_checks
from outbound_chat.cli.doctor.moved_senders import moved_checks
from outbound_chat.cli.doctor.open_chats import open_chat_checks
from outbound_chat.cli.doctor.opt_outs import opt_out_checks
from outbound_chat.cli.doctor.redis import server_checks
from outbound_chat.cli.doctor.stranded_budgets import stranded_checks
from outbound_chat.cli.doctor.webhooks import webhook_checks
from outbound_chat.cli.errors import Exit
from outbound_chat.cli.options import Json
from outbound_chat.cli.output import number_of, out, print_json
from outbound_chat.cli.tables import print_hanging
from outbound_chat.cli.waiting import Notice
from outbound_chat.model.contact_events import ContactEventStatus
from outbound_chat.model.diagnostics import Check, Level
from outbound_chat.model.errors import StoreError, StoreUnavailable
from outbound_chat.store import Forbidden, Store
from outbound_chat.store.inspection import read_servers
from outbound_chat.store.scripts import read_contact_events
from outbound_chat_config import Settings, describe, load_settings

_MARKS = {Level.OK: ("ok", "green"), Level.WARNING: ("warning", "yellow"), Level.FAULT: ("error", "bold red")}
_INDENT = 31
"""Columns before each finding: those of the longest mark, and of most subjects."""


def doctor(*, as_json: Json = False) -> None:
    """Check settings, Redis, workers, broker and AWS.

    Each line says what was found and how to fix it. Exits with 1 if something must be repaired.
    """
    found = []
    checks = _checks()
    while check := _next(checks):
        found.append(check)
        if not as_json:
            print_check(check)
    if as_json:
        print_json(found)
    else:
        out.print(f"\n{summary(found)}")
    if any(check.level is Level.FAULT for check in found):
        raise typer.Exit(Exit.NOT_ALL_SENT)


def print_check(check: Check) -> None:
    """Prints a check: how bad it is, what it is about, what was found, and what to do."""
    mark, style = _MARKS[check.level]
    advice = f"\n→ {check.advice}" if check.advice else ""
    print_hanging(Text(f"{mark:<9}", style=style) + Text(check.subject), Text(check.finding + advice), indent=_INDENT)


def summary(found: Sequence[Check]) -> str:
    """Returns the last line, such as `2 warnings, 1 error.`"""
    levels = (check.level for check in found)
    counts = ((count, _MARKS[level][0]) for level, count in sorted(Counter(levels).items(), reverse=True))
    return f"{', '.join(number_of(count, noun) for count, noun in counts if noun != 'ok') or 'All in order'}."


def _next(checks: Iterator[Check]) -> Check | None:
    with Notice(lambda: "waiting for Redis, the broker or AWS"):
        return next(checks, None)


def _checks() -> Iterator[Check]:
    settings = load_settings()
    yield from _settings(settings)
    yield from _certificates(settings)
    events: list[ContactEventStatus] = []
    redis_answers = yield from _store(settings, events)
    yield from open_chat_checks(settings, events)
    for point in sorted(entry_points(group="outbound_chat.checks")):
        try:
            more = point.load()
        except ModuleNotFoundError as error:
            advice = "on machines that run workers: pip install 'outbound-chat[worker]'"
            yield Check(point.name, Level.WARNING, f"not checked, {error.name} is not installed", advice)
        else:
            yield from more(settings, redis_answers=redis_answers)


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
    """Returns whether Redis answers, so that other checks don't wait for it. Adds what it knows of contact events."""
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
