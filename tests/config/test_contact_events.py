"""The table `[contact_events]`: absent by default, and its queue has a Region."""

from pathlib import Path

import pytest

from outbound_chat_config import Settings, SettingsError, load_settings

from .given import SENDER_TOML, refused

QUEUE = "https://sqs.eu-central-1.amazonaws.com/123456789012/contact-events"


def test_without_the_table_there_is_nothing() -> None:
    """Workers record nothing then."""
    assert Settings.from_values().contact_events is None


def test_an_empty_table_counts(tmp_path: Path) -> None:
    """Events may come by HTTP only."""
    file = tmp_path / "outbound-chat.toml"
    file.write_text(f"{SENDER_TOML}[contact_events]\n", encoding="utf-8")

    found = load_settings(file).contact_events

    assert found is not None
    assert found.queue_url is None


@pytest.mark.parametrize(
    ("url", "region"),
    [
        (QUEUE, "eu-central-1"),
        ("https://sqs-fips.us-gov-west-1.amazonaws.com/123456789012/events", "us-gov-west-1"),
        ("https://sqs.cn-north-1.amazonaws.com.cn/123456789012/events", "cn-north-1"),
        ("https://sqs.eu-west-1.api.aws/123456789012/events", "eu-west-1"),
    ],
)
def test_the_region_is_the_one_in_the_url(url: str, region: str) -> None:
    """An AWS URL has it already."""
    found = Settings.from_values(contact_events={"queue_url": url}).contact_events

    assert found is not None
    assert found.queue_region == region


def test_another_server_needs_a_region() -> None:
    """Signatures contain the Region."""
    url = "http://127.0.0.1:4566/123456789012/events"

    assert refused({"contact_events": {"queue_url": url}}) == [
        "contact_events region is required, since queue_url does not name one; add it"
    ]
    found = Settings.from_values(contact_events={"queue_url": url, "region": "eu-west-1"}).contact_events
    assert found is not None
    assert found.queue_region == "eu-west-1"


def test_a_variable_sets_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that is absent by default takes variables like the others."""
    monkeypatch.setenv("OUTBOUND_CHAT_REDIS_URL", "redis://127.0.0.1:6379/0")
    monkeypatch.setenv("OUTBOUND_CHAT_CONTACT_EVENTS__QUEUE_URL", QUEUE)

    found = load_settings().contact_events

    assert found is not None
    assert found.queue_url == QUEUE


def test_a_misspelt_variable_names_the_right_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Often one `_` replaces the two after a table."""
    monkeypatch.setenv("OUTBOUND_CHAT_REDIS_URL", "redis://127.0.0.1:6379/0")
    monkeypatch.setenv("OUTBOUND_CHAT_CONTACT_EVENTS_QUEUE_URL", QUEUE)

    with pytest.raises(SettingsError, match="did you mean OUTBOUND_CHAT_CONTACT_EVENTS__QUEUE_URL"):
        load_settings()


def test_the_external_id_is_not_shown() -> None:
    """As that of a sender."""
    settings = Settings.from_values(contact_events={"external_id": "hunter2"})

    assert "hunter2" not in repr(settings) + settings.model_dump_json()
