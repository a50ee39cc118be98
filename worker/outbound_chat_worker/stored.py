"""Reads stored requests and makes of them what boto3 is called with."""

import json

from outbound_chat.request import ChatRequest


class UnreadableRequest(ValueError):
    """What is stored as a request is not one: another program or a newer version wrote it."""


def read_stored(text: str) -> ChatRequest:
    """The request from its stored form.

    Raises:
        UnreadableRequest: the text is not the stored form of a request.
    """
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        # Not kept as the cause: it holds what was stored.
        raise UnreadableRequest("the stored request is not JSON") from None
    if not isinstance(body, dict):
        raise UnreadableRequest("the stored request is not a JSON object")
    return ChatRequest.from_stored(body)
