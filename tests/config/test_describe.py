"""What a program says of its settings when it starts, and what it says when there are none."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from outbound_chat_config import Settings, SettingsError, describe, load_settings

from .given import SENDER, SENDER_TOML

SetVariables = Callable[..., None]
SECRET = "hunter2"


def test_it_names_the_file_redis_budgets_and_senders(place: Path) -> None:
    """Whoever starts a worker in the wrong folder sees it in its first line."""
    (place / "outbound-chat.toml").write_text(f"[budgets.main]\nrate = 20\nburst = 40\n{SENDER_TOML}")

    assert describe(load_settings()) == (
        f"settings: {place}/outbound-chat.toml",
        "Redis: redis://127.0.0.1:6379/0; budgets: main (20/s, burst 40); senders: support",
    )


def test_it_names_variables_but_not_their_values(place: Path, set_variables: SetVariables) -> None:
    """A variable that somebody forgot wins over the file, in silence."""
    set_variables(REDIS_URL=f"redis://user:{SECRET}@redis:6379/2", KEY_PREFIX="x", CONFIG="", URL="http://x")
    alone = describe(load_settings())
    (place / ".env").write_text("OUTBOUND_CHAT_WORKER__THREADS=5\nOUTBOUND_CHAT_HTTP__PORT=81\nOTHER=1\n")
    (place / "outbound-chat.toml").write_text(SENDER_TOML)
    both = describe(load_settings())

    variables = "OUTBOUND_CHAT_KEY_PREFIX, OUTBOUND_CHAT_REDIS_URL"
    assert alone == (
        f"settings: no file, environment variables only ({variables})",
        "Redis: redis://redis:6379/2; budgets: main (2/s, burst 5); senders: none",
    )
    first = "OUTBOUND_CHAT_HTTP__PORT, OUTBOUND_CHAT_KEY_PREFIX, OUTBOUND_CHAT_REDIS_URL and 1 more"
    assert both[0] == f"settings: {place}/outbound-chat.toml and variables ({first})"
    assert describe(Settings.from_values())[0] == "settings: values given in code"


def test_of_hundreds_it_names_the_first() -> None:
    """A line must stay a line."""
    budgets = {f"b{index}": {"rate": 1} for index in range(300)}
    senders = {f"s{index}": {**SENDER, "budget": f"b{index}"} for index in range(1_248)}
    settings = Settings.from_values(budgets={**budgets, **{f"b{i}": {} for i in range(300, 1_248)}}, senders=senders)

    line = describe(settings)[1]
    assert "b7 (1/s, burst 5) and 1,240 more" in line
    assert line.endswith("s6, s7 and 1,240 more")
    assert len(line) < 400


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"redis://:{SECRET}@h:1/0", "redis://h:1/0"),
        (f"rediss://u:{SECRET}@h/0?ssl_password={SECRET}", "rediss://h/0"),
        (f"redis://h/0?password={SECRET}@{SECRET}", "redis://h/0"),
        (f"unix://u:{SECRET}@/run/valkey.sock?db=1", "unix:///run/valkey.sock"),
        ("unix:///run/valkey.sock", "unix:///run/valkey.sock"),
        (f"redis+sentinel://u:{SECRET}@a:1,b:2/main/1?sentinel_password={SECRET}", "redis+sentinel://a:1,b:2/main/1"),
        (f"redis://u:12/{SECRET}@h:1/0", "redis://h:1/0"),
    ],
)
def test_no_address_shows_a_password(url: str, shown: str) -> None:
    """The line goes to a log that many read."""
    assert f"Redis: {shown};" in describe(Settings.model_construct(redis_url=SecretStr(url), budgets={}, senders={}))[1]


def test_without_any_settings_the_error_says_where_it_looked_and_what_to_do(place: Path) -> None:
    """Start values would lead to whatever Redis runs on this machine, and to no sender."""
    with pytest.raises(SettingsError) as caught:
        load_settings()

    assert str(caught.value) == (
        f"no outbound-chat.toml in {place}, and OUTBOUND_CHAT_CONFIG is not set; name your file with --config or "
        "OUTBOUND_CHAT_CONFIG, write one (docs/settings.md), or try things out with 'outbound-chat dev'"
    )


def test_beside_a_stack_of_dev_the_error_names_its_settings(place: Path) -> None:
    """The second terminal of the quickstart, in which the line with `export` was forgotten."""
    (place / ".outbound-chat").mkdir()
    (place / ".outbound-chat" / "outbound-chat.toml").write_text(SENDER_TOML)

    with pytest.raises(SettingsError, match=r"export OUTBOUND_CHAT_CONFIG=\.outbound-chat/outbound-chat\.toml$"):
        load_settings()


@pytest.mark.parametrize(
    "variables", [{"KEY_PREFIX": "x"}, {"URL": "http://x", "KEY": "oc_1"}, {"CONFIG": ""}, {"REDIS_URL": ""}], ids=str
)
def test_variables_that_lead_nowhere_are_no_settings(set_variables: SetVariables, variables: dict[str, str]) -> None:
    set_variables(**variables)

    with pytest.raises(SettingsError, match="OUTBOUND_CHAT_CONFIG is not set"):
        load_settings()


@pytest.mark.parametrize("in_dot_env", [False, True])
@pytest.mark.parametrize("name", ["REDIS_URL", "SENDERS__SUPPORT"])
def test_variables_alone_are_enough(place: Path, set_variables: SetVariables, name: str, in_dot_env: bool) -> None:
    """Containers are configured by their environment: a Redis to look into, or senders for the one of the machine."""
    values = {"REDIS_URL": {"REDIS_URL": "redis://h"}}.get(
        name, {f"{name}__{field}".upper(): value for field, value in SENDER.items()}
    )
    if in_dot_env:
        lines = "".join(f"OUTBOUND_CHAT_{name}={value}\n" for name, value in values.items())
        (place / ".env").write_text(lines)
    else:
        set_variables(**values)

    assert "environment variables only" in load_settings().source


@pytest.mark.parametrize("content", ["[project]\nname = 'shop'\n[tool.ruff]\n", "title = 'x'\n", "[colour]\n"])
def test_the_file_of_another_program_is_told_in_a_line(place: Path, content: str) -> None:
    """A list of fifty settings that it does not know says less."""
    (place / "pyproject.toml").write_text(content)

    with pytest.raises(SettingsError) as caught:
        load_settings("pyproject.toml")

    assert str(caught.value).startswith(f"{place}/pyproject.toml is not a file of outbound-chat: it has ")
    assert "\n" not in str(caught.value)
