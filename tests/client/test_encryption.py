"""Sealing: what Redis holds of a request that is encrypted, and who can open it."""

import subprocess
import sys
import traceback
from typing import Any

import pytest

from outbound_chat import MissingEncryptionKey
from outbound_chat.encryption import RequestCipher, new_key
from outbound_chat.request import ChatRequest, codec
from outbound_chat.request.codec import UnreadableRequest
from outbound_chat_config import EncryptionSettings, SettingsError

NUMBER, TEXT = "+12025550123", "Your code is 123456"
REQUEST = ChatRequest.from_short({"to": NUMBER, "text": TEXT})
NEW, OLD, NUMBERS = new_key(), new_key(), new_key()
WITHOUT = """
import sys
sys.modules["cryptography"] = sys.modules["cryptography.fernet"] = None
from outbound_chat.encryption import RequestCipher, new_key
from outbound_chat_config import EncryptionSettings, SettingsError
try:
    RequestCipher(EncryptionSettings(keys=[new_key()], number_key=new_key()))
except SettingsError as error:
    print(error)
"""


def cipher(*keys: str, number_key: str = NUMBERS, **values: Any) -> RequestCipher:
    return RequestCipher(EncryptionSettings.model_validate({"keys": keys, "number_key": number_key, **values}))


def test_an_encrypted_request_shows_neither_number_nor_text() -> None:
    """Whoever reads Redis, a backup or a replica gets nothing of it."""
    stored = codec.encode(cipher(NEW), REQUEST, NUMBER)

    for hidden in (NUMBER, NUMBER[1:], NUMBER[2:], TEXT, "123456"):
        assert hidden not in stored
    assert codec.decode(cipher(NEW), stored) == REQUEST


def test_keys_change_without_a_gap() -> None:
    """A new key is put in front; what the old one encrypted is decrypted as long as it stays."""
    before = codec.encode(cipher(OLD), REQUEST, NUMBER)
    both = cipher(NEW, OLD)
    after = codec.encode(both, REQUEST, NUMBER)

    assert codec.decode(both, before) == codec.decode(both, after) == REQUEST
    assert codec.decode(cipher(NEW), after) == REQUEST
    with pytest.raises(MissingEncryptionKey, match=r"missing in encryption\.keys"):
        codec.decode(cipher(NEW), before)


def test_what_was_written_before_is_read_and_what_is_new_is_plain_once_it_is_switched_off() -> None:
    """Switching it on or off must not strand the jobs that wait."""
    plain = codec.encode(RequestCipher(EncryptionSettings()), REQUEST, NUMBER)
    off = cipher(NEW, write_plain=True)

    assert plain == ' {"to":"+12025550123","text":"Your code is 123456"}' == codec.encode(off, REQUEST, NUMBER)
    assert codec.decode(cipher(NEW), plain) == codec.decode(off, codec.encode(cipher(NEW), REQUEST, NUMBER)) == REQUEST


def test_the_mark_of_a_number_depends_on_the_key_of_numbers_alone() -> None:
    """Lists and jobs are compared by it, whichever key encrypted them."""
    assert (
        cipher(NEW).blind_index(NUMBER) == cipher(OLD).blind_index(NUMBER) in codec.encode(cipher(OLD), REQUEST, NUMBER)
    )
    assert cipher(NEW).blind_index(NUMBER) != cipher(NEW).blind_index("+12025550124")
    assert cipher(NEW, number_key=new_key()).blind_index(NUMBER) != cipher(NEW).blind_index(NUMBER)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-8],
        lambda text: text[:40],
        lambda text: text[:-9] + ("B" if text[-9] == "A" else "A") + text[-8:],
    ],
)
def test_damaged_text_is_told_from_a_missing_key(damage: Any) -> None:
    """One fails its job; the other must not."""
    stored = damage(codec.encode(cipher(NEW), REQUEST, NUMBER))

    with pytest.raises(UnreadableRequest, match="does not decrypt it"):
        codec.decode(cipher(NEW), stored)
    with pytest.raises(MissingEncryptionKey):
        codec.decode(cipher(OLD), stored)


@pytest.mark.parametrize(
    "text", ["{" + TEXT, "[" * 100_000, f'["{TEXT}"]', "encrypted:", f"encrypted:{TEXT}", "\ud800"]
)
def test_no_error_of_reading_holds_the_request(text: str) -> None:
    """Parsers keep what they were given in their errors; a crash reporter would send it on."""
    with pytest.raises((UnreadableRequest, MissingEncryptionKey)) as caught:
        codec.decode(cipher(NEW), text)

    error: BaseException | None = caught.value
    assert TEXT not in "".join(traceback.format_exception(caught.value))
    while error is not None:
        assert TEXT not in repr(vars(error)) + repr(getattr(error, "doc", "")) + repr(getattr(error, "object", ""))
        error = error.__cause__ or error.__context__


def test_fingerprints_are_keyed_and_still_tell_those_of_before() -> None:
    """Few numbers and a known text are guessed from a hash without a key."""
    (before,) = RequestCipher(EncryptionSettings()).fingerprints("content").split()
    keyed, unkeyed = cipher(NEW).fingerprints("content").split()

    assert unkeyed == before != keyed
    assert cipher(NEW, write_plain=True).fingerprints("content").split() == [before, keyed]
    assert cipher(OLD).fingerprints("content").split()[0] == keyed


def test_a_missing_package_is_named() -> None:
    """The extra is small and easily forgotten."""
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=True)

    assert done.stdout.strip().endswith("pip install 'outbound-chat[encryption]'")
    assert SettingsError.__name__ not in done.stderr
