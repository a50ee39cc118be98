"""The warnings of `doctor` and `send-batch` about more chats than an instance may have open."""

from typing import Any

import pytest

from outbound_chat.doctor.open_chats import batch_warning, open_chat_checks
from outbound_chat.model.contact_events import ContactEventStatus
from outbound_chat.model.diagnostics import Check, Level
from outbound_chat_config import Sender, Settings
from tests.support.harness import Harness, data_of, number, sender

INSTANCE_2 = "1a1b2c3d-1111-4222-8333-444455556666"


def checks(rate: float, **senders: dict[str, Any]) -> list[Check]:
    return list(open_chat_checks(Settings.from_values(budgets={"main": {"rate": rate}}, senders=senders)))


def test_doctor_warns_of_a_rate_whose_chats_do_not_fit(stack: Harness) -> None:
    """What stops a campaign after 500 messages, in numbers, and every way out. A warning, so the exit code is none."""
    stack.configure(budgets={"main": {"rate": 2.0}}, senders={"support": sender(), "chat": sender()})
    nowhere = {"AWS_ENDPOINT_URL_STS": "http://127.0.0.1:9", "AWS_ENDPOINT_URL_SERVICE_QUOTAS": stack.sandbox.url}

    done = stack.run("doctor", "--json", environment=nowhere)

    (check,) = [check for check in data_of(done.stdout) if check["subject"] == "open chats of support, chat"]
    assert check == {
        "subject": "open chats of support, chat",
        "level": "warning",
        "finding": "2 calls a second of budget main keep 180,000 chats open at 25 h each; 500 may be open, "
        "which carries 20 contacts an hour unless the flow ends them sooner. "
        "AWS gives 500 by default; if your quota is higher set max_open_chats",
        "advice": "let the flow end its contacts, set a shorter chat_duration_minutes (60 is the least), "
        "or ask AWS for more open chats (Service Quotas L-D4BA6F6E) and set max_open_chats",
    }


def test_doctor_counts_each_instance_by_its_own_settings() -> None:
    """Quotas of open chats belong to instances, the rate to the budget."""
    first, second = checks(
        0.1,
        a=sender(max_open_chats=100, chat_duration_minutes=90),
        b=sender(chat_duration_minutes=60, instance_id=INSTANCE_2),
    )

    assert (first.subject, first.level) == ("open chats of a", Level.WARNING)
    assert "keep 540 chats open at 90 min each; 100 may be open, which carries 67 contacts an hour" in first.finding
    assert first.finding.endswith("unless they end sooner and contact events or contact_closed report it")
    assert "AWS gives 500" not in first.finding
    assert (second.subject, second.level, second.advice) == ("open chats of b", Level.OK, "")


def test_what_a_stand_in_would_need_at_aws_is_said_once() -> None:
    """The same sentence for each instance of `dev` hides the others."""
    senders = {"a": {}, "b": {"instance_id": INSTANCE_2}}
    (check,) = checks(50, **{name: sender(endpoint_url="http://127.0.0.1:9", **own) for name, own in senders.items()})
    assert (check.subject, check.level) == ("open chats of a, b", Level.OK)
    assert "at AWS, chats of 25 h at 50 calls a second would need a quota of 4,500,000" in check.finding


def test_a_reserve_opens_no_chats() -> None:
    """It is left to agents and other programs."""
    settings = Settings.from_values(budgets={"main": {"rate": 2.0, "reserve": 1.5}}, senders={"support": sender()})
    (check,) = open_chat_checks(settings)

    assert check.finding.startswith("0.5 calls a second of budget main keep 45,000 chats open")


def test_doctor_only_notes_it_of_a_stand_in() -> None:
    """A sandbox is no campaign; what the same settings mean at AWS is still worth reading."""
    (check,) = checks(2.0, demo=sender(endpoint_url="http://127.0.0.1:9"))

    assert (check.level, check.advice) == (Level.OK, "")
    assert check.finding == (
        "not limited here; at AWS, chats of 25 h at 2 calls a second would need a quota of 180,000, where these "
        "settings have 500"
    )


@pytest.mark.parametrize(
    ("values", "accepted", "own_minutes", "said"),
    [
        ({}, 3, {}, ""),
        ({}, 500, {}, ""),
        ({"max_open_chats": 100_000}, 5_000, {}, ""),
        (
            {},
            501,
            {},
            "501 messages open 501 chats for 25 h each, the instance holds 500: after these 20 an hour go out",
        ),
        ({"chat_duration_minutes": 60}, 5_000, {}, "for 1 h each"),
        ({"chat_duration_minutes": 120}, 5_000, {}, "for 2 h each, the instance holds 500: after these 250 an hour"),
        ({}, 5_000, {60: 5_000}, "after these 500 an hour go out, unless"),
        ({}, 1_000, {60: 500}, "for 13 h each, the instance holds 500: after these 38 an hour"),
        ({}, 1_000, {10**15: 3, 0: 1, True: 1}, "for 25 h each"),
        ({"max_open_chats": 2}, 3, {}, "the instance holds 2: after these 0.08 an hour go out"),
    ],
)
def test_a_batch_is_measured_by_its_rows_and_the_settings(
    values: dict[str, int], accepted: int, own_minutes: dict[int, int], said: str
) -> None:
    """Silence for what fits; the durations that rows bring count before the sender's."""
    warning = batch_warning(Sender.model_validate(sender(**values)), accepted, own_minutes)

    assert said in warning
    assert bool(warning) == bool(said)


def test_a_batch_is_told_what_expires_and_what_to_set_only_where_that_is_so() -> None:
    """Three days of waiting are the default; a quota that is set needs no hint to set it."""
    slow = batch_warning(Sender.model_validate(sender(max_age="PT30S")), 501, {})
    patient = batch_warning(Sender.model_validate(sender(max_age="P30D", max_open_chats=400)), 501, {})

    assert "Messages that wait longer than max_age, 30 s, expire." in slow
    assert "AWS gives 500 by default; if your quota is higher set max_open_chats." in slow
    assert "expire" not in patient
    assert "AWS gives" not in patient


def test_what_contact_events_reported_takes_the_place_of_the_whole_duration() -> None:
    """Chats of 14 minutes let 500 places carry a hundred times as many contacts as chats of 25 hours."""
    values = sender(max_open_chats=500)
    settings = Settings.from_values(budgets={"main": {"rate": 2.0}}, senders={"support": values})
    seen = ContactEventStatus(
        budget="main",
        records_contacts=True,
        outcomes={},
        matched={},
        last_events={},
        open_chats={},
        lasted_seconds={values["instance_id"]: 840.0},
    )
    (check,) = open_chat_checks(settings, [seen])
    assert check.level is Level.WARNING
    assert check.finding == (
        "2 calls a second of budget main keep 1,680 chats open if they last 14 min on average; 500 may be "
        "open, which carries 2,143 contacts an hour"
    )

    warning = batch_warning(Sender.model_validate(values), 5_000, {}, 840.0)
    assert warning.startswith(
        "5,000 messages open 5,000 chats for 14 min on average, the instance holds 500: after these 2,143 "
        "an hour go out."
    )
    assert "expire" not in warning


def test_send_batch_warns_on_stderr_and_enqueues_all_the_same(stack: Harness) -> None:
    """The operator may know that the flow ends its chats; standard output stays what scripts read."""
    at_aws, in_sandbox = sender(max_open_chats=2), sender(endpoint_url=stack.sandbox.url, max_open_chats=2)
    stack.configure(senders={"support": {**at_aws, "instance_id": "other"}, "sandbox": in_sandbox})
    (stack.folder / "few.csv").write_text(f"to\n{number(1)}\n{number(2)}\n", encoding="utf-8")
    rows = "".join(f"{number(index)},60\n" for index in range(3, 8))
    (stack.folder / "many.csv").write_text(f"to,chat_duration_in_minutes\n{rows}", encoding="utf-8")

    few = stack.run("send-batch", "few.csv", "--sender", "support")
    many = stack.run("send-batch", "many.csv", "--sender", "support", "--json")

    assert (few.returncode, many.returncode) == (0, 0)
    assert "warning" not in few.stderr
    assert data_of(many.stdout)["receipt"]["accepted"] == 5
    assert (
        "warning: 5 messages open 5 chats for 1 h each, the instance holds 2: after these 2 an hour go out, "
        "unless they end sooner and contact events or contact_closed report it." in many.stderr
    )
    sandbox = stack.run("send-batch", "many.csv", "--sender", "sandbox")
    assert "open chats" not in sandbox.stderr, "it has no quota, and doctor says ok there"
