"""A budget that was renamed, or taken out of the settings, while it had jobs: somebody must hear of them."""

from typing import Any

import fakeredis
import pytest

from outbound_chat import OutboundChat
from outbound_chat.doctor.stranded_budgets import stranded_checks
from outbound_chat.model.diagnostics import Check, Level
from outbound_chat.model.times import to_ms, utc_now
from outbound_chat.store import Store
from outbound_chat_config import Settings
from tests.support.harness import number, sender


def values(budget: str, **changes: Any) -> dict[str, Any]:
    return {"budgets": {budget: {}}, "senders": {"support": sender(budget=budget)}, **changes}


def checks(redis: fakeredis.FakeRedis, budget: str, **changes: Any) -> list[Check]:
    settings = Settings.from_values(**values(budget, **changes))
    return list(stranded_checks(settings, Store("redis://", settings.key_prefix, client=redis)))


@pytest.mark.parametrize("how", ["job", "batch"])
def test_doctor_names_a_budget_that_was_renamed(redis: fakeredis.FakeRedis, how: str) -> None:
    """Its jobs are neither sent nor expired, and no command that goes by the settings comes upon them."""
    with OutboundChat(store=Store("redis://", client=redis), **values("main")) as chat:
        if how == "job":
            ids = [chat.enqueue(sender="support", to=number(1), text="Hello").id]
        else:
            batch = chat.enqueue_batch([{"to": number(1)}, {"to": number(2)}], sender="support", text="Hello").id
            ids = [f"{batch}-1", f"{batch}-2"]
        assert checks(redis, "main") == []
        (check,) = checks(redis, "eu")
        assert (check.subject, check.level) == ("budget main", Level.FAULT)
        assert f"{len(ids)} open job" in check.finding
        assert "[budgets.main]" in check.advice

        redis.zadd("oc:{main}:workers", {"elsewhere:1 abc": to_ms(utc_now())})
        assert checks(redis, "eu") == [], "others work for it, with settings of their own"
        redis.delete("oc:{main}:workers")
        for id_ in ids:
            chat.cancel(id_)
    assert checks(redis, "eu") == []


def test_of_another_prefix_doctor_says_that_it_sees_nothing(redis: fakeredis.FakeRedis) -> None:
    """Whoever renamed it wonders where the jobs are."""
    with OutboundChat(store=Store("redis://", client=redis), **values("main")) as chat:
        chat.enqueue(sender="support", to=number(1), text="Hello")

    (check,) = checks(redis, "main", key_prefix="new")
    assert (check.subject, check.level) == ("key_prefix", Level.OK)
    assert "are not visible here" in check.finding


def test_only_the_first_job_of_a_budget_is_noted(redis: fakeredis.FakeRedis) -> None:
    """A second round trip for each job would halve what a caller can do."""
    with OutboundChat(store=Store("redis://", client=redis), **values("main")) as chat:
        chat.enqueue(sender="support", to=number(1), text="Hello")
        redis.delete("oc:{@access}:budgets")
        chat.enqueue(sender="support", to=number(2), text="Hello")

    assert not redis.exists("oc:{@access}:budgets")
