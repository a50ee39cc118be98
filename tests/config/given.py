"""Settings that the tests start from, and what is said about those that are refused."""

from typing import Any

import pytest

from outbound_chat_config import Settings, SettingsError

NUMBER = "arn:aws:connect:us-east-1:123456789012:phone-number/aaaa-bbbb"
INSTANCE = "arn:aws:connect:us-east-1:123456789012:instance/instance-1"
SENDER: dict[str, Any] = {
    "region": "us-east-1",
    "instance_id": "instance-1",
    "contact_flow_id": "flow-1",
    "source": NUMBER,
    "channel": "sms",
}
SENDER_TOML = "[senders.support]\n" + "".join(f'{name} = "{value}"\n' for name, value in SENDER.items())


def with_sender(**changes: Any) -> dict[str, Any]:
    """All settings of one sender, `support`."""
    return {"senders": {"support": {**SENDER, **changes}}}


def refused(values: dict[str, Any]) -> list[str]:
    """The lines about values that are refused, one a fault."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_values(**values)
    return lines_of(caught.value)


def lines_of(error: SettingsError) -> list[str]:
    """The lines below the heading."""
    heading, *lines = str(error).split("\n")
    assert heading.startswith("Settings can't be used (")
    assert all(line.startswith("  ") for line in lines)
    return [line.strip() for line in lines]
