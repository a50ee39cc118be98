"""Keys of encryption: what is a key, which belong together, and that none is ever shown."""

import traceback
from collections.abc import Callable
from typing import Any

import pytest

from outbound_chat_config import Settings, SettingsError, load_settings

KEY = "a2V5LW9mLXRoaXJ0eS10d28tYnl0ZXMtLW51bWJlcjE="
OTHER = "a2V5LW9mLXRoaXJ0eS10d28tYnl0ZXMtLW51bWJlcjI="
NUMBER_KEY = "a2V5LW9mLXRoaXJ0eS10d28tYnl0ZXMtLW51bWJlcjM="


def refused(**encryption: Any) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        Settings.from_values(encryption=encryption)
    return caught.value


def test_keys_are_read_from_the_environment(set_variables: Callable[..., None]) -> None:
    """A deployment hands secrets over in variables."""
    set_variables(REDIS_URL="redis://h", ENCRYPTION__KEYS=f'["{KEY}", "{OTHER}"]', ENCRYPTION__NUMBER_KEY=NUMBER_KEY)

    encryption = load_settings().encryption
    assert [key.get_secret_value() for key in encryption.keys] == [KEY, OTHER]
    assert encryption.number_key
    assert encryption.number_key.get_secret_value() == NUMBER_KEY
    assert not encryption.write_plain


@pytest.mark.parametrize("wrong", ["", "secret", KEY[:-4], KEY + "AAAA", KEY.replace("=", ""), "ä" * 44, 7, KEY + "\n"])
def test_what_is_no_key_is_refused_and_not_shown(wrong: Any) -> None:
    """Half a key, copied from a terminal that wraps, must not wait for the first job to be found out."""
    error = refused(keys=[KEY, wrong], number_key=NUMBER_KEY)

    assert "encryption.keys.1" in str(error)
    shown = "".join(traceback.format_exception(error))
    assert KEY not in shown
    assert not isinstance(wrong, str) or len(wrong) < 5 or wrong not in shown


def test_keys_need_a_key_of_numbers_that_is_another() -> None:
    """Lists are looked up by it when the keys have long changed."""
    assert "encryption number_key is required" in str(refused(keys=[KEY]))
    assert "must differ" in str(refused(keys=[OTHER, KEY], number_key=KEY))


def test_no_key_is_shown_by_settings() -> None:
    """`repr` is what a log line or a failed assertion shows."""
    settings = Settings.from_values(encryption={"keys": [KEY], "number_key": NUMBER_KEY})

    for shown in (repr(settings), str(settings), settings.model_dump_json()):
        assert KEY not in shown
        assert NUMBER_KEY not in shown
