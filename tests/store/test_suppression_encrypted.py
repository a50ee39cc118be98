"""Lists of marks, for numbers that are encrypted: the claim compares them, and says what it can't see."""

from collections.abc import Sequence

import pytest

from outbound_chat.model.jobs import JobState
from outbound_chat.store import scripts
from outbound_chat.store.scripts import Claimed, Listed, OtherKey, Unlisted

from .ledger import Ledger
from .test_suppression import NUMBER, pages, to

KEY, OTHER_KEY = "keyOne", "keyTwo"
MARK, OTHER_MARK = f"{KEY}-mark-of-a-number-----", f"{KEY}-mark-of-another------"


def sealed(mark: str) -> str:
    return f"encrypted:{KEY}:{mark}:a-token"


def put(ledger: Ledger, *marks: str, key: str = KEY) -> int | OtherKey:
    return ledger.run(
        scripts.suppress(ledger.keys, sender="sms", key_id=key, entries=[(mark, 0, "n") for mark in marks])
    )


def take_off(ledger: Ledger, *marks: str, key: str = KEY) -> Unlisted | OtherKey:
    return ledger.run(scripts.unsuppress(ledger.keys, sender="sms", key_id=key, names=marks))


def read(ledger: Ledger, marks: Sequence[str] = (), key: str = KEY) -> Listed | OtherKey:
    return ledger.run(scripts.read_suppressed(ledger.keys, sender="sms", key_id=key, names=marks))


def looks(ledger: Ledger) -> dict[str, bool]:
    """Claimed jobs, and whether the worker is to look their numbers up."""
    answer = ledger.claim(claim_id="the-claim")
    again = ledger.claim(claim_id="the-claim")
    assert isinstance(answer, Claimed)
    assert isinstance(again, Claimed)
    found = {job.local_id: job.look for job in answer.jobs}
    assert found == {job.local_id: job.look for job in again.jobs}, "a repeated answer says the same"
    return found


def test_a_sealed_job_is_suppressed_by_its_mark(ledger: Ledger) -> None:
    """The server knows no number, and still nobody is called who is on the list."""
    (listed,) = ledger.add(1, request=sealed(MARK))
    (free,) = ledger.add(1, request=sealed(OTHER_MARK))
    assert put(ledger, MARK) == 1
    assert put(ledger, MARK) == 0

    assert looks(ledger) == {free: False}
    assert ledger.state(listed) is JobState.FAILED
    assert take_off(ledger, MARK, OTHER_MARK) == Unlisted(other=False, removed=[True, False])
    assert "suppressed_enc:sms" not in ledger.names(), "and with the list the name of its key"


@pytest.mark.parametrize(
    ("list_", "request_"), [("marks", to(NUMBER)), ("numbers", sealed(MARK)), ("numbers", sealed(""))]
)
def test_what_the_claim_can_not_compare_the_worker_looks_up(ledger: Ledger, list_: str, request_: str) -> None:
    """A list from before encryption was switched on, or a job from before: neither may be passed over."""
    (local_id,) = ledger.add(1, request=request_)
    assert (put(ledger, OTHER_MARK) if list_ == "marks" else ledger.suppress("+12025550199")) == 1

    assert looks(ledger) == {local_id: True}


def test_marks_of_another_key_are_never_taken_for_ours(ledger: Ledger) -> None:
    """They would never fit, so whoever opted out would be called; it must be said instead."""
    (local_id,) = ledger.add(1, request=sealed(MARK))
    assert put(ledger, f"{OTHER_KEY}-mark", key=OTHER_KEY) == 1

    assert isinstance(put(ledger, MARK), OtherKey)
    assert isinstance(take_off(ledger, MARK), OtherKey)
    assert isinstance(read(ledger, [MARK]), OtherKey)
    assert looks(ledger) == {local_id: True}


def test_each_list_tells_of_the_other(ledger: Ledger) -> None:
    """Else half of what must not be called would be missing from an answer."""
    put(ledger, MARK)
    answer = read(ledger, [MARK, OTHER_MARK])
    assert isinstance(answer, Listed)
    assert ([name for name, _, _ in answer.entries], answer.other) == ([MARK], False)

    ledger.suppress(NUMBER)
    assert [listed.other for listed in (read(ledger), read(ledger, key="")) if isinstance(listed, Listed)] == [True] * 2
    names = [name for page in pages(ledger, key_id=KEY) for name, _, _ in page]
    assert names == [MARK], "the name of the key is none"


def test_an_entry_is_written_anew_with_the_time_it_had(ledger: Ledger) -> None:
    """When somebody asked to be left alone may matter in court."""
    put(ledger, MARK)
    ledger.run(scripts.suppress(ledger.keys, sender="sms", key_id=KEY, entries=[(MARK, 1_234, "older")]))

    answer = read(ledger, [MARK])
    assert isinstance(answer, Listed)
    assert answer.entries == [(MARK, 1_234, "older")]
