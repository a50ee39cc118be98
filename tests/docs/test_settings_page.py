"""docs/settings.md and the settings classes say the same."""

from collections.abc import Iterator
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from docs.generate import heading, models
from outbound_chat_config import Settings, load_settings

from .pages import bare, read, section, table

TABLES = {path: (heading(path), model) for path, model in models().items()}

SENDER = """
[senders.name]
region = "us-east-1"
instance_id = "instance"
contact_flow_id = "flow"
source = "arn:aws:connect:us-east-1:123456789012:phone-number/1"
channel = "sms"
"""

KEY = "a2V5LW9mLXRoaXJ0eS10d28tYnl0ZXMtLW51bWJlcjE="

# A value for each setting that differs from its default and that the rules between fields allow.
SAMPLES: dict[str, str] = {
    "redis_url": "redis://127.0.0.1:7777/0",
    "broker_url": "amqp://127.0.0.1",
    "key_prefix": "other",
    "log_format": "json",
    "budgets": '{"name": {"rate": 7.0}}',
    "senders": '{"name": {"display_name": "x"}}',
    "worker": '{"threads": 7}',
    "retry": '{"max_attempts": 7}',
    "results": '{"keep": "PT7M"}',
    "http": '{"port": 7777}',
    "host": "::1",
    "ui": "false",
    "max_body_bytes": "7777",
    "max_header_bytes": "7777",
    "grace": "PT7S",
    "budget": "name",
    "region": "us-east-1",
    "instance_id": "other",
    "contact_flow_id": "other",
    "source": "arn:aws:connect:us-east-1:123456789012:phone-number/7",
    "channel": "whatsapp",
    "role_arn": "arn:aws:iam::123456789012:role/other",
    "endpoint_url": "http://127.0.0.1:7777",
    "chat_duration_minutes": "77",
    "attributes": '{"a": "b"}',
    "segment_attributes": '{"a": "b"}',
    "reserve": "1.5",
    "weights": '{"acme": 7.0}',
    "per_recipient": '["1/PT10M"]',
    "over_cap": "suppress",
    "quiet_hours": "21:00-08:00",
    "quiet_zone": "Europe/Berlin",
    "quiet_spares_urgent": "true",
    "lease": "PT40S",
    "linger": "PT2S",
    "slice": "PT7S",
    "keep": "PT7M",
    "find_by_number": "true",
    "encryption": '{"write_plain": true}',
    "keys": f'["{KEY}"]',
    "number_key": KEY,
    "write_plain": "true",
    "durability": '{"timeout": 7}',
    "default": "fsync",
    "timeout": "PT7S",
    "replicas": "7",
    "opt_outs": '{"rate": 7}',
    "mirror": "true",
    "every": "PT7M",
    "webhooks": '{"per_host": 3}',
    "secrets": '["whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"]',
    "allow_private": "true",
    "callback_url": "https://hooks.example.com/7",
    "contact_events": '{"count_all": true}',
    "queue_url": "https://sqs.us-east-1.amazonaws.com/123456789012/events",
    "count_all": "true",
    "sweep_after": "PT7M",
}


def documented() -> Iterator[tuple[str, dict[str, str]]]:
    text = read("settings.md")
    for path, (title, _) in TABLES.items():
        for row in table(section(text, title), "setting"):
            yield path, row


ROWS = list(documented())


def field_of(path: str, row: dict[str, str]) -> FieldInfo:
    return TABLES[path][1].model_fields[bare(row["setting"])]


def kind(annotation: Any) -> str:
    """The word of the page for a type."""
    annotation = str if get_origin(annotation) is Literal else annotation
    if "tuple" in str(annotation):
        return "list of texts"
    if given := [part for part in get_args(annotation) if part is not type(None)]:
        if "dict" in str(annotation):
            of_tables = "Budget" in str(annotation) or "Sender" in str(annotation)
            return (
                "table of tables"
                if of_tables
                else "table of numbers"
                if "float" in str(annotation)
                else "table of texts"
            )
        return "list of texts" if "tuple" in str(annotation) else kind(given[0])
    if issubclass(annotation, BaseModel):
        return "table"
    if issubclass(annotation, Enum):
        return "text"
    words = {
        bool: "yes or no",
        int: "whole number",
        float: "number",
        timedelta: "duration",
        str: "text",
        SecretStr: "text",
    }
    return words[annotation]


@pytest.mark.parametrize(("path", "row"), ROWS)
def test_a_type_is_the_one_in_the_code(path: str, row: dict[str, str]) -> None:
    wanted = kind(field_of(path, row).annotation)
    assert row["type"] == wanted or (row["type"], wanted) == ("name", "text")


@pytest.mark.parametrize(("path", "row"), ROWS)
def test_numbers_and_durations_have_a_unit_and_every_setting_a_meaning(path: str, row: dict[str, str]) -> None:
    assert path in TABLES
    assert bool(row["unit"]) == (row["type"] in {"number", "whole number", "duration"})
    assert row["meaning"].endswith((".", ")."))


@pytest.mark.parametrize(("path", "row"), ROWS)
def test_an_environment_variable_sets_its_setting(
    path: str, row: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable that is misspelt on the page would be refused, or leave the default."""
    name, variable = bare(row["setting"]), bare(row["environment variable"])
    file = tmp_path / "outbound-chat.toml"
    file.write_text(f"[budgets.main]\n[budgets.name]\n{SENDER}", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    before = value_of(load_settings(file), path, name)
    # Anything of 7 is a right value for those that have no sample of their own.
    sample = SAMPLES.get(name) or ("PT7S" if row["type"] == "duration" else "7")
    monkeypatch.setenv(variable, sample)
    if name == "find_by_number":
        monkeypatch.setenv("OUTBOUND_CHAT_ENCRYPTION__KEYS", SAMPLES["keys"])
    if name in {"keys", "find_by_number"}:
        monkeypatch.setenv("OUTBOUND_CHAT_ENCRYPTION__NUMBER_KEY", KEY.replace("E=", "I="))
    after = value_of(load_settings(file), path, name)
    assert after != before or name == "region"  # another Region would need another number


def value_of(settings: Settings, path: str, name: str) -> Any:
    found: Any = settings
    for step in filter(None, path.split(".")):
        if found is None:  # an optional table that is absent
            return None
        found = found["name"] if step == "NAME" else getattr(found, step)
    return None if found is None else getattr(found, name)
