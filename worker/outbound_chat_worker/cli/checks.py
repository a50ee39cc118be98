"""Checks that a worker's machine adds to `outbound-chat doctor`: broker, AWS identity and AWS quotas."""

import json
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

from botocore.utils import get_environ_proxies
from celery.exceptions import CeleryError
from kombu.exceptions import KombuError, OperationalError

from outbound_chat.model.diagnostics import Check, Level
from outbound_chat.model.errors import StoreError
from outbound_chat.store import Forbidden, Store
from outbound_chat_config import Sender, Settings
from outbound_chat_worker.celery import PUMP_TASK, QUEUE, WEBHOOKS_TASK, app
from outbound_chat_worker.cli.contact_queue import contact_queue_checks
from outbound_chat_worker.cli.quotas import quota_checks
from outbound_chat_worker.connect import UNANSWERED, Connect, identity_of

BROKER_SECONDS = 5
MOST_MESSAGES = 100
ENDPOINT_SECONDS = 2
MOST_ENDPOINTS = 10
_OF_REDIS = Check("broker", Level.FAULT, "can't be reached: it is the Redis of redis_url")


def worker_checks(settings: Settings, *, redis_answers: bool = True) -> Iterator[Check]:
    """Checks the broker once, the AWS identity once for each that senders use, and the quota once for each budget.

    `redis_answers`: if it does not, it is not asked again as the broker.
    """
    if settings.broker_url is not None:
        yield _broker(settings.broker, of_its_own=True)
    elif redis_answers:
        yield _broker(settings.broker, of_its_own=False)
        yield from _strangers(settings)
    else:
        yield _OF_REDIS
    connect = Connect(settings.worker)
    seen = set()
    for name, sender in settings.senders.items():
        identity = identity_of(sender)
        if identity not in seen:
            seen.add(identity)
            yield _identity(name, sender, connect)
    yield from _endpoints(settings)
    yield from quota_checks(settings, connect)
    yield from contact_queue_checks(settings, connect)


def _broker(url: str, *, of_its_own: bool) -> Check:
    try:
        # By default the app uses the broker of the settings that it read first in this process.
        with app.connection_for_write(url, connect_timeout=BROKER_SECONDS) as connection:
            connection.ensure_connection(max_retries=1, timeout=BROKER_SECONDS)
            # Kombu marks a password even where there is none.
            where = connection.as_uri().replace("://:**@", "://")
    except (OperationalError, KombuError, CeleryError, OSError) as error:
        if not of_its_own:
            return _OF_REDIS
        return Check("broker", Level.FAULT, f"can't be reached: {error}", "start it or repair broker_url")
    return Check("broker", Level.OK, where)


def _strangers(settings: Settings) -> Iterator[Check]:
    """Finds messages of others in our queue: Celery programs that share one consume each other's messages."""
    queue = f"{settings.key_prefix}:celery:{QUEUE}"
    try:
        with Store.from_settings(settings) as store:
            found = store.ask(lambda redis: redis.lrange(queue, 0, MOST_MESSAGES - 1))
        messages = [json.loads(message) for message in found]
    except Forbidden as error:
        yield Check("queue", Level.OK, f"unknown: {error}")
        return
    except StoreError:
        return  # the checks of Redis report it
    except ValueError:
        yield Check("queue", Level.FAULT, f"{queue} holds more than Celery messages", "find what else writes to it")
        return
    others = {message.get("headers", {}).get("task") for message in messages} - {PUMP_TASK, WEBHOOKS_TASK}
    if others:
        advice = f"give the other program a queue of its own, or this one another key_prefix than {settings.key_prefix}"
        yield Check("queue", Level.FAULT, f"{queue} holds tasks of another program: {sorted(map(str, others))}", advice)


def _endpoints(settings: Settings) -> Iterator[Check]:
    """Reports each `endpoint_url` to which no connection can be made."""
    named = {sender.endpoint_url: name for name, sender in reversed(settings.senders.items()) if sender.endpoint_url}
    for url, name in list(reversed(named.items()))[:MOST_ENDPOINTS]:
        parts = urlsplit(url)
        if get_environ_proxies(url):
            continue  # this machine may be able to reach it through the proxy only
        try:
            port = parts.port or (443 if parts.scheme == "https" else 80)
            socket.create_connection((parts.hostname or "", port), timeout=ENDPOINT_SECONDS).close()
        except OSError as error:
            advice = "start the sandbox, or correct endpoint_url"
            yield Check(f"endpoint_url of {name}", Level.FAULT, f"{url} can't be reached: {error}", advice)


def _identity(name: str, sender: Sender, connect: Connect) -> Check:
    subject = f"AWS identity of {name}"
    if sender.endpoint_url:
        return Check(subject, Level.OK, f"not asked: calls go to {sender.endpoint_url}")
    try:
        arn = connect.identity(sender)
    except UNANSWERED as error:
        advice = "give credentials by the usual ways of boto3, or profile and role_arn of the sender"
        return Check(subject, Level.FAULT, f"unknown: {error}", advice)
    return Check(subject, Level.OK, arn)
