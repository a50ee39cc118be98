"""Encrypts stored requests, if encryption is on:

    encrypted:<key id>:<blind index>:<token>

The token is a Fernet token of the request's JSON. The blind index is a keyed hash of the phone number, with which the
scripts find a number on a suppression list without knowing it. The key id distinguishes a missing key from a damaged
token. Text without the prefix was written without encryption.

This module stores no keys: they come from the settings. It only imports `cryptography` if there are keys.
https://github.com/fernet/spec/blob/master/Spec.md
"""

import base64
import hashlib
import hmac
import re
from typing import Any

from outbound_chat.model.errors import MissingEncryptionKey
from outbound_chat_config import EncryptionSettings, SettingsError

PREFIX = "encrypted:"
# Short, because every stored request has both: 36 bits are enough for the few keys of one installation, 128 for all
# numbers.
_KEY_ID_CHARS = 6
_INDEX_BYTES = 16
_KEY_ID = re.compile(rf"[A-Za-z0-9_-]{{{_KEY_ID_CHARS}}}")


class Damaged(ValueError):
    """Encrypted text was truncated or changed: its own key does not decrypt it."""


class RequestCipher:
    """Encrypts and decrypts with the keys of the settings. Threads can share it."""

    def __init__(self, settings: EncryptionSettings) -> None:
        """Without keys, nothing is encrypted.

        Raises:
            SettingsError: there are keys, but the package `cryptography` is not installed.
        """
        self._by_id = _fernets(settings)
        self._newest = next(iter(self._by_id), "")
        self._number_key = _bytes_of(settings.number_key.get_secret_value()) if settings.number_key else b""
        self.number_key_id = _id_of(self._number_key) if self._number_key else ""
        """Id of the key of the blind indexes, which begin with it; empty if there is none."""
        self.encrypts = bool(self._by_id) and not settings.write_plain
        """Whether new requests are encrypted."""

    @property
    def mark_form(self) -> str:
        """The form in which scripts know the numbers of new requests: `number_key_id`, or empty for plain numbers."""
        return self.number_key_id if self.encrypts else ""

    def marks(self, number: str) -> dict[str, str]:
        """Returns the number in each form that these keys can write, by `mark_form`."""
        return {"": number} | ({self.number_key_id: self.blind_index(number)} if self.number_key_id else {})

    @property
    def key_ids(self) -> tuple[str, ...]:
        """Ids of all keys, for recognizing programs with different keys."""
        return (*self._by_id, self.number_key_id) if self.number_key_id else tuple(self._by_id)

    @property
    def decrypting_key_ids(self) -> tuple[str, ...]:
        """Ids of the keys that decrypt requests. The first one also encrypts."""
        return tuple(self._by_id)

    @property
    def can_decrypt(self) -> bool:
        """Whether there is a key for decryption."""
        return bool(self._by_id)

    def encrypt_if_enabled(self, text: str, number: str = "") -> str:
        """Returns the text as it is stored in Redis: encrypted, or unchanged if encryption is off."""
        return self.encrypt(text, number) if self.encrypts else text

    def encrypt(self, text: str, number: str = "") -> str:
        """Encrypts the text with the newest key, which must exist, and adds the blind index of the number."""
        token = self._by_id[self._newest].encrypt(text.encode()).decode()
        return f"{PREFIX}{self._newest}:{self.blind_index(number) if number else ''}:{token}"

    def decrypt(self, stored: str) -> str:
        """Decrypts a text from Redis; returns text that is not encrypted unchanged.

        Raises:
            MissingEncryptionKey: it was encrypted with a key that is not in the settings.
            Damaged: it was encrypted with a key of the settings, but was changed afterwards.
        """
        if not stored.startswith(PREFIX):
            return stored
        key_id, _, rest = stored.removeprefix(PREFIX).partition(":")
        fernet = self._by_id.get(key_id)
        if not _KEY_ID.fullmatch(key_id):
            raise Damaged("it is encrypted, but was truncated or changed: it does not name its key")
        if fernet is None:
            raise MissingEncryptionKey(
                f"a stored request is encrypted with key {key_id}, which is missing in encryption.keys; add it"
            )
        return _decrypted(fernet, rest.rpartition(":")[2])

    def blind_index(self, number: str) -> str:
        """Returns a keyed hash of the number: the same for the same number and `number_key`."""
        digest = hmac.digest(self._number_key, number.encode(), "sha256")[:_INDEX_BYTES]
        return self.number_key_id + _text_of(digest)

    def fingerprints(self, content: str) -> str:
        """Returns short hashes of what a caller asks for. Any of them matches the content; the first is to be stored.

        With `number_key` the hash is keyed: with another hash, somebody could guess a number and a known text.
        """
        plain = hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        if not self._number_key:
            return plain
        keyed = hmac.new(self._number_key, b"fingerprint\n" + content.encode("utf-8", "surrogatepass"), "sha256")
        both = (keyed.hexdigest()[:32], plain)
        return " ".join(both if self.encrypts else reversed(both))

    def digest(self, content: str) -> str:
        """Returns a hash for recognizing the same content, keyed with `number_key` as in `fingerprints`."""
        return self.fingerprints(content).split()[0 if self.encrypts or not self._number_key else 1]


def new_key() -> str:
    """Returns a new key, for `keys` or `number_key`."""
    import secrets  # noqa: PLC0415  # for one command only

    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def _fernets(settings: EncryptionSettings) -> dict[str, Any]:
    if not settings.keys:
        return {}
    try:
        from cryptography.fernet import Fernet  # noqa: PLC0415  # only where encryption is used
    except ModuleNotFoundError:
        message = "encryption.keys needs the package cryptography; run: pip install 'outbound-chat[encryption]'"
        raise SettingsError(message) from None
    texts = [key.get_secret_value() for key in settings.keys]
    return {_id_of(_bytes_of(text)): Fernet(text) for text in texts}


def _decrypted(fernet: Any, token: str) -> str:
    from cryptography.fernet import InvalidToken  # noqa: PLC0415  # as above: there is a key, so it is installed

    try:
        text: str = fernet.decrypt(token).decode()
    except (InvalidToken, ValueError):
        text = ""
    if not text:
        # Raised here, so that its context is not an error that holds the content.
        raise Damaged("it is encrypted, but was truncated or changed: its key does not decrypt it")
    return text


def _bytes_of(key: str) -> bytes:
    return base64.urlsafe_b64decode(key)


def _text_of(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _id_of(key: bytes) -> str:
    return _text_of(hashlib.sha256(b"outbound-chat key id\n" + key).digest())[:_KEY_ID_CHARS]
