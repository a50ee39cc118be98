"""Without a mouse: every control is reached in order, and the one that has the focus is seen."""

from typing import TYPE_CHECKING, Any

import pytest

from .conftest import Shown

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
_CONTROLS = "a[href], button:enabled, input:not([type=hidden]):enabled, select:enabled, textarea:enabled, summary"
_NUMBERS = "all => all.map(one => Array.from(document.querySelectorAll('*')).indexOf(one))"


def stops(tab: "Page") -> list[dict[str, Any]]:
    """What has the focus after each press of Tab, all around the page, in the order of the page."""
    found: dict[int, dict[str, Any]] = {}
    first = last = None
    for _ in range(MOST_STOPS):
        tab.keyboard.press("Tab")
        stop = tab.evaluate(_FOCUSED)
        number = None if stop["is_page"] else stop["number"]
        # A field of a time has a stop for each of its parts, of which the last shows the focus by itself.
        if number == first != last and first is not None:
            return [found[one] for one in sorted(found)]
        if number is not None:
            found.setdefault(number, stop)
            first = number if first is None else first
        last = number
    raise AssertionError(f"more than {MOST_STOPS} stops")


def test_every_control_is_reached_and_seen(shown: Shown) -> None:
    reached = stops(shown.tab)
    assert "skip" in reached[0]["html"]
    assert [stop["html"] for stop in reached if not (stop["seen"] and stop["marked"])] == []
    # Radio buttons of a group are one stop.
    controls = shown.tab.locator("main").locator(_CONTROLS).filter(visible=True)
    assert {stop["number"] for stop in reached} >= set(controls.evaluate_all(_NUMBERS))


def test_the_first_stop_leads_to_the_content(shown: Shown) -> None:
    shown.tab.get_by_role("link", name="Skip to the content").press("Enter")
    shown.tab.keyboard.press("Tab")
    assert shown.tab.evaluate("document.querySelector('main').contains(document.activeElement)")
