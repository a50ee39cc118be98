"""An action on everything that matches, by real workers: nobody waits for it, and any worker may die or stop."""

from collections import Counter

from outbound_chat import BulkAction, JobState, OutboundChat
from tests.support.harness import Harness, number
from tests.support.waiting import wait_until

JOBS, REFUSED = 2_000, 7


def failed(stack: Harness, chat: OutboundChat, count: int) -> list[str]:
    """Jobs that failed, as their numbers are suppressed."""
    numbers = [number(index) for index in range(count)]
    chat.suppress(numbers, sender="support", reason="test")
    batch = chat.enqueue_batch([{"to": to, "text": "Hello"} for to in numbers], sender="support")
    worker = stack.start_worker()
    chat.wait_batch(batch.id, timeout=120)
    stack.kill(worker)
    chat.unsuppress(numbers, sender="support")
    ids = [job.id for job in chat.each_dead_letter(code="suppressed")]
    assert len(ids) == count
    return ids


def read(chat: OutboundChat, action: BulkAction) -> BulkAction:
    return next(one for one in chat.actions() if one.id == action.id)


def test_all_is_replayed_once_while_one_worker_is_killed_and_another_is_stopped(stack: Harness) -> None:
    chat = stack.chat()
    ids = failed(stack, chat, JOBS)
    with chat._store.redis.pipeline() as pipeline:  # the requests of some are no longer kept
        for id_ in ids[::300]:
            key = f"oc:{{main}}:j:{id_.partition('.')[2]}"
            pipeline.set(key, chat._store.redis.get(key).partition("\n")[0] + "\n", keepttl=True)
        pipeline.execute()
    action = chat.start_replay(code="suppressed")
    first, second = stack.start_worker(), stack.start_worker()
    wait_until(lambda: read(chat, action).done > JOBS // 10, timeout=60, what="the first replays")
    stack.kill(first)
    assert read(chat, action).done < JOBS - REFUSED
    wait_until(lambda: read(chat, action).done > JOBS // 2, timeout=60, what="the replays of the other worker")
    second.terminate()
    assert second.wait(60) == 0
    assert read(chat, action).state == "running"
    stack.start_worker()

    wait_until(lambda: read(chat, action).state == "done", timeout=120, what="the end of the action")
    ended = read(chat, action)
    assert (ended.total, ended.done, ended.refused) == (JOBS, JOBS - REFUSED, {"not_replayable": REFUSED})
    assert set(ended.first_refused) == {*ids[::300]}
    jobs = chat.statuses(ids)
    replays = Counter(job.replayed_by for job in jobs.values() if job and job.replayed_by)
    assert (len(replays), max(replays.values())) == (JOBS - REFUSED, 1)
    wait_until(
        lambda: all(job and job.state is JobState.SENT for job in chat.statuses(replays).values()),
        timeout=120,
        what="the end of all replays",
    )
    (budget,) = chat.budgets()
    assert budget.accepted == JOBS + len(replays)
