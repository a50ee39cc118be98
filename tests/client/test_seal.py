"""Sealing: what Redis holds of a request that is encrypted, and who can open it."""

import subprocess
import sys
import traceback
from typing import Any

import pytest

from outbound_chat import MissingKey
from outbound_chat.encryption import Seal, new_key
from outbound_chat.request import ChatRequest
from outbound_chat.request.codec import UnreadableRequest, read_stored, write_stored
from outbound_chat_config import EncryptionSettings, SettingsError

NUMBER, TEXT = "+12025550123", "Your code is 123456"
REQUEST = ChatRequest.from_short({"to": NUMBER, "text": TEXT})
NEW, OLD, NUMBERS = new_key(), new_key(), new_key()
WITHOUT = """
import sys
sys.modules["cryptography"] = sys.modules["cryptography.fernet"] = None
from outbound_chat.encryption import Seal, new_key
from outbound_chat_config import EncryptionSettings, SettingsError
try:
    Seal(EncryptionSettings(keys=[new_key()], number_key=new_key()))
except SettingsError as error:
    print(error)
"""


def seal(*keys: str, number_key: str = NUMBERS, **values: Any) -> Seal:
    return Seal(EncryptionSettings.model_validate({"keys": keys, "number_key": number_key, **values}))


def test_a_sealed_request_shows_neither_number_nor_text() -> None:
    """Whoever reads Redis, a backup or a replica gets nothing of it."""
    stored = write_stored(seal(NEW), REQUEST, NUMBER)

    for hidden in (NUMBER, NUMBER[1:], NUMBER[2:], TEXT, "123456"):
        assert hidden not in stored
    assert read_stored(seal(NEW), stored) == REQUEST


def test_keys_change_without_a_gap() -> None:
    """A new key is put in front; what the old one sealed is opened as long as it stays."""
    before = write_stored(seal(OLD), REQUEST, NUMBER)
    both = seal(NEW, OLD)
    after = write_stored(both, REQUEST, NUMBER)

    assert read_stored(both, before) == read_stored(both, after) == REQUEST
    assert read_stored(seal(NEW), after) == REQUEST
    with pytest.raises(MissingKey, match=r"encryption\.keys lacks"):
        read_stored(seal(NEW), before)


def test_what_was_written_before_is_read_and_what_is_new_is_plain_once_it_is_switched_off() -> None:
    """Switching it on or off must not strand the jobs that wait."""
    plain = write_stored(Seal(EncryptionSettings()), REQUEST, NUMBER)
    off = seal(NEW, write_plain=True)

    assert plain == '{"to":"+12025550123","text":"Your code is 123456"}' == write_stored(off, REQUEST, NUMBER)
    assert read_stored(seal(NEW), plain) == read_stored(off, write_stored(seal(NEW), REQUEST, NUMBER)) == REQUEST


def test_the_mark_of_a_number_depends_on_the_key_of_numbers_alone() -> None:
    """Lists and jobs are compared by it, whichever key sealed them."""
    assert seal(NEW).mark(NUMBER) == seal(OLD).mark(NUMBER) in write_stored(seal(OLD), REQUEST, NUMBER)
    assert seal(NEW).mark(NUMBER) != seal(NEW).mark("+12025550124")
    assert seal(NEW, number_key=new_key()).mark(NUMBER) != seal(NEW).mark(NUMBER)


@pytest.mark.parametrize(
    "damage", [lambda text: text[:-8], lambda text: text[:40], lambda text: text[:-9] + "A" + text[-8:]]
)
def test_damaged_text_is_told_from_a_missing_key(damage: Any) -> None:
    """One fails its job; the other must not."""
    stored = damage(write_stored(seal(NEW), REQUEST, NUMBER))

    with pytest.raises(UnreadableRequest, match="does not open it"):
        read_stored(seal(NEW), stored)
    with pytest.raises(MissingKey):
        read_stored(seal(OLD), stored)


@pytest.mark.parametrize("text", ["{" + TEXT, "[" * 100_000, f'["{TEXT}"]', "sealed:", f"sealed:{TEXT}", "\ud800"])
def test_no_error_of_reading_holds_the_request(text: str) -> None:
    """Parsers keep what they were given in their errors; a crash reporter would send it on."""
    with pytest.raises((UnreadableRequest, MissingKey)) as caught:
        read_stored(seal(NEW), text)

    error: BaseException | None = caught.value
    assert TEXT not in "".join(traceback.format_exception(caught.value))
    while error is not None:
        assert TEXT not in repr(vars(error)) + repr(getattr(error, "doc", "")) + repr(getattr(error, "object", ""))
        error = error.__cause__ or error.__context__


def test_fingerprints_are_keyed_and_still_tell_those_of_before() -> None:
    """Few numbers and a known text are guessed from a hash without a key."""
    (before,) = Seal(EncryptionSettings()).fingerprints("content").split()
    keyed, unkeyed = seal(NEW).fingerprints("content").split()

    assert unkeyed == before != keyed
    assert seal(NEW, write_plain=True).fingerprints("content").split() == [before, keyed]
    assert seal(OLD).fingerprints("content").split()[0] == keyed


def test_a_missing_package_is_named() -> None:
    """The extra is small and easily forgotten."""
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=True)

    assert done.stdout.strip().endswith("pip install 'outbound-chat[encryption]'")
    assert SettingsError.__name__ not in done.stderr
