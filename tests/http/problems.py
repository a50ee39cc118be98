"""What every error of the service looks like."""

from typing import Any

import httpx


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem that the answer is."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert (body["code"], body["status"]) == (code, status)
    assert body["title"]
    assert body["detail"]
    return body


def fields(body: dict[str, Any]) -> list[tuple[str, str]]:
    """Field and code of everything that is wrong."""
    return [(error["field"], error["code"]) for error in body["errors"]]
