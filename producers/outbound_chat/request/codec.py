"""Encodes requests for Redis: as JSON, mostly with short names (`_compiled`), encrypted if encryption is on."""

import json

from pydantic_core import to_json

from outbound_chat.encryption import Damaged, RequestCipher
from outbound_chat.request import ChatRequest
from outbound_chat.request._compiled import read_short


class UnreadableRequest(ValueError):
    """The stored request is invalid: another program or a newer version wrote it, or it was damaged."""


def encode(cipher: RequestCipher, request: ChatRequest, number: str = "") -> str:
    """Encodes a request. `number`: its destination; empty for the part that the rows of a batch share."""
    return cipher.encrypt_if_enabled(request.json or to_json(request.body).decode(), number)


def decode(cipher: RequestCipher, text: str) -> ChatRequest:
    """Decodes a request, even one that was written before encryption was switched on.

    Raises:
        MissingEncryptionKey: it is encrypted with a key that is not in the settings.
        UnreadableRequest: the text is not the stored form of a request.
    """
    try:
        plain = cipher.decrypt(text)
        body, sure = read_short(plain) if plain.startswith(" ") else (json.loads(plain), False)
    except Damaged as error:
        fault = str(error)
    except (ValueError, RecursionError):
        fault = "it is not JSON"
    else:
        if isinstance(body, dict):
            return ChatRequest.from_stored(body, surely_valid=sure)
        fault = "it is not a JSON object"
    # Not inside `except`: errors of parsers hold what they were given.
    raise UnreadableRequest(f"the stored request can't be read: {fault}")
