"""What holds for every page: everybody can use it, it obeys its policy, and it shows what others wrote as text."""

import json
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from .axe import violations
from .conftest import Shown
from .pages import HOSTILE as SHOWS_HOSTILE
from .stack import HOSTILE, TEXT, Seed

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

DESKTOP, PHONE = (1280, 800), (360, 740)
_ATTRIBUTES = """
Array.from(document.querySelectorAll('*')).flatMap(element =>
  Array.from(element.attributes).filter(({name}) => name !== 'value').map(({value}) => value))
"""
_LOADED = "performance.getEntriesByType('resource').map(({name}) => name)"
_PAST_THE_EDGE = """
document.documentElement.scrollWidth > innerWidth && Array.from(document.querySelectorAll('body *'))
  .filter(element => element.getBoundingClientRect().right > innerWidth).map(element => element.outerHTML.slice(0, 99))
"""


def resize(tab: "Page", size: tuple[int, int]) -> None:
    tab.set_viewport_size({"width": size[0], "height": size[1]})


def test_everybody_can_use_it(shown: Shown) -> None:
    """Axe finds nothing in light and dark, on a desktop and on a phone."""
    for size in (DESKTOP, PHONE):
        resize(shown.tab, size)
        shown.tab.emulate_media(color_scheme="light")
        assert violations(shown.tab) == [], size
        shown.tab.emulate_media(color_scheme="dark")
        assert violations(shown.tab, "color-contrast") == [], size


def test_it_fits_a_phone(shown: Shown) -> None:
    """Wide tables scroll by themselves; the page does not."""
    resize(shown.tab, PHONE)
    assert not shown.tab.evaluate(_PAST_THE_EDGE)


def test_it_has_a_title_and_one_heading(shown: Shown) -> None:
    heading = shown.tab.get_by_role("heading", level=1)
    expect(heading).to_have_count(1)
    assert shown.tab.title() == f"{heading.inner_text()} · outbound-chat"


def test_numbers_and_texts_stay_private(shown: Shown, seed: Seed) -> None:
    """No address, title or attribute has a phone number, and no page a message."""
    tab = shown.tab
    told = json.dumps([tab.title(), tab.url, tab.evaluate(_LOADED), tab.evaluate(_ATTRIBUTES)])
    assert [number for number in seed.numbers if number in told] == []
    assert TEXT not in tab.content()


def test_what_others_wrote_is_text(shown: Shown) -> None:
    """The complaints of the browser are looked at by themselves; here also what the text would do."""
    assert shown.tab.title() != "struck"
    expect(shown.tab.locator("img[src=x]")).to_have_count(0)
    if shown.path in SHOWS_HOSTILE:
        expect(shown.tab.locator("main").get_by_text(HOSTILE).first).to_be_visible()


def test_a_hostile_address_is_shown_as_text(shown: Shown, seed: Seed) -> None:
    """Whether it is taken, ignored or refused."""
    for name in ("sender", "tenant", "state", "code", "cursor", "budget", "name", "since", "next", "done"):
        answer = shown.tab.request.get(seed.url(shown.path), params={name: HOSTILE})
        assert answer.status < 500
        assert "<script>document" not in answer.text()
        assert "<img src=x" not in answer.text()
