"""docs/webhooks.md and the code say the same of answers and types, and what receivers copy from it works."""

import json
import subprocess
import time
from pathlib import Path
from typing import Any

from outbound_chat.model.jobs import FINAL, WebhookState
from outbound_chat.webhooks import sign
from outbound_chat_worker.webhooks.answers import (
    BY_ERROR,
    BY_STATUS,
    FEW,
    OTHER_ANSWER,
    REDIRECT,
    SERVER_ERROR,
    SUCCESS,
    Answer,
    AnswerRule,
    rule_of,
)

from .pages import DOCS, bare, blocks, read, section, table

SECRET_OF_THE_PAGE = "whsec_cHV0IHRoZSBieXRlcyBvZiB5b3VyIG93biBoZXJl"


def cells(rule: AnswerRule) -> tuple[str, str]:
    return rule.then.value + ("" if rule.host_answers else ", against the host"), rule.reason


def test_the_page_has_exactly_the_rows_of_the_table() -> None:
    rows = table(section(read("webhooks.md"), "## Retries"), "answer")
    found = {bare(row["answer"]): (row["what happens"], row["why"]) for row in rows}
    assert found == {
        "200 to 299": cells(SUCCESS),
        "300 to 399": cells(REDIRECT),
        **{str(status): cells(rule) for status, rule in BY_STATUS.items()},
        "500 to 599": cells(SERVER_ERROR),
        "any other": cells(OTHER_ANSWER),
        **{code: cells(rule) for code, rule in BY_ERROR.items()},
    }
    assert f"{FEW} posts at most" in read("webhooks.md")


def test_the_classes_of_answers_are_those_of_the_code() -> None:
    assert [rule_of(Answer(status=status)) for status in (200, 299, 300, 399, 500, 599, 400, 100)] == [
        SUCCESS,
        SUCCESS,
        REDIRECT,
        REDIRECT,
        SERVER_ERROR,
        SERVER_ERROR,
        OTHER_ANSWER,
        OTHER_ANSWER,
    ]


def test_everything_that_is_posted_has_its_type() -> None:
    types = [bare(row["type"]) for row in table(section(read("webhooks.md"), "## What is posted"), "type")]
    assert set(types) == {*(f"job.{state}" for state in FINAL), "job.contact_ended", "job.delivery", "batch.finished"}


def test_every_state_of_a_webhook_is_explained() -> None:
    rows = table(section(read("webhooks.md"), "## Delivery status"), "state")
    assert [bare(row["state"]) for row in rows] == list(WebhookState)


def code_of_receivers() -> dict[str, str]:
    return {block.language: block.body for block in blocks(DOCS / "webhooks.md") if "verify(" in block.body}


def test_the_receiver_in_python_knows_what_is_ours() -> None:
    """Receivers copy it: code that takes what is not ours, or refuses what is, would be worse than none."""
    code = code_of_receivers()
    given: dict[str, Any] = {}
    exec(code["python"], given)  # noqa: S102  # our own page
    said, at = b'{"type":"job.sent","data":{"id":"main.1"}}', int(time.time())
    headers = {"webhook-id": "main.1.sent", "webhook-timestamp": str(at), "webhook-signature": ""}
    assert given["receive"](headers, said) == 400
    headers["webhook-signature"] = sign(SECRET_OF_THE_PAGE, "main.1.sent", at, said)
    assert given["receive"](headers, said) == 204


def test_the_receiver_in_node_knows_what_is_ours(tmp_path: Path) -> None:
    code = code_of_receivers()
    secret, body, now = "whsec_" + "A" * 32, b'{"type":"job.sent"}', int(time.time())
    program = tmp_path / "verify.mjs"
    program.write_text(
        code["js"] + "const [headers, body, secret] = JSON.parse(process.argv[2]);\n"
        "process.stdout.write(String(verify(headers, Buffer.from(body), secret)));\n"
    )

    def verified(at: int, content: bytes, signature: str) -> str:
        headers = {"webhook-id": "main.1.sent", "webhook-timestamp": str(at), "webhook-signature": signature}
        given = json.dumps([headers, content.decode(), secret])
        return subprocess.run(["node", program, given], check=True, capture_output=True, text=True, timeout=60).stdout

    ours = sign(secret, "main.1.sent", now, body)
    other = sign("whsec_" + "B" * 32, "main.1.sent", now, body)
    assert verified(now, body, f"{other} {ours}") == "true"
    assert verified(now, body, other) == "false"
    assert verified(now, body, "") == "false"
    assert verified(now, b'{"type":"job.failed"}', ours) == "false"
    assert verified(now - 600, body, sign(secret, "main.1.sent", now - 600, body)) == "false"
