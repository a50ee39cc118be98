"""API keys and the audit log, as an operator sees them over HTTP."""

import re

import httpx
import pytest

from tests.support.harness import number

from .conftest import Service
from .keyring import Key, make_key


@pytest.fixture(scope="module")
def key(service: Service) -> Key:
    """An operator's key."""
    return make_key(service.stack)


def test_keys_are_shown_without_their_secrets(service: Service, http: httpx.Client, key: Key) -> None:
    assert service.stack.run("keys", "create", "<i>mallory</i>", "--scope", "read", "--tenant", "acme").returncode == 0

    page = http.get("/ui/keys", headers=key.headers).text

    assert key.id in page
    assert "&lt;i&gt;mallory&lt;/i&gt;" in page
    assert "<i>" not in page
    assert key.token.rpartition("_")[2] not in page


def test_the_audit_log_names_who_did_what(http: httpx.Client, key: Key) -> None:
    job = http.post(
        "/v1/jobs", headers=key.headers, json={"sender": "support", "to": number(1), "text": "Hello"}
    ).json()["id"]
    http.post(f"/v1/jobs/{job}/cancel", headers=key.headers)

    page = http.get("/ui/audit", headers=key.headers).text

    assert f'<a href="../ui/jobs/{job}">job {job}</a>' in page
    assert number(1) not in page
    assert "cancel" in http.get("/ui/audit", headers=key.headers, params={"key": key.id}).text
    assert "No changes here" in http.get("/ui/audit", headers=key.headers, params={"key": "0" * 12}).text


def test_older_changes_are_on_the_next_page(service: Service, http: httpx.Client) -> None:
    key = make_key(service.stack)
    for row in range(101):
        http.post("/v1/holds", headers=key.headers, json={"scope": "tenant", "name": f"t{row}", "reason": "x"})

    first = http.get("/ui/audit", headers=key.headers).text
    older = re.search(r'<a href="([^"]+)" rel="next">', first)

    assert older
    assert ("tenant t1<" in first, "tenant t0<" in first) == (True, False)
    assert "tenant t0<" in http.get(f"/ui/audit{older[1]}", headers=key.headers).text
