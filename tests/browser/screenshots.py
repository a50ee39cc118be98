"""Writes docs/images: the pages of a stack that sends campaigns, in a real Chromium. `make screenshots` runs it.

It sends for some minutes first, so that the charts have something to show. Look at each picture that changes.
"""

import argparse
import math
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outbound_chat import OutboundChat
from outbound_chat.model.times import utc_now
from outbound_chat_worker.sandbox import EventOptions, Fault, FaultKind, SandboxOptions
from tests.http.conftest import Service, start_service
from tests.support.harness import number, running_harness, sender

from .stack import INVALID, UNCONFIRMED, events_of, make_tokens
from .watched import running_browser, sign_in, watched_tab

if TYPE_CHECKING:
    from playwright.sync_api import Page

IMAGES = Path(__file__).parents[2] / "docs" / "images"
WIDTH = 1280
RATE, BURST, MOST_CHATS = 8.0, 20, 500
EVERY_SECONDS = 15
UNDER_WAY_SECONDS = 60
MOST_BYTES = 150_000
TEXT = "Your appointment is tomorrow at ten o'clock."

PICTURES: Mapping[str, tuple[str, int]] = {
    "overview-light": ("", 930),
    "overview-dark": ("", 930),
    "batch-light": ("batches/{campaign}", 700),
    "job-light": ("jobs/{failed}", 640),
    "upload-light": ("upload", 900),
}
"""The name of each file, with the scheme of its colors: the path of its page, and its height in pixels."""
WRONG = {41: "+1202", 57: "", 63: "0151 2345"}
"""By line of the file that is checked: what stands there for a number."""


class Campaigns:
    """What is sent while the charts fill; `ids` for the paths of pages."""

    def __init__(self, chat: OutboundChat) -> None:
        self._chat = chat
        self._numbers = map(number, count())
        self.ids: dict[str, str] = {}

    def enqueue(self, name: str, tenant: str, size: int, *more: str, **options: Any) -> str:
        """Enqueues a batch to so many new numbers, and to `more`; its id."""
        rows = [{"to": to} for to in [*more, *(next(self._numbers) for _ in range(size))]]
        return self._chat.enqueue_batch(rows, sender="support", name=name, tenant=tenant, text=TEXT, **options).id

    def begin(self) -> None:
        """A batch that ends, jobs that fail, jobs for later, and a batch on hold."""
        done = self.enqueue("reminders.csv", "clinic", 25, INVALID, INVALID)
        stopped = next(self._numbers)
        self._chat.suppress([stopped], sender="support", reason="answered STOP")
        for to in (UNCONFIRMED, stopped, INVALID):
            self.ids["failed"] = self._chat.enqueue(sender="support", to=to, text=TEXT, tenant="shop").id
        self._chat.wait_batch(done)
        tomorrow = utc_now() + timedelta(days=1)
        self.enqueue("price-change.csv", "shop", 80, hold="wrong price in the text")
        self._chat.enqueue(sender="support", to=next(self._numbers), text=TEXT, send_at=tomorrow)

    def run(self, minutes: float) -> None:
        """Batches about as fast as they are sent, then one that is under way in the pictures."""
        steps = int(minutes * 60 / EVERY_SECONDS)
        for step in range(steps):
            if step == steps - UNDER_WAY_SECONDS // EVERY_SECONDS:
                self.ids["campaign"] = self.enqueue("autumn-offer.csv", "shop", 600, INVALID, INVALID)
            size = RATE * EVERY_SECONDS * (0.85 + 0.3 * math.sin(step / 4))
            self.enqueue(f"parcels-{step + 1}.csv", "logistics", int(size))
            time.sleep(EVERY_SECONDS)


@contextmanager
def running_campaigns(folder: Path) -> Iterator[tuple[Service, Campaigns]]:
    """A stack with a budget of a common size, chats that end, and some calls that fail."""
    faults = (Fault(FaultKind.INTERNAL_ERROR, share=0.03),)
    chats: dict[str, Any] = {"max_chats": MOST_CHATS, "chat_seconds": (20, 60), "events": EventOptions()}
    with running_harness(folder, SandboxOptions(rate=RATE, burst=BURST, faults=faults, **chats)) as stack:
        stack.configure(
            budgets={"main": {"rate": RATE, "burst": BURST}},
            senders={"support": sender(endpoint_url=stack.sandbox.url, max_open_chats=MOST_CHATS)},
            contact_events=events_of(stack),
            retry={"max_attempts": 3, "base": 0.2, "cap": 1.0},
        )
        service = start_service(stack)
        for name in ("worker-1", "worker-2"):
            stack.start_worker("-n", f"{name}@example")
        yield service, Campaigns(stack.chat())


def check_file(tab: "Page", folder: Path) -> None:
    """Has a file checked that has some wrong rows."""
    path = folder / "spring-offer.csv"
    rows = (f"{WRONG.get(line, number(900_000 + line))},{['Ana', 'Bo', 'Cem'][line % 3]}" for line in range(2, 802))
    path.write_text("\n".join(("to,first_name", *rows)), encoding="utf-8")
    tab.get_by_label("CSV file").set_input_files(path)
    tab.get_by_label("Sender").select_option("support")
    tab.get_by_label("Text of all rows").fill("Hello {first_name|there}, our spring offer ends on Friday.")
    tab.get_by_role("button", name="Check the file").click()
    tab.get_by_role("button", name="Send 797 messages").scroll_into_view_if_needed()


def take(tab: "Page", name: str) -> None:
    """Takes a picture."""
    path = IMAGES / f"{name}.png"
    tab.screenshot(path=path, animations="disabled")
    size = path.stat().st_size
    print(f"{path.name:24}{size:>9,} bytes", flush=True)  # noqa: T201  # what it was called for
    if size > MOST_BYTES:
        raise SystemExit(f"{path.name} is larger than {MOST_BYTES:,} bytes")


def main() -> None:
    """Runs the stack and takes all pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long to send before (%(default)g)")
    minutes: float = parser.parse_args().minutes
    IMAGES.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="outbound-chat-") as folder,
        running_campaigns(Path(folder)) as (service, campaigns),
        running_browser() as browser,
    ):
        campaigns.begin()
        campaigns.run(minutes)
        session = sign_in(browser, service.url, make_tokens(service.stack)["all"])
        with watched_tab(browser, service.url, storage_state=session) as tab:
            for name, (path, height) in PICTURES.items():
                tab.set_viewport_size({"width": WIDTH, "height": height})
                tab.emulate_media(color_scheme="dark" if name.endswith("dark") else "light")
                where = path.format_map(campaigns.ids)
                tab.goto(f"{service.url}/ui/{where}".removesuffix("/"), wait_until="networkidle")
                if path == "upload":
                    check_file(tab, Path(folder))
                take(tab, name)


if __name__ == "__main__":
    main()
