"""Jobs, errors, retry table, Redis keys, Celery settings and file columns: page and code say the same."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest

import outbound_chat.model.jobs
import outbound_chat.model.why
import outbound_chat.store
import outbound_chat_worker
from docs.generate import of_status
from outbound_chat.doctor.open_chats import batch_warning
from outbound_chat.http import create_app
from outbound_chat.model import errors
from outbound_chat.model.batches import Batch, EarlierBatch, Preflight
from outbound_chat.model.contacts import SETTLED, Basis, DeliveryState
from outbound_chat.model.jobs import FINAL, MOVES, JobState
from outbound_chat.model.why import Why
from outbound_chat.request.options import ROW_OPTIONS
from outbound_chat.rows import COLUMNS, MAPS
from outbound_chat.store.keys import Lifetime
from outbound_chat.store.scripts import Outcome
from outbound_chat_config import Sender, Settings
from outbound_chat_worker import celery
from outbound_chat_worker.pump import retry, suppression
from outbound_chat_worker.pump.retry import UNFORESEEN_ERROR

from .pages import bare, names_in, read, section, table

# --- jobs ---


def test_every_state_is_documented_with_whether_it_is_final() -> None:
    rows = table(read("jobs.md"), "state")
    assert {bare(row["state"]): row["final"] for row in rows} == {
        state.value: "yes" if state in FINAL else "no" for state in JobState
    }


def test_the_ladder_of_deliveries_is_the_one_of_the_code() -> None:
    """In the order of their evidence: of two receipts, the one that is further down counts."""
    rows = table(read("jobs.md"), "delivery")
    assert [(bare(row["delivery"]), row["final"]) for row in rows] == [
        (state.value, "yes" if state in SETTLED else "no") for state in DeliveryState
    ]
    assert [bare(row["basis"]) for row in table(read("jobs.md"), "basis")] == list(Basis)


def test_the_moves_are_those_of_the_code() -> None:
    rows = table(read("jobs.md"), "from")
    assert {bare(row["from"]): names_in(row["to"]) for row in rows} == {
        state.value: {move.value for move in moves} for state, moves in MOVES.items()
    }


def test_the_picture_is_that_of_the_code() -> None:
    lines = (outbound_chat.model.jobs.__doc__ or "").splitlines()
    start = next(number for number, line in enumerate(lines) if "scheduled ──▶" in line)
    picture = "\n".join(line.removeprefix(" " * 8) for line in lines[start : start + 3])
    assert picture in read("jobs.md")


def test_the_conserved_sum_names_every_state() -> None:
    (line,) = re.findall(r"^    accepted = (.+)$", read("jobs.md"), re.MULTILINE)
    assert line.split(" + ") == [*(state.value for state in JobState), "unreadable"]


def test_what_is_said_of_a_batch_has_the_names_of_its_fields() -> None:
    named = {bare(row["field"]) for row in table(section(read("jobs.md"), "## Batches"), "field")}
    plain = {"id", "name", "sender", "tenant", "created_at"}
    assert named == {*Batch.__dataclass_fields__, "remaining"} - plain


# --- why a job waits ---


def test_the_times_of_an_answer_are_documented_in_their_order() -> None:
    named = [bare(row["field"]) for row in table(read("why.md"), "field")]
    assert named == [name for name in Why.__dataclass_fields__ if name.endswith("_at") or name in {"position", "ahead"}]


# --- errors and the retry table ---


def test_every_outcome_is_explained() -> None:
    """But for those that no rule has."""
    explained = [row["outcome"] for row in table(read("retry.md"), "outcome")]
    assert explained == [one.value for one in Outcome if one not in {Outcome.SENT, Outcome.NOT_CALLED}]


def outcomes_of_attempts() -> dict[str, str]:
    """Every code that an attempt can have, and its outcome before attempts run out."""
    rules = [*retry.BY_AWS_CODE.values(), *retry.BY_STATUS.values(), *(rule for _, rule in retry.BY_EXCEPTION)]
    found = {rule.code: rule.outcome.value for rule in [*rules, of_status(500), of_status(418), UNFORESEEN_ERROR]}
    worker = Path(str(outbound_chat_worker.__file__)).parent
    for node in ast.walk(ast.parse((worker / "pump/attempt.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            given = {word.arg: word.value for word in node.keywords}
            if node.func.id == "_failed":
                found[_text(node.args[2])] = "failed"
            elif node.func.id == "Result" and isinstance(given.get("code"), ast.Constant):
                outcome = given["outcome"]
                assert isinstance(outcome, ast.Attribute)
                found[_text(given["code"])] = Outcome[outcome.attr].value
    found[suppression.CODE] = "hold or snooze"
    scripts = Path(str(outbound_chat.store.__file__)).parent / "lua"
    for script in scripts.rglob("*.lua"):
        entries = re.findall(r"add_history\(.*?'(\w+)', '(\w+)'", script.read_text(encoding="utf-8"))
        found |= {code: outcome for outcome, code in entries}
    return found


def _text(node: ast.expr) -> str:
    assert isinstance(node, ast.Constant)
    return str(node.value)


def test_the_codes_of_attempts_and_their_outcomes_are_those_of_the_code() -> None:
    rows = table(section(read("errors.md"), "## Codes of attempts"), "code")
    assert {bare(row["code"]): row["outcome"] for row in rows} == outcomes_of_attempts()


def test_every_code_of_an_attempt_says_what_happens_and_what_to_do() -> None:
    for row in table(section(read("errors.md"), "## Codes of attempts"), "code"):
        assert all(row.values()), row


def test_codes_are_found_in_worker_and_scripts_too() -> None:
    """Were the search broken, the comparison above would miss some."""
    assert {"lease_lost", "attempts_exhausted", "unknown_sender", "throttled"} <= outcomes_of_attempts().keys()


def test_every_path_is_on_the_page_of_the_service() -> None:
    page = read("http.md")
    for path in create_app(Settings()).openapi()["paths"]:
        assert path.split("{")[0].rstrip("/") in page, path


def test_every_exception_is_documented() -> None:
    documented = {bare(row["exception"]) for row in table(read("errors.md"), "exception")}
    assert documented == {*errors.__all__} - {"FieldError"}


# --- Redis ---


def test_every_lifetime_is_explained() -> None:
    rows = table(section(read("redis.md"), "## Keys"), "lifetime")
    assert {row["lifetime"] for row in rows} == {lifetime.value for lifetime in Lifetime}


# --- Celery ---


@pytest.fixture
def configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Celery's configuration of a default installation."""
    monkeypatch.chdir(tmp_path)
    for name in ("OUTBOUND_CHAT_CONFIG", "OUTBOUND_CHAT_REDIS_URL", "OUTBOUND_CHAT_BROKER_URL"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "outbound-chat.toml").write_text("")
    return celery._configuration()


def test_every_celery_setting_is_documented_with_its_value_and_reason(configuration: dict[str, Any]) -> None:
    rows = table(read("celery.md"), "setting")
    values = {name: f"`{value!r}`" for name, value in configuration.items()}
    values["broker_transport_options"] = "table below"
    assert {bare(row["setting"]): row["value"] for row in rows} == values
    assert all(row["why"] for row in rows)


def test_every_transport_option_is_documented_with_its_value_and_reason(configuration: dict[str, Any]) -> None:
    rows = table(read("celery.md"), "option")
    options = configuration["broker_transport_options"]
    assert {bare(row["option"]): row["value"] for row in rows} == {
        name: f"`{value!r}`" for name, value in options.items()
    }
    assert all(row["why"] for row in rows)


# --- files ---


def test_the_columns_of_files_are_the_options_of_a_row() -> None:
    rows = table(section(read("files.md"), "## Columns"), "column")
    assert {bare(row["column"]) for row in rows} == ROW_OPTIONS
    maps = {bare(row["column"]): row["CSV"] for row in rows if row["CSV"].startswith("as ")}
    assert maps == {name: f"as `{name}.NAME`" for name in MAPS}
    assert {bare(row["column"]) for row in rows if row["CSV"] == "yes"} == COLUMNS


def test_what_is_said_of_a_preflight_has_the_names_of_its_fields() -> None:
    named = [bare(row["field"]) for row in table(section(read("files.md"), "## Dry run"), "field")]
    assert named == [*Preflight.__dataclass_fields__]


def test_what_is_said_of_an_earlier_batch_has_the_names_of_its_fields() -> None:
    named = [bare(row["field"]) for row in table(section(read("files.md"), "### What went out before"), "field")]
    assert named == [*EarlierBatch.__dataclass_fields__]


def test_the_warning_of_too_many_messages_is_the_one_that_is_shown() -> None:
    values = {
        "region": "us-east-1",
        "instance_id": "instance",
        "contact_flow_id": "flow",
        "source": "arn:aws:connect:us-east-1:123456789012:phone-number/1",
        "channel": "sms",
    }
    warning = batch_warning(Sender.model_validate(values), 5_000, {})
    assert f"\nwarning: {warning}\n" in section(read("files.md"), "## More messages than open chats")
