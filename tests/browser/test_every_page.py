"""What holds for every page: everybody can use it, it obeys its policy, and it shows what others wrote as text."""

import json
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from .axe import violations
from .conftest import Visit
from .pages import HOSTILE as SHOWS_HOSTILE, PAGES
from .stack import HOSTILE, TEXT, Seed

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

DESKTOP, PHONE = (1280, 800), (360, 740)
_ADDRESSES = """
Array.from(document.querySelectorAll('*')).flatMap(element =>
  Array.from(element.attributes).filter(({name}) => name !== 'value').map(({value}) => value))
"""
_PAST_THE_EDGE = """
document.documentElement.scrollWidth > innerWidth && Array.from(document.querySelectorAll('body *'))
  .filter(element => element.getBoundingClientRect().right > innerWidth).map(element => element.outerHTML.slice(0, 99))
"""

every_page = pytest.mark.parametrize("path", PAGES)


def resize(tab: "Page", size: tuple[int, int]) -> None:
    tab.set_viewport_size({"width": size[0], "height": size[1]})


@every_page
def test_everybody_can_use_it(visit: Visit, path: str) -> None:
    """Axe finds nothing in light and dark, on a desktop and on a phone."""
    tab = visit(path)
    for size in (DESKTOP, PHONE):
        resize(tab, size)
        tab.emulate_media(color_scheme="light")
        assert violations(tab) == [], size
        tab.emulate_media(color_scheme="dark")
        assert violations(tab, "color-contrast") == [], size


@every_page
def test_it_fits_a_phone(visit: Visit, path: str) -> None:
    """Wide tables scroll by themselves; the page does not."""
    tab = visit(path, viewport={"width": PHONE[0], "height": PHONE[1]})
    assert not tab.evaluate(_PAST_THE_EDGE)


@every_page
def test_it_has_a_title_and_one_heading(visit: Visit, path: str) -> None:
    tab = visit(path)
    heading = tab.get_by_role("heading", level=1)
    expect(heading).to_have_count(1)
    assert heading.inner_text() in tab.title()


@every_page
def test_numbers_and_texts_stay_private(visit: Visit, seed: Seed, path: str) -> None:
    """No address, title or attribute has a phone number, and no page a message."""
    tab = visit(path)
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.reload()
    told = json.dumps([tab.title(), tab.url, *asked, *tab.evaluate(_ADDRESSES)])
    assert [number for number in seed.numbers if number in told] == []
    assert TEXT not in tab.content()


@every_page
def test_what_others_wrote_is_text(visit: Visit, path: str) -> None:
    """The complaints of the browser are looked at in each test; here also what the text would do."""
    tab = visit(path)
    assert "struck" not in tab.title()
    expect(tab.locator("img[src=x]")).to_have_count(0)
    if path in SHOWS_HOSTILE:
        expect(tab.locator("#main, main").get_by_text(HOSTILE[:40]).first).to_be_visible()


@every_page
def test_a_hostile_address_is_shown_as_text(visit: Visit, seed: Seed, path: str) -> None:
    """Whether it is taken, ignored or refused."""
    asks = visit(path).request
    for name in ("sender", "tenant", "state", "code", "cursor", "budget", "name", "since", "next", "done"):
        answer = asks.get(seed.url(path), params={name: HOSTILE})
        assert answer.status < 500
        assert "<script>document" not in answer.text()
        assert "<img src=x" not in answer.text()
