"""`optouts sync`: who answered STOP to a number is on the suppression list of its senders, and nobody else."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from outbound_chat import InvalidJob, JobState, OutboundChat
from outbound_chat.client.steps.context import Context
from outbound_chat.client.steps.suppression_list import sync_reason
from outbound_chat.encryption import new_key
from outbound_chat.model.diagnostics import Level
from outbound_chat.store import Store
from outbound_chat.store.opt_outs import SyncLease
from outbound_chat_worker.connect import Connect
from outbound_chat_worker.opt_outs.lists import OptOutReader
from outbound_chat_worker.opt_outs.sync import BUSY, OptOutSync, Synced
from tests.support import warm
from tests.support.harness import (
    SOURCE,
    UNLIMITED,
    WHATSAPP_SOURCE,
    Harness,
    data_of,
    number,
    running_harness,
    sender,
)
from tests.support.privacy import content_of
from tests.support.waiting import wait_until

NUMBER_ID = SOURCE.rpartition("/")[2]
LIST = "arn:aws:sms-voice:us-east-1:123456789012:opt-out-list/Default"
NUMBERS = "arn:aws:sms-voice:us-east-1:123456789012:phone-number/phone-"
REASON = "opt-out list Default of 123456789012 in us-east-1"
PLAIN: dict[str, Any] = {}
ENCRYPTED: dict[str, Any] = {"keys": [new_key()], "number_key": new_key()}
pytestmark = pytest.mark.usefixtures("sandbox_credentials")
BOTH = pytest.mark.parametrize("encryption", [PLAIN, ENCRYPTED], ids=["plain", "encrypted"])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    with running_harness(tmp_path_factory.mktemp("opt-outs")) as harness:
        yield harness


@pytest.fixture
def idle(whole: Harness) -> Harness:
    """A stack without workers, as new: two senders of one number, and one of WhatsApp."""
    whole.sandbox.reset()
    configure(whole)
    with Store(whole.server.url) as store:
        store.ask(lambda redis: redis.flushall())
    return whole


def configure(harness: Harness, **values: Any) -> None:
    own = {"endpoint_url": harness.sandbox.url}
    senders = {"support": sender(**own), "news": sender(**own), "chat": sender(channel="whatsapp", **own)}
    harness.configure(**{"senders": senders, **values})


class Clock:
    """Time that passes only while the program sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def sync(
    harness: Harness,
    *senders: str,
    clock: Clock | None = None,
    on_page: Callable[[int], None] = lambda _numbers: None,
    **options: Any,
) -> dict[str, Synced]:
    """A sync in this process, at the pace of a new account."""
    settings, clock = harness.settings, clock or Clock()
    reader = OptOutReader(Connect(settings.worker), 1.0, sleep=clock.sleep)
    with Store.from_settings(settings) as store:
        whole = OptOutSync(store, Context(settings), reader, "main", on_page=on_page, **options)
        done = whole.run(senders or ("support",))
    return {one.sender: one for one in done}


def counts(one: Synced) -> tuple[int, int, int, str | None]:
    return one.read, one.added, one.removed, one.error


def listed(chat: OutboundChat, name: str = "support") -> dict[str, str]:
    return {entry.number: entry.reason for entry in chat.suppressed(sender=name)}


@BOTH
def test_a_long_list_of_two_senders_is_read_once_a_call_a_second(idle: Harness, encryption: dict[str, Any]) -> None:
    """10,000 numbers in pages of 100; each sender has its own list, and what a person wrote stays."""
    configure(idle, encryption=encryption)
    numbers = [number(index) for index in range(10_000)]
    idle.sandbox.change_opt_outs(list="Default", add=numbers)
    chat, clock, pages = idle.chat(), Clock(), list[int]()
    chat.suppress([number(7)], sender="support", reason="asked at the counter")

    done = sync(idle, "support", "news", clock=clock, on_page=pages.append)

    assert pages == [100] * 100
    assert clock.now >= 100, "a call a second"
    assert counts(done["support"]) == (10_000, 9_999, 0, None)
    assert counts(done["news"]) == (10_000, 10_000, 0, None)
    assert (done["news"].opt_out_list, sync_reason(LIST)) == (LIST, REASON)
    assert listed(chat) == {**dict.fromkeys(numbers, REASON), number(7): "asked at the counter"}
    assert listed(chat, "news") == dict.fromkeys(numbers, REASON)
    assert (number(8) in content_of(idle.server.url)) is not bool(encryption)
    again = sync(idle, "support", "news")
    assert [counts(one) for one in again.values()] == [(10_000, 0, 0, None)] * 2


@BOTH
def test_only_what_a_sync_added_and_no_person_confirmed_is_removed(idle: Harness, encryption: dict[str, Any]) -> None:
    """Somebody who answered START may be written to again, unless they asked elsewhere, before or after the sync."""
    configure(idle, encryption=encryption)
    gone, before, after, stays = (number(index) for index in range(4))
    chat = idle.chat()
    chat.suppress([before], sender="support", reason="before")
    idle.sandbox.change_opt_outs(list="Default", add=[gone, before, after, stays])
    sync(idle)
    chat.suppress([after], sender="support", reason="after")
    idle.sandbox.change_opt_outs(list="Default", remove=[gone, before, after])

    assert counts(sync(idle)["support"]) == (1, 0, 0, None)
    assert set(listed(chat)) == {gone, before, after, stays}
    assert counts(sync(idle, mirror=True, dry_run=True)["support"]) == (1, 0, 1, None)
    assert set(listed(chat)) == {gone, before, after, stays}
    assert counts(sync(idle, mirror=True)["support"]) == (1, 0, 1, None)
    assert listed(chat) == {before: "before", after: "after", stays: REASON}
    assert counts(sync(idle, mirror=True)["support"]) == (1, 0, 0, None)


def test_a_number_stays_one_of_a_sync_when_its_list_is_encrypted_or_moved(idle: Harness) -> None:
    """Else the list would keep it for good; and numbers of another list are none of this one."""
    idle.sandbox.change_opt_outs(list="Default", add=[number(1), number(2)])
    idle.sandbox.change_opt_outs(list="Other", add=[number(3)])
    sync(idle)
    idle.sandbox.change_opt_outs(id=NUMBER_ID, number={"OptOutListName": "Other"})
    configure(idle, encryption=ENCRYPTED)
    chat = idle.chat()
    assert chat.rewrite_suppressed(sender="support") == 2

    assert counts(sync(idle, mirror=True)["support"]) == (1, 1, 0, None)
    idle.sandbox.change_opt_outs(id=NUMBER_ID, number={})
    idle.sandbox.change_opt_outs(list="Default", remove=[number(1)])
    assert counts(sync(idle, mirror=True)["support"]) == (1, 0, 1, None)
    assert set(listed(chat)) == {number(2), number(3)}


def test_a_sync_that_breaks_off_keeps_what_it_has_and_can_be_repeated(idle: Harness) -> None:
    """A permission is taken away, then somebody presses Ctrl-C; and nothing is removed by half a list."""
    idle.sandbox.change_opt_outs(list="Default", add=[number(index) for index in range(1_000)])
    chat = idle.chat()

    def deny(_numbers: int) -> None:
        idle.sandbox.change_opt_outs(deny=["DescribeOptedOutNumbers"])

    one = sync(idle, on_page=deny, mirror=True)["support"]
    assert counts(one) == (100, 100, 0, "not allowed: give these credentials sms-voice:DescribeOptedOutNumbers")
    assert len(listed(chat)) == 100
    idle.sandbox.change_opt_outs(deny=[])

    def interrupt(_numbers: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sync(idle, on_page=interrupt, mirror=True)
    assert len(listed(chat)) == 100
    assert counts(sync(idle, mirror=True)["support"]) == (1_000, 900, 0, None)


def test_one_sync_of_a_budget_at_a_time(idle: Harness) -> None:
    """Two that mirror would each remove what only the other has seen."""
    idle.sandbox.change_opt_outs(list="Default", add=[number(1)])
    meanwhile: list[Synced] = []

    done = sync(idle, on_page=lambda _numbers: meanwhile.extend(sync(idle).values()))

    assert counts(done["support"]) == (1, 1, 0, None)
    assert counts(meanwhile[0]) == (0, 0, 0, BUSY)
    assert counts(sync(idle)["support"]) == (1, 0, 0, None), "it was given back"


def test_a_lease_that_ran_out_is_not_taken_from_its_next_owner(idle: Harness) -> None:
    with Store(idle.server.url) as store:
        keys = store.keys("main")
        first, second = SyncLease(store, keys), SyncLease(store, keys)
        assert [first.take(), first.take(), second.take()] == [True, True, False]
        store.ask(lambda redis: redis.delete(keys.opt_outs_lease))
        assert second.take()
        first.give_back()
        assert not first.take()


def test_a_mirror_keeps_what_another_sync_added_meanwhile(idle: Harness) -> None:
    """Its lease ran out, as when AWS throttles for long; and its own pages are older than the entry."""
    idle.sandbox.change_opt_outs(list="Default", add=[number(index) for index in range(1, 151)])
    sync(idle)

    def overtake(numbers: int) -> None:
        if numbers == 100:
            expire_lease(idle)
            idle.sandbox.change_opt_outs(list="Default", add=[number(0)])
            assert counts(sync(idle)["support"]) == (151, 1, 0, None)

    assert counts(sync(idle, mirror=True, on_page=overtake)["support"]) == (150, 0, 0, None)
    assert number(0) in listed(idle.chat())


def test_a_sync_ends_if_another_has_its_turn(idle: Harness) -> None:
    idle.sandbox.change_opt_outs(list="Default", add=[number(index) for index in range(300)])
    with Store(idle.server.url) as store:
        other = SyncLease(store, store.keys("main"))

        def overtake(_numbers: int) -> None:
            expire_lease(idle)
            assert other.take()

        assert counts(sync(idle, mirror=True, on_page=overtake)["support"]) == (100, 100, 0, BUSY)
        assert counts(sync(idle)["support"]) == (0, 0, 0, BUSY), "the other still has it"


def expire_lease(harness: Harness) -> None:
    with Store(harness.server.url) as store:
        store.ask(lambda redis: redis.delete(store.keys("main").opt_outs_lease))


def test_senders_of_different_accounts_do_not_read_for_each_other(idle: Harness) -> None:
    """A list that both name may be shared between accounts, and only one of them may read it."""
    with warm.running_sandbox(UNLIMITED) as elsewhere:
        own, others = {"endpoint_url": idle.sandbox.url}, {"endpoint_url": elsewhere.url}
        configure(idle, senders={"support": sender(**own), "news": sender(**others)})
        idle.sandbox.change_opt_outs(list="Default", add=[number(1)])
        elsewhere.change_opt_outs(list="Default", add=[number(2)])
        both = sync(idle, "support", "news", mirror=True)
        assert [counts(one) for one in both.values()] == [(1, 1, 0, None)] * 2
        assert [set(listed(idle.chat(), name)) for name in both] == [{number(1)}, {number(2)}]

        idle.sandbox.change_opt_outs(deny=["DescribeOptedOutNumbers"])
        elsewhere.change_opt_outs(list="Default", add=[number(3)])
        both = sync(idle, "support", "news", mirror=True)
        assert both["support"].error
        assert counts(both["news"]) == (2, 1, 0, None)


OTHER_ID = WHATSAPP_SOURCE.rpartition("/")[2]


def test_a_number_that_can_not_be_read_stops_no_other(idle: Harness) -> None:
    """A stand-in for AWS, for example, leaves out what it does not know."""
    own = {"endpoint_url": idle.sandbox.url}
    configure(idle, senders={"support": sender(**own), "news": sender(source=WHATSAPP_SOURCE, **own)})
    idle.sandbox.change_opt_outs(list="Default", add=[number(1)])
    idle.sandbox.change_opt_outs(id=NUMBER_ID, number={"OptOutListName": None})

    both = sync(idle, "support", "news")

    assert both["support"].error == "the answer has no OptOutListName"
    assert counts(both["news"]) == (1, 1, 0, None)


def test_a_list_that_was_read_counts_although_the_next_breaks_off(idle: Harness) -> None:
    """Else workers that end within the hours of a long list would read the short one again each time."""
    own = {"endpoint_url": idle.sandbox.url}
    configure(idle, senders={"support": sender(**own), "news": sender(source=WHATSAPP_SOURCE, **own)})
    idle.sandbox.change_opt_outs(id=OTHER_ID, number={"OptOutListName": "Long"})
    idle.sandbox.change_opt_outs(list="Long", add=[number(index) for index in range(200)])

    def interrupt(numbers: int) -> None:
        if numbers:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sync(idle, "support", "news", on_page=interrupt)
    assert [(one["subject"], one["level"]) for one in _checks(idle, "support", "news")] == [
        ("opt-outs of support", "ok")
    ]


def test_each_sender_says_what_its_list_can_not_know(idle: Harness) -> None:
    """The list of a toll-free number is not all, and that of self-managed opt-outs has nobody."""
    idle.sandbox.change_opt_outs(id=NUMBER_ID, number={"NumberType": "TOLL_FREE", "SelfManagedOptOutsEnabled": True})

    done = sync(idle, "support", "chat")

    assert done["support"].number_type == "TOLL_FREE"
    assert list(done["support"].notes) == ["toll_free", "self_managed"]
    assert "connect.us-east-1.amazonaws.com" in done["support"].notes["self_managed"]
    assert (list(done["chat"].notes), done["chat"].opt_out_list, done["chat"].error) == (["whatsapp"], None, None)


def test_a_number_is_found_by_its_arn_or_its_digits(idle: Harness) -> None:
    """A number that Connect does not name by its ARN in End User Messaging is looked for; a missing one is told."""
    unknown = "its number does not exist in this account and Region, according to DescribePhoneNumber"
    idle.sandbox.change_opt_outs(id=NUMBER_ID, number={"SourcePhoneNumberArn": None})
    assert sync(idle)["support"].opt_out_list == LIST
    idle.sandbox.change_opt_outs(id=NUMBER_ID, number={"SourcePhoneNumberArn": f"{NUMBERS}gone"})
    idle.sandbox.change_opt_outs(id="gone", number=None)
    assert sync(idle)["support"].error == f"{unknown}s"
    idle.sandbox.change_opt_outs(id=NUMBER_ID, number=None)
    assert sync(idle)["support"].error == unknown


@pytest.mark.parametrize(
    ("operation", "action"),
    [
        ("DescribePhoneNumber", "connect:DescribePhoneNumber"),
        ("DescribePhoneNumbers", "sms-voice:DescribePhoneNumbers"),
        ("DescribeOptedOutNumbers", "sms-voice:DescribeOptedOutNumbers"),
    ],
)
def test_a_missing_permission_is_named(idle: Harness, operation: str, action: str) -> None:
    idle.sandbox.change_opt_outs(deny=[operation])

    assert sync(idle)["support"].error == f"not allowed: give these credentials {action}"


def test_entries_that_are_no_numbers_are_left_out(idle: Harness) -> None:
    """They could never be read again; and the others count."""
    idle.sandbox.change_opt_outs(list="Default", add=["12345", "TEST", number(1)])

    one = sync(idle, mirror=True)["support"]

    assert (counts(one), list(one.notes)) == ((1, 1, 0, None), ["invalid"])
    assert set(listed(idle.chat())) == {number(1)}


def test_nobody_can_write_an_entry_that_looks_like_one_of_a_sync(idle: Harness) -> None:
    """It would be removed as soon as the number is not on the list of AWS."""
    with pytest.raises(InvalidJob, match="reason: is the one of numbers that optouts sync adds"):
        idle.chat().suppress([number(1)], sender="support", reason=REASON)
    assert idle.chat().suppress([number(1)], sender="support", reason=f"{REASON}?") == 1


def test_the_command_shows_each_sender_and_ends_with_1_if_one_was_not_read(idle: Harness) -> None:
    idle.sandbox.change_opt_outs(list="Default", add=[number(1), number(2)])

    planned = idle.run("optouts", "sync", "--dry-run", "--sender", "support")
    assert planned.returncode == 0, planned.stderr
    assert planned.stdout == (
        "support           opt-out list Default: 2 numbers read, 2 would be added, 0 would be removed\n"
    )
    done = idle.run("optouts", "sync", "--json")
    assert done.returncode == 0, done.stderr
    shown = {one["sender"]: one for one in data_of(done.stdout)}
    assert {name: (one["opt_out_list"], one["read"], one["added"]) for name, one in shown.items()} == {
        "support": (LIST, 2, 2),
        "news": (LIST, 2, 2),
        "chat": (None, 0, 0),
    }
    idle.sandbox.change_opt_outs(deny=["DescribePhoneNumbers"])
    failed = idle.run("optouts", "sync", "--sender", "support", "--sender", "chat")
    assert failed.returncode == 1
    assert failed.stdout.startswith("support           opt-outs not read\nchat              WhatsApp numbers have no ")
    assert failed.stderr == "error: support: not allowed: give these credentials sms-voice:DescribePhoneNumbers\n"
    assert {one["level"] for one in _checks(idle, "support")} == {"warning"}


def _checks(harness: Harness, *names: str) -> list[dict[str, Any]]:
    found = data_of(harness.run("doctor", "--json").stdout)
    return [one for one in found if one["subject"] in {f"opt-outs of {name}" for name in names}]


def test_doctor_says_nothing_of_what_nobody_asked_for_and_warns_of_what_is_old(idle: Harness) -> None:
    assert _checks(idle, "support", "news", "chat") == []
    configure(idle, opt_outs={"every": 3_600})
    (never, other) = _checks(idle, "support", "news", "chat")
    assert (never["level"], other["level"]) == (Level.WARNING, Level.WARNING)
    assert never["finding"] == "never read, though opt_outs.every is 1 h"
    sync(idle)
    (fresh,) = _checks(idle, "support")
    assert fresh["level"] == Level.OK
    with Store(idle.server.url) as store:
        store.ask(lambda redis: redis.hset(store.keys("main").opt_outs, "done:support", 1_700_000_000_000))
    (old,) = _checks(idle, "support")
    assert old["level"] == Level.WARNING
    assert re.search(r"last read 2023-11-1\d .* days ago, though opt_outs.every is 1 h", old["finding"])


def test_workers_sync_on_a_schedule_while_they_send(stack: Harness) -> None:
    """One of the two reads the list, and the jobs of who answered STOP end without a call."""
    configure(stack, opt_outs={"every": 86_400, "rate": 1_000.0})
    stack.sandbox.change_opt_outs(list="Default", add=[number(index) for index in range(250)])
    chat = stack.chat()
    with Store(stack.server.url) as store:  # the clock of a worker was wrong
        store.ask(lambda redis: redis.hset(store.keys("main").opt_outs, "tried:support", 4_000_000_000_000))
    for index in range(2):
        stack.start_worker("-n", f"w{index}@%h")
    wait_until(lambda: len(listed(chat)) == len(listed(chat, "news")) == 250, timeout=60, what="the sync")

    job = chat.wait(chat.enqueue(sender="support", to=number(249), text="Hello").id, timeout=60)
    assert (job.state, job.error and job.error.code) == (JobState.FAILED, "suppressed")
    assert chat.wait(chat.enqueue(sender="support", to=number(250), text="Hello").id).state is JobState.SENT
    wait_until(lambda: len(_checks(stack, "support", "news")) == 2, timeout=60, what="its record")
    assert {one["level"] for one in _checks(stack, "support", "news")} == {"ok"}
    assert stack.logs().count("sender support: 250 opt-outs read, 250 added, 0 removed") == 1


def test_a_worker_that_ends_gives_its_sync_to_the_next(stack: Harness) -> None:
    """A long list takes hours; no deployment waits for it, and what was read stays."""
    configure(stack, opt_outs={"every": 86_400, "rate": 1.0})
    stack.sandbox.change_opt_outs(list="Default", add=[number(index) for index in range(10_000)])
    chat = stack.chat()
    worker = stack.start_worker()
    wait_until(lambda: listed(chat), timeout=60, what="the first page")
    assert chat.wait(chat.enqueue(sender="support", to=number(20_000), text="Hello").id).state is JobState.SENT

    worker.terminate()
    assert worker.wait(60) == 0
    assert 100 <= len(listed(chat)) < 10_000
    assert sync(stack)["support"].error is None
    assert len(listed(chat)) == 10_000
