"""A real stack with something to see on every page: made by the client, sent by a worker, refused by the sandbox."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import MappingProxyType
from typing import Any

from outbound_chat import OutboundChat
from outbound_chat.client.api_keys import ApiKeys
from outbound_chat.model.api_keys import NewApiKey, Scope
from outbound_chat.model.times import utc_now
from outbound_chat.store import Store
from outbound_chat_worker.sandbox import QUEUE_PATH, EventOptions
from tests.http.conftest import Service, start_service
from tests.support.harness import INSTANCE_ID, UNLIMITED, Harness, number, running_harness, sender
from tests.support.receiver import Receiver
from tests.support.waiting import wait_until

TEXT = "Your parcel arrives at ten o'clock"
"""Of every message. No page may show it."""
RTL = "\u202eesrever\u202c \u05e9\u05dc\u05d5\u05dd"
HOSTILE = (
    f"\"><img src=x onerror=\"document.title='struck'\"><script>document.title='struck'</script>{{{{7*7}}}} ' {RTL}"
)
"""As a name, a reason or a code, it must appear as it is."""
LONG = (HOSTILE + "W" * 255)[:255]
INVALID, UNCONFIRMED = "+12025550140", "+12025550159"
"""The sandbox refuses the one as invalid, and never confirms the other."""
OF_ACME, OTHER = "acme", "globex"


@dataclass(frozen=True, slots=True)
class Seed:
    """A stack, what it holds, and the keys to it."""

    service: Service
    chat: OutboundChat
    ids: Mapping[str, str]
    """By what they are: `batch`, `failed` …, as in the paths of `pages`."""
    numbers: frozenset[str]
    """All phone numbers, without their plus sign."""
    tokens: Mapping[str, str]
    """API keys by what they may: `all`, `read`, or all of the tenant `acme`."""

    def url(self, path: str = "") -> str:
        """Where a page is; `path` as in `pages`."""
        return f"{self.service.url}/ui/{path.format_map(self.ids)}".removesuffix("/")

    def number(self) -> str:
        """A phone number that is one of `numbers` and was sent to."""
        return number(1)


class Rude(ThreadingHTTPServer):
    """An endpoint that refuses every call in words of an attacker."""

    daemon_threads = True

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:  # the name is the library's
            self.rfile.read(int(self.headers["Content-Length"]))
            body = json.dumps({"__type": HOSTILE, "message": LONG}).encode()
            self.send_response(400)
            self.send_header("x-amzn-RequestId", HOSTILE.encode("ascii", "ignore").decode())
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name is the library's
            """Stays silent."""


@contextlib.contextmanager
def running_rude() -> Iterator[str]:
    """Its URL."""
    with Rude(("127.0.0.1", 0), Rude.Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def running_seed(folder: Path) -> Iterator[Seed]:
    """A stack with everything; the last thing waits for its end."""
    sandbox = replace(UNLIMITED, chat_seconds=(0.5, 1.0), events=EventOptions())
    with running_harness(folder, sandbox) as stack, running_rude() as rude, Receiver() as receiver:
        receiver.respond = lambda _: (410, {})
        own = {"instance_id": INSTANCE_ID.replace("0a", "ff"), "budget": "spare"}
        stack.configure(
            budgets={"main": {"rate": 5_000.0, "burst": 500}, "spare": {"rate": 100.0, "burst": 5}},
            senders={**stack.values["senders"], "rude": sender(endpoint_url=rude, **own)},
            contact_events=events_of(stack),
            retry={"max_attempts": 3, "base": 0.05, "cap": 0.5},
            webhooks={"secrets": ["whsec_" + "A" * 32], "allow_private": True, "base": 0.1, "cap": 0.3},
        )
        service = start_service(stack)
        stack.start_worker("-n", f"{HOSTILE}@host")
        chat = stack.chat()
        yield Seed(service, chat, _fill(chat, receiver.url), _numbers(), make_tokens(stack))


def events_of(stack: Harness) -> dict[str, str]:
    """Settings by which workers read the contact events of the sandbox."""
    url = stack.sandbox.url
    return {"queue_url": url + QUEUE_PATH, "region": "us-east-1", "endpoint_url": url}


def make_tokens(stack: Harness) -> dict[str, str]:
    """Makes an API key of each kind, and one that nobody uses, with a hostile name."""
    everything = tuple(Scope)
    wanted = {
        "all": NewApiKey(name="Operations", scopes=everything),
        "read": NewApiKey(name="Reader", scopes=(Scope.READ,)),
        OF_ACME: NewApiKey(name="Acme", scopes=everything, tenant=OF_ACME),
        "hostile": NewApiKey(name=HOSTILE, scopes=(Scope.READ,)),
    }
    with Store(stack.server.url) as store:
        return {name: ApiKeys(store).create(one)[0] for name, one in wanted.items()}


def _numbers() -> frozenset[str]:
    return frozenset(one.removeprefix("+") for one in (*map(number, range(100)), INVALID, UNCONFIRMED))


def _fill(chat: OutboundChat, callback_url: str) -> dict[str, str]:
    ids: dict[str, str] = {}

    def job(name: str, to: str, **options: Any) -> None:
        ids[name] = chat.enqueue(**{"sender": "support", "to": to, "text": TEXT, **options}).id

    def batch(what: str, first: int, *more: str, row: Mapping[str, Any] = MappingProxyType({}), **options: Any) -> None:
        rows = [{"to": one, **row} for one in (*map(number, range(first, first + 3)), *more)]
        shared = {"sender": "support", "text": TEXT, "name": what, **options}
        ids[what] = chat.enqueue_batch(rows, on_rejected=lambda _: None, **shared).id

    tomorrow = utc_now() + timedelta(days=1)
    job("sent", number(1), display_name=HOSTILE, attributes={"note": HOSTILE}, idempotency_key=HOSTILE)
    job("failed", INVALID, tenant=OF_ACME)
    job("uncertain", UNCONFIRMED)
    job("refused", number(2), sender="rude")
    job("future", number(3), send_at=tomorrow, tenant=OTHER)
    job("cancelled", number(4), send_at=tomorrow)
    chat.cancel(ids["cancelled"])
    job("posted", number(5), callback_url=callback_url)

    chat.hold(tenant="held", reason=HOSTILE)
    job("held", number(6), tenant="held")
    job("expired", number(7), tenant="held", expires_in=timedelta(seconds=1))

    batch("batch", 10, INVALID, "+1202", tenant=OF_ACME)
    batch("done", 20, tenant=OTHER)
    batch("later", 30, row={"send_at": tomorrow})
    batch("stopped", 40, row={"send_at": tomorrow})
    chat.cancel_batch(ids["stopped"])
    batch("hostile", 50, hold=LONG, name=HOSTILE)

    chat.suppress([number(8)], sender="support", reason=HOSTILE)
    job("suppressed", number(8))
    for name in ("sent", "failed", "uncertain", "refused", "posted", "expired", "suppressed"):
        chat.wait(ids[name], 60)
    chat.wait(ids["sent"], 60, until="ended")
    for name in ("batch", "done"):
        chat.wait_batch(ids[name], 60)
    wait_until(lambda: chat.dead_webhooks(budget="main"), what="a dead webhook")
    return ids
