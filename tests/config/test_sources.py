"""Where settings come from, and which place wins."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from outbound_chat_config import CONFIG_VARIABLE, Settings, load_settings

from .given import SENDER, SENDER_TOML

SetVariables = Callable[..., None]


def test_in_an_empty_file_everything_has_its_start_value(place: Path) -> None:
    """What nobody has set must be as documented."""
    (place / "outbound-chat.toml").write_text("")

    settings = load_settings()

    assert settings.redis_url.get_secret_value() == "redis://127.0.0.1:6379/0"
    assert (list(settings.budgets), settings.senders, settings.key_prefix) == (["main"], {}, "oc")
    assert settings.model_dump() == Settings().model_dump()


def test_the_file_in_the_working_directory_is_found(place: Path) -> None:
    """The name that the docs use needs no option."""
    (place / "outbound-chat.toml").write_text(f'key_prefix = "file"\n{SENDER_TOML}')

    settings = load_settings()

    assert settings.key_prefix == "file"
    assert settings.sender("support").channel.subtype == "connect:SMS"


def test_a_named_file_wins_over_the_variable_and_the_variable_over_the_working_directory(
    place: Path, set_variables: SetVariables
) -> None:
    """What is said last, at the command line, is meant most."""
    for name in ("outbound-chat", "by-variable", "by-name"):
        (place / f"{name}.toml").write_text(f'key_prefix = "{name}"\n')
    prefixes = [load_settings().key_prefix]
    (place / ".env").write_text(f"{CONFIG_VARIABLE}=by-variable.toml\n")
    prefixes.append(load_settings().key_prefix)
    set_variables(CONFIG=str(place / "by-name.toml"))
    prefixes.append(load_settings().key_prefix)
    prefixes.append(load_settings(place / "by-variable.toml").key_prefix)

    assert prefixes == ["outbound-chat", "by-variable", "by-name", "by-variable"]


def test_the_environment_wins_over_dot_env_and_dot_env_over_the_file(place: Path, set_variables: SetVariables) -> None:
    """The file is shared and checked in, `.env` is a machine's, the environment a process's."""
    (place / "outbound-chat.toml").write_text(
        'key_prefix = "file"\nredis_url = "redis://file"\n[worker]\nthreads = 1\n'
    )
    (place / ".env").write_text("OUTBOUND_CHAT_KEY_PREFIX=dot\nOUTBOUND_CHAT_REDIS_URL=redis://dot\n")
    set_variables(KEY_PREFIX="env")

    settings = load_settings()

    assert (settings.key_prefix, settings.redis_url.get_secret_value()) == ("env", "redis://dot")
    assert settings.worker.threads == 1


def test_a_nested_variable_changes_one_field_and_leaves_its_neighbours(
    place: Path, set_variables: SetVariables
) -> None:
    """A deployment overrides the endpoint of one sender, not the sender."""
    (place / "outbound-chat.toml").write_text(f"[worker]\nthreads = 3\npumps = 2\n{SENDER_TOML}")
    (place / ".env").write_text("OUTBOUND_CHAT_WORKER__PUMPS=5\n")
    set_variables(WORKER__THREADS="7", SENDERS__SUPPORT__ENDPOINT_URL="http://127.0.0.1:4000")

    settings = load_settings()

    assert (settings.worker.threads, settings.worker.pumps) == (7, 5)
    assert settings.senders["support"].endpoint_url == "http://127.0.0.1:4000"
    assert settings.senders["support"].source == SENDER["source"]


@pytest.mark.parametrize(("text", "seconds"), [("40", 40), ("40.5", 40.5), ("PT40S", 40), ("00:01:00", 60)])
def test_a_duration_in_a_variable_is_seconds_or_iso_8601(
    set_variables: SetVariables, text: str, seconds: float
) -> None:
    """A variable is text, and must still take what the file takes as a number."""
    set_variables(WORKER__LEASE=text, REDIS_URL="redis://h")

    assert load_settings().worker.lease == timedelta(seconds=seconds)


def test_a_variable_takes_a_table_as_json(set_variables: SetVariables) -> None:
    """For places where a file is awkward; a nested variable still adds to it."""
    set_variables(
        SENDERS=json.dumps({"support": SENDER}),
        SENDERS__SUPPORT__ATTRIBUTES='{"team": "blue"}',
        BUDGETS='{"main": {"rate": 20, "burst": 50}}',
    )

    settings = load_settings()

    assert settings.budgets["main"].rate == 20
    assert settings.senders["support"].attributes == {"team": "blue"}


def test_an_empty_variable_says_nothing(place: Path, set_variables: SetVariables) -> None:
    """Compose files pass variables on that nobody set."""
    (place / "outbound-chat.toml").write_text('key_prefix = "file"\n')
    set_variables(KEY_PREFIX="", CONFIG="")

    assert load_settings().key_prefix == "file"


def test_what_belongs_to_other_programs_is_passed_over(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `.env` has many readers, and Kubernetes sets variables for each service, also for one named as we are."""
    (place / ".env").write_text("WORKER=4\nREDIS_URL=redis://other\nredis_url=redis://other\n")
    of_a_service = {
        "PORT": "tcp://10.0.0.1:8080",
        "SERVICE_HOST": "10.0.0.1",
        "HTTP_PORT": "tcp://10.0.0.1:8080",
        "HTTP_PORT_8080_TCP": "tcp://10.0.0.1:8080",
        "HTTP_PORT_8080_TCP_PROTO": "tcp",
        "HTTP_PORT_8080_TCP_PORT": "8080",
        "HTTP_SERVICE_HOST": "fd00::1",
        "HTTP_SERVICE_PORT": "8080",
        "REDIS_SERVICE_PORT_MAIN": "6379",
        "REDIS_PORT_6379_TCP_ADDR": "10.0.0.1",
        "DNS_PORT": "udp://[fd00::1]:53",
    }
    for name, value in of_a_service.items():
        monkeypatch.setenv(f"OUTBOUND_CHAT_{name}", value)
    (place / "outbound-chat.toml").write_text("")

    assert load_settings().model_dump() == Settings().model_dump()


def test_where_clients_find_the_service_is_no_setting(place: Path, set_variables: SetVariables) -> None:
    """Whoever exports what examples/send.sh asks for can still call every command."""
    (place / ".env").write_text("OUTBOUND_CHAT_KEY=oc_dot\n")
    set_variables(URL="http://127.0.0.1:8080", KEY="oc_1")
    (place / "outbound-chat.toml").write_text("")

    assert load_settings().model_dump() == Settings().model_dump()


def test_a_file_saved_with_a_byte_order_mark_is_read(place: Path) -> None:
    """Some editors put one at the start of each file."""
    (place / "outbound-chat.toml").write_bytes(b'\xef\xbb\xbfkey_prefix = "file"\n')

    assert load_settings().key_prefix == "file"


def test_each_load_reads_anew(place: Path, set_variables: SetVariables) -> None:
    """A worker that is told to reload must see the new file."""
    prefixes = []
    for prefix in ("one", "two"):
        (place / "outbound-chat.toml").write_text(f'key_prefix = "{prefix}"\n')
        prefixes.append(load_settings().key_prefix)
    set_variables(KEY_PREFIX="three")
    prefixes.append(load_settings().key_prefix)

    assert prefixes == ["one", "two", "three"]


def test_values_given_in_code_are_all_there_is(place: Path, set_variables: SetVariables) -> None:
    """A web app that configures us in code must not depend on where it was started."""
    (place / "outbound-chat.toml").write_text('key_prefix = "file"\n')
    (place / ".env").write_text("OUTBOUND_CHAT_KEY_PREFIX=dot\n")
    set_variables(KEY_PREFIX="env", CONFIG="missing.toml", NONSENSE="1", WORKER="3")

    assert Settings.from_values().model_dump() == Settings().model_dump()
    assert Settings.from_values(key_prefix="code").key_prefix == "code"


def test_importing_reads_neither_files_nor_environment(place: Path) -> None:
    """`import outbound_chat` in a web app must not fail, nor decide anything, by what lies around."""
    (place / "outbound-chat.toml").write_text("nonsense")
    (place / ".env").write_text("OUTBOUND_CHAT_NONSENSE=1\n")
    environment = {**os.environ, CONFIG_VARIABLE: "missing.toml", "OUTBOUND_CHAT_WORKER": "3"}
    code = "import outbound_chat_config as c; print(c.Settings().key_prefix, c.Settings.from_values().key_prefix)"
    run = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=place, env=environment, timeout=60
    )

    assert (run.stdout, run.stderr) == ("oc oc\n", "")
