"""The examples for web frameworks, run as their pages say: what a form sends is sent once, and its state is shown."""

import re
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.harness import Harness, number
from tests.support.waiting import wait_until

from .conftest import EXAMPLES, TIMEOUT, contacts, run, said, serve

PASSWORD = "only-for-this-test"


def state_of(http: httpx.Client, path: str) -> dict[str, Any]:
    """The job, once it is final."""

    def final() -> dict[str, Any] | None:
        shown: dict[str, Any] = http.get(path).raise_for_status().json()
        return shown if shown["final"] else None

    found = wait_until(final, timeout=TIMEOUT, what="the end of the job")
    assert found is not None
    return found


def at_once(post: Callable[[], httpx.Response]) -> list[httpx.Response]:
    """Answers to two requests that are under way at the same time, as a double click sends them."""
    with ThreadPoolExecutor(2) as pool:
        return [answer.result() for answer in [pool.submit(post), pool.submit(post)]]


@pytest.mark.parametrize("framework", ["flask", "fastapi"])
def test_a_form_that_comes_twice_sends_one_message(shared: Harness, framework: str) -> None:
    to = number(100 if framework == "flask" else 101)
    form = {"to": to, "text": "Your parcel arrives today", "order": framework}
    url = serve(shared, [*said(f"{framework}_app.py"), "--port", "{port}"])
    with httpx.Client(base_url=url, timeout=TIMEOUT, headers={"X-Shop": "shop"}) as http:

        def send(**changes: str) -> httpx.Response:
            given = {**form, **changes}
            return http.post("/messages", data=given) if framework == "flask" else http.post("/messages", json=given)

        first, second = at_once(send)
        assert (first.status_code, second.status_code) == (202, 202)
        job = first.json()["id"]
        assert second.json()["id"] == job
        assert state_of(http, f"/messages/{job}")["state"] == "sent"
        refused = send(to="12", order="other")
        assert refused.status_code == 422
        assert "to" in str(refused.json())
        assert send(text="Another text").status_code == 409
        assert http.get("/messages/main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR").status_code == 404
        others = shared.chat().enqueue(sender="demo", tenant="other", to=number(102), text="Hello")
        assert http.get(f"/messages/{others.id}").status_code == 404
        if framework == "fastapi":
            _long_poll(shared, http, job)
    assert contacts(shared)[to] == 1


def _long_poll(shared: Harness, http: httpx.Client, ended: str) -> None:
    """Answers at once what is final, and what goes on as it stands when the time is over."""
    assert http.get(f"/messages/{ended}", params={"wait": 30}).json()["final"] is True
    later = datetime.now(UTC) + timedelta(days=1)
    waiting = shared.chat().enqueue(sender="demo", tenant="shop", to=number(103), text="Hello", send_at=later)
    polled = http.get(f"/messages/{waiting.id}", params={"wait": 0.1})
    assert (polled.status_code, polled.json()["state"]) == (200, "scheduled")
    shared.chat().cancel(waiting.id)


class Browser(httpx.Client):
    """Fills in forms as a person does."""

    def token(self, page: str) -> dict[str, str]:
        """The token that stands in the form of a page."""
        token = re.search(r'csrfmiddlewaretoken" value="([^"]+)', self.get(page).text)
        assert token
        return {"csrfmiddlewaretoken": token[1]}

    def submit(self, page: str, path: str, **fields: Any) -> httpx.Response:
        """Sends a form of a page."""
        return self.post(path, data={**self.token(page), **fields})


def test_django_sends_after_the_commit_and_its_admin_makes_up_for_what_failed(shared: Harness, tmp_path: Path) -> None:
    project = EXAMPLES / "django_shop"
    database = {"SHOP_DATABASE": str(tmp_path / "shop.sqlite3"), "PYTHONDONTWRITEBYTECODE": "1"}
    superuser = {"DJANGO_SUPERUSER_PASSWORD": PASSWORD}
    manage = (str(project / "manage.py"),)
    orders = (
        f"from shop.models import Order; Order.objects.create(phone='{number(110)}'); Order.objects.create(phone='12');"
        f"Order.objects.create(phone='{number(111)}', has_left=True)"
    )
    for command in (
        ("migrate", "--run-syncdb"),
        ("createsuperuser", "--noinput", "--username", "admin", "--email", "admin@example.com"),
        ("shell", "-c", orders),
    ):
        ended = run(shared, sys.executable, *manage, *command, **database, **superuser)
        assert ended.returncode == 0, ended.stderr
    url = serve(shared, [sys.executable, *manage, "runserver", "--noreload", "127.0.0.1:{port}"], environment=database)

    with Browser(base_url=url, timeout=TIMEOUT, follow_redirects=True) as browser:
        browser.submit("/admin/login/", "/admin/login/", username="admin", password=PASSWORD)
        token = browser.token("/orders/1/")
        for page in at_once(lambda: browser.post("/orders/1/send-off/", data=token)):
            assert "It has left." in page.text
        wait_until(lambda: '<b id="state">sent</b>' in browser.get("/orders/1/").text, timeout=TIMEOUT)
        assert "No message: to " in browser.submit("/orders/2/", "/orders/2/send-off/").text

        chosen = {"action": "tell_customers", "_selected_action": ["1", "2", "3"]}
        done = browser.submit("/admin/shop/order/", "/admin/shop/order/", **chosen)
        assert "2 messages are on their way." in done.text
        assert "Order 2: to" in done.text
        wait_until(lambda: '<b id="state">sent</b>' in browser.get("/orders/3/").text, timeout=TIMEOUT)
    sent = contacts(shared)
    assert (sent[number(110)], sent[number(111)]) == (1, 1)
