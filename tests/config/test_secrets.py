"""Secrets stay where they are: no text that ends in a log shows one."""

import traceback
from collections.abc import Callable
from typing import Any

import pytest

from outbound_chat_config import Settings, SettingsError, load_settings

from .given import with_sender

SECRET = "hunter2"
_GOOD: dict[str, Any] = {
    "redis_url": f"redis://:{SECRET}@h",
    "broker_url": f"amqp://u:{SECRET}@h",
    **with_sender(external_id=SECRET),
}


def test_settings_show_no_secret() -> None:
    """`repr` is what a log line or a failed assertion shows."""
    settings = Settings.from_values(**_GOOD)

    for shown in (repr(settings), str(settings), f"{settings.senders}", settings.model_dump_json(), f"{settings:}"):
        assert SECRET not in shown
    assert settings.redis_url.get_secret_value() == _GOOD["redis_url"]
    assert settings.broker == _GOOD["broker_url"]


def test_loaded_settings_show_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the environment they pass through other classes."""
    monkeypatch.setenv("OUTBOUND_CHAT_REDIS_URL", _GOOD["redis_url"])
    settings = load_settings()

    assert SECRET not in repr(settings) + str(settings)
    assert settings.broker == _GOOD["redis_url"]


@pytest.mark.parametrize(
    "values",
    [
        {"redis_url": f"http://:{SECRET}@h"},
        {"redis_url": {"url": SECRET}},
        {"redis_url": [SECRET]},
        {"broker_url": {SECRET}},
        {"redis_url": f"redis+cluster://:{SECRET}@h"},
        {"redis_url": f"redis://:{SECRET}/2@h:6379"},
        {"redis_url": f"redis://:{SECRET}#2@h:6379/0"},
        {"redis_url": f"redis://:x@h:{SECRET}"},
        {"broker_url": f"amqp://u:{SECRET}/2@h:5672"},
        {"redis_uri": f"redis://:{SECRET}@h"},
        {**_GOOD, "nonsense": 1},
        {**_GOOD, "worker": {"lease": 1}},
        {**_GOOD, **with_sender(external_id=SECRET, budget="none")},
        with_sender(external_id=[SECRET]),
        with_sender(external_id=SECRET, region="eu-central-1"),
        with_sender(external_id=SECRET, secret_access_key=SECRET),
        {"senders": {"a": SECRET}},
        {"budgets": SECRET},
    ],
)
def test_no_error_shows_a_secret(values: dict[str, Any]) -> None:
    """Neither its text nor the traceback, whatever is wrong: the secret itself, or a field beside it."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_values(**values)

    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert SECRET not in repr(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REDIS_URL", f"http://:{SECRET}@h"),
        ("REDIS_URI", f"redis://:{SECRET}@h"),
        ("SENDERS", f'{{"a": {{"external_id": "{SECRET}"}}}}'),
        ("SENDERS", f'{{"a": {{"external_id": "{SECRET}"'),
        ("SENDERS__A__EXTERNAL_ID", SECRET),
        ("WORKER__LEASE", SECRET),
    ],
)
def test_no_error_shows_what_stands_in_a_variable(set_variables: Callable[..., None], name: str, value: str) -> None:
    """pydantic-settings keeps what it could not read in its own error."""
    set_variables(**{name: value})

    with pytest.raises(SettingsError) as caught:
        load_settings()

    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__cause__ is None
