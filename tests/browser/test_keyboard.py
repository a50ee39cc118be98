"""Without a mouse: every control is reached in order, and the one that has the focus is seen."""

from typing import TYPE_CHECKING, Any

import pytest

from .conftest import Visit
from .pages import PAGES

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

MOST_STOPS = 300
_FOCUSED = """
() => {
  const element = document.activeElement, box = element.getBoundingClientRect(), style = getComputedStyle(element)
  return {
    is_page: element === document.body,
    html: element.outerHTML.slice(0, 99),
    seen: box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < innerHeight,
    marked: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0 || style.boxShadow !== 'none',
    number: Array.from(document.querySelectorAll('*')).indexOf(element),
  }
}
"""
_CONTROLS = "a[href], button, input:not([type=hidden]), select, textarea, summary"


def stops(tab: "Page") -> list[dict[str, Any]]:
    """What has the focus after each press of Tab, all around the page, in the order of the page."""
    found: dict[int, dict[str, Any]] = {}
    for _ in range(MOST_STOPS):
        tab.keyboard.press("Tab")
        stop = tab.evaluate(_FOCUSED)
        if stop["number"] in found:
            return [found[number] for number in sorted(found)]
        if not stop["is_page"]:
            found[stop["number"]] = stop
    raise AssertionError(f"more than {MOST_STOPS} stops")


@pytest.mark.parametrize("path", PAGES)
def test_every_control_is_reached_and_seen(visit: Visit, path: str) -> None:
    tab = visit(path)
    reached = stops(tab)
    assert [stop["html"] for stop in reached if not (stop["seen"] and stop["marked"])] == []
    # Radio buttons of a group are one stop.
    controls = tab.locator("main").locator(_CONTROLS).filter(visible=True).and_(tab.locator(":enabled, a, summary"))
    assert {stop["number"] for stop in reached} >= set(
        controls.evaluate_all("all => all.map(one => Array.from(document.querySelectorAll('*')).indexOf(one))")
    )


@pytest.mark.parametrize("path", PAGES)
def test_the_first_stop_leads_to_the_content(visit: Visit, path: str) -> None:
    tab = visit(path)
    assert "skip" in stops(tab)[0]["html"]
    skip = tab.get_by_role("link", name="Skip to the content")
    skip.press("Enter")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.querySelector('main').contains(document.activeElement)")
