"""docs/webhooks.md and the code say the same of answers and types."""

from outbound_chat.jobs import FINAL
from outbound_chat_worker.webhooks import (
    BY_ERROR,
    BY_STATUS,
    FEW,
    OTHER_ANSWER,
    REDIRECT,
    SERVER_ERROR,
    SUCCESS,
    Answer,
    Rule,
    rule_of,
)

from .pages import bare, read, section, table


def cells(rule: Rule) -> tuple[str, str]:
    return rule.then.value + ("" if rule.host_answers else ", against the host"), rule.reason


def test_the_page_has_exactly_the_rows_of_the_table() -> None:
    rows = table(section(read("webhooks.md"), "## When it is not taken"), "answer")
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


def test_every_end_of_a_job_has_its_type() -> None:
    types = [bare(row["type"]) for row in table(section(read("webhooks.md"), "## What is posted"), "type")]
    assert set(types) == {*(f"job.{state}" for state in FINAL), "batch.finished"}
