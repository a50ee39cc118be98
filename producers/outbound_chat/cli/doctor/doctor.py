"""The command that checks everything: doctor. Each finding says what to do.

The package of the worker adds its own checks (broker, AWS identity) through the entry point `outbound_chat.checks`.
"""

from collections.abc import Generator, Iterator, Sequence
from importlib.metadata import entry_points

import typer
from rich.text import Text

from outbound_chat.cli.doctor.budgets import budget_checks
from outbound_chat.cli.doctor.encryption import encryption_checks
from outbound_chat.cli.doctor.moved_senders import moved_checks
from outbound_chat.cli.doctor.open_chats import open_chat_checks
from outbound_chat.cli.doctor.redis import server_checks
from outbound_chat.cli.doctor.stranded_budgets import stranded_checks
from outbound_chat.cli.doctor.webhooks import webhook_checks
from outbound_chat.cli.errors import Exit
from outbound_chat.cli.options import Json
from outbound_chat.cli.output import number_of, out, print_json
from outbound_chat.cli.waiting import Notice
from outbound_chat.model.diagnostics import Check, Level
from outbound_chat.model.errors import StoreError, StoreUnavailable
from outbound_chat.store import Forbidden, Store
from outbound_chat.store.inspection import read_servers
from outbound_chat_config import Settings, describe, load_settings

_MARKS = {Level.OK: ("ok  ", "green"), Level.WARNING: ("warn", "yellow"), Level.FAULT: ("FAIL", "bold red")}


def doctor(*, as_json: Json = False) -> None:
    """Check settings, Redis, workers, broker and AWS. Exits with 1 when something must be repaired."""
    found = []
    checks = _checks()
    while check := _next(checks):
        found.append(check)
        if not as_json:
            mark, style = _MARKS[check.level]
            advice = f" → {check.advice}" if check.advice else ""
            out.print(Text(f"{mark} ", style=style) + Text(f"{check.subject}: {check.finding}{advice}"))
    if as_json:
        print_json(found)
    else:
        out.print(_summary(found))
    if any(check.level is Level.FAULT for check in found):
        raise typer.Exit(Exit.NOT_ALL_SENT)


def _summary(found: Sequence[Check]) -> str:
    counts = ((sum(check.level is level for check in found), str(level)) for level in (Level.FAULT, Level.WARNING))
    return f"{', '.join(number_of(count, noun) for count, noun in counts if count) or 'All in order'}."


def _next(checks: Iterator[Check]) -> Check | None:
    with Notice(lambda: "waiting for Redis, the broker or AWS"):
        return next(checks, None)


def _checks() -> Iterator[Check]:
    settings = load_settings()
    yield from _settings(settings)
    yield from _certificates(settings)
    redis_answers = yield from _store(settings)
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
    if settings.senders:
        yield from open_chat_checks(settings)
    else:
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


def _store(settings: Settings) -> Generator[Check, None, bool]:
    """Returns whether Redis answers, so that other checks don't wait for it."""
    try:
        with Store.from_settings(settings) as store:
            yield from _permitted("redis", server_checks(read_servers(store)))
            for name, budget in settings.budgets.items():
                try:
                    yield from _permitted(f"budget {name}", budget_checks(store, name, budget))
                except StoreUnavailable as error:
                    # In a cluster the servers of other budgets may still respond.
                    yield Check(f"budget {name}", Level.FAULT, str(error))
            yield from _permitted("webhooks", webhook_checks(settings, store))
            yield from _permitted("encryption", encryption_checks(settings, store))
            yield from _permitted("suppression lists", moved_checks(settings, store))
            yield from _permitted("other budgets", stranded_checks(settings, store))
    except StoreError as error:
        # The error itself says what to do.
        yield Check("redis", Level.FAULT, str(error))
        return not isinstance(error, StoreUnavailable)
    return True


def _permitted(subject: str, checks: Iterator[Check]) -> Iterator[Check]:
    """Yields checks until one that the user of Redis is not allowed to make, which is reported as unknown."""
    try:
        yield from checks
    except Forbidden as error:
        yield Check(subject, Level.OK, f"unknown: {error}")
