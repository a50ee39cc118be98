"""What people come for, from the first click to the last."""

import csv
import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from outbound_chat import JobState
from outbound_chat.model.times import utc_now
from tests.support.harness import number

from .conftest import Visit
from .stack import INVALID, TEXT, Seed

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = pytest.mark.browser

ROWS = (
    (number(70), "Ana"),
    ("+1202", "a short number"),
    (number(71), "Bo"),
    ("", "no number"),
    (INVALID, "refused by Connect"),
    ("+49 151", "another short number"),
    (number(72), '"><script>document.title="struck"</script>'),
)
BAD_LINES = ["3", "5", "7"]
"""Lines of the file, of which the header is the first."""


@pytest.fixture
def campaign(tmp_path: Path) -> Path:
    """A CSV with three bad rows."""
    path = tmp_path / "campaign.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("to", "name"), *ROWS])
    return path


def confirm(tab: "Page", name: str) -> "Locator":
    """Opens the question that stands behind a button; the form that answers yes."""
    question = tab.locator("details.confirm").filter(has=tab.locator("summary", has_text=name))
    question.locator("summary").click()
    return question.locator("form")


def test_from_a_file_to_the_export(visit: Visit, seed: Seed, campaign: Path) -> None:
    tab = visit("upload")
    tab.get_by_label("CSV file").set_input_files(campaign)
    tab.get_by_label("Sender").select_option("support")
    tab.get_by_label("Text of all rows").fill("Hello {name}, " + TEXT)
    tab.get_by_label("Hold it at first").check()
    tab.get_by_role("button", name="Check the file").click()

    lines = tab.get_by_role("table", name="Faults").locator("tbody td:last-child")
    expect(lines.first).to_be_visible()
    assert sorted(", ".join(lines.all_inner_texts()).split(", ")) == BAD_LINES

    with tab.expect_download() as download:
        tab.get_by_role("button", name="Download the rejected rows").click()
    with Path(download.value.path()).open(encoding="utf-8-sig", newline="") as file:
        assert [row["_line"] for row in csv.DictReader(file)] == BAD_LINES

    tab.get_by_role("button", name="Send 4 messages").click()
    tab.wait_for_url("**/ui/batches/*")
    batch = tab.url.rpartition("/")[2]
    live = tab.locator("#live")
    expect(live).to_contain_text("held")
    assert seed.chat.batch(batch).remaining == 4

    tab.get_by_role("button", name="Release").click()
    expect(live).to_contain_text("final")
    expect(live).to_contain_text("failed")

    with tab.expect_download() as download:
        tab.get_by_role("link", name="Export").click()
    with Path(download.value.path()).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert sorted(row["state"] for row in rows) == ["failed", "sent", "sent", "sent"]

    live.get_by_role("link", name=re.compile("failed", re.IGNORECASE)).first.click()
    tab.locator("main table").get_by_role("link").first.click()
    tab.wait_for_url("**/ui/jobs/*")
    expect(tab.get_by_role("heading", name="What happened")).to_be_visible()
    expect(tab.locator("main")).to_contain_text("InvalidRequestException")
    failed = tab.url.rpartition("/")[2]

    confirm(tab, "Replay").get_by_role("button").click()
    tab.wait_for_url(lambda url: "/ui/jobs/" in url and failed not in url)
    expect(tab.locator("#live")).to_contain_text("failed")
    assert seed.chat.status(failed).replayed_by == tab.url.rpartition("/")[2]


def test_a_batch_is_held_and_cancelled(visit: Visit, seed: Seed) -> None:
    tomorrow = utc_now() + timedelta(days=1)
    rows = [{"to": number(73), "text": TEXT, "send_at": tomorrow}]
    batch = seed.chat.enqueue_batch(rows, sender="support", name="wrong text").id
    tab = visit(f"batches/{batch}")
    question = confirm(tab, "Hold…")
    expect(question).to_contain_text("1 job not yet ended")
    question.get_by_label("Reason").fill("the price is wrong")
    question.get_by_role("button").click()
    expect(tab.locator("#live")).to_contain_text("the price is wrong")

    question = confirm(tab, "Cancel…")
    expect(question).to_contain_text("At most 1 message will never be sent")
    question.get_by_role("button").click()
    expect(tab.locator("#live")).to_contain_text("cancelled")
    assert seed.chat.batch(batch).counts[JobState.CANCELLED] == 1


def test_a_key_that_may_only_read(visit: Visit, seed: Seed) -> None:
    """It sees everything, is offered nothing, and is refused what it asks for by hand."""
    tab = visit("batches/{hostile}", "read")
    expect(tab.get_by_role("heading", level=1)).to_be_visible()
    for path in ("", "batches/{hostile}", "jobs/{failed}", "dead", "holds", "webhooks"):
        tab.goto(seed.url(path))
        expect(tab.locator("main details.confirm, main form[method=post]")).to_have_count(0)
    same = {"Sec-Fetch-Site": "same-origin", "Origin": seed.service.url}
    for path in ("batches/{hostile}/cancel", "jobs/{failed}/replay", "holds"):
        assert tab.request.post(seed.url(path), headers=same).status == 403
    for path in ("upload", "send"):
        assert tab.request.get(seed.url(path)).status == 403


def test_a_key_of_a_tenant(visit: Visit, seed: Seed) -> None:
    """It sees its own, and others' things are as unknown as things that do not exist."""
    tab = visit("batches", "acme")
    links = tab.locator("main").get_by_role("link")
    expect(links.filter(has_text=re.compile("^batch$"))).not_to_have_count(0)
    expect(links.filter(has_text="done")).to_have_count(0)
    for path, status in {
        "batches/{batch}": 200,
        "jobs/{failed}": 200,
        "batches/{done}": 404,
        "jobs/{sent}": 404,
        "batches/main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR": 404,
    }.items():
        assert tab.request.get(seed.url(path)).status == status, path


def test_another_site_cannot_act(visit: Visit, seed: Seed) -> None:
    tab = visit("batches/{hostile}")
    foreign = {"Sec-Fetch-Site": "cross-site", "Origin": "https://example.com"}
    assert tab.request.post(seed.url("batches/{hostile}/cancel"), headers=foreign).status == 403
    assert seed.chat.batch(seed.ids["hostile"]).counts[JobState.QUEUED] == 3


def test_signing_out_ends_the_session(visit: Visit, seed: Seed) -> None:
    tab = visit("login", None)
    tab.get_by_label("API key").fill(seed.tokens["hostile"])
    tab.get_by_role("button", name="Sign in").click()
    (cookie,) = tab.context.cookies()
    assert cookie["name"] == "oc_session"
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["secure"]) == (True, "Strict", False)
    assert seed.tokens["hostile"] not in cookie["value"]
    tab.get_by_role("button", name="Sign out").click()
    expect(tab.get_by_label("API key")).to_be_visible()
    headers = {"Cookie": f"{cookie['name']}={cookie['value']}"}
    assert tab.request.get(seed.url(), headers=headers, max_redirects=0).status == 303
