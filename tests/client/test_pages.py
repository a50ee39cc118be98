"""What clients read page by page."""

import pytest

from outbound_chat import InvalidJob, JobState, OutboundChat, UnknownBatch
from tests.support.harness import number


def _rows(count: int) -> list[dict[str, str]]:
    return [{"to": number(index) if index % 3 else "none"} for index in range(1, count + 1)]


def test_pages_give_every_job_of_a_batch_once_in_order(chat: OutboundChat) -> None:
    """An export must be whole."""
    receipt = chat.enqueue_batch(_rows(1_300), sender="support")
    ids: list[str] = []
    cursor = None
    while True:
        page = chat.batch_jobs(receipt.id, cursor=cursor, limit=400)
        ids += [job.id for job in page.jobs]
        cursor = page.cursor
        if cursor is None:
            break
    assert ids == [f"{receipt.id}-{row}" for row in range(1, 1_301) if row % 3]


def test_a_page_has_only_the_state_that_is_asked_for(chat: OutboundChat) -> None:
    receipt = chat.enqueue_batch(_rows(10), sender="support")
    chat.cancel(f"{receipt.id}-5")
    page = chat.batch_jobs(receipt.id, state="cancelled")
    assert ([job.id for job in page.jobs], page.cursor) == ([f"{receipt.id}-5"], None)
    assert len(chat.batch_jobs(receipt.id, state=JobState.QUEUED).jobs) == 6


@pytest.mark.parametrize("wrong", [{"state": "lost"}, {"cursor": "-1"}, {"cursor": "x"}, {"limit": 0}, {"limit": 501}])
def test_a_wrong_page_is_refused(chat: OutboundChat, wrong: dict[str, object]) -> None:
    receipt = chat.enqueue_batch(_rows(3), sender="support")
    with pytest.raises(InvalidJob) as refused:
        chat.batch_jobs(receipt.id, **wrong)  # type: ignore[arg-type]  # wrong by intention
    assert refused.value.errors[0].field == next(iter(wrong))


def test_an_unknown_batch_has_no_page(chat: OutboundChat) -> None:
    for id_ in ("nonsense", "main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR"):
        with pytest.raises(UnknownBatch):
            chat.batch_jobs(id_)


def test_a_suppression_list_is_read_in_pages(chat: OutboundChat) -> None:
    chat.suppress([number(index) for index in range(700)], sender="support")
    seen: set[str] = set()
    cursor = None
    while True:
        page = chat.suppressed_page(sender="support", cursor=cursor)
        seen |= {entry.number for entry in page.numbers}
        cursor = page.cursor
        if cursor is None:
            break
    assert len(seen) == 700


def test_budgets_are_listed_with_their_holds(chat: OutboundChat) -> None:
    chat.enqueue(sender="support", to=number(1))
    chat.hold(budget="main", reason="wrong text")
    (status,) = chat.budgets()
    assert (status.name, status.counts["waiting"], [hold.reason for hold in status.holds]) == (
        "main",
        1,
        ["wrong text"],
    )
