"""The stored form of a request: as short as JSON can be, and sealed where encryption is on."""

import json

from outbound_chat.encryption import Damaged, Seal
from outbound_chat.request import ChatRequest

# Made once: `json.dumps` would make it anew for each of 100,000 rows.
_write = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class UnreadableRequest(ValueError):
    """What is stored as a request is not one: another program or a newer version wrote it, or it was damaged."""


def write_stored(seal: Seal, request: ChatRequest, number: str = "") -> str:
    """The stored form. `number`: that it goes to; empty for what the rows of a batch share."""
    return seal.close(_write(request.body), number)


def read_stored(seal: Seal, text: str) -> ChatRequest:
    """The request from its stored form. The same for what was written before encryption was on.

    Raises:
        MissingKey: it is sealed, and the key is not there.
        UnreadableRequest: the text is not the stored form of a request.
    """
    body = _parsed(seal, text)
    if isinstance(body, str):
        # Not inside of `except`: errors of parsers hold what they were given.
        raise UnreadableRequest(f"the stored request can't be read: {body}")
    return ChatRequest.from_stored(body)


def _parsed(seal: Seal, text: str) -> dict[str, object] | str:
    """The body, or what is wrong with it."""
    try:
        body = json.loads(seal.open(text))
    except Damaged as error:
        return str(error)
    except (ValueError, RecursionError):
        return "it is not JSON"
    return body if isinstance(body, dict) else "it is not a JSON object"
