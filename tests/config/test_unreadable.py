"""Sources that can't be read: each gives one error, which names the source and what to do about it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from outbound_chat_config import SettingsError, load_settings

from .given import lines_of

SetVariables = Callable[..., None]
SECRET = "hunter2"


def _message() -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings()
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"worker = ", "outbound-chat.toml is not valid TOML: Invalid value (at end of document)"),
        (b'redis_url = "redis://:hunter2@h', "outbound-chat.toml is not valid TOML: "),
        (b"a = " + b"[" * 9_999, "outbound-chat.toml is not valid TOML: maximum recursion depth exceeded"),
        (b'a = "hunter2\xff"', "outbound-chat.toml is not UTF-8 text (byte 12); save it as UTF-8"),
    ],
    ids=["cut off", "an open text", "nested without end", "Latin-1"],
)
def test_a_file_that_is_no_toml_is_named_with_the_place(place: Path, content: bytes, message: str) -> None:
    """An operator looks for line and byte, and the text may go to a log: the line itself is not repeated."""
    (place / "outbound-chat.toml").write_bytes(content)

    found = _message()

    assert found.startswith(message)
    assert SECRET not in found
    assert "\n" not in found


def test_a_file_that_is_named_must_be_there(place: Path, set_variables: SetVariables) -> None:
    """Start values in its place would send with the wrong settings."""
    set_variables(CONFIG="missing.toml")

    assert _message() == (
        f"{place}/missing.toml can't be read: No such file or directory; check the path and its permissions"
    )


def test_a_file_that_cannot_be_opened_is_named(place: Path, set_variables: SetVariables) -> None:
    """A directory stands here for what the system refuses to open; the tests may run as root."""
    set_variables(CONFIG=str(place))

    assert _message() == f"{place} can't be read: Is a directory; check the path and its permissions"


def test_a_dot_env_that_is_not_utf8_is_named(place: Path) -> None:
    """It is read like the file, and its faults are told like the file's."""
    (place / ".env").write_bytes(b"OUTBOUND_CHAT_KEY_PREFIX=\xff\n")

    assert _message() == ".env is not UTF-8 text (byte 25); save it as UTF-8"


@pytest.mark.parametrize("in_dot_env", [False, True])
@pytest.mark.parametrize(
    ("name", "field"), [("BUDGETS", "BUDGETS"), ("WORKER", "WORKER"), ("SENDERS__SUPPORT__ATTRIBUTES", "SENDERS")]
)
def test_a_table_in_a_variable_that_is_no_json_is_named(
    place: Path, set_variables: SetVariables, name: str, field: str, in_dot_env: bool
) -> None:
    """One sentence with the variable, and nothing of what stands in it."""
    if in_dot_env:
        (place / ".env").write_text(f"OUTBOUND_CHAT_{name}='{{{SECRET}'\n")
    else:
        set_variables(**{name: f"{{{SECRET}"})

    assert _message() == (
        f"OUTBOUND_CHAT_{field}, or a variable that leads into it, can't be read: write tables as JSON, or use TOML"
    )


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("BUDGETS", "3", "budgets must be a table, not a single value"),
        ("BUDGETS", "[1]", "budgets must be a table, not a single value"),
        ("WORKER", "3", "worker must be a table, not a single value"),
        ("WORKER__THREADS", "many", "worker.threads must be an integer"),
        ("WORKER__THREADS", "1_0", "worker.threads must be an integer"),
        ("WORKER__THREADS", "\uff11\uff10", "worker.threads must be an integer"),
        ("BUDGETS__MAIN__RATE", "1_0", "budgets.main.rate must be a number"),
        ("BUDGETS__MAIN__RATE", "fast", "budgets.main.rate must be a number"),
        (
            "WORKER__LEASE",
            "soon",
            'worker.lease must be a duration: seconds as a number, or ISO 8601 text such as "PT30S"',
        ),
        ("WORKER__THREAD", "3", "worker.thread is not a setting of outbound-chat; check the spelling or remove it"),
    ],
)
def test_a_variable_with_a_wrong_value_is_told_by_its_field(
    set_variables: SetVariables, name: str, value: str, line: str
) -> None:
    """The same sentence as for the file."""
    set_variables(**{name: value})

    with pytest.raises(SettingsError) as caught:
        load_settings()

    assert lines_of(caught.value) == [line]


def test_a_misspelt_name_is_refused_wherever_it_stands(place: Path, set_variables: SetVariables) -> None:
    """A misspelt redis_url would otherwise mean the Redis of this machine, without a word."""
    (place / "outbound-chat.toml").write_text('redis_uri = "redis://:hunter2@h"\n[workers]\nthreads = 3\n')
    (place / ".env").write_text("OUTBOUND_CHAT_BROKER=amqp://u:hunter2@h\n")
    set_variables(REDIS_URI="redis://:hunter2@h", SENDER__A="1")

    with pytest.raises(SettingsError) as caught:
        load_settings()

    assert sorted(lines_of(caught.value)) == [
        "OUTBOUND_CHAT_BROKER is not a setting of outbound-chat; did you mean OUTBOUND_CHAT_BROKER_URL?",
        "OUTBOUND_CHAT_REDIS_URI is not a setting of outbound-chat; did you mean OUTBOUND_CHAT_REDIS_URL?",
        "OUTBOUND_CHAT_SENDER__A is not a setting of outbound-chat; did you mean OUTBOUND_CHAT_SENDERS?",
        "redis_uri is not a setting of outbound-chat; check the spelling or remove it",
        "workers is not a setting of outbound-chat; check the spelling or remove it",
    ]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("HTTP_PORT", "HTTP__PORT"),
        ("WORKER_THREADS", "WORKER__THREADS"),
        ("WEBHOOKS_SECRET", "WEBHOOKS__SECRETS"),
        ("RETRY_MAX_ATTEMPTS", "RETRY__MAX_ATTEMPTS"),
        ("Http_Port", "HTTP__PORT"),
    ],
)
def test_one_underscore_where_two_lead_into_a_table_is_named(
    set_variables: SetVariables, name: str, meant: str
) -> None:
    """`HTTP_PORT` looks like a variable of Kubernetes, and was passed over; the service then listened on 8080."""
    set_variables(**{name: "9191"})

    with pytest.raises(SettingsError) as caught:
        load_settings()

    assert lines_of(caught.value) == [
        f"OUTBOUND_CHAT_{name} is not a setting of outbound-chat; did you mean OUTBOUND_CHAT_{meant}?"
    ]


def test_a_dot_env_file_is_held_to_the_same_names(place: Path) -> None:
    (place / ".env").write_text("OUTBOUND_CHAT_HTTP_PORT=9191\n")
    with pytest.raises(SettingsError, match="OUTBOUND_CHAT_HTTP__PORT"):
        load_settings()
