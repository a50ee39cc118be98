"""Settings of the keys that encrypt stored requests."""

import base64
import binascii
from typing import Annotated, Self

from pydantic import AfterValidator, SecretStr, model_validator

from outbound_chat_config._model import Model

KEY_BYTES = 32


def _check_key(key: SecretStr) -> SecretStr:
    try:
        raw = base64.b64decode(key.get_secret_value().encode(), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != KEY_BYTES:
        raise ValueError(
            f"must be {KEY_BYTES} random bytes in URL-safe base64; use the output of `outbound-chat new-key`"
        )
    return key


Key = Annotated[SecretStr, AfterValidator(_check_key)]


class EncryptionSettings(Model):
    """Encryption of requests in Redis: numbers, texts and attributes. Without keys nothing is encrypted."""

    keys: tuple[Key, ...] = ()
    """Fernet keys, newest first. The first encrypts; all decrypt. https://github.com/fernet/spec/blob/master/Spec.md"""
    number_key: Key | None = None
    """Key for the blind indexes that compare numbers without revealing them. Keep it when `keys` change."""
    write_plain: bool = False
    """Stores new requests without encryption, to switch encryption off; keys still decrypt the old ones."""

    @model_validator(mode="after")
    def _numbers_can_be_compared(self) -> Self:
        if self.keys and self.number_key is None:
            raise ValueError("number_key is required with keys, to look up suppression lists; create one more key")
        if self.number_key and self.number_key.get_secret_value() in {key.get_secret_value() for key in self.keys}:
            raise ValueError("number_key must differ from all keys, since it stays when they change; create another")
        return self
