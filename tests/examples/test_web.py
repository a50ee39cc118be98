"""The examples for web frameworks, run as their pages say: what a form sends is sent once, and its state is shown."""

import re
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.harness import Harness, number
from tests.waiting import wait_until

from .conftest import EXAMPLES, TIMEOUT, contacts, run, serve

PASSWORD = "only-for-this-test"


def state_of(http: httpx.Client, path: str) -> dict[str, Any]:
    """The job, once it is final."""

    def final() -> dict[str, Any] | None:
        shown: dict[str, Any] = http.get(path).raise_for_status().json()
        return shown if shown["final"] else None

    found = wait_until(final, timeout=TIMEOUT, what="the end of the job")
    assert found is not None
    return found


@pytest.mark.parametrize("framework", ["flask", "fastapi"])
def test_a_form_that_comes_twice_sends_one_message(shared: Harness, framework: str) -> None:
    to = number(100 if framework == "flask" else 101)
    form = {"to": to, "text": "Your parcel arrives today", "order": framework}
    if framework == "flask":
        server = ("-m", "flask", "--app", str(EXAMPLES / "flask_app"), "run", "--port", "{port}")
    else:
        server = ("-m", "uvicorn", "--app-dir", str(EXAMPLES), "fastapi_app:app", "--port", "{port}")
    url, _ = serve(shared, *server)
    with httpx.Client(base_url=url, timeout=TIMEOUT) as http:

        def send(**changes: str) -> httpx.Response:
            given = {**form, **changes}
            return http.post("/messages", data=given) if framework == "flask" else http.post("/messages", json=given)

        first, second = send(), send()
        assert (first.status_code, second.status_code) == (202, 202)
        job = first.json()["id"]
        assert second.json()["id"] == job
        assert state_of(http, f"/messages/{job}")["state"] == "sent"
        if framework == "fastapi":
            assert http.get(f"/messages/{job}", params={"wait": 5}).json()["final"] is True
        refused = send(to="12", order="other")
        assert refused.status_code == 422
        assert "to" in str(refused.json())
        assert http.get("/messages/main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR").status_code == 404
    assert contacts(shared)[to] == 1


class Browser(httpx.Client):
    """Fills in forms as a person does."""

    def submit(self, page: str, path: str, **fields: Any) -> httpx.Response:
        """Sends a form of a page, with the token that stands in it."""
        token = re.search(r'csrfmiddlewaretoken" value="([^"]+)', self.get(page).text)
        assert token
        return self.post(path, data={"csrfmiddlewaretoken": token[1], **fields})


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
    url, _ = serve(shared, *manage, "runserver", "--noreload", "127.0.0.1:{port}", environment=database)

    with Browser(base_url=url, timeout=TIMEOUT, follow_redirects=True) as browser:
        browser.submit("/admin/login/", "/admin/login/", username="admin", password=PASSWORD)
        for _ in range(2):
            page = browser.submit("/orders/1/", "/orders/1/send-off/")
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
