"""Pages show what changes without fighting their reader."""

from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect

from tests.support.harness import number

from .conftest import Visit
from .stack import TEXT, Seed

if TYPE_CHECKING:
    from playwright.sync_api import Page, Request

pytestmark = pytest.mark.browser

_HIDE = """
hidden => {
  Object.defineProperty(document, 'hidden', {value: hidden, configurable: true})
  Object.defineProperty(document, 'visibilityState', {value: hidden ? 'hidden' : 'visible', configurable: true})
  document.dispatchEvent(new Event('visibilitychange'))
}
"""
LONG_MS = 30_000


def is_poll(request: "Request") -> bool:
    """Whether a page asks for what changed."""
    return request.resource_type in {"fetch", "xhr"}


def new_batch(seed: Seed, name: str) -> str:
    """A batch that is on hold."""
    rows = [{"to": number(row)} for row in range(60, 63)]
    return seed.chat.enqueue_batch(rows, sender="support", text=TEXT, name=name, hold="later").id


def with_clock(tab: "Page") -> "Page":
    """The same page, whose time passes when the test says so."""
    tab.clock.install()
    tab.reload()
    return tab


def polls(tab: "Page", milliseconds: int) -> int:
    """How often the page asks in that time."""
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url) if is_poll(request) else None)
    tab.clock.run_for(milliseconds)
    return len(asked)


def test_a_change_shows_without_a_reload(visit: Visit, seed: Seed) -> None:
    batch = new_batch(seed, "changes")
    tab = visit(f"batches/{batch}")
    tab.evaluate("window.same = true")
    seed.chat.release(batch=batch)
    expect(tab.locator("#live")).to_contain_text("final")
    assert tab.evaluate("window.same")


def test_a_new_batch_appears_in_the_list(visit: Visit, seed: Seed) -> None:
    tab = visit("batches")
    new_batch(seed, "appears by itself")
    expect(tab.get_by_role("link", name="appears by itself")).to_be_visible()


def test_focus_and_open_details_outlive_a_change(visit: Visit, seed: Seed) -> None:
    batch = new_batch(seed, "keeps")
    tab = visit(f"batches/{batch}")
    details = tab.locator("details.confirm").first
    details.locator("summary").click()
    link = tab.locator("#live a").first
    link.focus()
    name = link.inner_text()
    seed.chat.release(batch=batch)
    expect(tab.locator("#live")).to_contain_text("final")
    assert details.evaluate("one => one.open")
    assert tab.evaluate("document.activeElement.innerText") == name


def test_what_is_offered_follows_the_state(visit: Visit, seed: Seed) -> None:
    batch = new_batch(seed, "offers")
    tab = visit(f"batches/{batch}")
    tab.get_by_role("button", name="Release").wait_for()
    seed.chat.release(batch=batch)
    expect(tab.locator("#live")).to_contain_text("final")
    expect(tab.get_by_text("Cancel…")).to_have_count(0)
    expect(tab.get_by_role("link", name="Export")).to_be_visible()


def test_the_switch_pauses_it(visit: Visit) -> None:
    tab = with_clock(visit(""))
    with tab.expect_request(is_poll):
        tab.clock.run_for(LONG_MS)
    switch = tab.get_by_role("button", name="Pause updates")
    switch.click()
    expect(switch).to_have_attribute("aria-pressed", "true")
    tab.wait_for_load_state("networkidle")
    assert polls(tab, LONG_MS) == 0
    with tab.expect_request(is_poll):
        switch.click()


def test_a_hidden_tab_rests(visit: Visit) -> None:
    tab = with_clock(visit(""))
    tab.evaluate(_HIDE, True)
    tab.wait_for_load_state("networkidle")
    assert polls(tab, LONG_MS) == 0
    with tab.expect_request(is_poll):
        tab.evaluate(_HIDE, False)
        tab.clock.run_for(LONG_MS)


def test_times_are_in_the_zone_of_the_viewer(visit: Visit) -> None:
    zone = "Asia/Kolkata"
    times = visit("jobs/{sent}", timezone_id=zone).locator("main time")
    expect(times.first).to_be_visible()
    for moment in times.all():
        at = datetime.fromisoformat(moment.get_attribute("datetime") or "").astimezone(ZoneInfo(zone))
        expect(moment).to_contain_text(f"{at:%M}")
        expect(moment).not_to_contain_text("UTC")
